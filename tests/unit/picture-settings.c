/* SPDX-License-Identifier: Apache-2.0 */

/* How pictures were made, from their files: those of other programs, our own, and damaged ones. */

#include "metadata/picture_settings.h"

#include <string.h>

#include <glib/gstdio.h>
#include <zlib.h>

#include "engine/error.h"
#include "engine/infotext.h"
#include "metadata/exif_comment.h"
#include "metadata/png_texts.h"

#define TEXT "a hut\nNegative prompt: fog\nSteps: 5, Seed: 3, Size: 64x64"

static char *
get_path (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "pictures", name, NULL);
}

/* --- files as other programs write them ----------------------------------------- */

static void
check_plain (const char *name)
{
  g_autofree char              *path = get_path (name);
  g_autoptr (GError)            error = NULL;
  g_autoptr (HdPictureSettings) settings = hd_picture_settings_read (path, &error);

  g_assert_no_error (error);
  g_assert_false (settings->complete);
  g_assert_cmpuint (g_strv_length (settings->left_out), ==, 0);
  g_assert_cmpstr (settings->request->prompt, ==, "a hut by the sea, (dawn:1.2)");
  g_assert_cmpstr (settings->request->negative_prompt, ==, "blurry, café");
  g_assert_cmpstr (settings->request->sampler, ==, "dpmpp_2m");
  g_assert_cmpstr (settings->request->schedule, ==, "karras");
  g_assert_cmpstr (settings->request->model_name, ==, "v1-5-pruned-emaonly");
  g_assert_cmpint (settings->request->steps, ==, 20);
  g_assert_cmpint (settings->request->seed, ==, 1234);
  g_assert_cmpint (settings->request->width, ==, 512);
  g_assert_cmpint (settings->request->height, ==, 768);
  g_assert_cmpint (settings->request->clip_skip, ==, 2);
}

static void
check_wide (const char *name)
{
  g_autofree char              *path = get_path (name);
  g_autoptr (GError)            error = NULL;
  g_autoptr (HdPictureSettings) settings = hd_picture_settings_read (path, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (settings->request->prompt, ==, "ein Häuschen — 海 🌊");
  g_assert_cmpint (settings->request->steps, ==, 8);
  g_assert_cmpuint (g_strv_length (settings->left_out), ==, 1);
  g_assert_cmpstr (settings->left_out[0], ==, "Seed: 4294967295");
}

static void
test_png (void)
{
  check_plain ("plain.png");
  check_plain ("packed.png");
  check_wide ("wide.png");
}

static void
test_exif (void)
{
  check_plain ("plain.jpg");
  check_plain ("plain.webp");
  check_wide ("wide.jpg");
  check_wide ("wide.webp");
}

/* --- PNG files, put together ----------------------------------------------------- */

typedef struct
{
  const char *kind;
  const char *content;
  gsize       length;
} Chunk;

#define CHUNK(kind, content) { kind, content, sizeof content - 1 }

static void
append_chunk (GByteArray   *file,
              const char   *kind,
              const guint8 *content,
              gsize         length)
{
  guint32 size = GUINT32_TO_BE ((guint32) length);
  guint   start = file->len + sizeof size;
  guint32 sum;

  g_byte_array_append (file, (const guint8 *) &size, sizeof size);
  g_byte_array_append (file, (const guint8 *) kind, 4);
  if (length > 0)
    g_byte_array_append (file, content, (guint) length);
  sum = GUINT32_TO_BE ((guint32) crc32 (0, file->data + start, (uInt) (length + 4)));
  g_byte_array_append (file, (const guint8 *) &sum, sizeof sum);
}

/* A picture of one pixel; @before and @after lie before and behind it. */
static GByteArray *
make_png (const Chunk *before,
          const Chunk *after)
{
  static const guint8 header[] = { 0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0 };
  static const guint8 pixel[] = { 0x78, 0x9c, 0x63, 0, 0, 0, 2, 0, 1 };
  GByteArray         *file = g_byte_array_new ();

  g_byte_array_append (file, (const guint8 *) "\x89PNG\r\n\x1a\n", 8);
  append_chunk (file, "IHDR", header, sizeof header);
  for (; before != NULL && before->kind != NULL; before++)
    append_chunk (file, before->kind, (const guint8 *) before->content, before->length);
  append_chunk (file, "IDAT", pixel, sizeof pixel);
  for (; after != NULL && after->kind != NULL; after++)
    append_chunk (file, after->kind, (const guint8 *) after->content, after->length);
  append_chunk (file, "IEND", NULL, 0);

  return file;
}

static HdPictureSettings *
read_bytes (const guint8  *data,
            gsize          length,
            GError       **error)
{
  g_autofree char   *path = NULL;
  int                fd = g_file_open_tmp ("hd-picture-XXXXXX", &path, NULL);
  HdPictureSettings *settings;

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (g_close (fd, NULL));
  g_assert_true (g_file_set_contents (path, (const char *) data, (gssize) length, NULL));
  settings = hd_picture_settings_read (path, error);
  g_unlink (path);

  return settings;
}

static HdPictureSettings *
read_chunks (const Chunk  *before,
             const Chunk  *after,
             GError      **error)
{
  g_autoptr (GByteArray) file = make_png (before, after);

  return read_bytes (file->data, file->len, error);
}

/* Texts may lie behind the pixels; our own request is taken before what others read of it, that before comments. */
static void
test_order (void)
{
  const Chunk comment[] = { CHUNK ("tEXt", "Comment\0one\nSteps: 1"), { NULL } };
  const Chunk parameters[] = { CHUNK ("tEXt", "Comment\0one\nSteps: 1"), CHUNK ("tEXt", "parameters\0two\nSteps: 2"), { NULL } };
  const Chunk request[] = {
    CHUNK ("iTXt", "hidiffusion-request\0\0\0\0\0{\"prompt\":\"three\",\"task\":\"upscale\",\"steps\":3}"), { NULL },
  };
  g_autoptr (HdPictureSettings) one = read_chunks (NULL, comment, NULL);
  g_autoptr (HdPictureSettings) two = read_chunks (parameters, NULL, NULL);
  g_autoptr (HdPictureSettings) three = read_chunks (parameters, request, NULL);

  g_assert_cmpstr (one->request->prompt, ==, "one");
  g_assert_cmpstr (two->request->prompt, ==, "two");
  g_assert_cmpstr (three->request->prompt, ==, "three");
  g_assert_cmpint (three->request->task, ==, HD_TASK_UPSCALE);
  g_assert_true (three->complete && !two->complete);
}

/* tEXt is Latin-1 by the standard; many write UTF-8. */
static void
test_encodings (void)
{
  const Chunk latin[] = { CHUNK ("tEXt", "parameters\0caf\xe9\nSteps: 2"), { NULL } };
  const Chunk utf8[] = { CHUNK ("tEXt", "parameters\0caf\xc3\xa9\nSteps: 2"), { NULL } };
  const Chunk damaged[] = { CHUNK ("iTXt", "parameters\0\0\0\0\0caf\xe9\nSteps: 2"), { NULL } };
  g_autoptr (HdPictureSettings) one = read_chunks (latin, NULL, NULL);
  g_autoptr (HdPictureSettings) two = read_chunks (utf8, NULL, NULL);
  g_autoptr (HdPictureSettings) three = read_chunks (damaged, NULL, NULL);

  g_assert_cmpstr (one->request->prompt, ==, "café");
  g_assert_cmpstr (two->request->prompt, ==, "café");
  g_assert_cmpstr (three->request->prompt, ==, "caf\xef\xbf\xbd");
}

static void
check_refused (const Chunk *chunks,
               const char  *part)
{
  g_autoptr (GError)            error = NULL;
  g_autoptr (HdPictureSettings) settings = read_chunks (chunks, NULL, &error);

  g_assert_null (settings);
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, part));
  g_assert_nonnull (strstr (error->message, "hd-picture-"));
}

static void
test_nothing (void)
{
  const Chunk none[] = { CHUNK ("tEXt", "Comment\0Created with GIMP"), CHUNK ("tEXt", "parameters\0{\"a\":1}"), { NULL } };
  const Chunk workflow[] = { CHUNK ("tEXt", "workflow\0{}"), CHUNK ("tEXt", "prompt\0{}"), { NULL } };
  const Chunk damaged[] = { CHUNK ("iTXt", "hidiffusion-request\0\0\0\0\0{\"steps\":"), { NULL } };
  const Chunk out_of_range[] = { CHUNK ("iTXt", "hidiffusion-request\0\0\0\0\0{\"steps\":-7}"), { NULL } };
  const Chunk unknown[] = { CHUNK ("iTXt", "hidiffusion-request\0\0\0\0\0{\"sampler\":\"x\"}"), { NULL } };
  const Chunk newer[] = { CHUNK ("iTXt", "hidiffusion-request\0\0\0\0\0{\"schema_version\":99}"), { NULL } };

  check_refused (none, "found none");
  check_refused (workflow, "ComfyUI");
  check_refused (damaged, "damaged");
  check_refused (out_of_range, "steps");
  check_refused (unknown, "sampler");
  check_refused (newer, "99");
}

/* What others read stands in for a request of ours that is damaged. */
static void
test_second_choice (void)
{
  const Chunk chunks[] = {
    CHUNK ("iTXt", "hidiffusion-request\0\0\0\0\0{\"schema_version\":99}"), CHUNK ("tEXt", "parameters\0" TEXT), { NULL },
  };
  g_autoptr (HdPictureSettings) settings = read_chunks (chunks, NULL, NULL);

  g_assert_cmpstr (settings->request->prompt, ==, "a hut");
}

/* --- hostile ones ------------------------------------------------------------------ */

/* Zeros, sixteen times as many as a text may have, packed into one: they are not unpacked, and the text behind them is read. */
static void
test_bomb (void)
{
  const int                     n = 16 * HD_PNG_MAX_TEXT >> 20;
  gsize                         room = 2 << 20;
  g_autofree guint8            *zeros = g_malloc0 (1 << 20);
  g_autofree guint8            *packed = g_malloc (room);
  z_stream                      stream = { .next_out = packed, .avail_out = (uInt) room };
  g_autoptr (GByteArray)        content = g_byte_array_new ();
  Chunk                         chunks[] = { { "zTXt" }, { "iTXt" }, CHUNK ("tEXt", "parameters\0" TEXT), { NULL } };
  g_autoptr (HdPictureSettings) settings = NULL;

  g_assert_cmpint (deflateInit (&stream, 1), ==, Z_OK);
  for (int i = 0; i < n; i++)
    {
      stream.next_in = zeros;
      stream.avail_in = 1 << 20;
      g_assert_cmpint (deflate (&stream, i == n - 1 ? Z_FINISH : Z_NO_FLUSH), >=, Z_OK);
    }
  g_byte_array_append (content, (const guint8 *) "parameters\0\0", 12);
  g_byte_array_append (content, packed, (guint) stream.total_out);
  chunks[0].content = (const char *) content->data;
  chunks[0].length = content->len;
  chunks[1].content = "hidiffusion-request\0\1\0\0\0x";
  chunks[1].length = 25;
  deflateEnd (&stream);

  settings = read_chunks (chunks, NULL, NULL);
  g_assert_nonnull (settings);
  g_assert_cmpstr (settings->request->prompt, ==, "a hut");
}

/* Very many texts, and one that is very long. */
static void
test_masses (void)
{
  g_autofree Chunk             *chunks = g_new0 (Chunk, 20002);
  g_autoptr (GString)           text = g_string_new ("parameters");
  g_autoptr (GError)            error = NULL;
  g_autoptr (HdPictureSettings) settings = NULL;

  for (int i = 0; i < 20000; i++)
    chunks[i] = (Chunk) CHUNK ("tEXt", "Comment\0nothing");
  settings = read_chunks (chunks, NULL, &error);
  g_assert_null (settings);
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);

  g_string_append_c (text, '\0');
  while (text->len < 2 * HD_PNG_MAX_TEXT)
    g_string_append (text, "Steps: 1, Negative prompt: \n");
  chunks[0] = (Chunk) { "tEXt", text->str, text->len };
  chunks[1] = (Chunk) CHUNK ("tEXt", "parameters\0" TEXT);
  chunks[2] = (Chunk) { NULL };
  settings = read_chunks (chunks, NULL, NULL);
  g_assert_nonnull (settings);
}

/* A file that ends at any place, or with any bit changed: settings or a message. */
static void
test_damaged (void)
{
  static const char * const names[] = { "plain.png", "packed.png", "plain.jpg", "wide.webp" };
  g_autoptr (GRand)         random = g_rand_new_with_seed (5);

  for (gsize n = 0; n < G_N_ELEMENTS (names); n++)
    {
      g_autofree char *path = get_path (names[n]);
      g_autofree char *data = NULL;
      gsize            length;

      g_assert_true (g_file_get_contents (path, &data, &length, NULL));
      for (gsize i = 0; i < 2 * length; i += 7)
        {
          g_autoptr (GError)            error = NULL;
          g_autoptr (HdPictureSettings) settings = NULL;
          gsize                         at = i % length;

          if (i >= length)
            data[at] = (char) (data[at] ^ 1 << g_rand_int_range (random, 0, 8));
          settings = read_bytes ((const guint8 *) data, i < length ? i : length, &error);
          g_assert_true ((settings == NULL) == (error != NULL));
          if (settings != NULL)
            g_assert_true (hd_request_check_settings (settings->request, NULL));
        }
    }
}

/* What was read before the damage counts. */
static void
test_truncated (void)
{
  const Chunk                   chunks[] = { CHUNK ("tEXt", "parameters\0" TEXT), { NULL } };
  g_autoptr (GByteArray)        file = make_png (chunks, NULL);
  g_autoptr (HdPictureSettings) settings = read_bytes (file->data, file->len - 20, NULL);

  g_assert_nonnull (settings);
  g_assert_cmpstr (settings->request->negative_prompt, ==, "fog");
}

static void
test_other_files (void)
{
  static const char * const contents[] = { "", "P", "GIF89a, a picture of another kind", "RIFF\1\2\3\4WAVE" };
  g_autoptr (GError)        error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (contents); i++)
    {
      g_assert_null (read_bytes ((const guint8 *) contents[i], strlen (contents[i]), &error));
      g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
      g_clear_error (&error);
    }

  g_assert_null (hd_picture_settings_read ("/nonexistent/a.png", &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  g_clear_error (&error);
  g_assert_null (hd_picture_settings_read ("/dev/null", &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
}

/* --- the comment of Exif ----------------------------------------------------------- */

static void
check_comment (const char *data,
               gsize       length,
               const char *expected)
{
  g_autofree char *text = hd_exif_decode_comment ((const guint8 *) data, length);

  g_assert_cmpstr (text, ==, expected);
}

#define CHECK_COMMENT(data, expected) check_comment (data, sizeof data - 1, expected)

static void
test_comment (void)
{
  CHECK_COMMENT ("ASCII\0\0\0a hut", "a hut");
  CHECK_COMMENT ("ASCII\0\0\0caf\xc3\xa9 ", "café");
  CHECK_COMMENT ("ASCII\0\0\0caf\xe9\0\0", "café");
  CHECK_COMMENT ("\0\0\0\0\0\0\0\0a hut\0", "a hut");
  CHECK_COMMENT ("UNICODE\0\0a\0 \0h", "a h");
  CHECK_COMMENT ("UNICODE\0a\0 \0h\0", "a h");
  CHECK_COMMENT ("UNICODE\0\xfe\xff\x6d\x77", "海");
  CHECK_COMMENT ("UNICODE\0\xff\xfe\x77\x6d", "海");
  CHECK_COMMENT ("UNICODE\0\xd8\x3c\xdf\x0a\0 \0a", "🌊 a");
  CHECK_COMMENT ("UNICODE\0\xd8\x3c\0a", NULL);
  CHECK_COMMENT ("UNICODE\0", NULL);
  CHECK_COMMENT ("UNICODE\0a", NULL);
  CHECK_COMMENT ("without a code", "without a code");
  CHECK_COMMENT ("ASCII\0\0\0   \0\0", NULL);
  CHECK_COMMENT ("ASCII", NULL);
  CHECK_COMMENT ("", NULL);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/picture-settings/png", test_png);
  g_test_add_func ("/picture-settings/exif", test_exif);
  g_test_add_func ("/picture-settings/order", test_order);
  g_test_add_func ("/picture-settings/encodings", test_encodings);
  g_test_add_func ("/picture-settings/nothing", test_nothing);
  g_test_add_func ("/picture-settings/second-choice", test_second_choice);
  g_test_add_func ("/picture-settings/bomb", test_bomb);
  g_test_add_func ("/picture-settings/masses", test_masses);
  g_test_add_func ("/picture-settings/damaged", test_damaged);
  g_test_add_func ("/picture-settings/truncated", test_truncated);
  g_test_add_func ("/picture-settings/other-files", test_other_files);
  g_test_add_func ("/picture-settings/comment", test_comment);

  return g_test_run ();
}
