/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/lora_names.h"
#include "engine/rau_net.h"
#include "engine/safetensors.h"

G_BEGIN_DECLS

/* LoRA files (arXiv 2106.09685): small changes of a network's weights, to be added to them when it is loaded.
 * With the file's alpha (a tensor for each layer, or in the metadata), or the rank R if there is none, and the user's
 * weight w:
 *
 *   LoRA   W += w (alpha / R) up down              of convolutions too (LoCon), and with a core between (Tucker)
 *   LoHa   W += w (alpha / R) (w1a w1b) * (w2a w2b)    element by element (arXiv 2108.06098)
 *   LoKr   W += w (alpha / R) w1 (x) w2            Kronecker's product, each factor whole or thin (LyCORIS,
 *                                                  arXiv 2309.14859)
 *   diff   W += w diff
 *
 * Other kinds (DoRA, OFT, ...) are refused by their names: their results depend on more than a sum. */

#define HD_LORA_DIMENSIONS 4

typedef enum
{
  HD_LORA_KIND_NONE,   /* no change of the weight, but of the bias */
  HD_LORA_KIND_LORA,
  HD_LORA_KIND_LOHA,
  HD_LORA_KIND_LOKR,
  HD_LORA_KIND_DIFF,
} HdLoraKind;

/**
 * HdLoraLayer:
 * @part: the network it belongs to
 * @name: the layer's, as of hd_lora_layer_name()
 * @kind: how its change is to be computed
 * @tensors: (nullable): the file's tensors, by role
 * @scale: alpha / R
 * @shape: of the change, (O, I, KH, KW); (O, N, 1, 1) where the file has convolutions as matrices
 *
 * What a file has for one layer. Ranks and types have been checked.
 */
typedef struct
{
  HdLoraPart                part;
  char                     *name;
  HdLoraKind                kind;
  const HdSafetensorsEntry *tensors[HD_N_LORA_ROLES];
  double                    scale;
  gint64                    shape[HD_LORA_DIMENSIONS];
} HdLoraLayer;

typedef struct _HdLora HdLora;

/**
 * hd_lora_open:
 * @path: a safetensors file
 *
 * Only headers are read, and each alpha.
 *
 * Returns: (transfer full): the LoRA; %NULL with %HD_ENGINE_ERROR_FILE if it cannot be read or is damaged,
 *   %HD_ENGINE_ERROR_MODEL if it is no LoRA, of a kind that is not computed here, or for another kind of network.
 */
HdLora     *hd_lora_open           (const char  *path,
                                    GError     **error);
HdLora     *hd_lora_ref            (HdLora      *lora);
void        hd_lora_unref          (HdLora      *lora);

const char *hd_lora_get_path       (HdLora      *lora);

/* The file; owned by @lora. */
HdSafetensors *hd_lora_get_file    (HdLora      *lora);

/* The family of models that it was made for; FALSE if the file does not tell. Turbo models count as SDXL. */
gboolean    hd_lora_get_family     (HdLora      *lora,
                                    HdFamily    *family);

/* That family's name for messages, as "Stable Diffusion XL"; NULL if it is not known. */
const char *hd_lora_family_name    (HdLora      *lora);

/* (element-type HdLoraLayer): in the order of the file's names. Owned by @lora. */
GPtrArray  *hd_lora_get_layers     (HdLora      *lora);

/* (element-type utf8): names of tensors that are not a LoRA's. Owned by @lora. */
GPtrArray  *hd_lora_get_foreign    (HdLora      *lora);

/* The layer of that name (hd_lora_layer_name()); NULL if the LoRA leaves it alone. */
const HdLoraLayer *
            hd_lora_find_layer     (HdLora      *lora,
                                    HdLoraPart   part,
                                    const char  *name);

/* The name of the layer's first tensor in the file, for messages. */
const char *hd_lora_layer_tensor   (const HdLoraLayer *layer);

/**
 * hd_lora_find:
 * @name: as a user writes it: a file's name, with or without ".safetensors", maybe with folders before it
 * @folders: (array zero-terminated=1): where to look, with the folders in them
 *
 * The name is looked for as it is and, if there is none, without regard to case.
 *
 * Returns: (transfer full): the path of the first file found; %NULL with %HD_ENGINE_ERROR_REQUEST that names
 *   similar ones.
 */
char       *hd_lora_find           (const char          *name,
                                    const char * const  *folders,
                                    GError             **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdLora, hd_lora_unref)

G_END_DECLS
