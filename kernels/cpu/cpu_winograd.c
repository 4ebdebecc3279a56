/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_conv.h"
#include "kernels/cpu/cpu_gemm.h"
#include "kernels/cpu/cpu_parallel.h"
#include "kernels/cpu/cpu_weight.h"
#include "kernels/cpu/cpu_winograd_tiles.h"

/* Convolutions of 3 x 3 by Winograd's filtering (cpu_winograd_tiles.h), which multiply 3 (bf16) or 4 times less
 * (float32, and where the input is enlarged to twice its size).
 *
 * A block of tiles is an item of work: one thread transforms its input, multiplies it by one panel of output channels
 * after the other, and transforms the products into the result, all in the thread's own room, which is to stay in
 * the second cache. Tiles are counted through all images, column by column in strips of rows, so that blocks are
 * compact on the map and read few pixels twice.
 *
 * The weights are kept as they are, by vectors of output channels, and transformed in every call: next to the products
 * that is little work, and several times less memory. All threads share what is transformed, a group of panels at a
 * time, which is to stay in the last cache.
 *
 * Every element of the result is made of the same sums, in the same order, however the work is divided. */

#define PANEL         64
#define GROUP_BYTES   ((gsize) 16 << 20)
#define BLOCK_BYTES   ((gsize) 640 << 10)
#define LEAST_BLOCK   32
#define MOST_BLOCK    96
#define STRIP         4
#define WEIGHT_ROWS   32    /* input channels whose kernels are an item of work */

/* What else there is to do, in products of the same time: transforming the weights, as that many further tiles, and
 * the tiles, as that many further channels. */
#define WEIGHTS_COST  32.0
#define TILES_COST    32.0

#define BF16_CHANNELS 128   /* in bf16, of both sides */

typedef struct
{
  const HdCpuConv          *job;
  const HdCpuWinogradTiles *transforms;
  gboolean                  bf16;
  int                       points;       /* of a tile: of both sides */
  int                       tiles_x;
  int                       tiles_y;
  gint64                    tiles;        /* of all images */
  int                       block;        /* tiles in all blocks but the last */
  gint64                    n_blocks;
  int                       panel;        /* output channels in all panels but the last */
  int                       n_panels;
  int                       group;        /* panels that are transformed at once */
  int                       n_chunks;     /* items that a block's panels of a group are divided among */

  gsize                     input_row;    /* elements from one tile's transformed pixel to the next tile's */
  gsize                     input_stride; /* elements from one point to the next */
  gsize                     product_stride;
  gsize                     input_bytes;
  gsize                     product_bytes;
  gsize                     spare_bytes;
  gsize                     gemm_bytes;
  gsize                     thread_bytes;

  const char               *kernels;
  const HdCpuGemm          *gemms[2][2];  /* by last block, last panel */
  float                    *biases;       /* scratch: (N, O) */
  char                     *zeros;        /* scratch: pixels outside the map */
  char                     *weights;      /* scratch: a group's, transformed */
  char                     *threads;      /* scratch */

  int                       first_panel;  /* of the group at work */
  int                       group_panels;
} Winograd;

/* --- sizes --- */

static gsize
element_size (const Winograd *w)
{
  return w->bf16 ? sizeof (guint16) : sizeof (float);
}

static gsize
round_up (gsize value,
          gsize multiple)
{
  return (value + multiple - 1) / multiple * multiple;
}

static int
panel_channels (const Winograd *w,
                int             panel)
{
  return MIN (w->panel, w->job->y->channels - panel * w->panel);
}

static int
block_tiles (const Winograd *w,
             gint64          block)
{
  return (int) MIN (w->block, w->tiles - block * w->block);
}

/* Elements of a panel's weights for one point, and bytes for all. */
static gsize
weight_stride (const Winograd *w)
{
  return (gsize) w->job->x->channels * w->panel + 64 / element_size (w);
}

static gsize
panel_bytes (const Winograd *w)
{
  return w->points * weight_stride (w) * element_size (w);
}

/* --- when it is used --- */

static void
count_tiles (Winograd        *w,
             const HdCpuConv *job)
{
  int height, width;

  w->job = job;
  w->bf16 = job->x->dtype == HD_DTYPE_BF16;
  w->transforms = (w->bf16 ? hd_cpu_winograd_tiles_bf16 : hd_cpu_winograd_tiles_f32) (job->resize);
  w->points = hd_cpu_winograd_points (w->transforms->vertical) * hd_cpu_winograd_points (w->transforms->horizontal);
  height = hd_cpu_winograd_results (w->transforms->vertical);
  width = hd_cpu_winograd_results (w->transforms->horizontal);
  w->tiles_x = (job->width + width - 1) / width;
  w->tiles_y = (job->height + height - 1) / height;
  w->tiles = (gint64) job->y->batch * w->tiles_y * w->tiles_x;
}

static gboolean
is_possible (const HdCpuConv *job)
{
  const HdConvOptions *options = job->options;
  const HdWeight      *weight = job->conv->weight;

  return weight->kernel_height == 3 && weight->kernel_width == 3
         && options->stride == 1 && options->dilation == 1 && options->padding == 1 && options->padding_end == 0
         && (!job->resize || (job->height == 2 * job->x->height && job->width == 2 * job->x->width))
         && job->x->channels % HD_CPU_WINOGRAD_LANES == 0 && job->y->channels % HD_CPU_WINOGRAD_LANES == 0
         && job->y->dtype == job->x->dtype
         && (job->x->dtype == HD_DTYPE_F32 || hd_cpu_gemm_has_bf16 (job->cpu));
}

/* Compares the products. In bf16 the transformed tiles are rounded, which three quarters of a per cent of error are the
 * price of: it is paid where much time is gained. The convolution that it replaces makes 4 for every result if it enlarges. */
static gboolean
is_faster (const HdCpuConv *job)
{
  const double pixels = (double) job->y->batch * job->height * job->width;
  const double in = job->x->channels;
  const double out = job->y->channels;
  Winograd     w;

  /* Tiles of AMX multiply so fast that the transforms would be most of the work. */
  if (job->x->dtype == HD_DTYPE_BF16 && hd_cpu_has_amx ())
    return FALSE;

  if (job->x->dtype == HD_DTYPE_BF16 && MIN (in, out) < BF16_CHANNELS)
    return FALSE;

  count_tiles (&w, job);

  return w.points * ((w.tiles + WEIGHTS_COST) * in * out + w.tiles * TILES_COST / 2 * (in + out))
         < (job->resize ? 4.0 : 9.0) * pixels * in * out;
}

gboolean
hd_cpu_conv_is_winograd (const HdCpuConv *job)
{
  if (!is_possible (job) || job->cpu->winograd == HD_CPU_CHOICE_NEVER)
    return FALSE;

  return job->cpu->winograd == HD_CPU_CHOICE_ALWAYS || is_faster (job);
}

/* --- the plan --- */

static void
plan_panels (Winograd *w)
{
  const int channels = w->job->y->channels;
  int       n_groups;

  w->n_panels = (channels + PANEL - 1) / PANEL;
  w->panel = round_up ((channels + w->n_panels - 1) / w->n_panels, HD_CPU_WINOGRAD_LANES);
  w->n_panels = (channels + w->panel - 1) / w->panel;
  w->group = (int) CLAMP (GROUP_BYTES / panel_bytes (w), 1, (gsize) w->n_panels);
  n_groups = (w->n_panels + w->group - 1) / w->group;
  w->group = (w->n_panels + n_groups - 1) / n_groups;
}

/* Large blocks read the weights less often, but are to stay in cache, short, and as many as there are threads. */
static void
plan_blocks (Winograd *w)
{
  const HdCpuContext *cpu = w->job->cpu;
  const int           in = w->job->x->channels;
  const gsize         tile_bytes = w->points * (in * element_size (w) + w->panel * sizeof (float));
  const double        tile_flops = 2.0 * w->points * in * w->panel * w->group;
  double              block = CLAMP (BLOCK_BYTES / tile_bytes, LEAST_BLOCK, MOST_BLOCK);

  block = CLAMP (cpu->tile_flops / cpu->threads / tile_flops, 1.0, block);
  w->n_blocks = (w->tiles + (int) block - 1) / (int) block;
  if (w->n_blocks < 4 * cpu->threads)
    w->n_blocks = MIN (w->tiles, (gint64) round_up (w->n_blocks, cpu->threads));
  w->block = (int) ((w->tiles + w->n_blocks - 1) / w->n_blocks);
  w->n_blocks = (w->tiles + w->block - 1) / w->block;
  w->n_chunks = (int) CLAMP (2 * cpu->threads / w->n_blocks, 1, w->group);
}

/* Rows begin on cache lines. A line more keeps rows and points that are a power of two apart out of each other's way
 * in a cache. */
static void
plan_bytes (Winograd *w)
{
  const gsize size = element_size (w);
  const gsize line = 64 / size;

  w->input_row = round_up (w->job->x->channels, line) + line;
  w->input_stride = w->block * w->input_row + line;
  w->product_stride = (gsize) w->block * w->panel + 16;
  w->input_bytes = round_up (w->points * w->input_stride * size, 4096);
  w->product_bytes = round_up (w->points * w->product_stride * sizeof (float), 4096);
  w->spare_bytes = round_up (w->panel * size, 64);
  w->thread_bytes = round_up (w->input_bytes + w->product_bytes + w->spare_bytes + w->gemm_bytes, 4096);
}

static gboolean
make_gemms (Winograd  *w,
            GError   **error)
{
  for (int i = 0; i < 4; i++)
    {
      gboolean       last_block = i & 2;
      gboolean       last_panel = i & 1;
      HdCpuGemmShape shape = {
        .m = block_tiles (w, last_block ? w->n_blocks - 1 : 0),
        .n = panel_channels (w, last_panel ? w->n_panels - 1 : 0), .k = w->job->x->channels,
        .lda = (int) w->input_row, .ldb = w->panel, .ldc = w->panel, .bf16 = w->bf16,
      };
      const HdCpuGemm *gemm = hd_cpu_gemm_get (w->job->cpu, &shape, error);

      if (gemm == NULL)
        return FALSE;
      w->gemms[last_block != 0][last_panel != 0] = gemm;
      w->gemm_bytes = MAX (w->gemm_bytes, hd_cpu_gemm_scratch (gemm));
    }

  return TRUE;
}

static gboolean
provide_kernels (Winograd  *w,
                 GError   **error)
{
  HdWeight          *weight = w->job->conv->weight;
  const dnnl_dims_t  sides = { weight->out_channels, weight->in_channels, 3, 3 };
  dnnl_memory_desc_t layout = NULL;
  dnnl_status_t      status = dnnl_memory_desc_create_with_tag (&layout, 4, sides, hd_cpu_data_type (weight->dtype),
                                                                dnnl_Oihw16o);

  if (status != dnnl_success)
    return hd_cpu_set_error (error, status, "describing weights");

  /* So that a later convolution that enlarges otherwise does as it would without this one. */
  if (w->job->resize)
    hd_cpu_weight_keep_bytes (weight);

  w->kernels = hd_cpu_weight_packed (w->job->cpu, weight, HD_CPU_KERNEL_WHOLE, 0, weight->out_channels, layout, error);
  dnnl_memory_desc_destroy (layout);

  return w->kernels != NULL;
}

static gboolean
provide_scratch (Winograd  *w,
                 GError   **error)
{
  const HdCpuConv *job = w->job;
  const gsize      biases = round_up ((gsize) job->y->batch * job->y->channels * sizeof (float), 4096);
  const gsize      zeros = round_up (MAX ((gsize) job->x->channels, PANEL) * sizeof (float), 4096);
  const gsize      weights = round_up (w->group * panel_bytes (w), 4096);
  char            *scratch = hd_cpu_scratch (job->cpu, biases + zeros + weights + job->cpu->threads * w->thread_bytes,
                                             error);

  if (scratch == NULL)
    return FALSE;

  w->biases = (float *) scratch;
  w->zeros = scratch + biases;
  w->weights = w->zeros + zeros;
  w->threads = w->weights + weights;
  memset (w->zeros, 0, zeros);

  return TRUE;
}

static void
add_biases (const Winograd *w)
{
  HdCpuConv job = *w->job;

  for (int image = 0; image < job.y->batch; image++)
    {
      job.bias = w->biases + (gsize) image * job.y->channels;
      hd_cpu_conv_add_biases (&job, image);
    }
}

/* --- tiles --- */

typedef struct
{
  int image;
  int x;
  int y;
} Place;

static Place
find_place (const Winograd *w,
            gint64          tile)
{
  const gint64 image_tiles = (gint64) w->tiles_y * w->tiles_x;
  const gint64 rest = tile % image_tiles;
  const int    first_row = (int) (rest / ((gint64) STRIP * w->tiles_x)) * STRIP;
  const int    rows = MIN (STRIP, w->tiles_y - first_row);
  const int    within = (int) (rest - (gint64) first_row * w->tiles_x);

  return (Place) { .image = (int) (tile / image_tiles), .x = within / rows, .y = first_row + within % rows };
}

static void
transform_input (const Winograd *w,
                 gint64          tile,
                 char           *to)
{
  const HdTensor *x = w->job->x;
  const Place     place = find_place (w, tile);
  const int       height = hd_cpu_winograd_points (w->transforms->vertical);
  const int       width = hd_cpu_winograd_points (w->transforms->horizontal);
  const int       first_row = place.y * hd_cpu_winograd_step (w->transforms->vertical) - 1;
  const int       first_column = place.x * hd_cpu_winograd_step (w->transforms->horizontal) - 1;
  const gsize     pixel_bytes = x->channels * element_size (w);
  const char     *image = (const char *) x->data + (gsize) place.image * x->height * x->width * pixel_bytes;
  const void     *pixels[HD_CPU_WINOGRAD_POINTS * HD_CPU_WINOGRAD_POINTS];

  for (int i = 0; i < height * width; i++)
    {
      int row = first_row + i / width;
      int column = first_column + i % width;

      pixels[i] = row >= 0 && row < x->height && column >= 0 && column < x->width
                  ? image + ((gsize) row * x->width + column) * pixel_bytes : w->zeros;
    }

  w->transforms->input (pixels, x->channels, to, w->input_stride);
}

/* The channels of @panel of one tile's results; what is outside the map goes to @spare. */
static void
transform_output (const Winograd *w,
                  gint64          tile,
                  int             panel,
                  const float    *products,
                  char           *spare)
{
  const HdTensor *y = w->job->y;
  const HdTensor *residual = w->job->options->residual;
  const Place     place = find_place (w, tile);
  const int       height = hd_cpu_winograd_results (w->transforms->vertical);
  const int       width = hd_cpu_winograd_results (w->transforms->horizontal);
  const gsize     size = element_size (w);
  const int       channel = panel * w->panel;
  const void     *from[HD_CPU_WINOGRAD_RESULTS * HD_CPU_WINOGRAD_RESULTS];
  void           *to[HD_CPU_WINOGRAD_RESULTS * HD_CPU_WINOGRAD_RESULTS];

  for (int i = 0; i < height * width; i++)
    {
      int row = place.y * height + i / width;
      int column = place.x * width + i % width;

      if (row < y->height && column < y->width)
        {
          gsize pixel = ((gsize) place.image * y->height + row) * y->width + column;
          gsize offset = (pixel * y->channels + channel) * size;

          to[i] = (char *) y->data + offset;
          from[i] = residual != NULL ? (const char *) residual->data + offset : NULL;
        }
      else
        {
          to[i] = spare;
          from[i] = w->zeros;
        }
    }

  w->transforms->output (products, w->product_stride, panel_channels (w, panel),
                         w->biases + (gsize) place.image * y->channels + channel,
                         residual != NULL ? from : NULL, to);
}

/* --- work --- */

/* Some input channels' weights for one panel of the group. */
static void
transform_weights (gpointer data,
                   gint64   index,
                   int      thread)
{
  const Winograd *w = data;
  const int       in = w->job->x->channels;
  const int       chunks = (in + WEIGHT_ROWS - 1) / WEIGHT_ROWS;
  const int       slot = (int) (index / chunks);
  const int       panel = w->first_panel + slot;
  const int       first = (int) (index % chunks) * WEIGHT_ROWS;
  const int       step = w->bf16 ? 2 : 1;
  const gsize     size = element_size (w);
  char           *to = w->weights + slot * panel_bytes (w);

  for (int row = first; row < MIN (first + WEIGHT_ROWS, in); row += step)
    w->transforms->weights (w->kernels + ((gsize) panel * w->panel * in + row * HD_CPU_WINOGRAD_LANES) * 9 * size,
                            panel_channels (w, panel), (gsize) in * HD_CPU_WINOGRAD_LANES * 9,
                            to + hd_cpu_gemm_panel_index (w->bf16, w->panel, row, 0) * size, weight_stride (w));
}

static void
multiply_panel (const Winograd *w,
                gint64          block,
                int             slot,
                const char     *input,
                char           *products,
                char           *gemm_scratch)
{
  const int        panel = w->first_panel + slot;
  const HdCpuGemm *gemm = w->gemms[block == w->n_blocks - 1][panel == w->n_panels - 1];
  const gsize      size = element_size (w);
  const char      *weights = w->weights + slot * panel_bytes (w);

  hd_cpu_gemm_select (gemm);
  for (int i = 0; i < w->points; i++)
    hd_cpu_gemm_run (gemm, input + i * w->input_stride * size, weights + i * weight_stride (w) * size,
                     (float *) products + i * w->product_stride, gemm_scratch);
}

/* Some of the group's panels for one block. */
static void
run_block (gpointer data,
           gint64   index,
           int      thread)
{
  const Winograd *w = data;
  const gint64    block = index / w->n_chunks;
  const int       chunk = (int) (index % w->n_chunks);
  const gint64    first = block * w->block;
  const int       tiles = block_tiles (w, block);
  char           *input = w->threads + thread * w->thread_bytes;
  char           *products = input + w->input_bytes;
  char           *spare = products + w->product_bytes;

  for (int i = 0; i < tiles; i++)
    transform_input (w, first + i, input + i * w->input_row * element_size (w));

  for (int slot = w->group_panels * chunk / w->n_chunks; slot < w->group_panels * (chunk + 1) / w->n_chunks; slot++)
    {
      multiply_panel (w, block, slot, input, products, spare + w->spare_bytes);
      for (int i = 0; i < tiles; i++)
        transform_output (w, first + i, w->first_panel + slot, (const float *) products + (gsize) i * w->panel, spare);
    }

  hd_cpu_gemm_leave ();
}

gboolean
hd_cpu_conv_winograd (HdCpuConv  *job,
                      GError    **error)
{
  const gint64 chunks = (job->x->channels + WEIGHT_ROWS - 1) / WEIGHT_ROWS;
  Winograd     w = { 0 };

  hd_cpu_gemms_trim (job->cpu);
  count_tiles (&w, job);
  plan_panels (&w);
  plan_blocks (&w);
  plan_bytes (&w);
  if (!make_gemms (&w, error))
    return FALSE;
  plan_bytes (&w);
  if (!provide_kernels (&w, error) || !provide_scratch (&w, error))
    return FALSE;
  add_biases (&w);

  for (w.first_panel = 0; w.first_panel < w.n_panels; w.first_panel += w.group)
    {
      w.group_panels = MIN (w.group, w.n_panels - w.first_panel);
      if (!hd_cpu_loop (job->cpu, w.group_panels * chunks, transform_weights, &w, error)
          || !hd_cpu_loop (job->cpu, w.n_blocks * w.n_chunks, run_block, &w, error))
        return FALSE;
    }

  return TRUE;
}
