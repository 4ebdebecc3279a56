/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/compose.h"

#include <string.h>

#include "engine/infotext.h"

void
hd_task_input_clear (HdTaskInput *input)
{
  g_clear_pointer (&input->png, hd_png_image_free);
  g_clear_pointer (&input->mask, hd_image_unref);
}

/* --- masks ---------------------------------------------------------------------- */

/* What is transparent of @alpha. */
static HdImage *
mask_from_alpha (const HdImage  *alpha,
                 GError        **error)
{
  HdImage *mask = hd_image_new (alpha->width, alpha->height, 1, error);

  for (gsize i = 0; mask != NULL && i < (gsize) alpha->width * alpha->height; i++)
    mask->pixels[i] = 1.0f - alpha->pixels[i];

  return mask;
}

static HdImage *
mask_from_brightness (const HdPngImage  *png,
                      GError           **error)
{
  HdImage *mask = hd_image_new (png->image->width, png->image->height, 1, error);

  for (gsize i = 0; mask != NULL && i < (gsize) mask->width * mask->height; i++)
    {
      const float *pixel = png->image->pixels + 3 * i;

      mask->pixels[i] = (pixel[0] + pixel[1] + pixel[2]) / 3.0f * (png->alpha != NULL ? png->alpha->pixels[i] : 1.0f);
    }

  return mask;
}

gboolean
hd_task_input_read_mask (HdTaskInput  *input,
                         const char   *path,
                         GError      **error)
{
  const HdImage          *image = input->png->image;
  g_autoptr (HdPngImage)  png = NULL;

  input->beneath = path == NULL;
  if (path == NULL)
    {
      input->mask = mask_from_alpha (input->png->alpha, error);
      return input->mask != NULL;
    }

  png = hd_png_file_read (path, error);
  if (png == NULL)
    return FALSE;

  if (png->image->width != image->width || png->image->height != image->height)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "%s: expected the picture's size, %d x %d, found %d x %d",
                   path, image->width, image->height, png->image->width, png->image->height);
      return FALSE;
    }
  input->mask = mask_from_brightness (png, error);

  return input->mask != NULL;
}

/* --- results -------------------------------------------------------------------- */

static void
copy_colours (const HdPngColours *from,
              HdPngColours       *to)
{
  *to = *from;
  to->profile = from->profile != NULL ? g_bytes_ref (from->profile) : NULL;
  to->profile_name = g_strdup (from->profile_name);
}

/* An image of the picture's pixels, which it takes. */
static HdImage *
take_pixels (HdPicture  *picture,
             GError    **error)
{
  HdImage *image = hd_image_new (picture->width, picture->height, 3, error);

  if (image != NULL)
    {
      g_free (image->pixels);
      image->pixels = g_steal_pointer (&picture->pixels);
    }

  return image;
}

/* The pixel @made laid over @pixel, of opacity *@alpha, through @mask; or laid beneath what is not opaque. */
static void
blend (float       *pixel,
       float       *alpha,
       const float *made,
       float        mask,
       gboolean     beneath)
{
  float below = alpha != NULL && !beneath ? *alpha * (1.0f - mask) : 1.0f - mask;
  float opacity = mask + below;

  for (int c = 0; c < 3; c++)
    pixel[c] = (mask * made[c] + below * pixel[c]) / opacity;
  if (alpha != NULL)
    *alpha = beneath ? 1.0f : opacity;
}

/* Lays @picture over @image, of opacity @alpha; where the mask is 0, nothing is changed. */
static void
lay_over (const HdTaskInput *input,
          const HdPicture   *picture,
          HdImage           *image,
          HdImage           *alpha)
{
  for (int y = 0; y < picture->height; y++)
    for (int x = 0; x < picture->width; x++)
      {
        gsize place = (gsize) (picture->y + y) * image->width + picture->x + x;
        float mask = input->mask->pixels[place];

        if (mask > 0.0f)
          blend (image->pixels + 3 * place, alpha != NULL ? alpha->pixels + place : NULL,
                 picture->pixels + 3 * ((gsize) y * picture->width + x), mask, input->beneath);
      }
}

static HdImage *
copy_image (const HdImage  *image,
            GError        **error)
{
  return hd_image_crop (image, 0, 0, image->width, image->height, error);
}

static gboolean
compose_filled (const HdTaskInput  *input,
                const HdPicture    *picture,
                HdPngImage         *result,
                GError            **error)
{
  result->image = copy_image (input->png->image, error);
  if (result->image == NULL)
    return FALSE;

  if (input->png->alpha != NULL)
    result->alpha = copy_image (input->png->alpha, error);
  if (input->png->alpha != NULL && result->alpha == NULL)
    return FALSE;

  lay_over (input, picture, result->image, result->alpha);

  return TRUE;
}

static gboolean
compose_whole (const HdTaskInput  *input,
               HdPicture          *picture,
               HdPngImage         *result,
               GError            **error)
{
  result->image = take_pixels (picture, error);
  if (result->image == NULL)
    return FALSE;

  if (input->png != NULL && input->png->alpha != NULL)
    result->alpha = hd_image_resize (input->png->alpha, picture->width, picture->height, error);

  return input->png == NULL || input->png->alpha == NULL || result->alpha != NULL;
}

HdPngImage *
hd_compose (const HdTaskInput  *input,
            HdPicture          *picture,
            gboolean            with_settings,
            GError            **error)
{
  g_autoptr (HdPicture)  owned = picture;
  g_autoptr (HdPngImage) result = g_new0 (HdPngImage, 1);
  gboolean               success;

  result->depth = input->png != NULL ? input->png->depth : 8;
  if (with_settings)
    {
      result->request = hd_request_to_json (owned->request);
      result->parameters = hd_infotext_write (owned->request);
    }
  if (input->png != NULL)
    copy_colours (&input->png->colours, &result->colours);

  success = input->mask != NULL ? compose_filled (input, owned, result, error)
                                : compose_whole (input, owned, result, error);

  return success ? g_steal_pointer (&result) : NULL;
}
