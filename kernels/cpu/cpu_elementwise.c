/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_parallel.h"
#include "kernels/cpu/cpu_vector.h"

typedef struct
{
  HdTensor       *y;
  const HdTensor *a;
  const HdTensor *b;
  float           scale;
  HdActivation    activation;
  gint64          elements;
} Elementwise;

/* A row function of each type for an expression of the float x; @value_bf16 need not be better than bf16 is. */
#define DEFINE_ACTIVATION(name, value, value_bf16)                                         \
  HD_CPU_CLONES static void                                                                \
  name ## _f32 (float *restrict y, const float *restrict from, int n)                      \
  {                                                                                        \
    for (int i = 0; i < n; i++)                                                            \
      {                                                                                    \
        float x = from[i];                                                                 \
                                                                                           \
        y[i] = value;                                                                      \
      }                                                                                    \
  }                                                                                        \
                                                                                           \
  HD_CPU_CLONES static void                                                                \
  name ## _bf16 (guint16 *restrict y, const guint16 *restrict from, int n)                 \
  {                                                                                        \
    for (int i = 0; i < n; i++)                                                            \
      {                                                                                    \
        float x = hd_float_from_bf16 (from[i]);                                            \
                                                                                           \
        y[i] = hd_bf16_from_float (value_bf16);                                            \
      }                                                                                    \
  }                                                                                        \
                                                                                           \
  static void                                                                              \
  name (HdDtype dtype, void *y, const void *x, int n)                                      \
  {                                                                                        \
    if (dtype == HD_DTYPE_BF16)                                                            \
      name ## _bf16 (y, x, n);                                                             \
    else                                                                                   \
      name ## _f32 (y, x, n);                                                              \
  }

DEFINE_ACTIVATION (silu, hd_silu (x), hd_silu_coarse (x))
DEFINE_ACTIVATION (gelu, hd_gelu (x), hd_gelu (x))
DEFINE_ACTIVATION (quick_gelu, hd_quick_gelu (x), hd_quick_gelu (x))

HD_CPU_CLONES static void
add_f32 (float       *restrict y,
         const float *restrict a,
         const float *restrict b,
         float        scale,
         int          n)
{
  for (int i = 0; i < n; i++)
    y[i] = a[i] + scale * b[i];
}

HD_CPU_CLONES static void
add_bf16 (guint16       *restrict y,
          const guint16 *restrict a,
          const guint16 *restrict b,
          float          scale,
          int            n)
{
  for (int i = 0; i < n; i++)
    y[i] = hd_bf16_from_float (hd_float_from_bf16 (a[i]) + scale * hd_float_from_bf16 (b[i]));
}

static void
elementwise_step (gpointer data,
                  gint64   index,
                  int      thread)
{
  const Elementwise *work = data;
  HdDtype            dtype = work->y->dtype;
  gint64             first = index * HD_CPU_STEP_ELEMENTS;
  int                n = MIN (work->elements - first, HD_CPU_STEP_ELEMENTS);
  gsize              offset = first * hd_dtype_size (dtype);
  char              *y = (char *) work->y->data + offset;
  const char        *a = (const char *) work->a->data + offset;

  if (work->b != NULL)
    {
      const char *b = (const char *) work->b->data + offset;

      if (dtype == HD_DTYPE_BF16)
        add_bf16 ((guint16 *) y, (const guint16 *) a, (const guint16 *) b, work->scale, n);
      else
        add_f32 ((float *) y, (const float *) a, (const float *) b, work->scale, n);
      return;
    }

  switch (work->activation)
    {
    case HD_ACTIVATION_SILU:
      silu (dtype, y, a, n);
      break;
    case HD_ACTIVATION_GELU:
      gelu (dtype, y, a, n);
      break;
    case HD_ACTIVATION_QUICK_GELU:
      quick_gelu (dtype, y, a, n);
      break;
    case HD_ACTIVATION_NONE:
    case HD_ACTIVATION_GEGLU:
      memcpy (y, a, n * hd_dtype_size (dtype));
      break;
    }
}

static gboolean
run (HdContext    *context,
     Elementwise  *work,
     GError      **error)
{
  work->elements = hd_tensor_elements (work->y);

  return hd_cpu_loop ((HdCpuContext *) context, (work->elements + HD_CPU_STEP_ELEMENTS - 1) / HD_CPU_STEP_ELEMENTS,
                      elementwise_step, work, error);
}

gboolean
hd_cpu_activate (HdContext      *context,
                 HdTensor       *y,
                 const HdTensor *x,
                 HdActivation    activation,
                 GError        **error)
{
  Elementwise work = { .y = y, .a = x, .activation = activation };

  return run (context, &work, error);
}

gboolean
hd_cpu_add (HdContext      *context,
            HdTensor       *y,
            const HdTensor *a,
            const HdTensor *b,
            float           scale,
            GError        **error)
{
  Elementwise work = { .y = y, .a = a, .b = b, .scale = scale };

  return run (context, &work, error);
}
