/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_convert.h"
#include "kernels/cpu/cpu_parallel.h"

/* y = from_a a + from_b b. There are no variants for newer processors, whose compilers would make a fused multiply-add of
 * it: it is to be the same on all of them, and latents are small. */

#define STEP_PIXELS 4096

typedef struct
{
  HdTensor       *y;
  const HdTensor *a;
  const HdTensor *b;
  float           from_a;
  float           from_b;
  gint64          pixels;
} Combination;

static inline float
load (const HdTensor *x,
      gint64          i)
{
  if (x->dtype == HD_DTYPE_BF16)
    return hd_float_from_bf16 (((const guint16 *) x->data)[i]);

  return ((const float *) x->data)[i];
}

static inline void
store (HdTensor *y,
       gint64    i,
       float     value)
{
  if (y->dtype == HD_DTYPE_BF16)
    ((guint16 *) y->data)[i] = hd_bf16_from_float (value);
  else
    ((float *) y->data)[i] = value;
}

static void
combine_step (gpointer data,
              gint64   index,
              int      thread)
{
  const Combination *work = data;
  const HdTensor    *a = work->a;
  const HdTensor    *b = work->b;
  HdTensor          *y = work->y;
  gint64             image = (gint64) y->height * y->width;
  gint64             last = MIN (work->pixels, (index + 1) * STEP_PIXELS);

  for (gint64 pixel = index * STEP_PIXELS; pixel < last; pixel++)
    {
      gint64 from_a = (a->batch == 1 ? pixel % image : pixel) * y->channels;
      gint64 from_b = b == NULL ? 0 : (b->batch == 1 ? pixel % image : pixel) * y->channels;

      for (int c = 0; c < y->channels; c++)
        {
          float value = work->from_a * load (a, from_a + c);

          if (b != NULL)
            value += work->from_b * load (b, from_b + c);
          store (y, pixel * y->pixel_stride + c, value);
        }
    }
}

gboolean
hd_cpu_combine (HdContext       *context,
                HdTensor        *y,
                float            from_a,
                const HdTensor  *a,
                float            from_b,
                const HdTensor  *b,
                GError         **error)
{
  Combination work = {
    .y = y, .a = a, .b = b, .from_a = from_a, .from_b = from_b, .pixels = hd_tensor_pixels (y),
  };

  return hd_cpu_loop ((HdCpuContext *) context, (work.pixels + STEP_PIXELS - 1) / STEP_PIXELS, combine_step, &work,
                      error);
}
