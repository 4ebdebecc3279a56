/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/weight_patches.h"

#include <string.h>

#include "engine/json.h"
#include "engine/lora_term.h"
#include "kernels/host.h"
#include "kernels/i18n.h"

/* Rows that a thread computes at a time: enough for the product's blocks, few enough for its cache. */
#define ROWS_AT_ONCE 24

typedef struct
{
  HdLora     *lora;
  double      weights[HD_N_LORA_PARTS];
  GHashTable *used;   /* of HdLoraLayer */
} Item;

struct _HdWeightPatches
{
  gatomicrefcount  ref_count;
  int              threads;
  GCancellable    *cancellable;
  GPtrArray       *items;
};

static void
item_free (gpointer data)
{
  Item *item = data;

  g_hash_table_unref (item->used);
  hd_lora_unref (item->lora);
  g_free (item);
}

HdWeightPatches *
hd_weight_patches_new (int threads)
{
  HdWeightPatches *patches = g_new0 (HdWeightPatches, 1);

  g_atomic_ref_count_init (&patches->ref_count);
  patches->threads = hd_host_threads (threads);
  patches->items = g_ptr_array_new_with_free_func (item_free);

  return patches;
}

HdWeightPatches *
hd_weight_patches_ref (HdWeightPatches *patches)
{
  g_atomic_ref_count_inc (&patches->ref_count);

  return patches;
}

void
hd_weight_patches_unref (HdWeightPatches *patches)
{
  if (patches == NULL || !g_atomic_ref_count_dec (&patches->ref_count))
    return;

  g_clear_object (&patches->cancellable);
  g_ptr_array_unref (patches->items);
  g_free (patches);
}

void
hd_weight_patches_add_lora (HdWeightPatches *patches,
                            HdLora          *lora,
                            double           unet_weight,
                            double           text_weight)
{
  Item *item = g_new0 (Item, 1);

  item->lora = hd_lora_ref (lora);
  item->weights[HD_LORA_UNET] = unet_weight;
  item->weights[HD_LORA_TEXT_ENCODER] = text_weight;
  item->weights[HD_LORA_TEXT_ENCODER_2] = text_weight;
  item->used = g_hash_table_new (NULL, NULL);
  g_ptr_array_add (patches->items, item);
}

void
hd_weight_patches_set_cancellable (HdWeightPatches *patches,
                                   GCancellable    *cancellable)
{
  g_set_object (&patches->cancellable, cancellable);
}

/* --- a tensor ------------------------------------------------------------------ */

/* What is to be done to a tensor. */
typedef struct
{
  HdLoraPart   part;
  const char  *layer;
  gboolean     bias;
  const int   *shape;
  int          n;
  int          rows;
  gsize        columns;
  GPtrArray   *terms;   /* of HdLoraTerm */
} Target;

static char *
describe_shape (const gint64 *shape,
                int           n)
{
  GString *text = g_string_new ("(");

  for (int i = 0; i < n; i++)
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "", shape[i]);

  return g_string_free (g_string_append_c (text, ')'), FALSE);
}

static gboolean
fail_shape (const Item         *item,
            const HdLoraLayer  *layer,
            const gint64       *expected,
            int                 n_expected,
            const gint64       *found,
            GError            **error)
{
  const char      *family = hd_lora_family_name (item->lora);
  g_autofree char *tensor = hd_json_quote (hd_lora_layer_tensor (layer));
  g_autofree char *expected_text = describe_shape (expected, n_expected);
  g_autofree char *found_text = NULL;
  int              n = HD_LORA_DIMENSIONS;

  while (n > MAX (n_expected, 1) && found[n - 1] == 1)
    n--;
  found_text = describe_shape (found, n);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
               _("%s: tensor %s: expected a LoRA for a weight of shape %s, as this model has, found one for %s%s%s"),
               hd_lora_get_path (item->lora), tensor, expected_text, found_text,
               family != NULL ? _("; the LoRA is one for ") : _("; the LoRA is one for another family of models"),
               family != NULL ? family : "");

  return FALSE;
}

/* The changes of convolutions may come as matrices, (O, I KH KW), and 1x1 convolutions are matrices here and there. */
static gboolean
check_shape (const Target       *target,
             const Item         *item,
             const HdLoraLayer  *layer,
             GError            **error)
{
  const HdSafetensorsEntry *bias = target->bias ? layer->tensors[HD_LORA_DIFF_BIAS] : NULL;
  gint64                    expected[HD_LORA_DIMENSIONS] = { 1, 1, 1, 1 };
  gint64                    found[HD_LORA_DIMENSIONS] = { 1, 1, 1, 1 };

  for (int i = 0; i < target->n; i++)
    expected[i] = target->shape[i];
  for (int i = 0; i < HD_LORA_DIMENSIONS; i++)
    found[i] = bias == NULL ? layer->shape[i] : i < bias->n_dimensions ? bias->shape[i] : 1;

  if (memcmp (expected, found, sizeof found) == 0
      || (found[0] == expected[0] && (guint64) found[1] == target->columns && found[2] == 1 && found[3] == 1))
    return TRUE;

  return fail_shape (item, layer, expected, target->n, found, error);
}

static gboolean
add_term (Target   *target,
          Item     *item,
          gboolean  dry,
          GError  **error)
{
  const HdLoraLayer *layer = hd_lora_find_layer (item->lora, target->part, target->layer);
  double             weight = item->weights[target->part];
  HdLoraTerm        *term;

  if (layer == NULL
      || (target->bias ? layer->tensors[HD_LORA_DIFF_BIAS] == NULL : layer->kind == HD_LORA_KIND_NONE))
    return TRUE;
  if (!check_shape (target, item, layer, error))
    return FALSE;

  g_hash_table_add (item->used, (gpointer) layer);
  if (dry || weight == 0.0)
    return TRUE;

  term = hd_lora_term_new (item->lora, layer, target->bias, target->rows, target->columns, weight, error);
  if (term == NULL)
    return FALSE;

  g_ptr_array_add (target->terms, term);
  return TRUE;
}

/* --- the sum ------------------------------------------------------------------- */

typedef struct
{
  const Target *target;
  HdDtype       from_dtype;
  const char   *from;
  HdDtype       to_dtype;
  char         *to;
  float        *scratch;   /* ROWS_AT_ONCE rows for each thread */
} Sum;

static void
sum_rows (gpointer data,
          gint64   index,
          int      thread)
{
  const Sum    *sum = data;
  const Target *target = sum->target;
  const int     first = (int) index * ROWS_AT_ONCE;
  const int     count = MIN (ROWS_AT_ONCE, target->rows - first);
  const gsize   start = first * target->columns;
  const gsize   n = count * target->columns;
  float        *rows = sum->scratch + (gsize) thread * ROWS_AT_ONCE * target->columns;

  hd_host_to_float (sum->from_dtype, sum->from + start * hd_dtype_size (sum->from_dtype), n, rows);
  for (guint i = 0; i < target->terms->len; i++)
    hd_lora_term_add (g_ptr_array_index (target->terms, i), first, count, rows);
  hd_host_from_float (sum->to_dtype, rows, n, sum->to + start * hd_dtype_size (sum->to_dtype));
}

static gboolean
replace_bytes (HdWeightPatches *patches,
               const Target    *target,
               HdDtype          dtype,
               HdWeightPart    *weight,
               GError         **error)
{
  Sum               sum = { .target = target, .from_dtype = weight->dtype, .to_dtype = dtype };
  g_autofree float *scratch = NULL;
  GBytes           *bytes = hd_host_bytes_new (target->rows * target->columns * hd_dtype_size (dtype),
                                               _("weights changed by LoRAs"), (gpointer *) &sum.to, error);

  if (bytes == NULL)
    return FALSE;

  scratch = g_new (float, (gsize) patches->threads * ROWS_AT_ONCE * target->columns);
  sum.scratch = scratch;
  sum.from = g_bytes_get_data (weight->bytes, NULL);
  hd_host_loop (patches->threads, (target->rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE, sum_rows, &sum);
  g_bytes_unref (weight->bytes);
  weight->bytes = bytes;
  weight->dtype = dtype;

  return TRUE;
}

gboolean
hd_weight_patches_apply (HdWeightPatches  *patches,
                         HdLoraPart        part,
                         const char       *name,
                         const int        *shape,
                         int               n,
                         HdDtype           dtype,
                         gboolean          dry,
                         HdWeightPart     *weight,
                         GError          **error)
{
  const char           *dot = strrchr (name, '.');
  g_autofree char      *stem = dot != NULL ? g_strndup (name, dot - name) : g_strdup (name);
  g_autofree char      *layer = hd_lora_layer_name (part, stem);
  g_autoptr (GPtrArray) terms = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_lora_term_free);
  Target                target = { .part = part, .layer = layer, .shape = shape, .n = n, .terms = terms };

  g_return_val_if_fail (n >= 1 && n <= HD_LORA_DIMENSIONS, FALSE);

  target.bias = dot != NULL && g_str_equal (dot, ".bias");
  target.rows = shape[0];
  target.columns = 1;
  for (int i = 1; i < n; i++)
    target.columns *= (gsize) shape[i];

  for (guint i = 0; i < patches->items->len; i++)
    if (!add_term (&target, g_ptr_array_index (patches->items, i), dry, error))
      return FALSE;

  /* A tensor is a fraction of a second. */
  return terms->len == 0
         || (!g_cancellable_set_error_if_cancelled (patches->cancellable, error)
             && replace_bytes (patches, &target, dtype, weight, error));
}

/* --- what was used ------------------------------------------------------------- */

gboolean
hd_weight_patches_finish (HdWeightPatches  *patches,
                          GError          **error)
{
  for (guint i = 0; i < patches->items->len; i++)
    {
      const Item        *item = g_ptr_array_index (patches->items, i);
      GPtrArray         *layers = hd_lora_get_layers (item->lora);
      const char        *family = hd_lora_family_name (item->lora);
      g_autofree char   *first = NULL;

      if (g_hash_table_size (item->used) > 0)
        continue;

      first = hd_json_quote (hd_lora_layer_tensor (g_ptr_array_index (layers, 0)));
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                   _("%s: expected a LoRA for this model, found that the model has none of its %u layers, as %s%s%s"),
                   hd_lora_get_path (item->lora), layers->len, first,
                   family != NULL ? _("; the LoRA is one for ") : "", family != NULL ? family : "");
      return FALSE;
    }

  return TRUE;
}

char **
hd_weight_patches_get_unused (HdWeightPatches *patches,
                              guint            index)
{
  const Item *item;
  GPtrArray  *layers;
  GPtrArray  *foreign;
  GPtrArray  *names = g_ptr_array_new ();

  g_return_val_if_fail (index < patches->items->len, NULL);

  item = g_ptr_array_index (patches->items, index);
  layers = hd_lora_get_layers (item->lora);
  foreign = hd_lora_get_foreign (item->lora);
  for (guint i = 0; i < layers->len; i++)
    if (!g_hash_table_contains (item->used, g_ptr_array_index (layers, i)))
      g_ptr_array_add (names, g_strdup (hd_lora_layer_tensor (g_ptr_array_index (layers, i))));
  for (guint i = 0; i < foreign->len; i++)
    g_ptr_array_add (names, g_strdup (g_ptr_array_index (foreign, i)));
  g_ptr_array_add (names, NULL);

  return (char **) g_ptr_array_free (names, FALSE);
}
