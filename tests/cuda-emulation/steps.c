/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/noise.h"
#include "engine/pipeline.h"
#include "tests/cuda-emulation/cuda_test.h"
#include "tests/cuda-emulation/pretend_bandwidth.h"

/* A run of the demo model through two phases of RAU-Net with window attention: each is observed, captured and replayed
 * with other shifts, which changes no bit of the latents; nor does it that weights are streamed, in steps that are not
 * captured then. */

#define SIDE      8    /* of the latents */
#define STEPS     6
#define RAU_STEPS 3    /* with both of RAU-Net's tools */
#define PHASES    2

static int
on_shift (guint64  call,
          gpointer user_data)
{
  return hd_noise_shift (7, call);
}

typedef struct
{
  HdContext *context;
  guint64    draw;
  int        captured;
} Watch;

static void
on_noise (float    *values,
          gsize     count,
          gpointer  user_data)
{
  hd_noise_fill (7, ((Watch *) user_data)->draw++, values, count);
}

static void
on_step (int      step,
         int      steps,
         gpointer user_data)
{
  Watch *watch = user_data;
  guint  pieces;

  watch->captured = (int) test_cuda_captured (watch->context, &pieces);
}

/* The latents of a run, with graphs or without, with the UNet's weights on the device or, @streamed, none of them. */
static float *
run (gboolean graphs,
     gboolean streamed)
{
  const HdHiDiffusionRatio ratios = { .d4 = (RAU_STEPS + 0.5) / STEPS, .p2 = (RAU_STEPS + 0.5) / STEPS };
  GError                  *error = NULL;
  HdContext               *context;
  HdPipeline              *pipeline;
  Watch                    watch = { 0 };
  float                   *latents = g_new0 (float, 4 * SIDE * SIDE);
  guint64                  launched = hd_emulated_graph_launches ();
  HdRun                    settings = {
    .prompt = "a red circle", .negative_prompt = "", .latent_height = SIDE, .latent_width = SIDE, .guidance_scale = 1.0,
    .sampler = { .name = "euler_a", .steps = STEPS, .strength = 1.0 },
    .rau_net = TRUE, .msw_msa = TRUE, .ratios = &ratios,
    .noise = on_noise, .shift = on_shift, .step = on_step, .user_data = &watch,
  };

  g_setenv ("HIDIFFUSION_CUDA_GRAPHS", graphs ? "1" : "0", TRUE);
  context = test_cuda_context_new (HD_DTYPE_F16, 16 << 20);
  watch.context = context;
  pipeline = hd_pipeline_load (context, g_getenv ("HD_DEMO_MODEL"), &error);
  g_assert_no_error (error);
  if (streamed)
    pipeline->plan = (HdMemoryPlan) { .splits = HD_SPLIT_WEIGHTS, .streaming = { .total = 1 } };
  hd_pipeline_denoise (pipeline, &settings, latents, &error);
  g_assert_no_error (error);

  g_assert_cmpint (context->weights.n_streamed > 0, ==, streamed);
  if (hd_emulated ())
    {
      g_assert_cmpint (hd_emulated_graph_launches () - launched, ==, graphs && !streamed ? STEPS - PHASES : 0);
      g_assert_cmpint (watch.captured, ==, graphs && !streamed ? PHASES : 0);
    }

  hd_pipeline_free (pipeline);
  g_assert_cmpint (context->n_tensors, ==, 0);
  hd_context_unref (context);
  test_cuda_assert_released ();

  return latents;
}

static void
test_steps (void)
{
  g_autofree float *expected = run (FALSE, FALSE);
  g_autofree float *found = run (TRUE, FALSE);
  g_autofree float *streamed = run (TRUE, TRUE);
  double            norm = 0.0;

  for (int i = 0; i < 4 * SIDE * SIDE; i++)
    norm += expected[i] * expected[i];
  g_assert_cmpfloat (norm, >, 1.0);
  g_assert_cmpmem (found, 4 * SIDE * SIDE * sizeof *found, expected, 4 * SIDE * SIDE * sizeof *expected);
  g_assert_cmpmem (streamed, 4 * SIDE * SIDE * sizeof *streamed, expected, 4 * SIDE * SIDE * sizeof *expected);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cuda/steps", test_steps);

  return g_test_run ();
}
