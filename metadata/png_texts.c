/* SPDX-License-Identifier: Apache-2.0 */

#include "metadata/png_texts.h"

#include <png.h>
#include <string.h>
#include <unistd.h>

#include "engine/file.h"
#include "kernels/i18n.h"

#define SIGNATURE        "\x89PNG\r\n\x1a\n"
#define SIGNATURE_LENGTH 8
#define HEAD_LENGTH      8   /* of a chunk: length and type */
#define SUM_LENGTH       4   /* behind its content */

/* Far more than any picture has. */
#define MAX_CHUNKS (1 << 20)
#define MAX_TEXTS  256
#define MAX_ALL    (4 * HD_PNG_MAX_TEXT)

static void
text_free (gpointer data)
{
  HdPngText *text = data;

  g_free (text->key);
  g_free (text->text);
  g_free (text);
}

/* --- the chunks ------------------------------------------------------------------ */

static gboolean
is_text (const guint8 *type)
{
  return memcmp (type, "tEXt", 4) == 0 || memcmp (type, "zTXt", 4) == 0 || memcmp (type, "iTXt", 4) == 0;
}

/* Appends the texts of the file's chunks, as they are. libpng cannot pass over pixels without unpacking them; so it is given
 * a file without. Ends where the file does, or makes no sense any more. */
static void
collect_texts (int          fd,
               const char  *path,
               guint64      size,
               GByteArray  *collected)
{
  guint64 at = SIGNATURE_LENGTH;
  guint   n_texts = 0;
  guint8  head[HEAD_LENGTH];

  for (int i = 0; i < MAX_CHUNKS && n_texts < MAX_TEXTS && at + HEAD_LENGTH <= size; i++)
    {
      guint64 length;

      if (!hd_file_read_at (fd, path, at, head, sizeof head, NULL))
        return;

      length = (guint64) head[0] << 24 | (guint64) head[1] << 16 | (guint64) head[2] << 8 | head[3];
      if (memcmp (head + 4, "IEND", 4) == 0 || length + HEAD_LENGTH + SUM_LENGTH > size - at)
        return;

      length += HEAD_LENGTH + SUM_LENGTH;
      if (is_text (head + 4) && length <= HD_PNG_MAX_TEXT && collected->len + length <= MAX_ALL)
        {
          guint end = collected->len;

          g_byte_array_set_size (collected, end + (guint) length);
          if (!hd_file_read_at (fd, path, at, collected->data + end, length, NULL))
            {
              g_byte_array_set_size (collected, end);
              return;
            }
          n_texts++;
        }
      at += length;
    }
}

/* --- libpng ---------------------------------------------------------------------- */

typedef struct
{
  const guint8 *data;
  gsize         length;
} Rest;

/* libpng's messages say nothing to users, and a damaged file may cause thousands. */
static void
on_error (png_structp png,
          const char *message)
{
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png,
            const char *message)
{
}

static void
on_read (png_structp png,
         png_bytep   buffer,
         size_t      length)
{
  Rest *rest = png_get_io_ptr (png);

  if (length > rest->length)
    png_error (png, "the end");
  memcpy (buffer, rest->data, length);
  rest->data += length;
  rest->length -= length;
}

/* Jumps back here at damage, with nothing to free of its own; what has been read until then is in @info. A bomb unpacks to
 * no more than the limit. */
static void
read_chunks (png_structp png,
             png_infop   info,
             Rest       *rest)
{
  if (setjmp (png_jmpbuf (png)))
    return;

  png_set_chunk_malloc_max (png, HD_PNG_MAX_TEXT);
  png_set_chunk_cache_max (png, MAX_TEXTS + 1);
  png_set_read_fn (png, rest, on_read);
  png_read_info (png, info);
}

static char *
convert_text (const png_text *text)
{
  gsize length = text->compression >= PNG_ITXT_COMPRESSION_NONE ? text->itxt_length : text->text_length;

  if (text->compression < PNG_ITXT_COMPRESSION_NONE && !g_utf8_validate_len (text->text, length, NULL))
    return g_convert (text->text, (gssize) length, "UTF-8", "ISO-8859-1", NULL, NULL, NULL);

  return g_utf8_make_valid (text->text, (gssize) length);
}

static GPtrArray *
list_texts (png_structp png,
            png_infop   info)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (text_free);
  png_textp  texts = NULL;
  int        n = 0;

  png_get_text (png, info, &texts, &n);
  for (int i = 0; i < n; i++)
    {
      HdPngText *text = g_new0 (HdPngText, 1);

      text->key = g_utf8_make_valid (texts[i].key, -1);
      text->text = texts[i].text != NULL ? convert_text (&texts[i]) : NULL;
      if (text->text == NULL)
        text->text = g_strdup ("");
      g_ptr_array_add (list, text);
    }

  return list;
}

/* A file of one pixel, as far as it is read, with the texts of the one at @fd. */
static GByteArray *
make_file (int         fd,
           const char *path,
           guint64     size)
{
  static const guint8 header[] = {
    0, 0, 0, 13, 'I', 'H', 'D', 'R', 0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55,
  };
  static const guint8 pixels[] = { 0, 0, 0, 0, 'I', 'D', 'A', 'T' };
  GByteArray         *file = g_byte_array_new ();

  g_byte_array_append (file, (const guint8 *) SIGNATURE, SIGNATURE_LENGTH);
  g_byte_array_append (file, header, sizeof header);
  collect_texts (fd, path, size, file);
  g_byte_array_append (file, pixels, sizeof pixels);

  return file;
}

static GPtrArray *
read_texts (const GByteArray *file)
{
  png_structp  png = png_create_read_struct (PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
  png_infop    info = png != NULL ? png_create_info_struct (png) : NULL;
  Rest         rest = { file->data, file->len };
  GPtrArray   *list = NULL;

  if (info != NULL)
    {
      read_chunks (png, info, &rest);
      list = list_texts (png, info);
    }
  png_destroy_read_struct (&png, &info, NULL);

  return list != NULL ? list : g_ptr_array_new_with_free_func (text_free);
}

/* --- the file -------------------------------------------------------------------- */

static gboolean
check_signature (int          fd,
                 const char  *path,
                 guint64      size,
                 GError     **error)
{
  guint8 signature[SIGNATURE_LENGTH] = { 0 };

  if (size >= sizeof signature && !hd_file_read_at (fd, path, 0, signature, sizeof signature, error))
    return FALSE;

  if (memcmp (signature, SIGNATURE, SIGNATURE_LENGTH) == 0)
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, _("%s: expected a PNG file, found another kind"), path);

  return FALSE;
}

GPtrArray *
hd_png_texts_read (const char  *path,
                   GError     **error)
{
  g_autoptr (GByteArray) file = NULL;
  guint64                size;
  int                    fd = hd_file_open (path, &size, error);

  if (fd < 0)
    return NULL;

  if (check_signature (fd, path, size, error))
    file = make_file (fd, path, size);
  close (fd);

  return file != NULL ? read_texts (file) : NULL;
}
