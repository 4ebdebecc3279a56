/* SPDX-License-Identifier: Apache-2.0 */

/* Sound safetensors files are read as they are; each kind of damage gives an error that says what it is. */

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/safetensors.h"

typedef struct
{
  char *folder;
  char *path;
} Fixture;

static void
set_up (Fixture    *fixture,
        const void *data)
{
  g_autoptr (GError) error = NULL;

  fixture->folder = g_dir_make_tmp ("hd-safetensors-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->folder, "file.safetensors", NULL);
}

static void
tear_down (Fixture    *fixture,
           const void *data)
{
  g_unlink (fixture->path);
  g_rmdir (fixture->path);
  g_rmdir (fixture->folder);
  g_free (fixture->path);
  g_free (fixture->folder);
}

/* Writes the header's length, the header and @data_length bytes 0, 1, 2, ... */
static void
write_file (const char *path,
            guint64     length,
            const char *header,
            gsize       header_length,
            gsize       data_length)
{
  guint64  little_endian = GUINT64_TO_LE (length);
  FILE    *file;

  /* A new file each time: to replace one's content waits for the disk, and this is done thousands of times. */
  g_unlink (path);
  file = g_fopen (path, "wb");
  g_assert_nonnull (file);
  g_assert_cmpuint (fwrite (&little_endian, sizeof little_endian, 1, file), ==, 1);
  g_assert_cmpuint (fwrite (header, 1, header_length, file), ==, header_length);
  for (gsize i = 0; i < data_length; i++)
    g_assert_cmpint (putc ((int) (i % 256), file), ==, (int) (i % 256));
  g_assert_cmpint (fclose (file), ==, 0);
}

static void
write_header (const char *path,
              const char *header,
              gsize       data_length)
{
  write_file (path, strlen (header), header, strlen (header), data_length);
}

static void
assert_fails (const char *path,
              const char *reason)
{
  g_autoptr (GError)        error = NULL;
  g_autoptr (HdSafetensors) file = hd_safetensors_open (path, &error);

  g_assert_null (file);
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  if (strstr (error->message, path) != error->message || strstr (error->message, reason) == NULL)
    g_error ("expected a message that begins with %s and says \"%s\", found: %s", path, reason, error->message);
}

/* --- sound files -------------------------------------------------------------- */

#define SOUND \
  "{\"__metadata__\":{\"format\":\"pt\"}," \
  "\"b\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[4,16]}," \
  "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}," \
  "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[16,16]}," \
  "\"ids\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[16,24]}," \
  "\"odd\":{\"dtype\":\"F4_E2M1\",\"shape\":[3],\"data_offsets\":[24,26]}," \
  "\"u\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[26,28],\"more\":[1,{\"x\":null}]}}"
#define SOUND_DATA 28

static void
check_sound (HdSafetensors *file)
{
  const HdSafetensorsEntry *entries;
  const HdSafetensorsEntry *b;
  guint                     n;
  g_autoptr (GError)        error = NULL;
  const char * const        names[] = { "a", "b", "empty", "ids", "odd", "u" };

  entries = hd_safetensors_get_entries (file, &n);
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (names));
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GBytes) bytes = hd_safetensors_get (file, &entries[i], &error);
      gsize              length;
      const guchar      *data = g_bytes_get_data (bytes, &length);

      g_assert_no_error (error);
      g_assert_cmpstr (entries[i].name, ==, names[i]);
      g_assert_true (hd_safetensors_lookup (file, names[i]) == &entries[i]);
      g_assert_cmpuint (length, ==, entries[i].length);
      for (gsize j = 0; j < length; j++)
        g_assert_cmpuint (data[j], ==, entries[i].offset - (8 + strlen (SOUND)) + j);
    }

  b = hd_safetensors_lookup (file, "b");
  g_assert_true (b->supported);
  g_assert_cmpint (b->dtype, ==, HD_DTYPE_F16);
  g_assert_cmpint (b->n_dimensions, ==, 2);
  g_assert_cmpint (b->shape[0], ==, 2);
  g_assert_cmpint (b->shape[1], ==, 3);
  g_assert_cmpint (hd_safetensors_lookup (file, "a")->n_dimensions, ==, 0);
  g_assert_cmpint (hd_safetensors_lookup (file, "u")->dtype, ==, HD_DTYPE_BF16);
  g_assert_false (hd_safetensors_lookup (file, "ids")->supported);
  g_assert_cmpstr (hd_safetensors_lookup (file, "ids")->dtype_name, ==, "I64");
  g_assert_false (hd_safetensors_lookup (file, "odd")->supported);
  g_assert_null (hd_safetensors_lookup (file, "c"));
  g_assert_null (hd_safetensors_lookup (file, "__metadata__"));
  g_assert_cmpstr (hd_safetensors_get_metadata (file, "format"), ==, "pt");
  g_assert_null (hd_safetensors_get_metadata (file, "other"));
}

static void
test_sound (Fixture    *fixture,
            const void *data)
{
  g_autoptr (GError)        error = NULL;
  g_autoptr (HdSafetensors) mapped = NULL;
  g_autoptr (HdSafetensors) read = NULL;

  write_header (fixture->path, SOUND, SOUND_DATA);
  mapped = hd_safetensors_open (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (hd_safetensors_get_path (mapped), ==, fixture->path);
  check_sound (mapped);

  read = hd_safetensors_open_unmapped (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_false (hd_safetensors_is_mapped (read));
  check_sound (read);
}

/* Whatever the header's length, elements can be read through a pointer of their type. */
static void
test_alignment (Fixture    *fixture,
                const void *data)
{
  for (int spaces = 0; spaces < 8; spaces++)
    {
      g_autoptr (GError)        error = NULL;
      g_autoptr (HdSafetensors) file = NULL;
      g_autoptr (GBytes)        bytes = NULL;
      g_autofree char          *header =
        g_strdup_printf ("%*s{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", spaces, "");

      write_header (fixture->path, header, 8);
      file = hd_safetensors_open (fixture->path, &error);
      g_assert_no_error (error);
      bytes = hd_safetensors_get (file, hd_safetensors_lookup (file, "a"), &error);
      g_assert_no_error (error);
      g_assert_cmpuint (GPOINTER_TO_SIZE (g_bytes_get_data (bytes, NULL)) % sizeof (float), ==, 0);
      g_assert_cmpint (((const char *) g_bytes_get_data (bytes, NULL))[7], ==, 7);
    }
}

/* The bytes outlive the file that they are from. */
static void
test_bytes_outlive (Fixture    *fixture,
                    const void *data)
{
  g_autoptr (GError) error = NULL;
  HdSafetensors     *file;
  GBytes            *bytes;

  write_header (fixture->path, SOUND, SOUND_DATA);
  file = hd_safetensors_open (fixture->path, &error);
  g_assert_no_error (error);
  bytes = hd_safetensors_get (file, hd_safetensors_lookup (file, "b"), &error);
  g_assert_no_error (error);
  hd_safetensors_unref (file);
  g_assert_cmpuint (((const guchar *) g_bytes_get_data (bytes, NULL))[11], ==, 15);
  g_bytes_unref (bytes);
}

/* A file without tensors is a sound file. */
static void
test_no_tensors (Fixture    *fixture,
                 const void *data)
{
  g_autoptr (GError)        error = NULL;
  g_autoptr (HdSafetensors) file = NULL;
  guint                     n;

  write_header (fixture->path, "{}", 0);
  file = hd_safetensors_open (fixture->path, &error);
  g_assert_no_error (error);
  hd_safetensors_get_entries (file, &n);
  g_assert_cmpuint (n, ==, 0);
  g_assert_null (hd_safetensors_lookup (file, "a"));
}

/* --- damaged files ------------------------------------------------------------ */

#define TENSOR(dtype, shape, offsets) "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static const struct
{
  const char *name;
  const char *header;
  gsize       data;
  const char *reason;
} damages[] = {
  { "not-json", "hello", 0, "expected JSON" },
  { "open-object", "{\"a\":{", 0, "expected JSON" },
  { "open-string", "{\"a", 0, "expected JSON" },
  { "array", "[]", 0, "expected a JSON object, found []" },
  { "number", "1", 0, "expected a JSON object, found 1" },
  { "two-arrays", "[][]", 0, "expected JSON" },
  { "closing-first", "}{", 0, "without its opening bracket" },
  { "crossed", "{\"a\":[1}]", 0, "without its opening bracket" },
  { "null", "null", 0, "expected a JSON object" },
  { "no-header", "", 0, "expected a JSON object" },
  { "two-values", "{} {}", 0, "expected JSON" },
  { "comment", "{/*\"*/}", 0, "expected JSON, found the byte 0x2f" },
  { "single-quotes", "{'a':1}", 0, "expected JSON, found the byte 0x27" },
  { "control", "{\"a\nb\":1}", 0, "expected JSON" },
  { "not-utf8", "{\"\xff\":1}", 0, "not UTF-8" },
  { "tensor-null", "{\"a\":null}", 0, "tensor \"a\": expected an object, found null" },
  { "tensor-array", "{\"a\":[1]}", 0, "tensor \"a\": expected an object, found [1]" },
  { "tensor-twice", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
    "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "expected each name once" },
  { "member-twice", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
    "expected each name once" },
  { "metadata-list", "{\"__metadata__\":[]}", 0, "tensor \"__metadata__\": expected an object" },
  { "metadata-number", "{\"__metadata__\":{\"a\":1}}", 0, "tensor \"__metadata__\": expected strings, found 1" },
  { "no-dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "expected a name as \"dtype\", found nothing" },
  { "dtype-number", TENSOR ("32", "[1]", "[0,4]"), 4, "expected a name as \"dtype\", found 32" },
  { "no-shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "expected a \"shape\"" },
  { "shape-number", TENSOR ("\"F32\"", "1", "[0,4]"), 4, "expected a \"shape\"" },
  { "shape-negative", TENSOR ("\"F32\"", "[-1]", "[0,4]"), 4, "expected integers of at least 0 as \"shape\"" },
  { "shape-float", TENSOR ("\"F32\"", "[1.0]", "[0,4]"), 4, "expected integers" },
  { "shape-string", TENSOR ("\"F32\"", "[\"1\"]", "[0,4]"), 4, "expected integers" },
  { "shape-null", TENSOR ("\"F32\"", "[null]", "[0,4]"), 4, "expected integers" },
  { "shape-deep", TENSOR ("\"F32\"", "[[1]]", "[0,4]"), 4, "expected integers" },
  { "shape-long", TENSOR ("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "expected a \"shape\" of at most 8 sides" },
  { "shape-huge", TENSOR ("\"F32\"", "[18446744073709551617]", "[0,4]"), 4, "tensor \"a\": expected" },
  { "shape-product", TENSOR ("\"F32\"", "[4294967296,4294967296]", "[0,4]"), 4, "fits into a file" },
  { "shape-bytes", TENSOR ("\"F32\"", "[4611686018427387905]", "[0,4]"), 4, "elements of F32, found 4 bytes" },
  { "length-short", TENSOR ("\"F32\"", "[2]", "[0,4]"), 4, "expected 2 elements of F32, found 4 bytes" },
  { "length-long", TENSOR ("\"F16\"", "[1]", "[0,4]"), 4, "expected 1 elements of F16, found 4 bytes" },
  { "length-unread-type", TENSOR ("\"I64\"", "[1]", "[0,4]"), 4, "expected 1 elements of I64, found 4 bytes" },
  { "no-offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "as \"data_offsets\", found nothing" },
  { "offsets-one", TENSOR ("\"F32\"", "[1]", "[0]"), 4, "as \"data_offsets\", found [0]" },
  { "offsets-three", TENSOR ("\"F32\"", "[1]", "[0,4,8]"), 4, "as \"data_offsets\"" },
  { "offsets-reversed", TENSOR ("\"F32\"", "[1]", "[4,0]"), 4, "0 <= begin <= end" },
  { "offsets-negative", TENSOR ("\"F32\"", "[1]", "[-4,0]"), 4, "0 <= begin <= end" },
  { "offsets-float", TENSOR ("\"F32\"", "[1]", "[0.0,4.0]"), 4, "as \"data_offsets\"" },
  { "offsets-exponent", TENSOR ("\"F32\"", "[1]", "[0,4e0]"), 4, "as \"data_offsets\"" },
  { "offsets-outside", TENSOR ("\"F32\"", "[1]", "[4,8]"), 4, "up to 4, where the file ends, found [4,8]" },
  { "offsets-huge", TENSOR ("\"F32\"", "[1]", "[9223372036854775803,9223372036854775807]"), 4, "where the file ends" },
  { "offsets-2-64", TENSOR ("\"F32\"", "[1]", "[18446744073709551616,18446744073709551620]"), 4, "\"data_offsets\"" },
  { "cut", TENSOR ("\"F32\"", "[1]", "[0,4]"), 3, "copied or downloaded in part" },
  { "tail", TENSOR ("\"F32\"", "[1]", "[0,4]"), 5, "bytes, as its header says, found" },
  { "gap-at-start", TENSOR ("\"F32\"", "[1]", "[4,8]"), 8, "expected its data at 0" },
  { "gap", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}", 3, "tensor \"b\": expected its data at 1" },
  { "overlap", "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "tensor \"b\": expected its data at 2" },
  { "same-place", "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, "expected its data at 2" },
  { "control-in-name", "{\"a\\nb\":1}", 0, "tensor \"a\\u000ab\": expected an object, found 1" },
  { "nul-in-name", "{\"a\\u0000b\":1}", 0, "expected" },
};

static void
test_damage (Fixture    *fixture,
             const void *data)
{
  guint i = GPOINTER_TO_UINT (data);

  write_header (fixture->path, damages[i].header, damages[i].data);
  assert_fails (fixture->path, damages[i].reason);
}

/* However much of a sound file is missing at its end, that is seen; and one byte too many. */
static void
test_truncated (Fixture    *fixture,
                const void *data)
{
  gsize whole = 8 + strlen (SOUND) + SOUND_DATA;

  for (gsize length = 0; length < whole; length++)
    {
      write_header (fixture->path, SOUND, SOUND_DATA);
      g_assert_cmpint (truncate (fixture->path, (off_t) length), ==, 0);
      assert_fails (fixture->path, "expected");
    }

  write_header (fixture->path, SOUND, SOUND_DATA + 1);
  assert_fails (fixture->path, "as its header says");
}

static void
test_header_length (Fixture    *fixture,
                    const void *data)
{
  static const guint64 lengths[] = {
    3, 1000, 100000000, 100000001, G_MAXINT64, G_GUINT64_CONSTANT (1) << 63, G_MAXUINT64 - 7, G_MAXUINT64,
  };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      write_file (fixture->path, lengths[i], "{}", 2, 0);
      assert_fails (fixture->path, "header of at most 2 bytes");
    }

  write_file (fixture->path, 1, "{}", 2, 0);
  assert_fails (fixture->path, "expected JSON");
}

/* A header that would take its parser's stack or all memory. */
static void
test_bombs (Fixture    *fixture,
            const void *data)
{
  GString *bomb = g_string_new ("{\"a\":");

  for (int i = 0; i < 1000000; i++)
    g_string_append_c (bomb, '[');
  write_header (fixture->path, bomb->str, 0);
  assert_fails (fixture->path, "not more than 32 deep, found");

  g_string_assign (bomb, "{\"a\":\"\\\"\",\"b\":");
  for (int i = 0; i < 1000000; i++)
    g_string_append (bomb, "{\"\":");
  write_header (fixture->path, bomb->str, 0);
  assert_fails (fixture->path, "not more than 32 deep, found");

  g_string_assign (bomb, "{\"a\":[0");
  for (int i = 0; i < 3000000; i++)
    g_string_append (bomb, ",0");
  g_string_append (bomb, "]}");
  write_header (fixture->path, bomb->str, 0);
  assert_fails (fixture->path, "at most 2000000 values");
  g_string_free (bomb, TRUE);
}

/* Every byte of the header replaced by others: whatever comes out, reading it stays inside the file. */
static void
test_mutations (Fixture    *fixture,
                const void *data)
{
  static const char bytes[] = "\"{}],09\\";

  for (gsize i = 0; i < strlen (SOUND); i++)
    for (gsize j = 0; j < sizeof bytes - 1; j++)
      {
        char                      header[] = SOUND;
        g_autoptr (HdSafetensors) file = NULL;
        const HdSafetensorsEntry *entries;
        guint                     n;

        header[i] = bytes[j];
        write_file (fixture->path, sizeof header - 1, header, sizeof header - 1, SOUND_DATA);
        file = hd_safetensors_open (fixture->path, NULL);
        if (file == NULL)
          continue;
        entries = hd_safetensors_get_entries (file, &n);
        for (guint k = 0; k < n; k++)
          {
            g_assert_cmpuint (entries[k].offset, >=, 8 + sizeof header - 1);
            g_assert_cmpuint (entries[k].length, <=, 8 + sizeof header - 1 + SOUND_DATA - entries[k].offset);
          }
      }
}

/* --- other things than files -------------------------------------------------- */

static void
test_no_file (Fixture    *fixture,
              const void *data)
{
  assert_fails (fixture->path, "No such file");

  g_assert_cmpint (g_mkdir (fixture->path, 0700), ==, 0);
  assert_fails (fixture->path, "expected a file, found a folder");
}

static void
test_pipe (Fixture    *fixture,
           const void *data)
{
  g_assert_cmpint (mkfifo (fixture->path, 0600), ==, 0);
  assert_fails (fixture->path, "expected a file, found a pipe");
}

static void
test_other_formats (Fixture    *fixture,
                    const void *data)
{
  static const struct { const char *content; const char *reason; } formats[] = {
    { "", "found 0 bytes" },
    { "1234567", "found 7 bytes" },
    { "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS" },
    { "PK\3\4aaaaaaaaaaaaaaaaaaaaa", "PyTorch" },
    { "\x80\2aaaaaaaaaaaaaaaaaaaaa", "PyTorch" },
    { "GGUFaaaaaaaaaaaaaaaaaaaaa", "GGUF" },
    { "<!DOCTYPE html><html></html>", "a web page" },
    { "{\"a\":{\"dtype\":\"F32\"}}", "header of at most" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_assert_true (g_file_set_contents (fixture->path, formats[i].content, -1, NULL));
      assert_fails (fixture->path, formats[i].reason);
    }
}

/* A file that shrinks while it is open gives an error, not a signal. */
static void
test_shrinking (Fixture    *fixture,
                const void *data)
{
  g_autoptr (GError)        error = NULL;
  g_autoptr (HdSafetensors) mapped = NULL;
  g_autoptr (HdSafetensors) read = NULL;
  g_autoptr (GBytes)        bytes = NULL;

  write_header (fixture->path, SOUND, SOUND_DATA);
  mapped = hd_safetensors_open (fixture->path, &error);
  g_assert_no_error (error);
  read = hd_safetensors_open_unmapped (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_true (hd_safetensors_check (mapped, &error));
  g_assert_no_error (error);

  g_assert_cmpint (truncate (fixture->path, 10), ==, 0);
  g_assert_false (hd_safetensors_check (mapped, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  g_clear_error (&error);
  bytes = hd_safetensors_get (mapped, hd_safetensors_lookup (mapped, "b"), &error);
  g_assert_null (bytes);
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  g_clear_error (&error);
  bytes = hd_safetensors_get (read, hd_safetensors_lookup (read, "b"), &error);
  g_assert_null (bytes);
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
}

#define ADD(path, test) g_test_add ("/safetensors/" path, Fixture, NULL, set_up, test, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("sound", test_sound);
  ADD ("alignment", test_alignment);
  ADD ("bytes-outlive", test_bytes_outlive);
  ADD ("no-tensors", test_no_tensors);
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autofree char *name = g_strconcat ("/safetensors/damage/", damages[i].name, NULL);

      g_test_add (name, Fixture, GUINT_TO_POINTER (i), set_up, test_damage, tear_down);
    }
  ADD ("truncated", test_truncated);
  ADD ("header-length", test_header_length);
  ADD ("bombs", test_bombs);
  ADD ("mutations", test_mutations);
  ADD ("no-file", test_no_file);
  ADD ("pipe", test_pipe);
  ADD ("other-formats", test_other_formats);
  ADD ("shrinking", test_shrinking);

  return g_test_run ();
}
