/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor_source.h"
#include "engine/unet_encoder.h"

G_BEGIN_DECLS

#define HD_CONTROL_NET_MAX_HINT_BLOCKS 16

/* ControlNet (arXiv 2302.05543; diffusers' ControlNetModel): a copy of the U-Net's reading half that also sees a
 * picture, and tells the U-Net through its skips and its middle what to draw where. */
typedef struct
{
  HdContext      *context;
  HdTensorSource *source;         /* weights are read from it until the device has its own form of them */
  HdUnetConfig    config;         /* of the half that reads */

  HdUnetEncoder   encoder;
  HdConv          hint_in;        /* the picture's way to the size of the latents */
  HdConv          hint_blocks[HD_CONTROL_NET_MAX_HINT_BLOCKS];
  int             n_hint_blocks;
  HdConv          hint_out;
  HdLinear       *skips_out;      /* a 1x1 convolution for each skip, which training began with zeros */
  int             n_skips;
  HdLinear        middle_out;
} HdControlNet;

/**
 * hd_control_net_load:
 * @context: the device; the network must not outlive it
 * @path: a folder in diffusers' layout, or a safetensors file with the names of diffusers or the original ones
 * @unet: of the model that is to be told
 * @factor: pixels to a latent pixel, on each side: hd_vae_factor()
 *
 * Returns: (transfer full) (nullable): the ControlNet; %NULL with %HD_ENGINE_ERROR_FILE or %HD_ENGINE_ERROR_MODEL,
 *   naming the file, if it is not a ControlNet, belongs to another family of models than @unet, or lacks a tensor.
 */
HdControlNet *hd_control_net_load   (HdContext           *context,
                                     const char          *path,
                                     const HdUnetConfig  *unet,
                                     int                  factor,
                                     GError             **error);
void          hd_control_net_free   (HdControlNet        *net);

/* Looks whether the files are still as they were, as hd_safetensors_check(): to be asked before each evaluation. */
gboolean      hd_control_net_check_files (HdControlNet   *net,
                                          GError        **error);

/**
 * HdControlCondition:
 * @condition: text and sizes, in the form in which the network reads them
 * @hint: (N, h, w, C): what it makes of the picture
 *
 * What no step changes: computed once a run.
 */
typedef struct
{
  HdUnetCondition *condition;
  HdTensor        *hint;
} HdControlCondition;

void          hd_control_condition_free (HdControlCondition *condition);

/**
 * hd_control_net_encode:
 * @picture: (N, H, W, 3) in [0, 1], with H and W the latents' sides times the factor: edges, depths, a pose, ...,
 *   the same for all images of the batch
 * @text: (N, 1, T, D): as hd_unet_encode_condition() reads it
 * @pooled: (nullable): (N, 1, 1, P)
 * @time_ids: (nullable) (array): six numbers of each image
 *
 * Returns: (transfer full): for hd_control_net(); of no use, but to be freed, if the context has failed.
 */
HdControlCondition *
              hd_control_net_encode (HdControlNet             *net,
                                     const HdTensor           *picture,
                                     const HdTensor           *text,
                                     const HdTensor           *pooled,
                                     const double             *time_ids);

/**
 * hd_control_net:
 * @latent: (N, h, w, I): the U-Net's input; of a model for inpainting the latents alone
 * @timestep: as the U-Net's
 * @strength: what the residuals will be multiplied by; 1 as it was trained
 * @splits: of #HdSplit: what is split to save memory
 * @residuals: (out): to be given to hd_unet(); hd_control_residuals_clear() afterwards
 *
 * One evaluation. Neither RAU-Net nor MSW-MSA changes a ControlNet: its residuals have the sizes of a plain U-Net's
 * skips.
 */
void          hd_control_net        (HdControlNet             *net,
                                     const HdTensor           *latent,
                                     double                    timestep,
                                     const HdControlCondition *condition,
                                     double                    strength,
                                     guint                     splits,
                                     HdControlResiduals       *residuals);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdControlNet, hd_control_net_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdControlCondition, hd_control_condition_free)

G_END_DECLS
