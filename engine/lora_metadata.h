/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/lora.h"

G_BEGIN_DECLS

/* What diffusers since 0.34 writes into a LoRA's metadata in place of alphas: PEFT's configuration of each network
 * (key "lora_adapter_metadata"; LoraConfig of peft). */

typedef struct _HdLoraMetadata HdLoraMetadata;

/**
 * hd_lora_metadata_read:
 * @metadata: set to what the file says, or to %NULL if it says nothing
 *
 * Returns: %FALSE with %HD_ENGINE_ERROR_FILE if it says what is no configuration.
 */
gboolean hd_lora_metadata_read  (HdSafetensors         *file,
                                 HdLoraMetadata       **metadata,
                                 GError               **error);
void     hd_lora_metadata_free  (HdLoraMetadata        *metadata);

/**
 * hd_lora_metadata_scale:
 * @metadata: (nullable)
 * @rank: of the layer, > 0
 *
 * Returns: alpha / R for a layer whose file has no alpha; 1 if @metadata says nothing about its network.
 */
double   hd_lora_metadata_scale (const HdLoraMetadata  *metadata,
                                 const HdLoraLayer     *layer,
                                 gint64                 rank);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdLoraMetadata, hd_lora_metadata_free)

G_END_DECLS
