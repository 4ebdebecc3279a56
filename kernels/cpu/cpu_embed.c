/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_convert.h"
#include "kernels/cpu/cpu_private.h"

/* A text has 77 tokens: nothing here is worth a thread. */

static float
table_element (const HdWeight *table,
               const void     *elements,
               gsize           index)
{
  switch (table->dtype)
    {
    case HD_DTYPE_BF16:
      return hd_float_from_bf16 (((const guint16 *) elements)[index]);
    case HD_DTYPE_F16:
      return hd_float_from_f16 (((const guint16 *) elements)[index]);
    case HD_DTYPE_F32:
      break;
    }

  return ((const float *) elements)[index];
}

gboolean
hd_cpu_embed_tokens (HdContext    *context,
                     HdTensor     *y,
                     HdWeight     *tokens,
                     HdWeight     *positions,
                     const gint32 *ids,
                     GError      **error)
{
  const void *token_table = hd_cpu_table (tokens);
  const void *position_table = hd_cpu_table (positions);
  gsize       channels = y->channels;

  for (gsize row = 0; row < (gsize) y->batch * y->width; row++)
    for (gsize i = 0; i < channels; i++)
      {
        float value = table_element (tokens, token_table, ids[row] * channels + i)
                      + table_element (positions, position_table, row % y->width * channels + i);

        if (y->dtype == HD_DTYPE_BF16)
          ((guint16 *) y->data)[row * channels + i] = hd_bf16_from_float (value);
        else
          ((float *) y->data)[row * channels + i] = value;
      }

  return TRUE;
}
