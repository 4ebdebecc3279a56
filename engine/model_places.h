/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HdLibraryKind:
 * @HD_LIBRARY_MODEL: whole models: folders in diffusers' layout, single files
 * @HD_LIBRARY_LORA: LoRAs
 * @HD_LIBRARY_CONTROL_NET: ControlNets
 * @HD_LIBRARY_EMBEDDING: textual inversion embeddings
 */
typedef enum
{
  HD_LIBRARY_MODEL,
  HD_LIBRARY_LORA,
  HD_LIBRARY_CONTROL_NET,
  HD_LIBRARY_EMBEDDING,
  HD_LIBRARY_N_KINDS,
} HdLibraryKind;

/* "models", "loras", "controlnets", "embeddings" */
const char *hd_library_kind_name (HdLibraryKind kind);

/**
 * HdPlaces:
 * @folders: (nullable) (array zero-terminated=1): the user's own, which anything may lie in; may also be single files
 * @home: (nullable): in place of the user's home
 * @data_home: (nullable): in place of the user's data folder (~/.local/share)
 * @environment: (nullable) (array zero-terminated=1): in place of the process's
 *
 * Where to look for models and what belongs to them. All %NULL for the places of this user.
 */
typedef struct
{
  const char * const *folders;
  const char         *home;
  const char         *data_home;
  const char * const *environment;
} HdPlaces;

/**
 * hd_places_list:
 * @kind: what is looked for
 *
 * The folders, in the order in which they are searched:
 *
 *   1. the user's own in the data folder: hidiffusion/{models,loras,controlnet,embeddings}
 *   2. the system's: the same in the system's data folders (/usr/share) and in that of the installation
 *   3. beside the running program: the same names
 *   4. @places->folders
 *   5. ComfyUI's: models/{checkpoints,diffusers,loras,controlnet,embeddings} in ComfyUI, comfy/ComfyUI or
 *      Documents/ComfyUI of the home folder
 *   6. Automatic1111's and Forge's, stable-diffusion-webui* in the home folder: models/{Stable-diffusion,Lora,
 *      LyCORIS,ControlNet}, embeddings
 *   7. the Hugging Face cache: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, hub in HF_HOME, or ~/.cache/huggingface/hub
 *
 * Returns: (transfer full) (array zero-terminated=1): those that exist, each once.
 */
char **hd_places_list     (const HdPlaces *places,
                           HdLibraryKind   kind);

/* (transfer full): the folder of the user's own, which need not exist. */
char  *hd_places_get_user (const HdPlaces *places,
                           HdLibraryKind   kind);

/* (transfer full): the Hugging Face cache, which need not exist. */
char  *hd_places_get_hub  (const HdPlaces *places);

G_END_DECLS
