/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/lora.h"

G_BEGIN_DECLS

/* What a LoRA adds to one tensor, as matrices in memory. */
typedef struct _HdLoraTerm HdLoraTerm;

/**
 * hd_lora_term_new:
 * @layer: of @lora; its change has @rows x @columns numbers
 * @bias: the change of the bias in place of the weight's
 * @weight: the user's
 *
 * Reads the layer's tensors.
 *
 * Returns: (transfer full): the term; %NULL with %HD_ENGINE_ERROR_FILE if the file cannot be read any more or has
 *   numbers that are not finite, or with the error of memory that was not there.
 */
HdLoraTerm *hd_lora_term_new  (HdLora             *lora,
                               const HdLoraLayer  *layer,
                               gboolean            bias,
                               int                 rows,
                               gsize               columns,
                               double              weight,
                               GError            **error);
void        hd_lora_term_free (HdLoraTerm         *term);

/* Adds the rows [@first, @first + @count) of the change to @to (@count, columns). Safe in any thread. */
void        hd_lora_term_add  (const HdLoraTerm   *term,
                               int                 first,
                               int                 count,
                               float              *to);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdLoraTerm, hd_lora_term_free)

G_END_DECLS
