/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/lora.h"
#include "kernels/weight.h"

G_BEGIN_DECLS

/* LoRAs with their weights, to be added to the networks of a model as they are loaded: one tensor at a time, in
 * float32, into memory of its own. Tensors that no LoRA changes stay what they are, views of their file.
 *
 *   patches = hd_weight_patches_new (threads);
 *   hd_weight_patches_add_lora (patches, lora, 0.8, 0.8);
 *   hd_weights_set_patches (unet_weights, patches, HD_LORA_UNET);     before the network is loaded; so for each
 *   ...
 *   hd_weight_patches_finish (patches, &error);                       after the last
 *
 * It counts what was used, so it is for one load at a time, in one thread. */

typedef struct _HdWeightPatches HdWeightPatches;

/* @threads: to compute with, 0: one per processor. */
HdWeightPatches *hd_weight_patches_new      (int               threads);
HdWeightPatches *hd_weight_patches_ref      (HdWeightPatches  *patches);
void             hd_weight_patches_unref    (HdWeightPatches  *patches);

/**
 * hd_weight_patches_add_lora:
 * @unet_weight: times the change of the UNet; may be 0 or negative
 * @text_weight: times the change of the text encoders
 */
void             hd_weight_patches_add_lora (HdWeightPatches  *patches,
                                             HdLora           *lora,
                                             double            unet_weight,
                                             double            text_weight);

/* From now on hd_weight_patches_apply() fails with %G_IO_ERROR_CANCELLED once @cancellable is cancelled. NULL: never.
 * It is kept. */
void             hd_weight_patches_set_cancellable (HdWeightPatches *patches,
                                                    GCancellable    *cancellable);

/**
 * hd_weight_patches_apply:
 * @part: the network
 * @name: diffusers' or transformers' name of a tensor, with ".weight" or ".bias"
 * @shape: (array length=n): (O), (O, I) or (O, I, KH, KW)
 * @dtype: the type that the sum is to have
 * @dry: only check shapes
 * @weight: the tensor; if a LoRA changes it, its bytes are replaced by the sum
 *
 * Returns: %FALSE with %HD_ENGINE_ERROR_MODEL if the change has another shape (file, tensor, expected, found), or
 *   with what reading the LoRA or the lack of memory reported.
 */
gboolean         hd_weight_patches_apply    (HdWeightPatches  *patches,
                                             HdLoraPart        part,
                                             const char       *name,
                                             const int        *shape,
                                             int               n,
                                             HdDtype           dtype,
                                             gboolean          dry,
                                             HdWeightPart     *weight,
                                             GError          **error);

/**
 * hd_weight_patches_finish:
 *
 * Returns: %FALSE with %HD_ENGINE_ERROR_MODEL that names the first LoRA no tensor of which the networks had.
 */
gboolean         hd_weight_patches_finish   (HdWeightPatches  *patches,
                                             GError          **error);

/**
 * hd_weight_patches_get_unused:
 * @index: number of the LoRA, as they were added
 *
 * What a user may be told: a LoRA that was trained on another model of the family can have some layers more.
 *
 * Returns: (transfer full): names in the file of those that changed nothing, one for each layer; ends with %NULL.
 */
char           **hd_weight_patches_get_unused (HdWeightPatches *patches,
                                               guint            index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdWeightPatches, hd_weight_patches_unref)

G_END_DECLS
