/* SPDX-License-Identifier: Apache-2.0 */

#include <omp.h>

#include "kernels/cpu/cpu_convert.h"
#include "kernels/cpu/cpu_machine.h"
#include "kernels/cpu/cpu_private.h"
#include "kernels/host.h"

/* --- conversions --- */

HD_CPU_CLONES static void
widen_bf16 (const guint16 *from,
            gsize          count,
            float         *to)
{
  for (gsize i = 0; i < count; i++)
    to[i] = hd_float_from_bf16 (from[i]);
}

HD_CPU_CLONES static void
widen_f16 (const guint16 *from,
           gsize          count,
           float         *to)
{
  for (gsize i = 0; i < count; i++)
    to[i] = hd_float_from_f16 (from[i]);
}

void
hd_host_to_float (HdDtype     dtype,
                  const void *from,
                  gsize       count,
                  float      *to)
{
  switch (dtype)
    {
    case HD_DTYPE_F32:
      memcpy (to, from, count * sizeof *to);
      return;
    case HD_DTYPE_F16:
      widen_f16 (from, count, to);
      return;
    case HD_DTYPE_BF16:
      widen_bf16 (from, count, to);
      return;
    }

  g_return_if_reached ();
}

/* In the range of subnormal numbers a float's own addition rounds at the right bit. */
static inline guint16
f16_from_float (float value)
{
  guint32 bits      = hd_bits_from_float (value);
  guint32 magnitude = bits & 0x7fffffffu;
  guint16 sign      = (guint16) ((bits >> 16) & 0x8000u);
  guint32 normal    = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13;
  guint32 subnormal = hd_bits_from_float (hd_float_from_bits (magnitude) + 0.5f) - 0x3f000000u;

  if (magnitude > 0x7f800000u)
    return sign | 0x7e00u;
  if (magnitude >= 0x477ff000u)
    return sign | 0x7c00u;

  return sign | (guint16) (magnitude < 0x38800000u ? subnormal : normal);
}

static void
narrow_f16 (const float *from,
            gsize        count,
            guint16     *to)
{
  for (gsize i = 0; i < count; i++)
    to[i] = f16_from_float (from[i]);
}

HD_CPU_CLONES static void
narrow_bf16 (const float *from,
             gsize        count,
             guint16     *to)
{
  for (gsize i = 0; i < count; i++)
    to[i] = hd_bf16_from_float (from[i]);
}

void
hd_host_from_float (HdDtype      dtype,
                    const float *from,
                    gsize        count,
                    void        *to)
{
  switch (dtype)
    {
    case HD_DTYPE_F32:
      memcpy (to, from, count * sizeof *from);
      return;
    case HD_DTYPE_F16:
      narrow_f16 (from, count, to);
      return;
    case HD_DTYPE_BF16:
      narrow_bf16 (from, count, to);
      return;
    }

  g_return_if_reached ();
}

HD_CPU_CLONES static guint32
find_special (const float *values,
              gsize        count)
{
  guint32 special = 0;

  for (gsize i = 0; i < count; i++)
    special |= (hd_bits_from_float (values[i]) & 0x7f800000u) == 0x7f800000u;

  return special;
}

gboolean
hd_host_is_finite (const float *values,
                   gsize        count)
{
  return find_special (values, count) == 0;
}

/* --- products of thin matrices --- */

/* A panel is so many columns of "down", row by row: one AVX-512 register, two AVX registers. Six rows of the result
 * at a time keep the multipliers of either busy and still fit into the registers. */
#define PANEL 16
#define ROWS  6

typedef float Columns __attribute__ ((vector_size (PANEL * sizeof (float)), aligned (4), may_alias));

struct _HdLowRank
{
  int    rank;
  gsize  columns;
  float *up;       /* (O, R) */
  float *panels;   /* (columns / PANEL rounded up, R, PANEL), filled up with zeros */
};

static void
pack_panels (HdLowRank   *product,
             const float *down)
{
  for (int r = 0; r < product->rank; r++)
    for (gsize start = 0; start < product->columns; start += PANEL)
      {
        gsize  count = MIN (PANEL, product->columns - start);
        float *panel = product->panels + start * product->rank + (gsize) r * PANEL;

        memcpy (panel, down + r * product->columns + start, count * sizeof *panel);
        memset (panel + count, 0, (PANEL - count) * sizeof *panel);
      }
}

HdLowRank *
hd_low_rank_new (int           rows,
                 int           rank,
                 gsize         columns,
                 const float  *up,
                 const float  *down,
                 GError      **error)
{
  g_autoptr (HdLowRank) product = g_new0 (HdLowRank, 1);
  gsize                 up_bytes;
  gsize                 panel_bytes;

  if (rows < 1 || rank < 1 || columns < 1
      || columns > G_MAXSIZE - PANEL
      || !g_size_checked_mul (&up_bytes, (gsize) rows * sizeof *up, rank)
      || !g_size_checked_mul (&panel_bytes, (columns + PANEL - 1) / PANEL * PANEL, (gsize) rank * sizeof *down))
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE,
                   "Expected a product with sides of at least 1, found %d x %d x %" G_GSIZE_FORMAT,
                   rows, rank, columns);
      return NULL;
    }

  product->rank = rank;
  product->columns = columns;
  product->up = g_try_malloc (up_bytes);
  product->panels = g_try_malloc (panel_bytes);
  if (product->up == NULL || product->panels == NULL)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY,
                   "Not enough memory: %" G_GSIZE_FORMAT " bytes are needed for a product of matrices",
                   up_bytes + panel_bytes);
      return NULL;
    }

  memcpy (product->up, up, up_bytes);
  pack_panels (product, down);

  return g_steal_pointer (&product);
}

void
hd_low_rank_free (HdLowRank *product)
{
  if (product == NULL)
    return;

  g_free (product->up);
  g_free (product->panels);
  g_free (product);
}

/* @rows rows of one panel; @rows is a constant wherever this is inlined. */
static inline __attribute__ ((always_inline)) void
add_tile (const HdLowRank *product,
          float            scale,
          int              rows,
          const float     *up,
          const float     *panel,
          int              count,
          float           *to)
{
  Columns sum[ROWS] = { 0 };

  for (int r = 0; r < product->rank; r++)
    {
      Columns row = *(const Columns *) (panel + (gsize) r * PANEL);

      for (int i = 0; i < rows; i++)
        sum[i] += up[(gsize) i * product->rank + r] * row;
    }

  for (int i = 0; i < rows; i++)
    {
      float *line = to + i * product->columns;

      if (count == PANEL)
        *(Columns *) line += scale * sum[i];
      else
        for (int j = 0; j < count; j++)
          line[j] += scale * sum[i][j];
    }
}

HD_CPU_CLONES static void
add_rows (const HdLowRank *product,
          float            scale,
          int              first,
          int              count,
          float           *to)
{
  const float *up = product->up + (gsize) first * product->rank;

  for (gsize start = 0; start < product->columns; start += PANEL)
    {
      const float *panel = product->panels + start * product->rank;
      int          columns = (int) MIN (PANEL, product->columns - start);
      int          i = 0;

      for (; i + ROWS <= count; i += ROWS)
        add_tile (product, scale, ROWS, up + (gsize) i * product->rank, panel, columns,
                  to + i * product->columns + start);
      for (; i < count; i++)
        add_tile (product, scale, 1, up + (gsize) i * product->rank, panel, columns,
                  to + i * product->columns + start);
    }
}

void
hd_low_rank_add (const HdLowRank *product,
                 float            scale,
                 int              first,
                 int              count,
                 float           *to)
{
  add_rows (product, scale, first, count, to);
}

/* --- memory --- */

typedef struct
{
  gpointer address;
  gsize    length;
} Pages;

static void
pages_free (gpointer data)
{
  Pages *pages = data;

  hd_cpu_pages_free (pages->address, pages->length);
  g_free (pages);
}

GBytes *
hd_host_bytes_new (gsize         length,
                   const char   *purpose,
                   void        **address,
                   GError      **error)
{
  Pages *pages;

  *address = hd_cpu_pages_new (length, purpose, error);
  if (*address == NULL)
    return NULL;

  pages = g_new (Pages, 1);
  pages->address = *address;
  pages->length = length;

  return g_bytes_new_with_free_func (*address, length, pages_free, pages);
}

/* --- threads --- */

int
hd_host_threads (int threads)
{
  return threads > 0 ? MIN (threads, (int) g_get_num_processors ()) : hd_cpu_machine_processors ();
}

void
hd_host_loop (int             threads,
              gint64          n,
              HdHostLoopFunc  func,
              gpointer        data)
{
  int team = (int) CLAMP (n, 1, (gint64) threads);

#pragma omp parallel for num_threads (team) schedule (dynamic)
  for (gint64 i = 0; i < n; i++)
    func (data, i, omp_get_thread_num ());
}
