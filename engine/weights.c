/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>
#include <sys/mman.h>

#include "engine/json.h"
#include "engine/weights.h"
#include "kernels/context.h"

#define MAX_PARTS 64

struct _HdWeights
{
  HdContext       *context;
  HdDtype          dtype;
  HdTensorSource  *source;
  HdWeightPatches *patches;   /* or NULL */
  HdLoraPart       part;      /* which network this is to the patches */
  HdWeightFlags    flags;
  GError          *error;     /* the sticky one */
};

HdWeights *
hd_weights_new (HdContext             *context,
                HdDtype                dtype,
                HdSafetensors * const *files,
                guint                  n_files)
{
  g_autoptr (HdTensorSource) source = hd_tensor_source_new (files, n_files, NULL);

  return hd_weights_new_from (context, dtype, source);
}

HdWeights *
hd_weights_new_from (HdContext      *context,
                     HdDtype         dtype,
                     HdTensorSource *source)
{
  HdWeights *weights = g_new0 (HdWeights, 1);

  weights->context = hd_context_ref (context);
  weights->dtype = dtype;
  weights->source = hd_tensor_source_ref (source);

  return weights;
}

void
hd_weights_free (HdWeights *weights)
{
  if (weights == NULL)
    return;

  hd_tensor_source_unref (weights->source);
  hd_weight_patches_unref (weights->patches);
  g_clear_error (&weights->error);
  hd_context_unref (weights->context);
  g_free (weights);
}

void
hd_weights_set_patches (HdWeights       *weights,
                        HdWeightPatches *patches,
                        HdLoraPart       part)
{
  hd_weight_patches_unref (weights->patches);
  weights->patches = patches != NULL ? hd_weight_patches_ref (patches) : NULL;
  weights->part = part;
}

void
hd_weights_set_flags (HdWeights     *weights,
                      HdWeightFlags  flags)
{
  weights->flags = flags;
}

gboolean
hd_weights_finish (HdWeights  *weights,
                   GError    **error)
{
  if (weights->error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&weights->error));
  return FALSE;
}

/* --- shapes ------------------------------------------------------------------- */

/* Whether the sides are equal, apart from sides of 1 at the end: (O, I, 1, 1) is the matrix (O, I). */
static gboolean
shape_matches (const HdSafetensorsEntry *entry,
               const int                *shape,
               int                       n)
{
  for (int i = 0; i < MAX (n, entry->n_dimensions); i++)
    {
      gint64 expected = i < n ? shape[i] : 1;
      gint64 found = i < entry->n_dimensions ? entry->shape[i] : 1;

      if (expected != found)
        return FALSE;
    }

  return TRUE;
}

static char *
describe_shape (const gint64 *shape,
                int           n)
{
  GString *text = g_string_new ("(");

  for (int i = 0; i < n; i++)
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "", shape[i]);

  return g_string_free (g_string_append_c (text, ')'), FALSE);
}

static char *
describe_expected (const int *shape,
                   int        n)
{
  gint64 sides[4];

  for (int i = 0; i < n; i++)
    sides[i] = shape[i];

  return describe_shape (sides, n);
}

static gboolean
check_tensor (const HdFoundTensor  *tensor,
              const int            *shape,
              int                   n,
              GError              **error)
{
  const char      *name = tensor->entry.name;
  const char      *path = hd_safetensors_get_path (tensor->file);
  g_autofree char *expected = NULL;
  g_autofree char *found = NULL;

  if (!tensor->entry.supported)
    {
      g_autofree char *dtype = hd_json_quote (tensor->entry.dtype_name);

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                   "%s: tensor %s: expected elements of F32, F16 or BF16, found %s", path, name, dtype);
      return FALSE;
    }
  if (shape_matches (&tensor->entry, shape, n))
    return TRUE;

  expected = describe_expected (shape, n);
  found = describe_shape (tensor->entry.shape, tensor->entry.n_dimensions);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
               "%s: tensor %s: expected the shape %s, found %s", path, name, expected, found);

  return FALSE;
}

/* --- reading ------------------------------------------------------------------ */

typedef struct
{
  gpointer address;
  gsize    length;
} Reservation;

static void
reservation_free (gpointer data)
{
  Reservation *reservation = data;

  munmap (reservation->address, reservation->length);
  g_free (reservation);
}

/* The dry device looks at lengths alone: address space stands in for the bytes of a file that is not mapped, so
 * that an estimate does not pull gigabytes over a network. */
static GBytes *
reserve_bytes (gsize length)
{
  gpointer     address = mmap (NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  Reservation *reservation;

  if (address == MAP_FAILED)
    return NULL;

  reservation = g_new (Reservation, 1);
  reservation->address = address;
  reservation->length = length;
  return g_bytes_new_with_free_func (address, length, reservation_free, reservation);
}

static GBytes *
read_tensor (HdWeights            *weights,
             const HdFoundTensor  *tensor,
             GError              **error)
{
  if (hd_context_is_dry (weights->context)
      && (tensor->transposed || !hd_safetensors_maps (tensor->file, &tensor->entry)))
    {
      GBytes *bytes = reserve_bytes (tensor->entry.length);

      if (bytes != NULL)
        return bytes;
    }

  return hd_found_tensor_read (tensor, error);
}

/* Adds what the patches have for the tensor @name. The sum, of float32, is kept in the type that is computed with: it is
 * in memory until the device has its own form of the weight, and takes no more than that then. */
static gboolean
patch_part (HdWeights     *weights,
            const char    *name,
            const int     *shape,
            int            n,
            HdWeightPart  *part,
            GError       **error)
{
  HdDtype dtype = n == 1 ? HD_DTYPE_F32 : weights->dtype;

  if (weights->patches == NULL
      || hd_weight_patches_apply (weights->patches, weights->part, name, shape, n, dtype,
                                  hd_context_is_dry (weights->context), part, error))
    return TRUE;

  g_clear_pointer (&part->bytes, g_bytes_unref);
  return FALSE;
}

/* The tensor @name of the given shape as a part of a weight; (transfer full) bytes. */
static gboolean
read_part (HdWeights     *weights,
           const char    *name,
           const int     *shape,
           int            n,
           HdWeightPart  *part,
           GError       **error)
{
  HdFoundTensor tensor;

  if (!hd_tensor_source_find (weights->source, name, &tensor))
    {
      g_autofree char *expected = describe_expected (shape, n);
      g_autofree char *described = hd_tensor_source_describe (weights->source, name);

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                   "%s: expected a tensor %s of shape %s, found none of that name",
                   hd_tensor_source_get_path (weights->source), described, expected);
      return FALSE;
    }
  if (!check_tensor (&tensor, shape, n, error))
    return FALSE;

  part->dtype = tensor.entry.dtype;
  part->out_channels = shape[0];
  part->bytes = read_tensor (weights, &tensor, error);

  return part->bytes != NULL && patch_part (weights, name, shape, n, part, error);
}

/* One weight of the tensors PREFIX.suffix (or PREFIX.PART.suffix of all @parts, stacked), each of @shape: (O),
 * (O, I) or (O, I, K, K). NULL after a failure, now or before. */
static HdWeight *
read_weight (HdWeights          *weights,
             HdWeightKind        kind,
             const int          *shape,
             int                 n,
             const char         *prefix,
             const char * const *parts,
             const char         *suffix)
{
  HdWeightPart pieces[MAX_PARTS];
  HdWeight    *weight = NULL;
  int          n_parts = parts != NULL ? (int) g_strv_length ((char **) parts) : 1;
  int          done;

  if (weights->error != NULL)
    return NULL;
  g_return_val_if_fail (n_parts <= MAX_PARTS, NULL);

  for (done = 0; done < n_parts; done++)
    {
      g_autofree char *name = parts != NULL ? g_strdup_printf ("%s.%s.%s", prefix, parts[done], suffix)
                                            : g_strdup_printf ("%s.%s", prefix, suffix);

      if (!read_part (weights, name, shape, n, &pieces[done], &weights->error))
        break;
    }

  if (done == n_parts)
    {
      weight = hd_weight_new_with (weights->context, kind, weights->flags, weights->dtype, pieces, n_parts,
                                   n > 1 ? shape[1] : 1, n > 2 ? shape[2] : 1, n > 3 ? shape[3] : 1,
                                   &weights->error);
      if (weight == NULL)
        g_prefix_error (&weights->error, "%s: ", prefix);
    }
  for (int i = 0; i < done; i++)
    g_bytes_unref (pieces[i].bytes);

  return weight;
}

/* --- what networks ask for ---------------------------------------------------- */

gboolean
hd_weights_has (HdWeights  *weights,
                const char *format,
                ...)
{
  g_autofree char *name = NULL;
  HdFoundTensor    tensor;
  va_list          args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);

  return hd_tensor_source_find (weights->source, name, &tensor);
}

void
hd_weights_conv (HdWeights  *weights,
                 HdConv     *conv,
                 int         out,
                 int         in,
                 int         kernel,
                 gboolean    bias,
                 const char *format,
                 ...)
{
  const int        shape[] = { out, in, kernel, kernel };
  g_autofree char *name = NULL;
  va_list          args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);

  conv->weight = read_weight (weights, HD_WEIGHT_CONV, shape, 4, name, NULL, "weight");
  conv->bias = bias ? read_weight (weights, HD_WEIGHT_VECTOR, shape, 1, name, NULL, "bias") : NULL;
}

static void
read_linear (HdWeights          *weights,
             HdLinear           *linear,
             int                 out,
             int                 in,
             gboolean            bias,
             const char         *name,
             const char * const *parts)
{
  const int shape[] = { out, in };

  linear->weight = read_weight (weights, HD_WEIGHT_LINEAR, shape, 2, name, parts, "weight");
  linear->bias = bias ? read_weight (weights, HD_WEIGHT_VECTOR, shape, 1, name, parts, "bias") : NULL;
}

void
hd_weights_linear (HdWeights  *weights,
                   HdLinear   *linear,
                   int         out,
                   int         in,
                   gboolean    bias,
                   const char *format,
                   ...)
{
  g_autofree char *name = NULL;
  va_list          args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);

  read_linear (weights, linear, out, in, bias, name, NULL);
}

void
hd_weights_linear_stacked (HdWeights          *weights,
                           HdLinear           *linear,
                           int                 out,
                           int                 in,
                           gboolean            bias,
                           const char * const *parts,
                           const char         *format,
                           ...)
{
  g_autofree char *name = NULL;
  va_list          args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);

  read_linear (weights, linear, out, in, bias, name, parts);
}

void
hd_weights_norm (HdWeights  *weights,
                 HdNorm     *norm,
                 int         channels,
                 int         groups,
                 float       epsilon,
                 const char *format,
                 ...)
{
  g_autofree char *name = NULL;
  va_list          args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);

  norm->gamma = read_weight (weights, HD_WEIGHT_VECTOR, &channels, 1, name, NULL, "weight");
  norm->beta = read_weight (weights, HD_WEIGHT_VECTOR, &channels, 1, name, NULL, "bias");
  norm->epsilon = epsilon;
  norm->groups = groups;
}

void
hd_weights_table (HdWeights  *weights,
                  HdWeight  **table,
                  int         rows,
                  int         columns,
                  const char *format,
                  ...)
{
  const int        shape[] = { rows, columns };
  g_autofree char *name = NULL;
  va_list          args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);

  *table = read_weight (weights, HD_WEIGHT_TABLE, shape, 2, name, NULL, "weight");
}
