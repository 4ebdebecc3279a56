/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/bands.h"

#include "kernels/band_map.h"

#define LEAST_ROWS 8
#define BAND_SHARE 8                    /* a band is at most this part of a map, */
#define BAND_BYTES ((gsize) 64 << 20)   /* and at most this large */

int
hd_bands_rows (const HdBands *bands,
               int            height,
               gsize          row_bytes)
{
  gsize rows = bands->rows > 0 ? (gsize) bands->rows
                               : MAX (MIN ((gsize) height / BAND_SHARE, BAND_BYTES / row_bytes), LEAST_ROWS);

  return (int) MIN (rows, (gsize) height);
}

/* --- what is read --------------------------------------------------------------- */

void
hd_band_source_clear (HdBandSource *source)
{
  g_clear_pointer (&source->x, hd_tensor_unref);
  g_clear_pointer (&source->skip, hd_tensor_unref);
}

int
hd_band_source_height (const HdBandSource *source)
{
  return source->sampler != NULL ? 2 * source->x->height : source->x->height;
}

static int
source_channels (const HdBandSource *source)
{
  return (source->sampler != NULL ? source->sampler->weight->out_channels : source->x->channels)
         + (source->skip != NULL ? source->skip->channels : 0);
}

static gsize
source_row_bytes (const HdBandSource *source)
{
  const HdTensor *x = source->x;

  return (gsize) (source->sampler != NULL ? 2 * x->width : x->width) * source_channels (source)
         * hd_dtype_size (x->dtype);
}

/* The rows @band of @x. */
static HdTensor *
cut (HdTensor *x,
     HdBand    band)
{
  return hd_tensor_rows (x, (int) band.first, (int) hd_band_length (band));
}

/* Rows of the enlarged map, from those of the small one that the convolution reads for them. */
static HdTensor *
enlarge_rows (HdContext          *context,
              const HdBandSource *source,
              HdBand              band)
{
  int                   height = hd_band_source_height (source);
  HdBand                read = hd_band_shown (hd_band_with_halo (band, height), source->x->height, height);
  g_autoptr (HdTensor)  small = cut (source->x, read);
  HdTensor              size = { .height = 2 * small->height, .width = 2 * small->width };
  g_autoptr (HdTensor)  x = hd_conv2d (context, small, source->sampler,
                                       &(HdConvOptions) { .padding = 1, .upsample_like = &size });

  return cut (x, hd_band_within (band, 2 * read.first));
}

static HdTensor *
read_rows (HdContext          *context,
           const HdBandSource *source,
           HdBand              band)
{
  return source->sampler != NULL ? enlarge_rows (context, source, band) : cut (source->x, band);
}

/* --- statistics ----------------------------------------------------------------- */

/* Of all bands of a map: (1, B, 2, C). */
static HdTensor *
moments_new (HdContext *context,
             int        height,
             int        rows,
             int        channels)
{
  return hd_tensor_new (context, HD_DTYPE_F32, 1, (int) hd_band_count (height, rows), 2, channels);
}

static void
moments_add (HdContext      *context,
             HdTensor       *moments,
             int             band,
             const HdTensor *x,
             const HdTensor *skip)
{
  g_autoptr (HdTensor) of_band = hd_channel_moments (context, x, skip);

  hd_copy_rows (context, moments, band, of_band);
}

HdTensor *
hd_band_source_statistics (HdContext          *context,
                           const HdBandSource *source,
                           const HdBands      *bands,
                           const HdNorm       *norm)
{
  g_autoptr (HdTensor) moments = NULL;
  int                  height;
  int                  width;
  int                  rows;

  if (source->x == NULL)
    return NULL;

  height = hd_band_source_height (source);
  width = source->sampler != NULL ? 2 * source->x->width : source->x->width;
  rows = hd_bands_rows (bands, height, source_row_bytes (source));
  moments = moments_new (context, height, rows, source_channels (source));
  for (int i = 0; moments != NULL && i < moments->height; i++)
    {
      HdBand               band = hd_band_at (height, rows, i);
      g_autoptr (HdTensor) x = read_rows (context, source, band);
      g_autoptr (HdTensor) skip = cut (source->skip, band);

      moments_add (context, moments, i, x, skip);
    }

  return hd_group_statistics (context, moments, (gint64) rows * width, (gint64) height * width, norm);
}

/* --- a norm and its convolution -------------------------------------------------- */

HdTensor *
hd_norm_conv_in_bands (HdContext     *context,
                       HdTensor      *x,
                       const HdNorm  *norm,
                       const HdConv  *conv,
                       const HdBands *bands,
                       gboolean       float_result)
{
  const HdBandSource    source = { .x = x };
  g_autoptr (HdTensor)  statistics = hd_band_source_statistics (context, &source, bands, norm);
  g_autoptr (HdTensor)  y = NULL;
  int                   rows;

  if (x == NULL)
    return NULL;

  y = hd_tensor_new (context, float_result ? HD_DTYPE_F32 : x->dtype, 1, x->height, x->width,
                     conv->weight->out_channels);
  rows = hd_bands_rows (bands, x->height, source_row_bytes (&source));
  for (gint64 i = 0; y != NULL && i < hd_band_count (x->height, rows); i++)
    {
      HdBand               band = hd_band_at (x->height, rows, i);
      HdBand               read = hd_band_with_halo (band, x->height);
      g_autoptr (HdTensor) h = cut (x, read);
      g_autoptr (HdTensor) ready = NULL;

      hd_tensor_take (&h, hd_group_norm_by (context, h, NULL, statistics, norm, HD_ACTIVATION_SILU));
      hd_tensor_take (&h, hd_conv2d (context, h, conv,
                                     &(HdConvOptions) { .padding = 1, .float_result = float_result }));
      ready = cut (h, hd_band_within (band, read.first));
      hd_copy_rows (context, y, (int) band.first, ready);
    }

  return g_steal_pointer (&y);
}

/* --- resnets -------------------------------------------------------------------- */

typedef struct
{
  HdContext          *context;
  const HdResnet     *resnet;
  const HdBandSource *source;
  const HdTensor     *emb;             /* (1, 1, 1, O) or NULL */
  int                 height;
  int                 width;
  int                 channels;        /* O */
  int                 rows;
  HdTensor           *statistics[2];   /* for the two GroupNorms */
  HdTensor           *kept;            /* what the first convolution made; NULL: it is computed again */
  HdTensor           *shortcut;        /* (nullable): the same of the source's shortcut */
} BandedResnet;

static void
banded_resnet_clear (BandedResnet *work)
{
  g_clear_pointer (&work->statistics[0], hd_tensor_unref);
  g_clear_pointer (&work->statistics[1], hd_tensor_unref);
  g_clear_pointer (&work->kept, hd_tensor_unref);
  g_clear_pointer (&work->shortcut, hd_tensor_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BandedResnet, banded_resnet_clear)

static HdTensor *
map_new (const BandedResnet *work)
{
  return hd_tensor_new (work->context, work->source->x->dtype, 1, work->height, work->width, work->channels);
}

/* What is added in the end. */
static HdTensor *
make_shortcut (const BandedResnet *work,
               HdBand              band)
{
  g_autoptr (HdTensor) x = read_rows (work->context, work->source, band);
  g_autoptr (HdTensor) skip = cut (work->source->skip, band);

  if (work->resnet->conv_shortcut.weight == NULL)
    return g_steal_pointer (&x);

  return hd_linear (work->context, x, &work->resnet->conv_shortcut, &(HdLinearOptions) { .x2 = skip });
}

/* The rows @band of the first half: norm, SiLU, convolution. */
static HdTensor *
first_half (const BandedResnet *work,
            HdBand              band)
{
  HdBand                read = hd_band_with_halo (band, work->height);
  g_autoptr (HdTensor)  h = read_rows (work->context, work->source, read);
  g_autoptr (HdTensor)  skip = cut (work->source->skip, read);

  hd_tensor_take (&h, hd_group_norm_by (work->context, h, skip, work->statistics[0], &work->resnet->norm1,
                                        HD_ACTIVATION_SILU));
  hd_tensor_take (&h, hd_conv2d (work->context, h, &work->resnet->conv1,
                                 &(HdConvOptions) { .padding = 1, .channel_bias = work->emb }));

  return cut (h, hd_band_within (band, read.first));
}

/* The first half of the whole map, for its statistics; and to keep, where there is room for that. */
static void
run_first_halves (BandedResnet *work)
{
  HdContext            *context = work->context;
  g_autoptr (HdTensor)  moments = moments_new (context, work->height, work->rows, work->channels);

  for (int i = 0; moments != NULL && i < moments->height; i++)
    {
      HdBand               band = hd_band_at (work->height, work->rows, i);
      g_autoptr (HdTensor) h = first_half (work, band);

      moments_add (context, moments, i, h, NULL);
      if (work->kept != NULL)
        hd_copy_rows (context, work->kept, (int) band.first, h);
      if (work->shortcut != NULL)
        {
          hd_tensor_take (&h, make_shortcut (work, band));
          hd_copy_rows (context, work->shortcut, (int) band.first, h);
        }
    }

  work->statistics[1] = hd_group_statistics (context, moments, (gint64) work->rows * work->width,
                                             (gint64) work->height * work->width, &work->resnet->norm2);
}

/* The second half, into @y, which may be what it reads: a band is written when the next one has been read. */
static void
run_second_halves (const BandedResnet *work,
                   HdTensor           *y)
{
  HdContext            *context = work->context;
  g_autoptr (HdTensor)  ready = NULL;
  gint64                ready_first = 0;

  for (gint64 i = 0; y != NULL && i < hd_band_count (work->height, work->rows); i++)
    {
      HdBand               band = hd_band_at (work->height, work->rows, i);
      HdBand               read = hd_band_with_halo (band, work->height);
      g_autoptr (HdTensor) h = work->kept != NULL ? cut (work->kept, read) : first_half (work, read);
      g_autoptr (HdTensor) residual = NULL;

      hd_tensor_take (&h, hd_group_norm_by (context, h, NULL, work->statistics[1], &work->resnet->norm2,
                                            HD_ACTIVATION_SILU));
      if (i > 0)
        hd_copy_rows (context, y, (int) ready_first, ready);
      hd_tensor_take (&ready, NULL);

      residual = work->shortcut != NULL ? cut (work->shortcut, read) : make_shortcut (work, read);
      hd_tensor_take (&h, hd_conv2d (context, h, &work->resnet->conv2,
                                     &(HdConvOptions) { .padding = 1, .residual = residual }));
      hd_tensor_take (&ready, cut (h, hd_band_within (band, read.first)));
      ready_first = band.first;
    }

  if (y != NULL)
    hd_copy_rows (context, y, (int) ready_first, ready);
}

/* The map that the result goes into: whichever is read for the last time, band by band, if it has the right shape. */
static HdTensor *
choose_result (const BandedResnet *work)
{
  const HdBandSource *source = work->source;
  gboolean            identity = work->resnet->conv_shortcut.weight == NULL && source->sampler == NULL;

  if (work->shortcut != NULL)
    return hd_tensor_ref (work->shortcut);
  if (work->kept != NULL)
    return hd_tensor_ref (work->kept);
  if (identity && !hd_tensor_is_shared (source->x))
    return hd_tensor_ref (source->x);

  return map_new (work);
}

HdTensor *
hd_resnet_in_bands (HdContext      *context,
                    const HdResnet *resnet,
                    HdBandSource   *source,
                    const HdTensor *time_embedding,
                    const HdBands  *bands)
{
  g_autoptr (HdTensor)  emb = NULL;
  g_autoptr (HdTensor)  y = NULL;
  g_auto (BandedResnet) work = { .context = context, .resnet = resnet, .source = source };
  gsize                 row_bytes;

  if (source->x == NULL)
    return NULL;

  if (time_embedding != NULL)
    emb = hd_linear (context, time_embedding, &resnet->time_emb_proj, NULL);
  work.emb = emb;
  work.height = hd_band_source_height (source);
  work.width = source->sampler != NULL ? 2 * source->x->width : source->x->width;
  work.channels = resnet->conv1.weight->out_channels;
  row_bytes = MAX (source_row_bytes (source), (gsize) work.width * work.channels * hd_dtype_size (source->x->dtype));
  /* Two rows at the least: no band reads what the last but one has written. */
  work.rows = MAX (hd_bands_rows (bands, work.height, row_bytes), MIN (2, work.height));

  work.statistics[0] = hd_band_source_statistics (context, source, bands, &resnet->norm1);
  if (!bands->again)
    work.kept = map_new (&work);
  if (!bands->again && source->sampler != NULL)
    work.shortcut = map_new (&work);
  run_first_halves (&work);

  y = choose_result (&work);
  run_second_halves (&work, y);
  hd_band_source_clear (source);

  return g_steal_pointer (&y);
}
