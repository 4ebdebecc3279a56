/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/lora.h"

G_BEGIN_DECLS

/* The family of models that a LoRA was made for, as far as its names, shapes and metadata tell. */

typedef enum
{
  HD_LORA_FAMILY_UNKNOWN,
  HD_LORA_FAMILY_SD1,
  HD_LORA_FAMILY_SD2,
  HD_LORA_FAMILY_SDXL,
  HD_LORA_FAMILY_SD3,      /* from here on: families that have no UNet */
  HD_LORA_FAMILY_FLUX,
  HD_LORA_FAMILY_OTHER,
} HdLoraFamily;

/* @lora: its tensors sorted into layers, not yet checked. */
HdLoraFamily  hd_lora_family_detect     (HdLora       *lora);

gboolean      hd_lora_family_is_foreign (HdLoraFamily  family);

/* NULL if it is not known. */
const char   *hd_lora_family_to_name    (HdLoraFamily  family);

G_END_DECLS
