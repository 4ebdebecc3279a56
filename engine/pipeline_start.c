/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/pipeline_start.h"

#include <string.h>

#include "engine/pipeline_stage.h"

#define MASK_THRESHOLD 0.5f

/* Room for @count floats in *@values. */
static gboolean
allocate (float       **values,
          gsize         count,
          const HdRun  *run,
          GError      **error)
{
  *values = g_try_new (float, count);
  if (*values != NULL)
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory for latents of %d x %d",
               run->latent_width, run->latent_height);

  return FALSE;
}

/* A sample of the VAE's posterior of @image (3, H, W), in @latents (L, h, w). */
static gboolean
encode_image (HdPipeline   *pipeline,
              const HdRun  *run,
              const float  *image,
              float        *latents,
              GError      **error)
{
  HdContext             *context = pipeline->context;
  const HdVaeConfig     *config = &pipeline->model->vae;
  guint                  splits = pipeline->plan.splits;
  gsize                  count = (gsize) config->latent_channels * run->latent_height * run->latent_width;
  g_autoptr (HdWeights)  weights = hd_model_open_weights (pipeline->model, HD_MODEL_VAE, context);
  g_autoptr (HdTensor)   picture = NULL;
  g_autoptr (HdTensor)   encoded = NULL;
  g_autofree float      *moments = NULL;
  g_autofree float      *noise = NULL;

  if (!hd_pipeline_enter (pipeline, HD_STAGE_IMAGE, error)
      || !hd_vae_load_encoder (pipeline->vae, weights, error)
      || !allocate (&moments, 2 * count, run, error) || !allocate (&noise, count, run, error))
    return FALSE;

  run->noise (noise, count, run->user_data);
  picture = hd_upload (context, hd_vae_dtype (context, config), 1, run->latent_height * pipeline->factor,
                       run->latent_width * pipeline->factor, config->in_channels, image);
  if ((splits & HD_SPLIT_VAE) != 0)
    encoded = hd_vae_encode_in_bands (pipeline->vae, picture,
                                      &(HdBands) { .again = (splits & HD_SPLIT_VAE_AGAIN) != 0 });
  else
    encoded = hd_vae_encode (pipeline->vae, picture);
  hd_download (context, encoded, moments);
  if (!hd_context_check (context, error))
    return FALSE;

  /* The dry device computes no numbers. */
  if (hd_context_is_dry (context))
    memset (latents, 0, count * sizeof *latents);
  else
    hd_vae_sample_posterior (config, moments, count, noise, latents);

  return TRUE;
}

/* The mask at the latents' size: of each latent pixel's place, the first pixel. */
static gboolean
shrink_mask (HdStart           *start,
             const HdPipeline  *pipeline,
             const HdRun       *run,
             GError           **error)
{
  gsize row = (gsize) run->latent_width * pipeline->factor;

  if (!allocate (&start->mask, start->pixels, run, error))
    return FALSE;

  for (int y = 0; y < run->latent_height; y++)
    for (int x = 0; x < run->latent_width; x++)
      {
        float value = run->mask[(gsize) y * pipeline->factor * row + (gsize) x * pipeline->factor];

        start->mask[(gsize) y * run->latent_width + x] = value >= MASK_THRESHOLD ? 1.0f : 0.0f;
      }

  return TRUE;
}

/* The mask and the latents of the picture with mid-grey where it is marked. */
static gboolean
encode_masked_image (HdStart      *start,
                     HdPipeline   *pipeline,
                     const HdRun  *run,
                     GError      **error)
{
  gsize             pixels = start->pixels;
  gsize             picture = pixels * pipeline->factor * pipeline->factor;
  g_autofree float *masked = NULL;

  if (!allocate (&start->extra, pixels + start->count, run, error) || !allocate (&masked, 3 * picture, run, error))
    return FALSE;

  memcpy (start->extra, start->mask, pixels * sizeof *start->mask);
  for (int c = 0; c < 3; c++)
    for (gsize i = 0; i < picture; i++)
      masked[c * picture + i] = run->mask[i] >= MASK_THRESHOLD ? 0.0f : run->image[c * picture + i];

  return encode_image (pipeline, run, masked, start->extra + pixels, error);
}

gboolean
hd_start_init (HdStart          *start,
               HdPipeline       *pipeline,
               const HdRun      *run,
               const HdSampler  *sampler,
               float            *latents,
               GError          **error)
{
  gboolean inpainting = pipeline->model->inpainting;
  gboolean from_noise = run->image == NULL || (run->mask != NULL && run->sampler.strength >= 1.0);

  *start = (HdStart) {
    .pixels = (gsize) run->latent_height * run->latent_width,
    .count = (gsize) pipeline->model->unet.out_channels * run->latent_height * run->latent_width,
  };

  if (run->mask != NULL && !shrink_mask (start, pipeline, run, error))
    return FALSE;

  if (run->image != NULL && !(inpainting && from_noise)
      && (!allocate (&start->clean, start->count, run, error)
          || !encode_image (pipeline, run, run->image, start->clean, error)))
    return FALSE;

  if (!allocate (&start->noise, start->count, run, error))
    return FALSE;
  run->noise (start->noise, start->count, run->user_data);

  if (from_noise)
    for (gsize i = 0; i < start->count; i++)
      latents[i] = start->noise[i] * (float) hd_sampler_get_initial_sigma (sampler);
  else
    hd_sampler_add_noise (sampler, start->clean, start->noise, latents, start->count);

  if (run->mask == NULL)
    return TRUE;
  if (inpainting)
    return encode_masked_image (start, pipeline, run, error);
  if (!allocate (&start->kept, start->count, run, error))
    return FALSE;

  /* The reference draws a sample of the masked picture for ordinary models, too, though they have no use for it. */
  run->noise (start->kept, start->count, run->user_data);

  return TRUE;
}

void
hd_start_clear (HdStart *start)
{
  g_clear_pointer (&start->clean, g_free);
  g_clear_pointer (&start->noise, g_free);
  g_clear_pointer (&start->mask, g_free);
  g_clear_pointer (&start->extra, g_free);
  g_clear_pointer (&start->kept, g_free);
}

gboolean
hd_start_restores (const HdStart *start)
{
  return start->kept != NULL;
}

void
hd_start_restore (const HdStart    *start,
                  const HdSampler  *sampler,
                  int               k,
                  float            *latents)
{
  g_return_if_fail (start->kept != NULL);

  hd_sampler_add_noise_at (sampler, k, start->clean, start->noise, start->kept, start->count);
  for (gsize c = 0; c < start->count; c += start->pixels)
    for (gsize i = 0; i < start->pixels; i++)
      latents[c + i] = start->mask[i] > 0.0f ? latents[c + i] : start->kept[c + i];
}
