/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config.h"

G_BEGIN_DECLS

/* The names that tensors have in checkpoints of one file: those of the code that the models were trained with
 * (CompVis' latent-diffusion and Stability's generative-models for UNet, ControlNet and VAE, OpenCLIP for text
 * encoders), found from the names of diffusers and transformers that the engine uses throughout. */

/**
 * HdNaming:
 * @HD_NAMING_DIFFUSERS: the engine's own names
 * @HD_NAMING_UNET: UNetModel: input_blocks, middle_block, output_blocks
 * @HD_NAMING_CONTROL_NET: ControlNet: the same, zero_convs, input_hint_block, middle_block_out
 * @HD_NAMING_VAE: AutoencoderKL: down, mid and up, the decoder's levels counted from the picture's side
 * @HD_NAMING_OPEN_CLIP: OpenCLIP's text transformer: resblocks, in_proj_weight
 */
typedef enum
{
  HD_NAMING_DIFFUSERS,
  HD_NAMING_UNET,
  HD_NAMING_CONTROL_NET,
  HD_NAMING_VAE,
  HD_NAMING_OPEN_CLIP,
} HdNaming;

/**
 * HdNames:
 * @naming: whose names the file has
 * @prefix: (nullable): what the network's names begin with in the file: "model.diffusion_model."
 * @n_levels: resolutions of a UNet, ControlNet or VAE
 * @layers_per_block: resnets in a down block of a UNet or ControlNet
 * @n_hint_blocks: convolutions of a ControlNet's conditioning embedding between its first and its last
 *
 * How a network's tensors are called in a file. All zero: as the engine calls them.
 */
typedef struct
{
  HdNaming    naming;
  const char *prefix;
  int         n_levels;
  int         layers_per_block;
  int         n_hint_blocks;
} HdNames;

/**
 * HdOriginalTensor:
 * @name: of the tensor in the file, with the prefix
 * @part: which of the @n_parts equal parts along the first axis is meant, from 0: OpenCLIP keeps the matrices of q,
 *   k and v as one
 * @n_parts: 1 for the whole tensor
 * @transposed: the file has rows and columns exchanged
 */
typedef struct
{
  char     *name;
  int       part;
  int       n_parts;
  gboolean  transposed;
} HdOriginalTensor;

#define HD_ORIGINAL_TENSOR_MAX 2

/**
 * hd_names_translate:
 * @name: the engine's name, complete: "down_blocks.0.resnets.0.conv1.weight"
 * @tensors: filled: the spellings that files have of it, the usual one first; to be cleared one by one with
 *   hd_original_tensor_clear()
 *
 * Returns: how many there are; 0 if networks of this kind have no such tensor.
 */
int  hd_names_translate       (const HdNames    *names,
                               const char       *name,
                               HdOriginalTensor  tensors[HD_ORIGINAL_TENSOR_MAX]);
void hd_original_tensor_clear (HdOriginalTensor *tensor);

G_END_DECLS
