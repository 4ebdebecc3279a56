/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/original_names.h"
#include "engine/rau_net.h"
#include "engine/safetensors.h"

G_BEGIN_DECLS

/* What a lone safetensors file holds, told from its header: names and shapes of tensors, and metadata. */

/**
 * HdFileKind:
 * @HD_FILE_CHECKPOINT: UNet, VAE and text encoder of a Stable Diffusion model
 * @HD_FILE_UNET: a UNet of one alone
 * @HD_FILE_VAE: a VAE alone
 * @HD_FILE_TEXT_ENCODER: a text encoder alone
 * @HD_FILE_LORA: changes to a model's weights (LoRA, LoCon and their kin)
 * @HD_FILE_CONTROL_NET: a ControlNet
 * @HD_FILE_EMBEDDING: textual inversion: vectors for a word
 * @HD_FILE_OTHER: none of these, or a model that the engine does not compute
 */
typedef enum
{
  HD_FILE_CHECKPOINT,
  HD_FILE_UNET,
  HD_FILE_VAE,
  HD_FILE_TEXT_ENCODER,
  HD_FILE_LORA,
  HD_FILE_CONTROL_NET,
  HD_FILE_EMBEDDING,
  HD_FILE_OTHER,
} HdFileKind;

#define HD_MAX_TEXT_ENCODERS 2

/**
 * HdSingleFile:
 * @kind: what it is
 * @description: the same for messages, with its article: "a LoRA", "a Flux model"
 * @family_known: whether the header tells the family; Turbo is told apart by names alone and counts as SDXL here
 * @family: of the model, or of the models that it belongs to
 * @has_unet: there is a UNet, or a ControlNet; @unet says how its tensors are called
 * @has_vae: there is a VAE; @vae says how its tensors are called
 * @n_text: number of text encoders; @text says how their tensors are called
 */
typedef struct
{
  HdFileKind  kind;
  const char *description;
  gboolean    family_known;
  HdFamily    family;
  gboolean    has_unet;
  HdNames     unet;
  gboolean    has_vae;
  HdNames     vae;
  int         n_text;
  HdNames     text[HD_MAX_TEXT_ENCODERS];
} HdSingleFile;

/* Never fails: what is not known is %HD_FILE_OTHER. */
void        hd_single_file_recognise (HdSafetensors *file,
                                      HdSingleFile  *contents);

/* "Stable Diffusion XL" */
const char *hd_family_name           (HdFamily       family);

G_END_DECLS
