/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/lora_layer.h"

#include <math.h>
#include <string.h>

#include "engine/json.h"
#include "kernels/host.h"


G_GNUC_PRINTF (4, 5)
static gboolean
tensor_error (HdSafetensors *file,
              const char    *name,
              GError       **error,
              const char    *format,
              ...)
{
  g_autofree char *quoted = hd_json_quote (name);
  g_autofree char *message = NULL;
  va_list          arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: tensor %s: %s",
               hd_safetensors_get_path (file), quoted, message);

  return FALSE;
}

/* --- shapes -------------------------------------------------------------------- */

gint64
hd_lora_side (const HdSafetensorsEntry *entry,
              int                       i)
{
  return i < entry->n_dimensions ? entry->shape[i] : 1;
}

/* Numbers of at most four sides of 1 to G_MAXINT each. */
static gboolean
check_matrix (HdSafetensors            *file,
              const HdSafetensorsEntry *entry,
              int                       least_dimensions,
              GError                  **error)
{
  if (!entry->supported)
    {
      g_autofree char *dtype = hd_json_quote (entry->dtype_name);

      return tensor_error (file, entry->name, error, "expected elements of F32, F16 or BF16, found %s", dtype);
    }
  if (entry->n_dimensions < least_dimensions || entry->n_dimensions > HD_LORA_DIMENSIONS)
    return tensor_error (file, entry->name, error, "expected a shape of %d to %d sides, found %d",
                         least_dimensions, HD_LORA_DIMENSIONS, entry->n_dimensions);

  for (int i = 0; i < entry->n_dimensions; i++)
    if (entry->shape[i] < 1 || entry->shape[i] > G_MAXINT)
      return tensor_error (file, entry->name, error, "expected sides from 1 to %d, found %" G_GINT64_FORMAT,
                           G_MAXINT, entry->shape[i]);

  return TRUE;
}

static gboolean
check_side (HdSafetensors            *file,
            const HdSafetensorsEntry *entry,
            int                       i,
            gint64                    expected,
            const HdSafetensorsEntry *other,
            GError                  **error)
{
  g_autofree char *quoted = NULL;

  if (hd_lora_side (entry, i) == expected)
    return TRUE;

  quoted = hd_json_quote (other->name);
  return tensor_error (file, entry->name, error,
                       "expected %" G_GINT64_FORMAT " as its side %d, to go with %s, found %" G_GINT64_FORMAT,
                       expected, i + 1, quoted, hd_lora_side (entry, i));
}

/* No kernel: the sides from the third on are 1. */
static gboolean
check_no_kernel (HdSafetensors            *file,
                 const HdSafetensorsEntry *entry,
                 const HdSafetensorsEntry *other,
                 GError                  **error)
{
  return check_side (file, entry, 2, 1, other, error) && check_side (file, entry, 3, 1, other, error);
}

/* --- factors ------------------------------------------------------------------- */

HdLoraFactor
hd_lora_layer_factor (const HdLoraLayer *layer,
                      int                index)
{
  static const struct { HdLoraRole up, core, down; } roles[][2] = {
    [HD_LORA_KIND_LORA] = { { HD_LORA_UP, HD_LORA_MID, HD_LORA_DOWN } },
    [HD_LORA_KIND_LOHA] = { { HD_LORA_HADA_W1_A, HD_LORA_HADA_T1, HD_LORA_HADA_W1_B },
                            { HD_LORA_HADA_W2_A, HD_LORA_HADA_T2, HD_LORA_HADA_W2_B } },
    [HD_LORA_KIND_LOKR] = { { HD_LORA_LOKR_W1_A, HD_N_LORA_ROLES, HD_LORA_LOKR_W1_B },
                            { HD_LORA_LOKR_W2_A, HD_LORA_LOKR_T2, HD_LORA_LOKR_W2_B } },
  };
  HdLoraRole   core = roles[layer->kind][index].core;
  HdLoraFactor factor = {
    .up = layer->tensors[roles[layer->kind][index].up],
    .core = core < HD_N_LORA_ROLES ? layer->tensors[core] : NULL,
    .down = layer->tensors[roles[layer->kind][index].down],
  };

  factor.transposed = factor.core != NULL && layer->kind != HD_LORA_KIND_LORA;
  return factor;
}

const HdSafetensorsEntry *
hd_lora_layer_whole (const HdLoraLayer *layer,
                     int                index)
{
  return layer->kind == HD_LORA_KIND_LOKR ? layer->tensors[index == 0 ? HD_LORA_LOKR_W1 : HD_LORA_LOKR_W2] : NULL;
}

/* A tensor that the others of its layer make no sense without. */
static gboolean
check_there (const HdLoraLayer *layer,
             HdSafetensors     *file,
             HdLoraRole         role,
             GError           **error)
{
  if (layer->tensors[role] != NULL)
    return TRUE;

  return tensor_error (file, hd_lora_layer_tensor (layer), error,
                       "expected another of the same layer, as \"%s\", beside it, found none",
                       hd_lora_role_suffix (role));
}

static gboolean
check_factor (HdSafetensors      *file,
              const HdLoraFactor *factor,
              gint64             *shape,
              GError            **error)
{
  const HdSafetensorsEntry *up = factor->up;
  const HdSafetensorsEntry *core = factor->core;
  const HdSafetensorsEntry *down = factor->down;

  if (!check_matrix (file, up, 2, error) || !check_matrix (file, down, 2, error)
      || (core != NULL && !check_matrix (file, core, 2, error))
      || !check_no_kernel (file, up, down, error))
    return FALSE;

  if (core == NULL && !check_side (file, up, 1, hd_lora_side (down, 0), down, error))
    return FALSE;
  if (core != NULL
      && (!check_side (file, core, 0, hd_lora_side (up, factor->transposed ? 0 : 1), up, error)
          || !check_side (file, core, 1, hd_lora_side (down, 0), down, error)
          || !check_no_kernel (file, down, core, error)))
    return FALSE;

  shape[0] = hd_lora_side (up, factor->transposed ? 1 : 0);
  shape[1] = hd_lora_side (down, 1);
  shape[2] = hd_lora_side (core != NULL ? core : down, 2);
  shape[3] = hd_lora_side (core != NULL ? core : down, 3);

  return TRUE;
}

/* --- kinds --------------------------------------------------------------------- */

static gboolean
check_lora (HdLoraLayer   *layer,
            HdSafetensors *file,
            gint64        *rank,
            GError       **error)
{
  HdLoraFactor factor = hd_lora_layer_factor (layer, 0);

  if (!check_there (layer, file, HD_LORA_DOWN, error) || !check_there (layer, file, HD_LORA_UP, error)
      || !check_factor (file, &factor, layer->shape, error))
    return FALSE;

  *rank = factor.down->shape[0];
  return TRUE;
}

static gboolean
check_loha (HdLoraLayer   *layer,
            HdSafetensors *file,
            gint64        *rank,
            GError       **error)
{
  HdLoraFactor first = hd_lora_layer_factor (layer, 0);
  HdLoraFactor second = hd_lora_layer_factor (layer, 1);
  gint64       shape[HD_LORA_DIMENSIONS];

  if (!check_there (layer, file, HD_LORA_HADA_W1_A, error) || !check_there (layer, file, HD_LORA_HADA_W1_B, error)
      || !check_there (layer, file, HD_LORA_HADA_W2_A, error) || !check_there (layer, file, HD_LORA_HADA_W2_B, error)
      || !check_factor (file, &first, layer->shape, error) || !check_factor (file, &second, shape, error))
    return FALSE;

  if (memcmp (shape, layer->shape, sizeof shape) != 0)
    return tensor_error (file, second.up->name, error,
                         "expected a matrix of %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT ", as the first of LoHa's, "
                         "found %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT,
                         layer->shape[0], layer->shape[1], shape[0], shape[1]);

  *rank = first.down->shape[0];
  return TRUE;
}

/* LoKr's factor @index, whole or a product; *@rank is changed if it is a product. */
static gboolean
check_lokr_factor (HdLoraLayer   *layer,
                   HdSafetensors *file,
                   int            index,
                   gint64        *shape,
                   gint64        *rank,
                   GError       **error)
{
  const HdSafetensorsEntry *whole = hd_lora_layer_whole (layer, index);
  HdLoraFactor              factor = hd_lora_layer_factor (layer, index);

  if (whole != NULL)
    {
      for (int i = 0; i < HD_LORA_DIMENSIONS; i++)
        shape[i] = hd_lora_side (whole, i);
      return check_matrix (file, whole, 2, error);
    }
  if (!check_there (layer, file, index == 0 ? HD_LORA_LOKR_W1_A : HD_LORA_LOKR_W2_A, error)
      || !check_there (layer, file, index == 0 ? HD_LORA_LOKR_W1_B : HD_LORA_LOKR_W2_B, error)
      || !check_factor (file, &factor, shape, error))
    return FALSE;

  *rank = factor.down->shape[0];
  return TRUE;
}

static gboolean
check_lokr (HdLoraLayer   *layer,
            HdSafetensors *file,
            gint64        *rank,
            GError       **error)
{
  gint64 first[HD_LORA_DIMENSIONS];
  gint64 second[HD_LORA_DIMENSIONS];

  /* If both are whole there is no rank, and alpha counts for nothing. */
  *rank = 0;
  if (!check_lokr_factor (layer, file, 0, first, rank, error)
      || !check_lokr_factor (layer, file, 1, second, rank, error))
    return FALSE;

  if (first[2] != 1 || first[3] != 1
      || !g_uint64_checked_mul ((guint64 *) &layer->shape[0], (guint64) first[0], (guint64) second[0])
      || !g_uint64_checked_mul ((guint64 *) &layer->shape[1], (guint64) first[1], (guint64) second[1])
      || layer->shape[0] > G_MAXINT || layer->shape[1] > G_MAXINT)
    return tensor_error (file, hd_lora_layer_tensor (layer), error,
                         "expected a matrix whose Kronecker product with the other is a weight, found one of %"
                         G_GINT64_FORMAT " x %" G_GINT64_FORMAT, first[0], first[1]);

  layer->shape[2] = second[2];
  layer->shape[3] = second[3];
  return TRUE;
}

static gboolean
check_diff (HdLoraLayer   *layer,
            HdSafetensors *file,
            GError       **error)
{
  const HdSafetensorsEntry *diff = layer->tensors[HD_LORA_DIFF];

  for (int i = 0; i < HD_LORA_DIMENSIONS; i++)
    layer->shape[i] = hd_lora_side (diff, i);

  return check_matrix (file, diff, 1, error);
}

/* --- alpha --------------------------------------------------------------------- */

/* The number that a tensor of one element of any type is; NaN for a type that is none. */
static gboolean
read_number (HdSafetensors             *file,
             const HdSafetensorsEntry  *entry,
             double                    *number,
             GError                   **error)
{
  guint64 bits = 0;
  gint64  integer;
  float   single = NAN;

  if (!hd_safetensors_read (file, entry, &bits, sizeof bits, error))
    return FALSE;

  bits = GUINT64_FROM_LE (bits);
  integer = (gint64) bits;
  *number = NAN;
  if (g_str_equal (entry->dtype_name, "F64"))
    memcpy (number, &bits, sizeof *number);
  else if (g_str_equal (entry->dtype_name, "I64"))
    *number = (double) integer;
  else if (g_str_equal (entry->dtype_name, "I32"))
    *number = (gint32) bits;
  else if (entry->supported)
    {
      guint32 low = (guint32) bits;
      guint16 half = (guint16) bits;

      hd_host_to_float (entry->dtype, entry->dtype == HD_DTYPE_F32 ? (void *) &low : (void *) &half, 1, &single);
      *number = single;
    }

  return TRUE;
}

static gboolean
read_scale (HdLoraLayer           *layer,
            HdSafetensors         *file,
            const HdLoraMetadata  *metadata,
            gint64                 rank,
            GError               **error)
{
  const HdSafetensorsEntry *entry = layer->tensors[HD_LORA_ALPHA];
  double                    alpha;
  gint64                    elements = 1;

  layer->scale = 1.0;
  if (entry == NULL)
    {
      if (rank > 0)
        layer->scale = hd_lora_metadata_scale (metadata, layer, rank);
      return TRUE;
    }

  for (int i = 0; i < entry->n_dimensions; i++)
    elements = entry->shape[i] == 1 ? elements : 0;
  if (elements != 1)
    return tensor_error (file, entry->name, error, "expected one number, found a tensor of %d sides",
                         entry->n_dimensions);

  if (!read_number (file, entry, &alpha, error))
    return FALSE;
  if (!(fabs (alpha) <= HD_LORA_MAX_ALPHA))
    return tensor_error (file, entry->name, error, "expected a number of at most %g, found %g of type %s",
                         HD_LORA_MAX_ALPHA, alpha, entry->dtype_name);

  if (rank > 0)
    layer->scale = alpha / (double) rank;
  return TRUE;
}

/* --- a layer ------------------------------------------------------------------- */

static gboolean
find_kind (HdLoraLayer   *layer,
           HdSafetensors *file,
           GError       **error)
{
  static const struct { HdLoraRole first, last; HdLoraKind kind; } ranges[] = {
    { HD_LORA_DOWN, HD_LORA_MID, HD_LORA_KIND_LORA },
    { HD_LORA_HADA_W1_A, HD_LORA_HADA_T2, HD_LORA_KIND_LOHA },
    { HD_LORA_LOKR_W1, HD_LORA_LOKR_T2, HD_LORA_KIND_LOKR },
    { HD_LORA_DIFF, HD_LORA_DIFF, HD_LORA_KIND_DIFF },
  };

  layer->kind = HD_LORA_KIND_NONE;
  for (gsize i = 0; i < G_N_ELEMENTS (ranges); i++)
    for (int role = ranges[i].first; role <= (int) ranges[i].last; role++)
      {
        if (layer->tensors[role] == NULL)
          continue;
        if (layer->kind != HD_LORA_KIND_NONE && layer->kind != ranges[i].kind)
          return tensor_error (file, layer->tensors[role]->name, error,
                               "expected one kind of change for its layer, found two");
        layer->kind = ranges[i].kind;
      }

  return TRUE;
}

gboolean
hd_lora_layer_check (HdLoraLayer           *layer,
                     HdSafetensors         *file,
                     const HdLoraMetadata  *metadata,
                     GError               **error)
{
  gint64   rank = 0;
  gboolean sound = TRUE;

  if (!find_kind (layer, file, error))
    return FALSE;

  switch (layer->kind)
    {
    case HD_LORA_KIND_NONE:
      if (layer->tensors[HD_LORA_DIFF_BIAS] == NULL)
        sound = check_there (layer, file, HD_LORA_DOWN, error);
      break;
    case HD_LORA_KIND_LORA:
      sound = check_lora (layer, file, &rank, error);
      break;
    case HD_LORA_KIND_LOHA:
      sound = check_loha (layer, file, &rank, error);
      break;
    case HD_LORA_KIND_LOKR:
      sound = check_lokr (layer, file, &rank, error);
      break;
    case HD_LORA_KIND_DIFF:
      sound = check_diff (layer, file, error);
      break;
    }

  return sound
         && (layer->tensors[HD_LORA_DIFF_BIAS] == NULL
             || check_matrix (file, layer->tensors[HD_LORA_DIFF_BIAS], 1, error))
         && read_scale (layer, file, metadata, rank, error);
}
