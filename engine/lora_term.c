/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/lora_term.h"

#include <string.h>

#include "engine/json.h"
#include "engine/lora_layer.h"
#include "kernels/host.h"

/* @products are LoRA's or LoHa's factors; @matrices LoKr's, (rows, columns) each, or the difference. */
struct _HdLoraTerm
{
  HdLoraKind  kind;
  float       scale;
  gsize       columns;
  HdLowRank  *products[2];
  float      *matrices[2];
  int         matrix_rows[2];
  gsize       matrix_columns[2];
};

void
hd_lora_term_free (HdLoraTerm *term)
{
  if (term == NULL)
    return;

  for (int i = 0; i < 2; i++)
    {
      hd_low_rank_free (term->products[i]);
      g_free (term->matrices[i]);
    }
  g_free (term);
}

/* --- reading ------------------------------------------------------------------- */

static float *
new_floats (HdLora  *lora,
            gsize    rows,
            gsize    columns,
            GError **error)
{
  gsize  count;
  float *floats = NULL;

  if (g_size_checked_mul (&count, rows, columns) && count <= G_MAXSIZE / sizeof *floats)
    floats = g_try_malloc0 (MAX (count, 1) * sizeof *floats);
  if (floats == NULL)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
                 "%s: expected memory for %" G_GSIZE_FORMAT " x %" G_GSIZE_FORMAT " numbers of a LoRA, found less",
                 hd_lora_get_path (lora), rows, columns);

  return floats;
}

/* The elements of a tensor, row-major. */
static float *
read_floats (HdLora                    *lora,
             const HdSafetensorsEntry  *entry,
             GError                   **error)
{
  g_autoptr (GBytes) bytes = hd_safetensors_get (hd_lora_get_file (lora), entry, error);
  gsize              count = bytes != NULL ? g_bytes_get_size (bytes) / hd_dtype_size (entry->dtype) : 0;
  g_autofree float  *floats = bytes != NULL ? new_floats (lora, 1, count, error) : NULL;

  if (floats == NULL)
    return NULL;

  hd_host_to_float (entry->dtype, g_bytes_get_data (bytes, NULL), count, floats);
  if (!hd_host_is_finite (floats, count))
    {
      g_autofree char *quoted = hd_json_quote (entry->name);

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: tensor %s: expected finite numbers, found infinite ones or NaN",
                   hd_lora_get_path (lora), quoted);
      return NULL;
    }

  return g_steal_pointer (&floats);
}

/* (A, O) as (O, A). */
static float *
transpose (HdLora      *lora,
           const float *matrix,
           gsize        rows,
           gsize        columns,
           GError     **error)
{
  float *transposed = new_floats (lora, columns, rows, error);

  for (gsize i = 0; transposed != NULL && i < rows; i++)
    for (gsize j = 0; j < columns; j++)
      transposed[j * rows + i] = matrix[i * columns + j];

  return transposed;
}

/* core (A, B, K) times down (B, I) as (A, I, K): sums over B in its order. */
static float *
multiply_core (HdLora      *lora,
               const float *core,
               const float *down,
               gsize        a,
               gsize        b,
               gsize        inputs,
               gsize        kernel,
               GError     **error)
{
  float *product = new_floats (lora, a, inputs * kernel, error);

  if (product == NULL)
    return NULL;

  for (gsize row = 0; row < a; row++)
    for (gsize j = 0; j < b; j++)
      {
        const float *taps = core + (row * b + j) * kernel;

        for (gsize i = 0; i < inputs; i++)
          for (gsize k = 0; k < kernel; k++)
            product[(row * inputs + i) * kernel + k] += taps[k] * down[j * inputs + i];
      }

  return product;
}

static HdLowRank *
read_factor (HdLora              *lora,
             const HdLoraFactor  *factor,
             GError             **error)
{
  const gsize       down_rows = (gsize) factor->down->shape[0];
  const gsize       inputs = (gsize) factor->down->shape[1];
  const gsize       kernel = factor->core != NULL
                             ? (gsize) (hd_lora_side (factor->core, 2) * hd_lora_side (factor->core, 3))
                             : (gsize) (hd_lora_side (factor->down, 2) * hd_lora_side (factor->down, 3));
  gsize             rows = (gsize) factor->up->shape[0];
  gsize             rank = (gsize) factor->up->shape[1];
  g_autofree float *up = read_floats (lora, factor->up, error);
  g_autofree float *down = up != NULL ? read_floats (lora, factor->down, error) : NULL;

  if (down == NULL)
    return NULL;

  if (factor->transposed)
    {
      float *transposed = transpose (lora, up, rows, rank, error);

      if (transposed == NULL)
        return NULL;
      g_free (up);
      up = transposed;
      rows = (gsize) factor->up->shape[1];
      rank = (gsize) factor->up->shape[0];
    }

  if (factor->core != NULL)
    {
      g_autofree float *core = read_floats (lora, factor->core, error);
      float            *product = NULL;

      if (core != NULL)
        product = multiply_core (lora, core, down, rank, down_rows, inputs, kernel, error);
      if (product == NULL)
        return NULL;
      g_free (down);
      down = product;
    }

  return hd_low_rank_new ((int) rows, (int) rank, inputs * kernel, up, down, error);
}

/* LoKr's factor @index as a matrix; a kernel counts as columns. */
static gboolean
read_matrix (HdLoraTerm         *term,
             HdLora             *lora,
             const HdLoraLayer  *layer,
             int                 index,
             GError            **error)
{
  const HdSafetensorsEntry *whole = hd_lora_layer_whole (layer, index);
  HdLoraFactor              factor = hd_lora_layer_factor (layer, index);
  const HdSafetensorsEntry *core = factor.core;
  g_autoptr (HdLowRank)     product = NULL;

  if (whole != NULL)
    {
      term->matrix_rows[index] = (int) whole->shape[0];
      term->matrix_columns[index] = (gsize) (whole->shape[1] * hd_lora_side (whole, 2) * hd_lora_side (whole, 3));
      term->matrices[index] = read_floats (lora, whole, error);
      return term->matrices[index] != NULL;
    }

  product = read_factor (lora, &factor, error);
  if (product == NULL)
    return FALSE;

  core = core != NULL ? core : factor.down;
  term->matrix_rows[index] = (int) factor.up->shape[factor.transposed ? 1 : 0];
  term->matrix_columns[index] = (gsize) (factor.down->shape[1] * hd_lora_side (core, 2) * hd_lora_side (core, 3));
  term->matrices[index] = new_floats (lora, term->matrix_rows[index], term->matrix_columns[index], error);
  if (term->matrices[index] == NULL)
    return FALSE;

  hd_low_rank_add (product, 1.0f, 0, term->matrix_rows[index], term->matrices[index]);
  return TRUE;
}

static gboolean
read_products (HdLoraTerm         *term,
               HdLora             *lora,
               const HdLoraLayer  *layer,
               int                 n,
               GError            **error)
{
  for (int i = 0; i < n; i++)
    {
      HdLoraFactor factor = hd_lora_layer_factor (layer, i);

      term->products[i] = read_factor (lora, &factor, error);
      if (term->products[i] == NULL)
        return FALSE;
    }

  return TRUE;
}

static gboolean
read_term (HdLoraTerm         *term,
           HdLora             *lora,
           const HdLoraLayer  *layer,
           gboolean            bias,
           GError            **error)
{
  switch (term->kind)
    {
    case HD_LORA_KIND_NONE:
      break;
    case HD_LORA_KIND_LORA:
      return read_products (term, lora, layer, 1, error);
    case HD_LORA_KIND_LOHA:
      return read_products (term, lora, layer, 2, error);
    case HD_LORA_KIND_LOKR:
      return read_matrix (term, lora, layer, 0, error) && read_matrix (term, lora, layer, 1, error);
    case HD_LORA_KIND_DIFF:
      term->matrices[0] = read_floats (lora, layer->tensors[bias ? HD_LORA_DIFF_BIAS : HD_LORA_DIFF], error);
      return term->matrices[0] != NULL;
    }

  g_return_val_if_reached (FALSE);
}

HdLoraTerm *
hd_lora_term_new (HdLora             *lora,
                  const HdLoraLayer  *layer,
                  gboolean            bias,
                  int                 rows,
                  gsize               columns,
                  double              weight,
                  GError            **error)
{
  g_autoptr (HdLoraTerm) term = g_new0 (HdLoraTerm, 1);

  term->kind = bias ? HD_LORA_KIND_DIFF : layer->kind;
  term->scale = (float) (term->kind == HD_LORA_KIND_DIFF ? weight : weight * layer->scale);
  term->columns = columns;

  return read_term (term, lora, layer, bias, error) ? g_steal_pointer (&term) : NULL;
}

/* --- adding -------------------------------------------------------------------- */

static void
add_hadamard (const HdLoraTerm *term,
              int               first,
              int               count,
              float            *to)
{
  const gsize       n = (gsize) count * term->columns;
  g_autofree float *one = g_new0 (float, n);
  g_autofree float *other = g_new0 (float, n);

  hd_low_rank_add (term->products[0], 1.0f, first, count, one);
  hd_low_rank_add (term->products[1], 1.0f, first, count, other);
  for (gsize i = 0; i < n; i++)
    to[i] += term->scale * one[i] * other[i];
}

/* Row (o1, o2), column (i1, i2) of the product is first[o1, i1] second[o2, i2]. */
static void
add_kronecker (const HdLoraTerm *term,
               int               first,
               int               count,
               float            *to)
{
  const gsize n = term->matrix_columns[1];

  for (int row = first; row < first + count; row++)
    {
      const float *factors = term->matrices[0] + row / term->matrix_rows[1] * term->matrix_columns[0];
      const float *line = term->matrices[1] + row % term->matrix_rows[1] * n;

      for (gsize i = 0; i < term->matrix_columns[0]; i++, to += n)
        {
          float scale = term->scale * factors[i];

          for (gsize j = 0; j < n; j++)
            to[j] += scale * line[j];
        }
    }
}

static void
add_difference (const HdLoraTerm *term,
                int               first,
                int               count,
                float            *to)
{
  const float *from = term->matrices[0] + first * term->columns;

  for (gsize i = 0; i < count * term->columns; i++)
    to[i] += term->scale * from[i];
}

void
hd_lora_term_add (const HdLoraTerm *term,
                  int               first,
                  int               count,
                  float            *to)
{
  switch (term->kind)
    {
    case HD_LORA_KIND_NONE:
      return;
    case HD_LORA_KIND_LORA:
      hd_low_rank_add (term->products[0], term->scale, first, count, to);
      return;
    case HD_LORA_KIND_LOHA:
      add_hadamard (term, first, count, to);
      return;
    case HD_LORA_KIND_LOKR:
      add_kronecker (term, first, count, to);
      return;
    case HD_LORA_KIND_DIFF:
      add_difference (term, first, count, to);
      return;
    }

  g_return_if_reached ();
}
