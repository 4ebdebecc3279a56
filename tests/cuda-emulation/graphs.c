/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/cuda-emulation/cuda_test.h"
#include "tests/cuda-emulation/pretend_bandwidth.h"

/* hd_context_repeat(): what is replayed from graphs has the very bits of what is computed as always, whatever fails
 * meanwhile. */

#define HEIGHT   4
#define WIDTH    8
#define CHANNELS 32
#define HEADS    2
#define ELEMENTS (2 * HEIGHT * WIDTH * CHANNELS)

/* A network with something of everything that steps have. */
typedef struct
{
  HdContext *context;
  HdNorm     norm;
  HdConv     conv;
  HdLinear   qkv;
  HdLinear   gated;

  /* A step of it. */
  float     *values;      /* what it begins with; its own */
  int        shift;       /* of windows, in rows and columns */
  gboolean   pooled;      /* another phase */
  gboolean   downloads;   /* what cannot be repeated */
  HdWeight  *late;        /* made in the middle of the step, if asked for */
  gboolean   makes_weight;
  int        calls;
} Network;

static HdWeight *
make_weight (HdContext    *context,
             HdWeightKind  kind,
             HdDtype       dtype,
             int           out,
             int           in,
             int           kernel,
             guint32       seed)
{
  g_autoptr (GRand)  rand = g_rand_new_with_seed (seed);
  g_autofree float  *values = test_random (rand, (gsize) out * in * kernel * kernel, dtype);

  for (int i = 0; i < out * in * kernel * kernel; i++)
    values[i] = test_round (values[i] * 0.2f, dtype);

  return test_weight_new (context, kind, dtype, dtype, out, in, kernel, values);
}

static void
network_init (Network   *network,
              HdContext *context)
{
  const int c = CHANNELS;

  *network = (Network) {
    .context = context,
    .norm = { make_weight (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, c, 1, 1, 1),
              make_weight (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, c, 1, 1, 2), 1e-5f, 4 },
    .conv = { make_weight (context, HD_WEIGHT_CONV, HD_DTYPE_F16, c, c, 3, 3),
              make_weight (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, c, 1, 1, 4) },
    .qkv = { make_weight (context, HD_WEIGHT_LINEAR, HD_DTYPE_F16, 3 * c, c, 1, 5) },
    .gated = { make_weight (context, HD_WEIGHT_LINEAR, HD_DTYPE_F16, 2 * c, c, 1, 6),
               make_weight (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, 2 * c, 1, 1, 7) },
    .values = g_new0 (float, ELEMENTS),
  };
}

static void
network_clear (Network *network)
{
  hd_norm_clear (&network->norm);
  hd_conv_clear (&network->conv);
  hd_linear_clear (&network->qkv);
  hd_linear_clear (&network->gated);
  g_clear_pointer (&network->late, hd_weight_unref);
  g_clear_pointer (&network->values, g_free);
}

static HdTensor *
attend (Network        *network,
        const HdTensor *x)
{
  g_autoptr (HdTensor) qkv = hd_linear (network->context, x, &network->qkv, NULL);
  g_autoptr (HdTensor) q = hd_tensor_channels (qkv, 0, CHANNELS);
  g_autoptr (HdTensor) k = hd_tensor_channels (qkv, CHANNELS, CHANNELS);
  g_autoptr (HdTensor) v = hd_tensor_channels (qkv, 2 * CHANNELS, CHANNELS);
  HdWindow             window = { 0 };

  if (x != NULL)
    window = (HdWindow) { x->height, x->width, x->height / 2, x->width / 2, network->shift % (x->height / 2),
                          network->shift % (x->width / 2) };

  return hd_attention (network->context, q, k, v, &(HdAttentionOptions) { .heads = HEADS, .window = &window });
}

/* As a network does that loads what it needs when it needs it. */
static void
make_late_weight (Network *network)
{
  g_autoptr (GBytes)  bytes = g_bytes_new (network->values, CHANNELS * sizeof (float));
  const HdWeightPart  part = { HD_DTYPE_F32, CHANNELS, bytes };
  GError             *error = NULL;

  network->late = hd_weight_new (network->context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, &part, 1, 1, 1, 1, &error);
  if (network->late == NULL)
    hd_context_fail (network->context, error);
}

/* An HdRepeatFunc. */
static HdTensor *
step (HdContext *context,
      gpointer   user_data)
{
  Network              *network = user_data;
  g_autoptr (HdTensor)  x = hd_upload (context, HD_DTYPE_F16, 2, HEIGHT, WIDTH, CHANNELS, network->values);
  g_autoptr (HdTensor)  h = NULL;

  network->calls++;
  if (network->makes_weight && network->late == NULL)
    make_late_weight (network);
  if (network->pooled)
    hd_tensor_take (&x, hd_avg_pool_2x2 (context, x));
  h = hd_group_norm (context, x, NULL, &network->norm, HD_ACTIVATION_SILU);
  hd_tensor_take (&h, hd_conv2d (context, h, &network->conv, &(HdConvOptions) { .padding = 1, .residual = x }));
  hd_tensor_take (&x, attend (network, h));
  hd_tensor_take (&h, hd_layer_norm (context, x, &network->norm));
  if (network->downloads)
    {
      g_autofree float *seen = g_new (float, ELEMENTS);

      hd_download (context, h, seen);
    }
  hd_tensor_take (&h, hd_linear (context, h, &network->gated,
                                 &(HdLinearOptions) { .activation = HD_ACTIVATION_GEGLU, .residual = x }));
  hd_tensor_take (&h, hd_activate (context, h, HD_ACTIVATION_SILU));

  return hd_resize_bicubic (context, h, HEIGHT, WIDTH);
}

/* What step number @k begins with. */
static void
set_step (Network *network,
          int      k)
{
  g_autoptr (GRand)  rand = g_rand_new_with_seed (100 + k);
  g_autofree float  *values = test_random (rand, ELEMENTS, HD_DTYPE_F16);

  memcpy (network->values, values, ELEMENTS * sizeof *values);
  network->shift = k % 3;
}

/* Its result: as always, or as a step of the phase @key. */
static float *
run_step (Network  *network,
          int       k,
          gboolean  repeat,
          guint64   key)
{
  float                *found = g_new0 (float, ELEMENTS);
  g_autoptr (HdTensor)  y = NULL;

  set_step (network, k);
  y = repeat ? hd_context_repeat (network->context, key, step, network) : step (network->context, network);
  hd_download (network->context, y, found);

  return found;
}

static void
assert_step (Network  *network,
             int       k,
             guint64   key)
{
  g_autofree float *expected = run_step (network, k, FALSE, 0);
  g_autofree float *found = run_step (network, k, TRUE, key);
  GError           *error = NULL;

  hd_context_check (network->context, &error);
  g_assert_no_error (error);
  g_assert_cmpint (network->context->n_tensors, ==, 0);
  g_assert_cmpmem (found, ELEMENTS * sizeof *found, expected, ELEMENTS * sizeof *expected);
}

typedef struct
{
  HdContext *context;
  Network    network;
  guint64    graphs;      /* launched before */
} Fixture;

static void
fixture_init (Fixture       *fixture,
              gconstpointer  data)
{
  fixture->context = test_cuda_context_new (HD_DTYPE_F16, 1 << 20);
  network_init (&fixture->network, fixture->context);
  fixture->graphs = hd_emulated_graph_launches ();
}

static void
fixture_clear (Fixture       *fixture,
               gconstpointer  data)
{
  hd_emulated_fail_captures (0);
  hd_emulated_fail_graph_launches (0);
  hd_emulated_fail_after (-1);
  network_clear (&fixture->network);
  g_clear_pointer (&fixture->context, hd_context_unref);
  test_cuda_assert_released ();
}

static void
assert_launched (Fixture *fixture,
                 int      count)
{
  if (hd_emulated ())
    g_assert_cmpint (hd_emulated_graph_launches () - fixture->graphs, ==, count);
}

/* As always, captured, replayed; other inputs and other shifts each time. */
static void
test_same (Fixture       *fixture,
           gconstpointer  data)
{
  guint pieces;

  for (int k = 0; k < 6; k++)
    {
      assert_step (&fixture->network, k, 1);
      assert_launched (fixture, k);
    }

  g_assert_cmpuint (test_cuda_captured (fixture->context, &pieces), ==, hd_emulated () ? 1 : 0);
  /* twice as always, as there is nothing to compare with otherwise, and once for each step */
  g_assert_cmpint (fixture->network.calls, ==, 12);
}

/* Each phase has its own graph; going back to one that is known needs no new one. */
static void
test_phases (Fixture       *fixture,
             gconstpointer  data)
{
  const gboolean pooled[] = { TRUE, TRUE, TRUE, FALSE, FALSE, FALSE, TRUE, FALSE };
  const int      launched[] = { 0, 1, 2, 2, 3, 4, 5, 6 };
  guint          pieces;

  for (guint k = 0; k < G_N_ELEMENTS (pooled); k++)
    {
      fixture->network.pooled = pooled[k];
      assert_step (&fixture->network, k, pooled[k]);
      assert_launched (fixture, launched[k]);
    }
  if (hd_emulated ())
    g_assert_cmpuint (test_cuda_captured (fixture->context, &pieces), ==, 2);

  /* more phases than are kept: the last one is computed as always */
  for (int key = 2; key < 9; key++)
    assert_step (&fixture->network, 0, key);
  for (int k = 0; k < 3; k++)
    assert_step (&fixture->network, k, 9);
  assert_launched (fixture, 6);
}

/* Statistics count a step once, however it is computed. */
static void
test_statistics (Fixture       *fixture,
                 gconstpointer  data)
{
  double flops = 0.0;

  for (int k = 0; k < 5; k++)
    {
      g_autofree float *found = NULL;
      HdOpStatistics    statistics;

      hd_context_reset_statistics (fixture->context);
      if (k == 3)
        fixture->network.pooled = TRUE;   /* not what was captured: done again */
      found = run_step (&fixture->network, k, TRUE, 1);
      statistics = hd_context_get_statistics (fixture->context, HD_OP_CONV);
      g_assert_cmpint (statistics.calls, ==, 1);
      if (k > 0 && k < 3)
        g_assert_cmpfloat (statistics.flops, ==, flops);
      flops = statistics.flops;
    }
}

/* Another network under the same key is noticed, and computed as it should be. */
static void
test_other_calls (Fixture       *fixture,
                  gconstpointer  data)
{
  for (int k = 0; k < 12; k++)
    {
      fixture->network.pooled = k / 4 % 2 != 0;
      assert_step (&fixture->network, k, 1);
    }
}

/* A tensor that lives elsewhere is another call too. */
static void
test_other_place (Fixture       *fixture,
                  gconstpointer  data)
{
  g_autoptr (HdTensor) kept = NULL;

  for (int k = 0; k < 6; k++)
    {
      g_autofree float *expected = run_step (&fixture->network, k, FALSE, 0);
      g_autofree float *found = NULL;

      if (k == 3)
        kept = hd_tensor_new (fixture->context, HD_DTYPE_F16, 1, 7, 5, 9);
      found = run_step (&fixture->network, k, TRUE, 1);
      g_assert_cmpmem (found, ELEMENTS * sizeof *found, expected, ELEMENTS * sizeof *expected);
    }
}

static void
test_cannot_capture (Fixture       *fixture,
                     gconstpointer  data)
{
  if (test_cuda_skip_on_gpu ())
    return;

  hd_emulated_fail_captures (1);
  for (int k = 0; k < 4; k++)
    assert_step (&fixture->network, k, 1);
  assert_launched (fixture, 0);

  /* the next phase can be */
  for (int k = 0; k < 3; k++)
    assert_step (&fixture->network, k, 2);
  assert_launched (fixture, 2);

  /* but its graph finds no memory any more */
  hd_emulated_fail_graph_launches (1);
  for (int k = 0; k < 3; k++)
    assert_step (&fixture->network, k, 2);
  assert_launched (fixture, 2);
}

/* Memory that is missing anywhere while a phase is captured: computed as always. */
static void
test_no_memory (Fixture       *fixture,
                gconstpointer  data)
{
  if (test_cuda_skip_on_gpu ())
    return;

  for (int places = 0; places < 4; places++)
    {
      assert_step (&fixture->network, 0, places);
      hd_emulated_fail_after (places);
      assert_step (&fixture->network, 1, places);
      hd_emulated_fail_after (-1);
      assert_step (&fixture->network, 2, places);
    }
  /* room on the device, in pinned memory, the graph: only then is it there */
  assert_launched (fixture, 2);
}

/* What cannot be part of a graph. */
static void
test_unrepeatable (Fixture       *fixture,
                   gconstpointer  data)
{
  fixture->network.downloads = TRUE;
  for (int k = 0; k < 4; k++)
    assert_step (&fixture->network, k, 1);
  assert_launched (fixture, 0);

  /* only from the capture on, or from the replay on */
  for (int late = 1; late < 3; late++)
    for (int k = 0; k < 5; k++)
      {
        fixture->network.downloads = k >= late;
        assert_step (&fixture->network, k, 1 + late);
      }
  fixture->network.downloads = FALSE;

  /* a weight that is made in the middle */
  for (int k = 0; k < 5; k++)
    {
      g_autofree float *found = NULL;
      GError           *error = NULL;

      fixture->network.makes_weight = k == 2;
      found = run_step (&fixture->network, k, TRUE, 9);
      hd_context_check (fixture->context, &error);
      g_assert_no_error (error);
    }
  g_assert_nonnull (fixture->network.late);
}

/* A weight that goes takes the graphs that read it along. */
static void
test_dropped (Fixture       *fixture,
              gconstpointer  data)
{
  guint pieces;

  for (int k = 0; k < 3; k++)
    assert_step (&fixture->network, k, 1);
  hd_conv_clear (&fixture->network.conv);
  g_assert_cmpuint (test_cuda_captured (fixture->context, &pieces), ==, 0);

  fixture->network.conv.weight = make_weight (fixture->context, HD_WEIGHT_CONV, HD_DTYPE_F16, CHANNELS, CHANNELS, 3, 30);
  for (int k = 0; k < 3; k++)
    assert_step (&fixture->network, k, 1);

  /* and so does the memory of tensors */
  test_reserve (fixture->context, 2 << 20);
  g_assert_cmpuint (test_cuda_captured (fixture->context, &pieces), ==, 0);
  for (int k = 0; k < 3; k++)
    assert_step (&fixture->network, k, 1);
}

/* Cancelled in any of the three ways: nothing is computed, and the next step is as good as ever. */
static void
test_cancel (Fixture       *fixture,
             gconstpointer  data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  hd_context_set_cancellable (fixture->context, cancellable);
  for (int k = 0; k < 4; k++)
    {
      g_autofree float *found = NULL;
      GError           *error = NULL;

      g_cancellable_cancel (cancellable);
      found = run_step (&fixture->network, k, TRUE, 1);
      g_assert_false (hd_context_check (fixture->context, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&error);
      g_assert_cmpint (fixture->context->n_tensors, ==, 0);

      g_cancellable_reset (cancellable);
      assert_step (&fixture->network, k, 1);
    }
  assert_launched (fixture, 3);
}

typedef struct
{
  GCancellable *cancellable;
  int           operators;   /* after how many it is cancelled */
} Canceller;

static void
on_operator (HdContext *context,
             double     flops,
             gpointer   user_data)
{
  Canceller *canceller = user_data;

  context->progress_time = 0;   /* after every operator */
  if (canceller->operators-- == 0)
    g_cancellable_cancel (canceller->cancellable);
}

/* In the middle of a step, which is captured or replayed. */
static void
test_cancel_within (Fixture       *fixture,
                    gconstpointer  data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  hd_context_set_cancellable (fixture->context, cancellable);
  for (int k = 0; k < 4; k++)
    {
      Canceller         canceller = { cancellable, 4 };
      g_autofree float *found = NULL;
      GError           *error = NULL;

      hd_context_set_progress (fixture->context, on_operator, &canceller);
      found = run_step (&fixture->network, k, TRUE, 1);
      hd_context_set_progress (fixture->context, NULL, NULL);
      g_assert_false (hd_context_check (fixture->context, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&error);
      g_assert_cmpint (fixture->context->n_tensors, ==, 0);

      g_cancellable_reset (cancellable);
      assert_step (&fixture->network, k, 1);
    }
  assert_launched (fixture, 3);
}

/* The card falls out in any of the three ways. */
static void
test_lost (Fixture       *fixture,
           gconstpointer  data)
{
  if (test_cuda_skip_on_gpu ())
    return;

  for (int steps = 0; steps < 3; steps++)
    {
      g_autofree float *found = NULL;
      GError           *error = NULL;

      for (int k = 0; k < steps; k++)
        assert_step (&fixture->network, k, 1);
      hd_emulated_break (1);
      found = run_step (&fixture->network, 0, TRUE, 1);
      g_assert_false (hd_context_check (fixture->context, &error));
      hd_emulated_break (0);
      g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED);
      g_assert_nonnull (strstr (error->message, "Emulated GPU"));
      g_clear_error (&error);

      fixture_clear (fixture, NULL);
      fixture_init (fixture, NULL);
    }
}

/* On a slow card the graph is in pieces; on one that is slower still there is none. */
static void
test_pieces (Fixture       *fixture,
             gconstpointer  data)
{
  guint pieces;

  if (test_cuda_skip_on_gpu ())
    return;

  test_cuda_pretend_bandwidth (fixture->context, 8e5);
  for (int k = 0; k < 4; k++)
    assert_step (&fixture->network, k, 1);
  g_assert_cmpuint (test_cuda_captured (fixture->context, &pieces), ==, 1);
  g_assert_cmpuint (pieces, >, 2);

  test_cuda_pretend_bandwidth (fixture->context, 8e4);
  for (int k = 0; k < 4; k++)
    assert_step (&fixture->network, k, 2);
  g_assert_cmpuint (test_cuda_captured (fixture->context, &pieces), ==, 1);
}

/* Operators that are timed one by one are not recorded, nor is anything if the environment says so. */
static void
test_off (Fixture       *fixture,
          gconstpointer  data)
{
  hd_context_set_timed (fixture->context, TRUE);
  for (int k = 0; k < 3; k++)
    assert_step (&fixture->network, k, 1);
  assert_launched (fixture, 0);
  hd_context_set_timed (fixture->context, FALSE);

  fixture_clear (fixture, NULL);
  g_setenv ("HIDIFFUSION_CUDA_GRAPHS", "0", TRUE);
  fixture_init (fixture, NULL);
  for (int k = 0; k < 3; k++)
    assert_step (&fixture->network, k, 1);
  assert_launched (fixture, 0);
  g_unsetenv ("HIDIFFUSION_CUDA_GRAPHS");
}

int
main (int   argc,
      char *argv[])
{
  static const struct
  {
    const char *path;
    void     (* func) (Fixture *fixture, gconstpointer data);
  } tests[] = {
    { "/cuda/graphs/same", test_same },
    { "/cuda/graphs/phases", test_phases },
    { "/cuda/graphs/statistics", test_statistics },
    { "/cuda/graphs/other-calls", test_other_calls },
    { "/cuda/graphs/other-place", test_other_place },
    { "/cuda/graphs/cannot-capture", test_cannot_capture },
    { "/cuda/graphs/no-memory", test_no_memory },
    { "/cuda/graphs/unrepeatable", test_unrepeatable },
    { "/cuda/graphs/dropped", test_dropped },
    { "/cuda/graphs/cancel", test_cancel },
    { "/cuda/graphs/cancel-within", test_cancel_within },
    { "/cuda/graphs/lost", test_lost },
    { "/cuda/graphs/pieces", test_pieces },
    { "/cuda/graphs/off", test_off },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, fixture_init, tests[i].func, fixture_clear);

  return g_test_run ();
}
