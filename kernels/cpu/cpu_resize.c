/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "kernels/cpu/cpu_convert.h"
#include "kernels/cpu/cpu_parallel.h"

#define TAPS 4

/* --- pooling --- */

typedef struct
{
  HdTensor       *y;
  const HdTensor *x;
} Pool;

/* Beyond the border the last pixel stands in: the mean of a and a is the mean of a. */
#define DEFINE_POOL_ROW(name, type, load, store)                                            \
  HD_CPU_CLONES static void                                                                 \
  name (type       *restrict y,                                                             \
        const type *restrict top,                                                           \
        const type *restrict bottom,                                                        \
        int         width,                                                                  \
        int         channels)                                                               \
  {                                                                                         \
    for (int x = 0; x < width; x += 2)                                                      \
      {                                                                                     \
        gsize left = (gsize) x * channels;                                                  \
        gsize right = (gsize) MIN (x + 1, width - 1) * channels;                            \
                                                                                            \
        for (int i = 0; i < channels; i++)                                                  \
          y[i] = store (0.25f * ((load (top[left + i]) + load (top[right + i]))             \
                                 + (load (bottom[left + i]) + load (bottom[right + i]))));  \
        y += channels;                                                                      \
      }                                                                                     \
  }

DEFINE_POOL_ROW (pool_row_f32, float, , )
DEFINE_POOL_ROW (pool_row_bf16, guint16, hd_float_from_bf16, hd_bf16_from_float)

static void
pool_step (gpointer data,
           gint64   index,
           int      thread)
{
  const Pool     *pool = data;
  const HdTensor *x = pool->x;
  gint64          image = index / pool->y->height;
  int             row = index % pool->y->height * 2;
  gsize           top = ((gsize) image * x->height + row) * x->width * x->channels;
  gsize           bottom = ((gsize) image * x->height + MIN (row + 1, x->height - 1)) * x->width * x->channels;
  gsize           to = (gsize) index * pool->y->width * x->channels;

  if (x->dtype == HD_DTYPE_BF16)
    pool_row_bf16 ((guint16 *) pool->y->data + to, (const guint16 *) x->data + top,
                   (const guint16 *) x->data + bottom, x->width, x->channels);
  else
    pool_row_f32 ((float *) pool->y->data + to, (const float *) x->data + top,
                  (const float *) x->data + bottom, x->width, x->channels);
}

gboolean
hd_cpu_avg_pool_2x2 (HdContext      *context,
                     HdTensor       *y,
                     const HdTensor *x,
                     GError        **error)
{
  Pool pool = { .y = y, .x = x };

  return hd_cpu_loop ((HdCpuContext *) context, (gint64) y->batch * y->height, pool_step, &pool, error);
}

/* --- bicubic --- */

/* Where a result's coordinate reads, and how much of each. */
typedef struct
{
  int   place[TAPS];
  float weight[TAPS];
} Taps;

typedef struct
{
  HdTensor       *y;
  const HdTensor *x;
  Taps           *rows;
  Taps           *columns;
  float          *buffers;   /* a row of the input for each thread */
} Bicubic;

/* Keys' cubic convolution with a = -0.75, as torch.nn.functional.interpolate (mode="bicubic", align_corners=False). */
static Taps *
taps_new (int from,
          int to)
{
  const double a = -0.75;
  Taps        *taps = g_new (Taps, to);

  for (int i = 0; i < to; i++)
    {
      double center = (i + 0.5) * from / to - 0.5;
      double first = floor (center);
      double t = center - first;
      double u = 1.0 - t;

      taps[i].weight[0] = ((a * (t + 1.0) - 5.0 * a) * (t + 1.0) + 8.0 * a) * (t + 1.0) - 4.0 * a;
      taps[i].weight[1] = ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0;
      taps[i].weight[2] = ((a + 2.0) * u - (a + 3.0)) * u * u + 1.0;
      taps[i].weight[3] = ((a * (u + 1.0) - 5.0 * a) * (u + 1.0) + 8.0 * a) * (u + 1.0) - 4.0 * a;
      for (int j = 0; j < TAPS; j++)
        taps[i].place[j] = CLAMP ((int) first - 1 + j, 0, from - 1);
    }

  return taps;
}

#define DEFINE_MIX_ROWS(name, type, load)                                                   \
  HD_CPU_CLONES static void                                                                 \
  name (float       *restrict to,                                                           \
        const type  *restrict a,                                                            \
        const type  *restrict b,                                                            \
        const type  *restrict c,                                                            \
        const type  *restrict d,                                                            \
        const float *weight,                                                                \
        gsize        n)                                                                     \
  {                                                                                         \
    float p = weight[0], q = weight[1], r = weight[2], s = weight[3];                       \
                                                                                            \
    for (gsize i = 0; i < n; i++)                                                           \
      to[i] = (p * load (a[i]) + q * load (b[i])) + (r * load (c[i]) + s * load (d[i]));    \
  }

DEFINE_MIX_ROWS (mix_rows_f32, float, )
DEFINE_MIX_ROWS (mix_rows_bf16, guint16, hd_float_from_bf16)

#define DEFINE_MIX_COLUMNS(name, type, store)                                               \
  HD_CPU_CLONES static void                                                                 \
  name (type        *restrict y,                                                            \
        const float *restrict row,                                                          \
        const Taps  *restrict columns,                                                      \
        int          width,                                                                 \
        int          channels)                                                              \
  {                                                                                         \
    for (int x = 0; x < width; x++, y += channels)                                          \
      {                                                                                     \
        const Taps  *taps = columns + x;                                                    \
        const float *a = row + (gsize) taps->place[0] * channels;                           \
        const float *b = row + (gsize) taps->place[1] * channels;                           \
        const float *c = row + (gsize) taps->place[2] * channels;                           \
        const float *d = row + (gsize) taps->place[3] * channels;                           \
        float        p = taps->weight[0], q = taps->weight[1];                              \
        float        r = taps->weight[2], s = taps->weight[3];                              \
                                                                                            \
        for (int i = 0; i < channels; i++)                                                  \
          y[i] = store ((p * a[i] + q * b[i]) + (r * c[i] + s * d[i]));                     \
      }                                                                                     \
  }

DEFINE_MIX_COLUMNS (mix_columns_f32, float, )
DEFINE_MIX_COLUMNS (mix_columns_bf16, guint16, hd_bf16_from_float)

static void
bicubic_step (gpointer data,
              gint64   index,
              int      thread)
{
  const Bicubic  *work = data;
  const HdTensor *x = work->x;
  const HdTensor *y = work->y;
  const Taps     *taps = work->rows + index % y->height;
  gint64          image = index / y->height;
  gsize           n = (gsize) x->width * x->channels;
  gsize           to = (gsize) index * y->width * y->channels;
  float          *buffer = work->buffers + n * thread;
  gsize           from[TAPS];

  for (int i = 0; i < TAPS; i++)
    from[i] = ((gsize) image * x->height + taps->place[i]) * n;

  if (x->dtype == HD_DTYPE_BF16)
    {
      const guint16 *data16 = x->data;

      mix_rows_bf16 (buffer, data16 + from[0], data16 + from[1], data16 + from[2], data16 + from[3], taps->weight, n);
      mix_columns_bf16 ((guint16 *) y->data + to, buffer, work->columns, y->width, y->channels);
    }
  else
    {
      const float *data32 = x->data;

      mix_rows_f32 (buffer, data32 + from[0], data32 + from[1], data32 + from[2], data32 + from[3], taps->weight, n);
      mix_columns_f32 ((float *) y->data + to, buffer, work->columns, y->width, y->channels);
    }
}

gboolean
hd_cpu_resize_bicubic (HdContext      *context,
                       HdTensor       *y,
                       const HdTensor *x,
                       GError        **error)
{
  HdCpuContext    *cpu = (HdCpuContext *) context;
  g_autofree Taps *rows = NULL;
  g_autofree Taps *columns = NULL;
  Bicubic          work = { .y = y, .x = x };

  work.buffers = hd_cpu_scratch (cpu, sizeof (float) * x->width * x->channels * cpu->threads, error);
  if (work.buffers == NULL)
    return FALSE;
  work.rows = rows = taps_new (x->height, y->height);
  work.columns = columns = taps_new (x->width, y->width);

  return hd_cpu_loop (cpu, (gint64) y->batch * y->height, bicubic_step, &work, error);
}
