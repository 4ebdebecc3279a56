/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/unet_embedding.h"

#include <math.h>

#define EMBEDDING_FACTOR 4
#define LONGEST_PERIOD   10000.0

/* LCM embeds the guidance scale, less 1, in thousandths. */
#define GUIDANCE_FACTOR 1000.0

int
hd_unet_embedding_channels (const HdUnetConfig *config)
{
  return EMBEDDING_FACTOR * config->block_out_channels[0];
}

void
hd_unet_embedding_load (HdUnetEmbedding    *embedding,
                        HdWeights          *weights,
                        const HdUnetConfig *config)
{
  int channels = config->block_out_channels[0];
  int out = hd_unet_embedding_channels (config);

  embedding->channels = channels;
  embedding->guidance_channels = config->time_cond_proj_dim;
  embedding->size_channels = config->text_time ? config->addition_time_embed_dim : 0;

  if (config->time_cond_proj_dim > 0)
    hd_weights_linear (weights, &embedding->cond_proj, channels, config->time_cond_proj_dim, FALSE,
                       "time_embedding.cond_proj");
  hd_weights_linear (weights, &embedding->linear_1, out, channels, TRUE, "time_embedding.linear_1");
  hd_weights_linear (weights, &embedding->linear_2, out, out, TRUE, "time_embedding.linear_2");
  if (config->text_time)
    {
      hd_weights_linear (weights, &embedding->add_linear_1, out, config->addition_input_dim, TRUE,
                         "add_embedding.linear_1");
      hd_weights_linear (weights, &embedding->add_linear_2, out, out, TRUE, "add_embedding.linear_2");
    }
}

void
hd_unet_embedding_clear (HdUnetEmbedding *embedding)
{
  hd_linear_clear (&embedding->cond_proj);
  hd_linear_clear (&embedding->linear_1);
  hd_linear_clear (&embedding->linear_2);
  hd_linear_clear (&embedding->add_linear_1);
  hd_linear_clear (&embedding->add_linear_2);
}

/* Cosines of @x, then its sines (diffusers' Timesteps with flip_sin_to_cos); @channels in all. */
static void
fill_sinusoids (double  x,
                int     channels,
                float  *sinusoids)
{
  int half = channels / 2;

  for (int i = 0; i < half; i++)
    {
      double angle = x * exp (-log (LONGEST_PERIOD) * i / half);

      sinusoids[i] = (float) cos (angle);
      sinusoids[half + i] = (float) sin (angle);
    }
}

/* The same for the guidance scale, sines first; the last period is LONGEST_PERIOD itself
 * (get_guidance_scale_embedding of the LCM pipelines). */
static void
fill_guidance_sinusoids (double  x,
                         int     channels,
                         float  *sinusoids)
{
  int half = channels / 2;

  for (int i = 0; i < half; i++)
    {
      double angle = x * exp (-log (LONGEST_PERIOD) * i / MAX (half - 1, 1));

      sinusoids[i] = (float) sin (angle);
      sinusoids[half + i] = (float) cos (angle);
    }
}

static HdTensor *
upload (HdContext   *context,
        int          batch,
        int          channels,
        const float *rows)
{
  return hd_upload_rows (context, hd_context_get_dtype (context), batch, 1, 1, channels, rows);
}

HdTensor *
hd_unet_embed_size (HdContext             *context,
                    const HdUnetEmbedding *embedding,
                    const HdTensor        *pooled,
                    const double          *time_ids)
{
  int                   channels = embedding->size_channels;
  int                   batch = pooled != NULL ? pooled->batch : 1;
  g_autofree float     *sinusoids = g_new0 (float, (gsize) batch * HD_UNET_TIME_IDS * channels);
  g_autoptr (HdTensor)  sizes = NULL;
  g_autoptr (HdTensor)  h = NULL;

  for (int i = 0; i < batch * HD_UNET_TIME_IDS; i++)
    fill_sinusoids (time_ids[i], channels, sinusoids + (gsize) i * channels);

  /* The layer reads the pooled text and the sizes as if they were concatenated. */
  sizes = upload (context, batch, HD_UNET_TIME_IDS * channels, sinusoids);
  h = hd_linear (context, pooled, &embedding->add_linear_1,
                 &(HdLinearOptions) { .x2 = sizes, .activation = HD_ACTIVATION_SILU });

  return hd_linear (context, h, &embedding->add_linear_2, NULL);
}

HdTensor *
hd_unet_embed_guidance (HdContext             *context,
                        const HdUnetEmbedding *embedding,
                        double                 guidance_scale,
                        int                    batch)
{
  int                   channels = embedding->guidance_channels;
  g_autofree float     *sinusoids = g_new0 (float, (gsize) batch * channels);
  g_autoptr (HdTensor)  h = NULL;

  for (int n = 0; n < batch; n++)
    fill_guidance_sinusoids ((guidance_scale - 1.0) * GUIDANCE_FACTOR, channels, sinusoids + (gsize) n * channels);

  h = upload (context, batch, channels, sinusoids);

  return hd_linear (context, h, &embedding->cond_proj, NULL);
}

HdTensor *
hd_unet_embed_timestep (HdContext             *context,
                        const HdUnetEmbedding *embedding,
                        double                 timestep,
                        int                    batch,
                        const HdTensor        *size,
                        const HdTensor        *guidance)
{
  int                   channels = embedding->channels;
  g_autofree float     *sinusoids = g_new0 (float, (gsize) batch * channels);
  g_autoptr (HdTensor)  h = NULL;

  for (int n = 0; n < batch; n++)
    fill_sinusoids (timestep, channels, sinusoids + (gsize) n * channels);

  h = upload (context, batch, channels, sinusoids);
  if (guidance != NULL)
    hd_tensor_take (&h, hd_add (context, h, guidance));
  hd_tensor_take (&h, hd_linear (context, h, &embedding->linear_1,
                                 &(HdLinearOptions) { .activation = HD_ACTIVATION_SILU }));
  hd_tensor_take (&h, hd_linear (context, h, &embedding->linear_2, &(HdLinearOptions) { .residual = size }));

  return hd_activate (context, h, HD_ACTIVATION_SILU);
}
