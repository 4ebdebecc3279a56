/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/lora.h"
#include "engine/lora_metadata.h"

G_BEGIN_DECLS

/* One layer of a LoRA: whether its tensors belong together. */

/* Far above what trainers write, and far below what would make infinite weights of sound ones. */
#define HD_LORA_MAX_ALPHA 65504.0

/**
 * hd_lora_layer_check:
 * @layer: its tensors are set; kind, shape and scale are filled
 * @metadata: (nullable): the file's, for alphas that it does not have as tensors
 *
 * Returns: %FALSE with %HD_ENGINE_ERROR_FILE that names the tensor, what was expected and what was found: one is
 *   missing, of another kind or type, of a shape that does not go with the others', or alpha is no sound number.
 */
gboolean hd_lora_layer_check (HdLoraLayer           *layer,
                              HdSafetensors         *file,
                              const HdLoraMetadata  *metadata,
                              GError               **error);

/* --- factors ------------------------------------------------------------------- */

/**
 * HdLoraFactor:
 * @up: (O, A); (A, O) with a core of LoHa or LoKr
 * @core: (nullable): (A, B, KH, KW), Tucker's core
 * @down: (B, I, KH, KW), with a core (B, I)
 * @transposed: whether @up is (A, O)
 *
 * The tensors of a matrix (O, I KH KW) that is given as a product.
 */
typedef struct
{
  const HdSafetensorsEntry *up;
  const HdSafetensorsEntry *core;
  const HdSafetensorsEntry *down;
  gboolean                  transposed;
} HdLoraFactor;

/* The factors of the layer: one for LoRA, two for LoHa, those for LoKr that are not whole tensors. */
HdLoraFactor hd_lora_layer_factor (const HdLoraLayer *layer,
                                   int                index);

/* The whole tensor in place of LoKr's factor @index; NULL if it is a product. */
const HdSafetensorsEntry *
             hd_lora_layer_whole  (const HdLoraLayer *layer,
                                   int                index);

/* The side of a tensor; 1 beyond its dimensions. */
gint64       hd_lora_side         (const HdSafetensorsEntry *entry,
                                   int                       i);

G_END_DECLS
