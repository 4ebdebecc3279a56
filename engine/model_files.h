/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/safetensors.h"

G_BEGIN_DECLS

/* Where the parts of a model lie: a folder in diffusers' layout, be it plain, a snapshot in the Hugging Face
 * cache (made of symbolic links), or the cache's folder of the model ("models--ORG--NAME"); or one file that holds all
 * of it, under the original names.
 *
 * Of a component's files in several precisions the first of these is taken that is complete: the file or the shards
 * without a variant in their names, those of the variant "fp16", those of "bf16". What is named without a variant is
 * the most precise that there is. */

/**
 * HdModelComponent:
 * @name: "unet", "vae", "text_encoder", "text_encoder_2"
 * @config: path of its configuration; %NULL in a single file
 * @weights: (array zero-terminated=1): paths of its safetensors file, or of its shards in the order of their names;
 *   empty if the model has no such component, and in a single file
 */
typedef struct
{
  const char  *name;
  char        *config;
  char       **weights;
} HdModelComponent;

/**
 * HdModelFiles:
 * @folder: the folder that holds the components, or the single file
 * @name: for users: the folder's name, "ORG/NAME" in the Hugging Face cache; the single file's without ending
 * @class_name: (nullable): the pipeline's class in model_index.json, as "StableDiffusionPipeline"
 * @single_file: (nullable): path of the single file
 * @training: (nullable): path of the training's configuration beside a single file, NAME.yaml
 * @tokenizer: (nullable): path of the tokenizer's folder
 * @tokenizer_2: (nullable): path of the second one's
 * @scheduler: (nullable): path of the scheduler's configuration
 * @hidiffusion: (nullable): path of the model's own ratios: hidiffusion.json in the folder, NAME.hidiffusion.json beside
 *   a single file
 */
typedef struct
{
  char             *folder;
  char             *name;
  char             *class_name;
  HdModelComponent  unet;
  HdModelComponent  vae;
  HdModelComponent  text_encoder;
  HdModelComponent  text_encoder_2;
  char             *single_file;
  char             *training;
  char             *tokenizer;
  char             *tokenizer_2;
  char             *scheduler;
  char             *hidiffusion;
} HdModelFiles;

/**
 * hd_model_files_find:
 * @path: the model's folder, or its single file
 *
 * Looks which files there are; opens none but the small ones that say where others lie.
 *
 * Returns: (transfer full): all the parts; %NULL with %HD_ENGINE_ERROR_FILE, saying what is missing or what
 *   was found instead.
 */
HdModelFiles *hd_model_files_find (const char    *path,
                                   GError       **error);
void          hd_model_files_free (HdModelFiles  *files);

/* (transfer full): the folder of the revision "main" in the Hugging Face cache's folder of a model, or of the only
 * one; NULL with @error set. */
char         *hd_model_files_find_snapshot (const char  *folder,
                                            GError     **error);

/**
 * hd_model_files_key:
 *
 * Returns: (transfer full): the paths of all files with their sizes and times: another text once one of them has been
 *   exchanged.
 */
char         *hd_model_files_key  (const HdModelFiles *files);

/**
 * hd_model_component_find:
 * @path: the network's own folder, or the Hugging Face cache's of it
 * @name: for the component
 * @stem: of the weights' file: "diffusion_pytorch_model"
 *
 * A network that comes alone, as ControlNets do.
 *
 * Returns: (transfer full): %NULL with %HD_ENGINE_ERROR_FILE, saying what is missing.
 */
HdModelComponent *hd_model_component_find (const char        *path,
                                           const char        *name,
                                           const char        *stem,
                                           GError           **error);
void              hd_model_component_free (HdModelComponent  *component);

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
 *   text encoders and the VAE, and the first 4 KiB of every tensor in them.
 */
char         *hd_model_files_fingerprint (const HdModelFiles  *files,
                                          GError             **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdModelComponent, hd_model_component_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdModelFiles, hd_model_files_free)

G_END_DECLS
