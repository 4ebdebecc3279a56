/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/vae.h"

/* The VAE on maps of which only one or two are in memory as a whole: see bands.h. The middle's maps are small, and its
 * attention reads all of them: it is as ever. */

/* The block's resampling convolution, of the whole map. */
static void
resample (HdContext           *context,
          const HdConv        *sampler,
          const HdConvOptions *options,
          HdTensor           **x)
{
  if (*x != NULL)
    hd_tensor_take (x, hd_conv2d (context, *x, sampler, options));
}

/* How the decoder goes on from a block to the @next. Where that has fewer channels than the enlarged map, the latter,
 * the largest of all, is never made. */
static void
enlarge (HdContext        *context,
         const HdConv     *sampler,
         const HdVaeBlock *next,
         HdBandSource     *source)
{
  HdTensor size;

  if (source->x == NULL)
    return;

  if (next->resnets[0].conv_shortcut.weight != NULL)
    {
      source->sampler = sampler;
      return;
    }

  size = (HdTensor) { .height = 2 * source->x->height, .width = 2 * source->x->width };
  resample (context, sampler, &(HdConvOptions) { .padding = 1, .upsample_like = &size }, &source->x);
}

static void
run_resnets (HdContext        *context,
             const HdVaeBlock *block,
             HdBandSource     *source,
             const HdBands    *bands)
{
  for (int j = 0; j < block->n_layers; j++)
    {
      source->x = hd_resnet_in_bands (context, &block->resnets[j], source, NULL, bands);
      source->sampler = NULL;
      if (source->x != NULL)
        hd_settle (context, source->x);
    }
}

HdTensor *
hd_vae_decode_in_bands (HdVae          *vae,
                        const HdTensor *latent,
                        const HdBands  *bands)
{
  HdContext             *context = vae->context;
  g_auto (HdBandSource)  source = { 0 };
  HdTensor             **x = &source.x;

  if (vae->post_quant_conv.weight != NULL)
    *x = hd_linear (context, latent, &vae->post_quant_conv, NULL);
  hd_tensor_take (x, hd_conv2d (context, *x != NULL ? *x : latent, &vae->conv_in, &(HdConvOptions) { .padding = 1 }));

  hd_vae_middle (context, &vae->middle, x);

  for (int i = 0; i < vae->config.n_levels; i++)
    {
      const HdVaeBlock *block = &vae->up_blocks[i];

      run_resnets (context, block, &source, bands);
      if (block->sampler.weight != NULL)
        enlarge (context, &block->sampler, &vae->up_blocks[i + 1], &source);
    }

  return hd_norm_conv_in_bands (context, *x, &vae->conv_norm_out, &vae->conv_out, bands, TRUE);
}

HdTensor *
hd_vae_encode_in_bands (HdVae          *vae,
                        const HdTensor *image,
                        const HdBands  *bands)
{
  HdContext             *context = vae->context;
  const HdVaeEncoder    *encoder = vae->encoder;
  g_auto (HdBandSource)  source = { 0 };
  HdTensor             **x = &source.x;
  gboolean               quant_conv;

  g_return_val_if_fail (encoder != NULL, NULL);

  quant_conv = encoder->quant_conv.weight != NULL;
  *x = hd_conv2d (context, image, &encoder->conv_in, &(HdConvOptions) { .padding = 1 });
  for (int i = 0; i < vae->config.n_levels; i++)
    {
      const HdVaeBlock *block = &encoder->down_blocks[i];

      run_resnets (context, block, &source, bands);
      if (block->sampler.weight != NULL)
        resample (context, &block->sampler, &(HdConvOptions) { .stride = 2, .padding_end = 1 }, x);
    }

  hd_vae_middle (context, &encoder->middle, x);
  hd_tensor_take (x, hd_norm_conv_in_bands (context, *x, &encoder->conv_norm_out, &encoder->conv_out, bands,
                                            !quant_conv));
  if (quant_conv)
    hd_tensor_take (x, hd_conv2d (context, *x, &encoder->quant_conv, &(HdConvOptions) { .float_result = TRUE }));

  return g_steal_pointer (x);
}
