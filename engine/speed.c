/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/speed.h"

#include "kernels/ops.h"

/* The sample: a layer of each kind at the size of Stable Diffusion's upper blocks for 512 x 512. */
#define SAMPLE_SIDE     64
#define SAMPLE_CHANNELS 320
#define SAMPLE_HEADS    8
#define SAMPLE_GROUPS   32
#define SAMPLE_RUNS     3

static gboolean
counts_flops (HdOpKind kind)
{
  return kind == HD_OP_CONV || kind == HD_OP_LINEAR || kind == HD_OP_ATTENTION;
}

void
hd_speed_learn (HdSpeed   *speed,
                HdContext *context)
{
  for (int kind = 0; kind < HD_N_OPS; kind++)
    {
      HdOpStatistics statistics = hd_context_get_statistics (context, kind);

      if (counts_flops (kind) && statistics.flops > 0.0)
        speed->seconds_per_flop[kind] = statistics.seconds / statistics.flops;
      else if (!counts_flops (kind) && statistics.bytes > 0.0)
        speed->seconds_per_byte[kind] = statistics.seconds / statistics.bytes;
    }
}

double
hd_speed_predict (const HdSpeed *speed,
                  HdContext     *counted)
{
  double seconds = 0.0;

  if (speed->seconds_per_flop[HD_OP_CONV] <= 0.0)
    return -1.0;

  for (int kind = 0; kind < HD_N_OPS; kind++)
    {
      HdOpStatistics statistics = hd_context_get_statistics (counted, kind);

      seconds += statistics.flops * speed->seconds_per_flop[kind]
                 + statistics.bytes * speed->seconds_per_byte[kind];
    }

  return seconds;
}

static HdWeight *
sample_weight (HdContext     *context,
               HdWeightKind   kind,
               int            out,
               int            in,
               int            kernel,
               GError       **error)
{
  gsize             bytes = (gsize) out * in * kernel * kernel * sizeof (float);
  g_autoptr (GBytes) zeros = g_bytes_new_take (g_malloc0 (bytes), bytes);
  HdWeightPart       part = { .dtype = HD_DTYPE_F32, .out_channels = out, .bytes = zeros };

  return hd_weight_new (context, kind, hd_context_get_dtype (context), &part, 1, in, kernel, kernel, error);
}

static void
run_sample (HdContext      *context,
            const HdTensor *x,
            const HdConv   *conv,
            const HdLinear *linear,
            const HdNorm   *norm)
{
  g_autoptr (HdTensor) h = hd_group_norm (context, x, NULL, norm, HD_ACTIVATION_SILU);
  g_autoptr (HdTensor) q = NULL;

  hd_tensor_take (&h, hd_conv2d (context, h, conv, &(HdConvOptions) { .padding = 1, .residual = x }));
  hd_tensor_take (&h, hd_layer_norm (context, h, norm));
  q = hd_linear (context, h, linear, NULL);
  hd_tensor_take (&q, hd_attention (context, q, q, q, &(HdAttentionOptions) { .heads = SAMPLE_HEADS }));
  hd_tensor_take (&q, hd_activate (context, q, HD_ACTIVATION_SILU));
  hd_tensor_take (&q, hd_avg_pool_2x2 (context, q));
}

gboolean
hd_speed_measure (HdSpeed    *speed,
                  HdContext  *context,
                  GError    **error)
{
  gsize             pixels = (gsize) SAMPLE_SIDE * SAMPLE_SIDE;
  g_autofree float *values = g_new0 (float, pixels * SAMPLE_CHANNELS);
  HdConv            conv = { 0 };
  HdLinear          linear = { 0 };
  HdNorm            norm = { .epsilon = 1e-5f, .groups = SAMPLE_GROUPS };
  gboolean          success = FALSE;

  for (gsize i = 0; i < pixels * SAMPLE_CHANNELS; i++)
    values[i] = (float) (i % 7) / 7.0f - 0.5f;

  if (!hd_context_reserve (context, 16 * pixels * SAMPLE_CHANNELS * sizeof (float), error))
    return FALSE;

  conv.weight = sample_weight (context, HD_WEIGHT_CONV, SAMPLE_CHANNELS, SAMPLE_CHANNELS, 3, error);
  if (conv.weight != NULL)
    linear.weight = sample_weight (context, HD_WEIGHT_LINEAR, SAMPLE_CHANNELS, SAMPLE_CHANNELS, 1, error);
  if (linear.weight != NULL)
    norm.gamma = sample_weight (context, HD_WEIGHT_VECTOR, SAMPLE_CHANNELS, 1, 1, error);

  if (norm.gamma != NULL)
    {
      g_autoptr (HdTensor) x = NULL;

      norm.beta = hd_weight_ref (norm.gamma);
      x = hd_upload_rows (context, hd_context_get_dtype (context), 1, SAMPLE_SIDE, SAMPLE_SIDE, SAMPLE_CHANNELS,
                          values);

      /* The first time weights are laid out and code is made. */
      run_sample (context, x, &conv, &linear, &norm);
      hd_context_set_timed (context, TRUE);
      hd_context_reset_statistics (context);
      for (int i = 0; i < SAMPLE_RUNS; i++)
        run_sample (context, x, &conv, &linear, &norm);
      hd_context_set_timed (context, FALSE);

      success = hd_context_check (context, error);
      if (success)
        hd_speed_learn (speed, context);
    }

  hd_conv_clear (&conv);
  hd_linear_clear (&linear);
  hd_norm_clear (&norm);

  return hd_context_reserve (context, 0, success ? error : NULL) && success;
}
