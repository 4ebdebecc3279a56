/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_weight.h"

/* A linear layer is done in chunks of rows (pixels or tokens), each by one matrix product, or two for GEGLU: the
 * gates go to scratch memory, through GELU, and the second product multiplies its results by them. Two inputs are
 * joined row by row in scratch memory. Chunks are short enough to be cancelled between, and what they put into
 * scratch memory is bounded. */

#define SCRATCH_BYTES ((gsize) 16 << 20)
#define ROW_MULTIPLE  64

typedef struct
{
  HdCpuContext          *cpu;
  HdTensor              *y;
  const HdTensor        *x;
  const HdLinear        *linear;
  const HdLinearOptions *options;
  int                    in_channels;
  gint64                 rows;
  int                    chunk_rows;
  char                  *joined;       /* scratch: a chunk of both inputs, side by side */
  char                  *gates;        /* scratch: a chunk of GEGLU's gates */
} HdCpuLinear;

/* What one matrix product depends on. */
typedef struct
{
  char   tag[8];
  gint32 type;
  gint32 rows;
  gint32 in_channels;
  gint32 out_channels;
  gint32 bias;
  gint32 activation;
  gint32 gated;           /* multiplied by a matrix of the result's shape */
  gint32 residual;
} HdCpuLinearKey;

/* --- the primitive --- */

static dnnl_status_t
append_activation (dnnl_post_ops_t operations,
                   HdActivation    activation)
{
  switch (activation)
    {
    case HD_ACTIVATION_SILU:
      return dnnl_post_ops_append_eltwise (operations, dnnl_eltwise_swish, 1.0f, 0.0f);
    case HD_ACTIVATION_GELU:
      return dnnl_post_ops_append_eltwise (operations, dnnl_eltwise_gelu_erf, 0.0f, 0.0f);
    case HD_ACTIVATION_QUICK_GELU:
      return dnnl_post_ops_append_eltwise (operations, dnnl_eltwise_swish, 1.702f, 0.0f);
    case HD_ACTIVATION_NONE:
    case HD_ACTIVATION_GEGLU:
      break;
    }

  return dnnl_success;
}

static dnnl_status_t
append_operations (dnnl_primitive_attr_t    attributes,
                   const HdCpuLinearKey    *key,
                   const_dnnl_memory_desc_t result)
{
  dnnl_post_ops_t operations = NULL;
  dnnl_status_t   status = dnnl_post_ops_create (&operations);

  if (status == dnnl_success)
    status = append_activation (operations, key->activation);
  if (status == dnnl_success && key->gated)
    status = dnnl_post_ops_append_binary (operations, dnnl_binary_mul, result);
  if (status == dnnl_success && key->residual)
    status = dnnl_post_ops_append_binary (operations, dnnl_binary_add, result);
  if (status == dnnl_success)
    status = dnnl_primitive_attr_set_post_ops (attributes, operations);
  if (operations != NULL)
    dnnl_post_ops_destroy (operations);

  return status;
}

static dnnl_status_t
describe_product (HdCpuContext          *cpu,
                  const HdCpuLinearKey  *key,
                  dnnl_primitive_attr_t  attributes,
                  dnnl_primitive_desc_t *descriptor)
{
  const dnnl_data_type_t type = hd_cpu_data_type (key->type);
  const dnnl_dims_t      x_sides = { key->rows, key->in_channels };
  const dnnl_dims_t      weight_sides = { key->in_channels, key->out_channels };
  const dnnl_dims_t      bias_sides = { 1, key->out_channels };
  const dnnl_dims_t      y_sides = { key->rows, key->out_channels };
  dnnl_memory_desc_t     x = NULL, y = NULL, weight = NULL, bias = NULL;
  dnnl_status_t          status;

  status = dnnl_memory_desc_create_with_tag (&x, 2, x_sides, type, dnnl_ab);
  if (status == dnnl_success)
    status = dnnl_memory_desc_create_with_tag (&y, 2, y_sides, type, dnnl_ab);
  if (status == dnnl_success)
    status = dnnl_memory_desc_create_with_tag (&weight, 2, weight_sides, type, dnnl_format_tag_any);
  if (status == dnnl_success && key->bias)
    status = dnnl_memory_desc_create_with_tag (&bias, 2, bias_sides, dnnl_f32, dnnl_ab);
  if (status == dnnl_success)
    status = append_operations (attributes, key, y);
  if (status == dnnl_success)
    status = dnnl_matmul_primitive_desc_create (descriptor, cpu->engine, x, weight, bias, y, attributes);

  g_clear_pointer (&x, dnnl_memory_desc_destroy);
  g_clear_pointer (&y, dnnl_memory_desc_destroy);
  g_clear_pointer (&weight, dnnl_memory_desc_destroy);
  g_clear_pointer (&bias, dnnl_memory_desc_destroy);

  return status;
}

static HdCpuPrimitive *
get_primitive (HdCpuContext         *cpu,
               const HdCpuLinearKey *key,
               GError              **error)
{
  HdCpuPrimitive       *primitive = hd_cpu_primitive_lookup (cpu, key, sizeof *key);
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_primitive_desc_t descriptor = NULL;
  dnnl_status_t         status;
  int                   saved;

  if (primitive != NULL || !hd_cpu_attributes_new (&attributes, error))
    return primitive;

  saved = hd_cpu_threads_begin (cpu);
  status = describe_product (cpu, key, attributes, &descriptor);
  if (status == dnnl_success)
    primitive = hd_cpu_primitive_insert (cpu, key, sizeof *key, descriptor, error);
  else
    hd_cpu_set_error (error, status, "a matrix product");
  hd_cpu_threads_end (saved);
  dnnl_primitive_attr_destroy (attributes);

  return primitive;
}

/* --- one product --- */

/* y = activation (x W^T + b) * gates + residual, with the @count output channels of the weight from @first on. */
static gboolean
multiply (const HdCpuLinear *job,
          int                rows,
          int                first,
          int                count,
          HdActivation       activation,
          const void        *x,
          const void        *gates,
          const void        *residual,
          void              *y,
          GError           **error)
{
  HdWeight            *bias = job->linear->bias;
  const HdCpuLinearKey key = {
    .tag = "linear", .type = job->x->dtype, .rows = rows, .in_channels = job->in_channels, .out_channels = count,
    .bias = bias != NULL, .activation = activation, .gated = gates != NULL, .residual = residual != NULL,
  };
  HdCpuPrimitive      *primitive = get_primitive (job->cpu, &key, error);
  HdCpuArg             args[6];
  const void          *packed;
  int                  n = 0;
  int                  operation = activation != HD_ACTIVATION_NONE;

  if (primitive == NULL)
    return FALSE;
  packed = hd_cpu_weight_packed (job->cpu, job->linear->weight, HD_CPU_KERNEL_WHOLE, first, count,
                                 hd_cpu_primitive_layout (primitive, DNNL_ARG_WEIGHTS), error);
  if (packed == NULL)
    return FALSE;

  args[n++] = (HdCpuArg) { DNNL_ARG_SRC, x };
  args[n++] = (HdCpuArg) { DNNL_ARG_WEIGHTS, packed };
  args[n++] = (HdCpuArg) { DNNL_ARG_DST, y };
  if (bias != NULL)
    args[n++] = (HdCpuArg) { DNNL_ARG_BIAS, hd_cpu_vector (bias) + first };
  if (gates != NULL)
    args[n++] = (HdCpuArg) { DNNL_ARG_ATTR_MULTIPLE_POST_OP (operation++) | DNNL_ARG_SRC_1, gates };
  if (residual != NULL)
    args[n++] = (HdCpuArg) { DNNL_ARG_ATTR_MULTIPLE_POST_OP (operation) | DNNL_ARG_SRC_1, residual };

  return hd_cpu_primitive_run (job->cpu, primitive, args, n, error);
}

/* --- chunks --- */

static void
divide (HdCpuLinear *job)
{
  const gsize size = hd_dtype_size (job->x->dtype);
  double      rows = job->cpu->tile_flops / (2.0 * job->in_channels * job->y->channels);
  gsize       row_bytes = 0;
  gint64      chunks;

  if (job->options->x2 != NULL)
    row_bytes += job->in_channels * size;
  if (job->options->activation == HD_ACTIVATION_GEGLU)
    row_bytes += job->y->channels * size;
  if (row_bytes > 0)
    rows = MIN (rows, MAX ((double) SCRATCH_BYTES / row_bytes, ROW_MULTIPLE));

  /* Of equal size, but for the multiple and the last. */
  rows = CLAMP (rows, 1.0, job->rows);
  chunks = (job->rows + (gint64) rows - 1) / (gint64) rows;
  job->chunk_rows = (int) ((job->rows + chunks - 1) / chunks);
  if (job->chunk_rows > ROW_MULTIPLE)
    job->chunk_rows = (job->chunk_rows + ROW_MULTIPLE - 1) / ROW_MULTIPLE * ROW_MULTIPLE;
}

/* The rows [first, first + rows) of both inputs, side by side. */
static void
join_inputs (const HdCpuLinear *job,
             gint64             first,
             int                rows)
{
  const gsize     size = hd_dtype_size (job->x->dtype);
  const HdTensor *inputs[] = { job->x, job->options->x2 };
  const HdJoined  joined = hd_tensor_join (inputs[0], inputs[1]);

#pragma omp parallel for num_threads (job->cpu->threads) schedule (static)
  for (int i = 0; i < rows; i++)
    for (int input = 0; input < 2; input++)
      memcpy (job->joined + ((gsize) i * hd_joined_total (&joined) + hd_joined_first (&joined, input)) * size,
              (const char *) inputs[input]->data + hd_joined_offset (&joined, input, first + i) * size,
              hd_joined_width (&joined, input) * size);
}

static gboolean
run_chunk (HdCpuLinear *job,
           gint64       first,
           int          rows,
           GError     **error)
{
  const HdLinearOptions *options = job->options;
  const gsize            size = hd_dtype_size (job->x->dtype);
  const gsize            y_offset = first * job->y->channels * size;
  const int              channels = job->y->channels;
  const void            *x = (const char *) job->x->data + first * job->x->channels * size;
  void                  *y = (char *) job->y->data + y_offset;
  const void            *residual = NULL;

  if (options->residual != NULL)
    residual = (const char *) options->residual->data + y_offset;
  if (options->x2 != NULL)
    {
      join_inputs (job, first, rows);
      x = job->joined;
    }

  if (options->activation != HD_ACTIVATION_GEGLU)
    return multiply (job, rows, 0, channels, options->activation, x, NULL, residual, y, error);

  return multiply (job, rows, channels, channels, HD_ACTIVATION_GELU, x, NULL, NULL, job->gates, error)
         && !hd_cpu_is_cancelled (job->cpu, error)
         && multiply (job, rows, 0, channels, HD_ACTIVATION_NONE, x, job->gates, residual, y, error);
}

static gboolean
provide_scratch (HdCpuLinear *job,
                 GError     **error)
{
  const gsize size = hd_dtype_size (job->x->dtype);
  gsize       joined = 0;
  gsize       gates = 0;

  if (job->options->x2 != NULL)
    joined = ((gsize) job->chunk_rows * job->in_channels * size + 4095) / 4096 * 4096;
  if (job->options->activation == HD_ACTIVATION_GEGLU)
    gates = (gsize) job->chunk_rows * job->y->channels * size;
  if (joined + gates == 0)
    return TRUE;

  job->joined = hd_cpu_scratch (job->cpu, joined + gates, error);
  if (job->joined == NULL)
    return FALSE;

  job->gates = job->joined + joined;
  return TRUE;
}

gboolean
hd_cpu_linear (HdContext             *context,
               HdTensor              *y,
               const HdTensor        *x,
               const HdLinear        *linear,
               const HdLinearOptions *options,
               GError               **error)
{
  HdCpuLinear job = {
    .cpu = (HdCpuContext *) context, .y = y, .x = x, .linear = linear, .options = options,
    .in_channels = linear->weight->in_channels, .rows = hd_tensor_pixels (y),
  };

  hd_cpu_primitives_trim (job.cpu);
  job.cpu->operation++;
  divide (&job);
  if (!provide_scratch (&job, error))
    return FALSE;

  for (gint64 row = 0; row < job.rows; row += job.chunk_rows)
    {
      if (hd_cpu_is_cancelled (job.cpu, error)
          || !run_chunk (&job, row, (int) MIN (job.chunk_rows, job.rows - row), error))
        return FALSE;
    }

  return TRUE;
}
