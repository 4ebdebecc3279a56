/* SPDX-License-Identifier: Apache-2.0 */

#include "metadata/exif_comment.h"

#include <string.h>

#include <gexiv2/gexiv2.h>

#define CODE_LENGTH 8
#define MAX_COMMENT (4 << 20)

/* --- the encoding --------------------------------------------------------------- */

/* Letters of most alphabets have a zero as their upper byte, at the least the names and numbers among them. */
static gboolean
is_big_endian (const guint8 *data,
               gsize         n)
{
  gsize high = 0;
  gsize low = 0;

  if (n > 0 && (data[0] == 0xfe || data[0] == 0xff) && data[0] + data[1] == 0xfe + 0xff)
    return data[0] == 0xfe;

  for (gsize i = 0; i < n; i++)
    {
      high += data[2 * i] == 0;
      low += data[2 * i + 1] == 0;
    }

  return high >= low;
}

static char *
decode_utf16 (const guint8 *data,
              gsize         length)
{
  gsize                  n = length / 2;
  gboolean               big = is_big_endian (data, n);
  g_autofree gunichar2  *units = g_new (gunichar2, n + 1);
  gsize                  used = 0;

  for (gsize i = 0; i < n; i++)
    {
      gunichar2 unit = (gunichar2) (data[2 * i + big] | data[2 * i + !big] << 8);

      /* NULs fill fields up, and a mark of the byte order is no text. */
      if (unit != 0 && unit != 0xfeff)
        units[used++] = unit;
    }

  return g_utf16_to_utf8 (units, (glong) used, NULL, NULL, NULL);
}

static char *
decode_bytes (const guint8 *data,
              gsize         length)
{
  g_autofree char *text = g_malloc (length + 1);
  gsize            used = 0;

  for (gsize i = 0; i < length; i++)
    if (data[i] != 0)
      text[used++] = (char) data[i];
  text[used] = '\0';

  if (g_utf8_validate_len (text, used, NULL))
    return g_steal_pointer (&text);

  return g_convert (text, (gssize) used, "UTF-8", "ISO-8859-1", NULL, NULL, NULL);
}

char *
hd_exif_decode_comment (const guint8 *data,
                        gsize         length)
{
  g_autofree char *text = NULL;

  if (length <= CODE_LENGTH || length > MAX_COMMENT)
    return NULL;

  if (memcmp (data, "UNICODE", CODE_LENGTH) == 0)
    text = decode_utf16 (data + CODE_LENGTH, length - CODE_LENGTH);
  else if (memcmp (data, "ASCII\0\0", CODE_LENGTH) == 0 || memcmp (data, "\0\0\0\0\0\0\0", CODE_LENGTH) == 0)
    text = decode_bytes (data + CODE_LENGTH, length - CODE_LENGTH);
  else
    /* Without the eight bytes, against the standard. */
    text = decode_bytes (data, length);

  if (text == NULL || *g_strstrip (text) == '\0')
    return NULL;

  return g_steal_pointer (&text);
}

/* --- the file ------------------------------------------------------------------- */

/* Takes ownership of @text. */
static void
take_text (GStrvBuilder *list,
           char         *text)
{
  g_autofree char *valid = text != NULL ? g_utf8_make_valid (text, (gssize) strnlen (text, MAX_COMMENT)) : NULL;

  g_free (text);
  if (valid != NULL && *g_strstrip (valid) != '\0')
    g_strv_builder_add (list, valid);
}

static void
take_comments (GExiv2Metadata *metadata,
               GStrvBuilder   *list)
{
  g_autoptr (GBytes) raw = gexiv2_metadata_try_get_tag_raw (metadata, "Exif.Photo.UserComment", NULL);
  gsize              length = 0;
  gconstpointer      data = raw != NULL ? g_bytes_get_data (raw, &length) : NULL;

  if (data != NULL)
    take_text (list, hd_exif_decode_comment (data, length));
  take_text (list, gexiv2_metadata_try_get_tag_string (metadata, "Exif.Image.ImageDescription", NULL));
  take_text (list, gexiv2_metadata_try_get_comment (metadata, NULL));
}

GStrv
hd_exif_read_comments (const char *path)
{
  g_autoptr (GStrvBuilder) list = g_strv_builder_new ();
  GExiv2LogLevel           level = gexiv2_log_get_level ();
  GExiv2Metadata          *metadata;

  gexiv2_initialize ();
  /* What it thinks of other people's files is not for our users. */
  gexiv2_log_set_level (GEXIV2_LOG_LEVEL_MUTE);
  metadata = gexiv2_metadata_new ();
  if (gexiv2_metadata_open_path (metadata, path, NULL))
    take_comments (metadata, list);
  g_object_unref (metadata);
  gexiv2_log_set_level (level);

  return g_strv_builder_end (list);
}
