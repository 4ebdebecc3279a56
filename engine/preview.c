/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/preview.h"

#include <math.h>

#include "engine/noise.h"

#define PATCH     4        /* latent pixels on each side that are alike, as those of a picture nearly are */
#define ROUNDS    4        /* of decoding */
#define SEED      1
#define RIDGE     1e-3     /* keeps the equations soluble, whatever a VAE makes of noise */
#define UNKNOWNS  (HD_PREVIEW_MAX_CHANNELS + 1)

/* Normal equations of the least squares: matrix * solution = right, for three colours at once. */
typedef struct
{
  int    n;
  double matrix[UNKNOWNS][UNKNOWNS];
  double right[UNKNOWNS][3];
} Equations;

static void
add_sample (Equations    *equations,
            const double *features,
            const double  colour[3])
{
  for (int i = 0; i < equations->n; i++)
    {
      for (int j = 0; j < equations->n; j++)
        equations->matrix[i][j] += features[i] * features[j];
      for (int c = 0; c < 3; c++)
        equations->right[i][c] += features[i] * colour[c];
    }
}

/* By elimination; the matrix is symmetric and positive, so pivots need not be looked for. */
static void
solve (Equations *equations)
{
  int n = equations->n;

  for (int i = 0; i < n; i++)
    {
      double pivot = equations->matrix[i][i];

      for (int j = 0; j < n; j++)
        equations->matrix[i][j] /= pivot;
      for (int c = 0; c < 3; c++)
        equations->right[i][c] /= pivot;

      for (int k = 0; k < n; k++)
        {
          double factor = equations->matrix[k][i];

          if (k == i)
            continue;
          for (int j = 0; j < n; j++)
            equations->matrix[k][j] -= factor * equations->matrix[i][j];
          for (int c = 0; c < 3; c++)
            equations->right[k][c] -= factor * equations->right[i][c];
        }
    }
}

/* Latents (L, side, side) that are the same within each patch, and of one to three times the deviation of a picture's:
 * those of plain colours lie far from the mean. */
static void
draw_patches (float *latents,
              int    channels,
              int    side,
              int    round)
{
  int               patches = (side + PATCH - 1) / PATCH;
  g_autofree float *noise = g_new (float, (gsize) channels * patches * patches);

  hd_noise_fill (SEED, (guint32) round, noise, (gsize) channels * patches * patches);
  for (int c = 0; c < channels; c++)
    for (int y = 0; y < side; y++)
      for (int x = 0; x < side; x++)
        {
          int patch = y / PATCH * patches + x / PATCH;

          latents[((gsize) c * side + y) * side + x] = noise[(gsize) c * patches * patches + patch] * (1 + patch % 3);
        }
}

/* The mean colour, 0 to 1, of the pixels that belong to the latent pixel (@x, @y). */
static void
mean_colour (const float *planes,
             int          side,
             int          factor,
             int          x,
             int          y,
             double       colour[3])
{
  gsize row = (gsize) side * factor;

  for (int c = 0; c < 3; c++)
    {
      const float *corner = planes + c * row * row + y * factor * row + (gsize) x * factor;
      double       sum = 0.0;

      for (int i = 0; i < factor; i++)
        for (int j = 0; j < factor; j++)
          sum += CLAMP (corner[i * row + j], -1.0f, 1.0f);
      colour[c] = 0.5 + 0.5 * sum / (factor * factor);
    }
}

/* Adds every pixel of the latents, and the colour that it became in @planes. */
static void
add_samples (Equations   *equations,
             const float *latents,
             const float *planes,
             int          side,
             int          factor)
{
  int   channels = equations->n - 1;
  gsize pixels = (gsize) side * side;

  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      {
        double features[UNKNOWNS] = { 0 };
        double colour[3];

        for (int c = 0; c < channels; c++)
          features[c] = latents[c * pixels + (gsize) y * side + x];
        features[channels] = 1.0;
        mean_colour (planes, side, factor, x, y, colour);
        add_sample (equations, features, colour);
      }
}

gboolean
hd_preview_fit (HdPreview   *preview,
                HdPipeline  *pipeline,
                int          side,
                GError     **error)
{
  int               channels = pipeline->model->vae.latent_channels;
  int               factor = pipeline->factor;
  gsize             pixels = (gsize) side * side;
  g_autofree float *latents = g_new (float, pixels * channels);
  g_autofree float *planes = g_new (float, 3 * pixels * factor * factor);
  Equations         equations = { .n = channels + 1 };

  *preview = (HdPreview) { 0 };
  if (channels > HD_PREVIEW_MAX_CHANNELS)
    return TRUE;

  for (int i = 0; i < equations.n; i++)
    equations.matrix[i][i] = RIDGE * pixels;
  for (int round = 0; round < ROUNDS; round++)
    {
      draw_patches (latents, channels, side, round);
      if (!hd_pipeline_decode (pipeline, latents, side, side, planes, error))
        return FALSE;
      add_samples (&equations, latents, planes, side, factor);
    }
  solve (&equations);

  preview->channels = channels;
  for (int c = 0; c < 3; c++)
    for (int i = 0; i < equations.n; i++)
      preview->matrix[c][i] = (float) equations.right[i][c];

  return TRUE;
}

HdImage *
hd_preview_make (const HdPreview *preview,
                 const float     *latents,
                 int              height,
                 int              width)
{
  HdImage *image = preview->channels > 0 ? hd_image_new (width, height, 3, NULL) : NULL;
  gsize    pixels = (gsize) height * width;

  for (gsize i = 0; image != NULL && i < pixels; i++)
    for (int c = 0; c < 3; c++)
      {
        float value = preview->matrix[c][preview->channels];

        for (int l = 0; l < preview->channels; l++)
          value += preview->matrix[c][l] * latents[l * pixels + i];
        image->pixels[i * 3 + c] = value >= 0.0f ? MIN (value, 1.0f) : 0.0f;
      }

  return image;
}
