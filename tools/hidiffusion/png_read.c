/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/png_file.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <string.h>

#include <glib/gstdio.h>

#include "engine/error.h"
#include "engine/request.h"

#define CHANNELS         4   /* everything is read as RGBA */
#define SIGNATURE_LENGTH 8

void
hd_png_image_free (HdPngImage *png)
{
  if (png == NULL)
    return;

  hd_image_unref (png->image);
  hd_image_unref (png->alpha);
  g_clear_pointer (&png->colours.profile, g_bytes_unref);
  g_free (png->colours.profile_name);
  g_free (png->request);
  g_free (png->parameters);
  g_free (png);
}

/* --- the format --------------------------------------------------------------- */

/* What libpng may jump out over lies here, to be freed by whoever called. */
typedef struct
{
  const char  *path;
  GError     **error;
  FILE        *file;
  png_structp  png;
  png_infop    info;
  guint8      *pixels;   /* (H, W, 4) of @depth bits, in the computer's order */
  int          width;
  int          height;
  int          depth;
  gboolean     transparent;
  gboolean     gray;
} Reader;

static void
on_error (png_structp png,
          const char *message)
{
  Reader *reader = png_get_error_ptr (png);

  if (reader->error != NULL && *reader->error == NULL && ferror (reader->file))
    g_set_error (reader->error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: cannot be read: %s", reader->path,
                 g_strerror (errno));
  else if (reader->error != NULL && *reader->error == NULL)
    g_set_error (reader->error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: expected a whole PNG file, found: %s",
                 reader->path, feof (reader->file) ? "it ends too early" : message);
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png,
            const char *message)
{
}

static gboolean
check_size (const Reader *reader)
{
  if (reader->width <= HD_REQUEST_MAX_SIZE && reader->height <= HD_REQUEST_MAX_SIZE)
    return TRUE;

  g_set_error (reader->error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: expected at most %d x %d pixels, found %d x %d",
               reader->path, HD_REQUEST_MAX_SIZE, HD_REQUEST_MAX_SIZE, reader->width, reader->height);

  return FALSE;
}

static gboolean
check_signature (const Reader *reader)
{
  png_byte signature[SIGNATURE_LENGTH];
  gsize    length = fread (signature, 1, SIGNATURE_LENGTH, reader->file);

  if (ferror (reader->file))
    g_set_error (reader->error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: cannot be read: %s", reader->path,
                 g_strerror (errno));
  else if (length < SIGNATURE_LENGTH || png_sig_cmp (signature, 0, SIGNATURE_LENGTH) != 0)
    g_set_error (reader->error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: expected a PNG file, found another kind",
                 reader->path);
  else
    return TRUE;

  return FALSE;
}

/* All that precedes the pixels. */
static gboolean
read_header (Reader *reader)
{
  png_structp png = reader->png;
  png_infop   info = reader->info;

  if (setjmp (png_jmpbuf (png)))
    return FALSE;

  /* The size is checked here, where it can be told. */
  png_set_user_limits (png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_init_io (png, reader->file);
  png_set_sig_bytes (png, SIGNATURE_LENGTH);
  png_read_info (png, info);

  reader->width = (int) png_get_image_width (png, info);
  reader->height = (int) png_get_image_height (png, info);
  reader->depth = png_get_bit_depth (png, info) == 16 ? 16 : 8;
  reader->gray = (png_get_color_type (png, info) & PNG_COLOR_MASK_COLOR) == 0;
  reader->transparent = (png_get_color_type (png, info) & PNG_COLOR_MASK_ALPHA) != 0
                        || png_get_valid (png, info, PNG_INFO_tRNS) != 0;

  return check_size (reader);
}

static gboolean
read_pixels (Reader *reader)
{
  png_structp png = reader->png;
  gsize       row_bytes = (gsize) reader->width * CHANNELS * (reader->depth / 8);
  int         passes;

  if (setjmp (png_jmpbuf (png)))
    return FALSE;

  png_set_expand (png);
  png_set_gray_to_rgb (png);
  png_set_add_alpha (png, 0xffff, PNG_FILLER_AFTER);
  if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
    png_set_swap (png);
  passes = png_set_interlace_handling (png);
  png_read_update_info (png, reader->info);
  if (png_get_rowbytes (png, reader->info) != row_bytes)
    png_error (png, "rows of another length");

  for (int pass = 0; pass < passes; pass++)
    for (int y = 0; y < reader->height; y++)
      png_read_row (png, reader->pixels + y * row_bytes, NULL);
  png_read_end (png, reader->info);

  return TRUE;
}

/* --- what is in it -------------------------------------------------------------- */

static float
get_sample (const Reader *reader,
            gsize         index)
{
  guint16 sample;

  if (reader->depth == 8)
    return reader->pixels[index] / 255.0f;

  memcpy (&sample, reader->pixels + 2 * index, sizeof sample);

  return sample / 65535.0f;
}

static gboolean
take_pixels (const Reader *reader,
             HdPngImage   *result)
{
  gsize count = (gsize) reader->width * reader->height;

  result->depth = reader->depth;
  result->image = hd_image_new (reader->width, reader->height, 3, reader->error);
  if (result->image == NULL)
    return FALSE;

  for (gsize i = 0; i < count; i++)
    for (int c = 0; c < 3; c++)
      result->image->pixels[i * 3 + c] = get_sample (reader, i * CHANNELS + c);

  if (!reader->transparent)
    return TRUE;

  result->alpha = hd_image_new (reader->width, reader->height, 1, reader->error);
  for (gsize i = 0; result->alpha != NULL && i < count; i++)
    result->alpha->pixels[i] = get_sample (reader, i * CHANNELS + CHANNELS - 1);

  return result->alpha != NULL;
}

static void
take_colours (const Reader *reader,
              HdPngColours *colours)
{
  png_structp     png = reader->png;
  png_infop       info = reader->info;
  png_charp       name;
  png_bytep       profile;
  png_uint_32     length;
  int             kind;
  png_fixed_point gamma;
  png_fixed_point p[8];

  if (png_get_valid (png, info, PNG_INFO_sRGB))
    return;

  /* A profile for gray means nothing for the colours that are made. */
  if (png_get_iCCP (png, info, &name, &kind, &profile, &length) == PNG_INFO_iCCP && !reader->gray)
    {
      colours->profile = g_bytes_new (profile, length);
      colours->profile_name = g_strdup (name);
      return;
    }

  if (png_get_gAMA_fixed (png, info, &gamma) == PNG_INFO_gAMA && gamma > 0)
    colours->gamma = gamma;
  if (png_get_cHRM_fixed (png, info, &p[0], &p[1], &p[2], &p[3], &p[4], &p[5], &p[6], &p[7]) == PNG_INFO_cHRM)
    for (int i = 0; i < 8; i++)
      colours->primaries[i] = p[i];
}

/* libpng jumps to the end of read_header() and read_pixels() alone: nothing else makes it read. */
static HdPngImage *
read_image (Reader *reader)
{
  g_autoptr (HdPngImage) result = g_new0 (HdPngImage, 1);

  if (!check_signature (reader) || !read_header (reader))
    return NULL;

  reader->pixels = g_try_malloc_n ((gsize) reader->width * reader->height, CHANNELS * (reader->depth / 8));
  if (reader->pixels == NULL)
    {
      g_set_error (reader->error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "%s: no memory for a picture of %d x %d",
                   reader->path, reader->width, reader->height);
      return NULL;
    }

  if (!read_pixels (reader) || !take_pixels (reader, result))
    return NULL;

  take_colours (reader, &result->colours);

  return g_steal_pointer (&result);
}

/* --- the file ----------------------------------------------------------------- */

static HdPngImage *
read_file (FILE        *file,
           const char  *path,
           GError     **error)
{
  Reader      reader = { .path = path, .error = error, .file = file };
  HdPngImage *result = NULL;

  reader.png = png_create_read_struct (PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  reader.info = reader.png != NULL ? png_create_info_struct (reader.png) : NULL;
  if (reader.info != NULL)
    result = read_image (&reader);
  else
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "%s: no memory to read it", path);

  png_destroy_read_struct (&reader.png, &reader.info, NULL);
  g_free (reader.pixels);

  return result;
}

HdPngImage *
hd_png_file_read (const char  *path,
                  GError     **error)
{
  g_autoptr (GError)  problem = NULL;
  FILE               *file = g_fopen (path, "rbe");
  HdPngImage         *result;

  if (file == NULL)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: cannot be read: %s", path,
                   g_strerror (errno));
      return NULL;
    }

  result = read_file (file, path, &problem);
  fclose (file);
  if (problem != NULL)
    g_propagate_error (error, g_steal_pointer (&problem));

  return result;
}
