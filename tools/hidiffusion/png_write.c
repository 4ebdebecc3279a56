/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/png_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "config.h"
#include "metadata/picture_settings.h"

#define TRIES 100

static gboolean
fail (GError    **error,
      const char *path,
      int         number)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (number), "%s: cannot be written: %s",
               path, g_strerror (number));

  return FALSE;
}

/* --- the format --------------------------------------------------------------- */

typedef struct
{
  const char  *path;
  GError     **error;
} Complaint;

static void
on_error (png_structp png,
          const char *message)
{
  const Complaint *complaint = png_get_error_ptr (png);
  int              number = errno;

  if (complaint->error != NULL && *complaint->error == NULL)
    g_set_error (complaint->error, G_FILE_ERROR, g_file_error_from_errno (number), "%s: cannot be written: %s",
                 complaint->path, number != 0 ? g_strerror (number) : message);
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png,
            const char *message)
{
}

/* @latin: (nullable): the text in Latin-1, for tEXt. What that cannot hold goes into iTXt, which is UTF-8. Automatic1111's
 * program does it so, too, and older readers of its pictures know tEXt alone. */
static png_text
make_text (const char *key,
           const char *text,
           char       *latin)
{
  return (png_text) { .compression = latin != NULL ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE,
                      .key = (char *) key, .text = latin != NULL ? latin : (char *) text };
}

static void
set_texts (png_structp       png,
           png_infop         info,
           const HdPngImage *image,
           char             *latin)
{
  png_text texts[3] = {
    { .compression = PNG_TEXT_COMPRESSION_NONE, .key = (char *) "Software",
      .text = (char *) "HiDiffusion for GIMP " HD_VERSION },
  };
  int      n = 1;

  if (image->parameters != NULL)
    texts[n++] = make_text (HD_PNG_PARAMETERS_KEY, image->parameters, latin);
  if (image->request != NULL)
    texts[n++] = make_text (HD_PNG_REQUEST_KEY, image->request, NULL);

  png_set_text (png, info, texts, n);
}

static void
set_colours (png_structp         png,
             png_infop           info,
             const HdPngColours *colours)
{
  const int     *p = colours->primaries;
  gsize          length = 0;
  gconstpointer  profile = colours->profile != NULL ? g_bytes_get_data (colours->profile, &length) : NULL;

  if (profile != NULL)
    png_set_iCCP (png, info, colours->profile_name, PNG_COMPRESSION_TYPE_BASE, profile, (png_uint_32) length);
  if (profile == NULL && colours->gamma > 0)
    png_set_gAMA_fixed (png, info, colours->gamma);
  if (profile == NULL && p[1] > 0)
    png_set_cHRM_fixed (png, info, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]);
  if (profile == NULL && colours->gamma == 0 && p[1] == 0)
    png_set_sRGB_gAMA_and_cHRM (png, info, PNG_sRGB_INTENT_PERCEPTUAL);
}

/* Samples have their high byte first. */
static void
put_sample (guint8 *row,
            gsize   index,
            int     depth,
            float   value)
{
  float clamped = value >= 0.0f ? MIN (value, 1.0f) : 0.0f;
  long  sample = lrintf (clamped * (depth == 16 ? 65535.0f : 255.0f));

  if (depth == 16)
    {
      row[2 * index] = (guint8) (sample >> 8);
      row[2 * index + 1] = (guint8) (sample & 0xff);
    }
  else
    row[index] = (guint8) sample;
}

static void
fill_row (const HdPngImage *image,
          int               y,
          guint8           *row)
{
  const HdImage *colours = image->image;
  gsize          first = (gsize) y * colours->width;
  int            channels = image->alpha != NULL ? 4 : 3;

  for (int x = 0; x < colours->width; x++)
    {
      for (int c = 0; c < 3; c++)
        put_sample (row, (gsize) x * channels + c, image->depth, colours->pixels[(first + x) * 3 + c]);
      if (image->alpha != NULL)
        put_sample (row, (gsize) x * channels + 3, image->depth, image->alpha->pixels[first + x]);
    }
}

/* What may jump out of libpng has nothing to free of its own. */
static gboolean
write_rows (png_structp       png,
            png_infop         info,
            FILE             *file,
            const HdPngImage *image,
            char             *latin,
            guint8           *row)
{
  if (setjmp (png_jmpbuf (png)))
    return FALSE;

  errno = 0;
  png_init_io (png, file);
  png_set_benign_errors (png, 1);   /* a profile that libpng doubts is left out */
  png_set_IHDR (png, info, image->image->width, image->image->height, image->depth,
                image->alpha != NULL ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  set_colours (png, info, &image->colours);
  set_texts (png, info, image, latin);
  png_write_info (png, info);
  for (int y = 0; y < image->image->height; y++)
    {
      fill_row (image, y, row);
      png_write_row (png, row);
    }
  png_write_end (png, NULL);

  return TRUE;
}

static gboolean
write_png (FILE              *file,
           const HdPngImage  *image,
           const char        *path,
           GError           **error)
{
  Complaint           complaint = { path, error };
  g_autofree char    *latin = NULL;
  g_autofree guint8  *row = g_new (guint8, (gsize) image->image->width * 4 * sizeof (guint16));
  png_structp         png = png_create_write_struct (PNG_LIBPNG_VER_STRING, &complaint, on_error, on_warning);
  png_infop           info = png != NULL ? png_create_info_struct (png) : NULL;
  gboolean            success;

  if (info == NULL)
    {
      png_destroy_write_struct (&png, NULL);
      return fail (error, path, ENOMEM);
    }

  if (image->parameters != NULL)
    latin = g_convert (image->parameters, -1, "ISO-8859-1", "UTF-8", NULL, NULL, NULL);
  success = write_rows (png, info, file, image, latin, row);
  png_destroy_write_struct (&png, &info);

  return success;
}

/* --- the file ----------------------------------------------------------------- */

/* Writes everything to @fd, which it closes. */
static gboolean
write_and_close (int                fd,
                 const HdPngImage  *image,
                 const char        *path,
                 gboolean           regular,
                 GError           **error)
{
  FILE *file = fdopen (fd, "wb");

  if (file == NULL)
    {
      int number = errno;

      close (fd);
      return fail (error, path, number);
    }

  if (!write_png (file, image, path, error))
    {
      fclose (file);
      return FALSE;
    }

  if (fflush (file) != 0 || (regular && fsync (fd) != 0))
    {
      int number = errno;

      fclose (file);
      return fail (error, path, number);
    }

  return fclose (file) == 0 || fail (error, path, errno);
}

/* Makes a new file beside @path; its name goes to *@temporary. */
static int
create_beside (const char *path,
               char      **temporary)
{
  for (int i = 0; i < TRIES; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s.%08x.part", path, g_random_int ());
      int              fd = g_open (name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

      if (fd >= 0)
        *temporary = g_steal_pointer (&name);
      if (fd >= 0 || errno != EEXIST)
        return fd;
    }

  return -1;
}

/* Gives @temporary its name. */
static gboolean
put_in_place (const char  *temporary,
              const char  *path,
              gboolean     replace,
              GError     **error)
{
  if (!replace)
    {
      if (link (temporary, path) == 0)
        {
          g_unlink (temporary);
          return TRUE;
        }
      /* Where the file system has no links, nothing is better than to look. */
      if (errno == EEXIST || g_file_test (path, G_FILE_TEST_EXISTS))
        return fail (error, path, EEXIST);
    }

  return g_rename (temporary, path) == 0 || fail (error, path, errno);
}

static gboolean
write_file (const HdPngImage  *image,
            const char        *path,
            gboolean           replace,
            GError           **error)
{
  g_autofree char *temporary = NULL;
  int              fd = create_beside (path, &temporary);

  if (fd < 0)
    return fail (error, path, errno);

  if (write_and_close (fd, image, path, TRUE, error) && put_in_place (temporary, path, replace, error))
    return TRUE;

  g_unlink (temporary);

  return FALSE;
}

gboolean
hd_png_file_write (const HdPngImage  *png,
                   const char        *path,
                   gboolean           replace,
                   GError           **error)
{
  g_autofree char *target = realpath (path, NULL);  /* where a symbolic link leads to */
  GStatBuf         status;
  int              fd;

  if (target == NULL || g_stat (target, &status) != 0 || S_ISREG (status.st_mode))
    return write_file (png, target != NULL ? target : path, replace, error);

  fd = g_open (path, O_WRONLY | O_CLOEXEC, 0);

  return fd >= 0 ? write_and_close (fd, png, path, FALSE, error) : fail (error, path, errno);
}
