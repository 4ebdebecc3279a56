/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/safetensors.h"

G_BEGIN_DECLS

/* Where the parts of a model lie: a folder in diffusers' layout, be it plain, a snapshot in the Hugging Face
 * cache (made of symbolic links), or the cache's folder of the model ("models--ORG--NAME"). */

/**
 * HdModelComponent:
 * @name: "unet", "vae", "text_encoder"
 * @config: path of its configuration
 * @weights: (array zero-terminated=1): paths of its safetensors file, or of its shards in the order of their names
 */
typedef struct
{
  const char  *name;
  char        *config;
  char       **weights;
} HdModelComponent;

/**
 * HdModelFiles:
 * @folder: the folder that holds the components
 * @name: for users: the folder's name, "ORG/NAME" in the Hugging Face cache
 * @class_name: (nullable): the pipeline's class in model_index.json, as "StableDiffusionPipeline"
 * @tokenizer: path of the tokenizer's folder
 * @scheduler: (nullable): path of the scheduler's configuration
 * @hidiffusion: (nullable): path of the folder's own ratios, hidiffusion.json
 */
typedef struct
{
  char             *folder;
  char             *name;
  char             *class_name;
  HdModelComponent  unet;
  HdModelComponent  vae;
  HdModelComponent  text_encoder;
  char             *tokenizer;
  char             *scheduler;
  char             *hidiffusion;
} HdModelFiles;

/**
 * hd_model_files_find:
 * @path: the model's folder
 *
 * Looks which files there are; opens none but the small ones that say where others lie.
 *
 * Returns: (transfer full): all the parts; %NULL with %HD_ENGINE_ERROR_FILE, saying what is missing or what
 *   was found instead.
 */
HdModelFiles *hd_model_files_find (const char    *path,
                                   GError       **error);
void          hd_model_files_free (HdModelFiles  *files);

/**
 * hd_model_component_open:
 *
 * Returns: (transfer full) (element-type HdSafetensors): the component's opened safetensors files.
 */
GPtrArray    *hd_model_component_open (const HdModelComponent  *component,
                                       GError                 **error);

/**
 * hd_model_files_fingerprint:
 *
 * Identifies the weights without reading gigabytes.
 *
 * Returns: (transfer full): SHA-256 in hexadecimal over the header of every safetensors file of the UNet, the
 *   text encoder and the VAE, and the first 4 KiB of every tensor in them.
 */
char         *hd_model_files_fingerprint (const HdModelFiles  *files,
                                          GError             **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdModelFiles, hd_model_files_free)

G_END_DECLS
