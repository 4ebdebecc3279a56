/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/text_encoder.h"
#include "engine/tokenizer.h"

G_BEGIN_DECLS

/* From prompts to what the UNet is told: the hidden states of all text encoders, and SDXL's pooled vector. */

#define HD_TEXT_MAX_ENCODERS 2

/**
 * HdTextModels:
 * @context: the device of the encoders
 * @n: number of encoders: 1 for Stable Diffusion 1 and 2, 2 for SDXL
 * @tokenizers: (array length=n)
 * @encoders: (array length=n)
 */
typedef struct
{
  HdContext     *context;
  int            n;
  HdTokenizer   *tokenizers[HD_TEXT_MAX_ENCODERS];
  HdTextEncoder *encoders[HD_TEXT_MAX_ENCODERS];
} HdTextModels;

/**
 * hd_text_models_add:
 * @text: all zeros before the first
 * @tokenizer: (transfer full): the encoder's
 * @config: the encoder's; the second of two needs a projection
 * @weights: the encoder's
 * @name: where @config comes from, for messages
 *
 * Loads the next text encoder.
 *
 * Returns: %FALSE with %HD_ENGINE_ERROR_MODEL, naming what was expected and what was found, if tokenizer, configuration
 *   and weights do not fit together.
 */
gboolean hd_text_models_add              (HdTextModels        *text,
                                          HdContext           *context,
                                          HdTokenizer         *tokenizer,
                                          const HdTextConfig  *config,
                                          HdWeights           *weights,
                                          const char          *name,
                                          GError             **error);
void     hd_text_models_clear            (HdTextModels        *text);

/* Channels of the hidden states, of all encoders together. */
int      hd_text_models_get_width        (const HdTextModels  *text);

/* Channels of the pooled vector; 0 without one. */
int      hd_text_models_get_pooled_width (const HdTextModels  *text);

/**
 * HdConditioningOptions:
 * @plain: the prompts are taken as they are, without the grammar of prompt.h and without embeddings, and cut after 75
 *   tokens: what diffusers does
 * @clip_skip: as in Automatic1111: 1 for the last layer's hidden states, 2 for those of the last but one, with the
 *   final norm in any case but SDXL's; 0 for what the model was trained with: 1, and 2 for SDXL. SDXL takes 1 for 2.
 *   What has more layers than the encoder means its first.
 * @n_negative: how many of the prompts, from the first on, are negative ones
 * @zero_empty_negative: of two encoders, a negative prompt without text gives zeros instead of the empty text's
 *   encoding. SDXL's unconditional half saw zeros in training, and Automatic1111 does this; diffusers does it if it is
 *   given no negative prompt at all, but encodes "". Read for SDXL only.
 * @embedding_folders: (nullable) (array zero-terminated=1): where embeddings of textual inversion lie
 */
typedef struct
{
  gboolean            plain;
  int                 clip_skip;
  int                 n_negative;
  gboolean            zero_empty_negative;
  const char * const *embedding_folders;
} HdConditioningOptions;

/**
 * HdConditioning:
 * @hidden: (N, 1, T, D) with T = 77 * windows: hidden states, SDXL's encoders side by side in the channels
 * @pooled: (nullable): (N, 1, 1, P): SDXL's vector of the first window of each text
 */
typedef struct
{
  HdTensor *hidden;
  HdTensor *pooled;
} HdConditioning;

/**
 * hd_conditioning_encode:
 * @prompts: (array length=n_prompts): any bytes
 * @options: (nullable)
 * @conditioning: filled
 *
 * Every prompt is made into windows of 75 tokens, and the shorter prompts are continued with empty windows. Each window is
 * encoded by itself. A token's weight multiplies its hidden states, after which the window's are scaled back to the mean
 * that they had (Automatic1111's "original" emphasis); the pooled vector has no weights in it.
 *
 * LoRAs that prompts name are passed over: hd_prompt_parse() tells them.
 *
 * Returns: %FALSE with %HD_ENGINE_ERROR_REQUEST if a prompt is longer than %HD_PROMPT_MAX_WINDOWS windows, with the error
 *   of an embedding that a prompt names and that cannot be used, or with the context's.
 */
gboolean hd_conditioning_encode (HdTextModels                *text,
                                 const char * const          *prompts,
                                 int                          n_prompts,
                                 const HdConditioningOptions *options,
                                 HdConditioning              *conditioning,
                                 GError                     **error);
void     hd_conditioning_clear  (HdConditioning              *conditioning);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HdTextModels, hd_text_models_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HdConditioning, hd_conditioning_clear)

G_END_DECLS
