/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The grammar of prompts, above the tokenizer: docs/prompts.md. Whatever does not follow it is text. */

#define HD_PROMPT_MAX_WEIGHT 10.0

/**
 * HdPromptPiece:
 * @text: without the grammar's characters, valid UTF-8
 * @weight: of its tokens, -%HD_PROMPT_MAX_WEIGHT to %HD_PROMPT_MAX_WEIGHT
 * @starts_window: there was a BREAK before it
 */
typedef struct
{
  char     *text;
  double    weight;
  gboolean  starts_window;
} HdPromptPiece;

/**
 * HdPromptLora:
 * @name: as in <lora:NAME:WEIGHT>
 * @weight: 1 if there was none, -%HD_PROMPT_MAX_WEIGHT to %HD_PROMPT_MAX_WEIGHT
 */
typedef struct
{
  char   *name;
  double  weight;
} HdPromptLora;

/**
 * HdPrompt:
 * @pieces: (element-type HdPromptPiece): neighbours differ in weight, or have a BREAK between them
 * @loras: (element-type HdPromptLora): in the order of the text, as often as they are in it
 */
typedef struct
{
  GPtrArray *pieces;
  GPtrArray *loras;
} HdPrompt;

/**
 * hd_prompt_parse:
 * @text: any bytes; what is not UTF-8 is replaced
 *
 * Takes time in proportion to the length of @text, and does not recurse.
 *
 * Returns: (transfer full): never %NULL
 */
HdPrompt *hd_prompt_parse (const char *text);

/* @text as it is: one piece of weight 1, brackets and all. */
HdPrompt *hd_prompt_new_plain (const char *text);
void      hd_prompt_free  (HdPrompt   *prompt);

/* Whether nothing is asked for: there is no text but white space. */
gboolean  hd_prompt_is_empty (const HdPrompt *prompt);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdPrompt, hd_prompt_free)

G_END_DECLS
