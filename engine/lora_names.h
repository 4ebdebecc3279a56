/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Names of the tensors in LoRA files. Trainers name the same layer in many ways:
 *
 *   kohya      lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight
 *              lora_unet_input_blocks_1_1_proj_in.lora_down.weight      (the original blocks' names)
 *              lora_te_..., lora_te1_..., lora_te2_...                  (text encoders)
 *   PEFT       unet.down_blocks.0.attentions.0.proj_in.lora_A.weight    (or base_model.model.down_blocks...)
 *   diffusers  unet.down_blocks.0.attentions.0.proj_in.lora.down.weight
 *              unet.mid_block...attn1.processor.to_q_lora.down.weight   (before 0.20)
 *   LyCORIS    lora_unet_....hada_w1_a, .lokr_w1, .diff, ...
 *
 * Here a layer's name is diffusers', with "_" for ".", which is what all of them can be brought to. */

/**
 * HdLoraPart:
 *
 * The network that a layer belongs to: the text encoder of Stable Diffusion 1 and 2 is the first.
 */
typedef enum
{
  HD_LORA_UNET,
  HD_LORA_TEXT_ENCODER,
  HD_LORA_TEXT_ENCODER_2,
  HD_N_LORA_PARTS
} HdLoraPart;

/**
 * HdLoraRole:
 * @HD_LORA_DOWN: (R, I, ...), LoRA's first matrix
 * @HD_LORA_UP: (O, R), its second
 * @HD_LORA_MID: (R, R, KH, KW), the core between them (Tucker)
 * @HD_LORA_ALPHA: a number
 * @HD_LORA_HADA_W1_A: LoHa's matrices, and so on
 * @HD_LORA_LOKR_W1: LoKr's matrices, and so on
 * @HD_LORA_DIFF: the whole difference of a weight
 * @HD_LORA_DIFF_BIAS: and that of a bias
 *
 * What a tensor is to its layer.
 */
typedef enum
{
  HD_LORA_DOWN,
  HD_LORA_UP,
  HD_LORA_MID,
  HD_LORA_ALPHA,
  HD_LORA_HADA_W1_A,
  HD_LORA_HADA_W1_B,
  HD_LORA_HADA_T1,
  HD_LORA_HADA_W2_A,
  HD_LORA_HADA_W2_B,
  HD_LORA_HADA_T2,
  HD_LORA_LOKR_W1,
  HD_LORA_LOKR_W1_A,
  HD_LORA_LOKR_W1_B,
  HD_LORA_LOKR_W2,
  HD_LORA_LOKR_W2_A,
  HD_LORA_LOKR_W2_B,
  HD_LORA_LOKR_T2,
  HD_LORA_DIFF,
  HD_LORA_DIFF_BIAS,
  HD_N_LORA_ROLES
} HdLoraRole;

/**
 * HdLoraName:
 * @part: the layer's network
 * @layer: (owned): its name, as hd_lora_layer_name() gives it
 * @role: what the tensor is to it
 */
typedef struct
{
  HdLoraPart  part;
  char       *layer;
  HdLoraRole  role;
} HdLoraName;

typedef enum
{
  HD_LORA_NAME_KNOWN,
  HD_LORA_NAME_FOREIGN,       /* not of a network that is known here, or no name of a LoRA at all */
  HD_LORA_NAME_UNSUPPORTED,   /* of a kind of LoRA that is not computed here */
} HdLoraNameKind;

/**
 * hd_lora_name_parse:
 * @tensor: a tensor's name in a LoRA file
 * @name: filled if it is known; its layer is then to be freed
 * @unsupported: set to the kind of LoRA if that is unsupported, as "DoRA"
 */
HdLoraNameKind hd_lora_name_parse (const char  *tensor,
                                   HdLoraName  *name,
                                   const char **unsupported);

/**
 * hd_lora_layer_name:
 * @name: diffusers' or transformers' name of a layer, without ".weight"
 *
 * Returns: (transfer full): with "_" for ".", and without a text encoder's "text_model.", which files of some
 *   versions of transformers lack.
 */
char          *hd_lora_layer_name (HdLoraPart   part,
                                   const char  *name);

/* The end of the name of a tensor with the role, as ".lora_down.weight" (the commonest of its spellings). */
const char    *hd_lora_role_suffix (HdLoraRole  role);

G_END_DECLS
