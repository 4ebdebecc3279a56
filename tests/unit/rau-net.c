/* SPDX-License-Identifier: Apache-2.0 */

/* RAU-Net's schedule: families, sizes, kinds of run, and how shares of the steps are rounded. */

#include "engine/rau_net.h"

/* What is expected of a run: D4 in the steps [0, d4_until), P2 in [p2_from, p2_until). */
typedef struct
{
  HdRauNetCase run;
  int          d4_until;
  int          p2_from;
  int          p2_until;
} Expectation;

/* Down blocks of either tool; HD_NO_BLOCK where the family has none. */
static const struct
{
  int d4;
  int p2;
} family_blocks[] = {
  [HD_FAMILY_SD1] = { 0, 1 },
  [HD_FAMILY_SD2] = { 0, 1 },
  [HD_FAMILY_SDXL] = { 1, 1 },
  [HD_FAMILY_SDXL_TURBO] = { HD_NO_BLOCK, 1 },
};

static void
check (const Expectation *expected)
{
  const HdRauNetCase *run = &expected->run;
  HdRauNet            rau_net;

  hd_rau_net_init (&rau_net, run);
  for (int step = 0; step < run->steps; step++)
    {
      HdRauNetTools tools = hd_rau_net_at (&rau_net, step);
      gboolean      d4 = step < expected->d4_until;
      gboolean      p2 = step >= expected->p2_from && step < expected->p2_until;

      g_assert_cmpint (tools.d4_block, ==, d4 ? family_blocks[run->family].d4 : HD_NO_BLOCK);
      g_assert_cmpint (tools.p2_block, ==, p2 ? family_blocks[run->family].p2 : HD_NO_BLOCK);
    }
}

static void
check_all (const Expectation *expected,
           gsize              n)
{
  for (gsize i = 0; i < n; i++)
    check (&expected[i]);
}

#define RUN(family_, sample_size_, height_, width_, steps_) \
  .run = { .family = HD_FAMILY_ ## family_, .sample_size = sample_size_, \
           .latent_height = height_, .latent_width = width_, .steps = steps_ }

/* Normal: D4 for 0.4 of the steps. Both sides >= 256: D4 for 0.7, P2 for 0.3. */
static void
test_sd (void)
{
  static const Expectation expected[] = {
    { RUN (SD1, 64, 64, 64, 50), 20, 0, 0 },
    { RUN (SD1, 64, 128, 128, 50), 20, 0, 0 },
    { RUN (SD1, 64, 255, 255, 50), 20, 0, 0 },
    { RUN (SD1, 64, 256, 255, 50), 20, 0, 0 },
    { RUN (SD1, 64, 255, 256, 50), 20, 0, 0 },
    { RUN (SD1, 64, 256, 256, 50), 35, 0, 15 },
    { RUN (SD1, 64, 512, 256, 50), 35, 0, 15 },
    { RUN (SD2, 64, 128, 128, 50), 20, 0, 0 },
    { RUN (SD2, 64, 256, 256, 50), 35, 0, 15 },
    /* trained at 768: the threshold stays */
    { RUN (SD2, 96, 192, 192, 30), 12, 0, 0 },
    { RUN (SD2, 96, 256, 256, 30), 21, 0, 9 },
    /* a small model: 4 x its own size */
    { RUN (SD1, 16, 63, 64, 50), 20, 0, 0 },
    { RUN (SD1, 16, 64, 64, 50), 35, 0, 15 },
    { RUN (SD1, 8, 32, 32, 50), 35, 0, 15 },
  };

  check_all (expected, G_N_ELEMENTS (expected));
}

/* Normal: D4 for 8 of 50 steps, then P2 until 0.4. Both sides >= 512: D4 for 0.3, P2 for 0.7, both from the start. */
static void
test_sdxl (void)
{
  static const Expectation expected[] = {
    { RUN (SDXL, 128, 128, 128, 50), 8, 8, 20 },
    { RUN (SDXL, 128, 256, 256, 50), 8, 8, 20 },
    { RUN (SDXL, 128, 511, 512, 50), 8, 8, 20 },
    { RUN (SDXL, 128, 512, 511, 50), 8, 8, 20 },
    { RUN (SDXL, 128, 512, 512, 50), 15, 0, 35 },
    { RUN (SDXL, 128, 256, 256, 30), 4, 4, 12 },
    { RUN (SDXL, 128, 256, 256, 25), 4, 4, 10 },
    { RUN (SDXL, 128, 256, 256, 6), 0, 0, 2 },
    { RUN (SDXL, 32, 128, 128, 50), 15, 0, 35 },
    { RUN (SDXL, 32, 127, 128, 50), 8, 8, 20 },
  };

  check_all (expected, G_N_ELEMENTS (expected));
}

static void
check_kind (gboolean inpainting,
            gboolean control_net,
            int      side,
            int      d4_until,
            int      p2_from,
            int      p2_until)
{
  Expectation expected = { RUN (SDXL, 128, side, side, 50), d4_until, p2_from, p2_until };

  expected.run.inpainting = inpainting;
  expected.run.control_net = control_net;
  check (&expected);
}

/* Inpainting and ControlNet have rows of their own, but for large sizes. */
static void
test_sdxl_kinds (void)
{
  check_kind (FALSE, FALSE, 256, 8, 8, 20);
  check_kind (FALSE, TRUE, 256, 8, 8, 25);
  check_kind (TRUE, FALSE, 256, 0, 0, 20);
  check_kind (TRUE, TRUE, 256, 0, 0, 25);

  check_kind (FALSE, TRUE, 512, 15, 0, 35);
  check_kind (TRUE, FALSE, 512, 15, 0, 35);
  check_kind (TRUE, TRUE, 512, 15, 0, 35);
}

/* SD knows no such rows. */
static void
test_sd_kinds (void)
{
  Expectation normal = { RUN (SD1, 64, 128, 128, 50), 20, 0, 0 };
  Expectation large = { RUN (SD1, 64, 256, 256, 50), 35, 0, 15 };

  normal.run.inpainting = large.run.inpainting = TRUE;
  normal.run.control_net = large.run.control_net = TRUE;
  check (&normal);
  check (&large);
}

/* P2 for half of the steps, at every size; never D4. */
static void
test_sdxl_turbo (void)
{
  static const Expectation expected[] = {
    { RUN (SDXL_TURBO, 64, 64, 64, 4), 0, 0, 2 },
    { RUN (SDXL_TURBO, 64, 128, 128, 1), 0, 0, 0 },
    { RUN (SDXL_TURBO, 64, 128, 128, 5), 0, 0, 2 },
    { RUN (SDXL_TURBO, 64, 1024, 1024, 4), 0, 0, 2 },
  };

  check_all (expected, G_N_ELEMENTS (expected));
}

/* Shares of the steps are products of doubles, cut off: 0.7 * 90 is 62.99..., and 62 it is. */
static void
test_truncation (void)
{
  static const Expectation expected[] = {
    { RUN (SD1, 64, 256, 256, 90), 62, 0, 27 },
    { RUN (SD1, 64, 256, 256, 10), 7, 0, 3 },
    { RUN (SD1, 64, 256, 256, 9), 6, 0, 2 },
    { RUN (SD1, 64, 128, 128, 6), 2, 0, 0 },
    { RUN (SD1, 64, 128, 128, 2), 0, 0, 0 },
    { RUN (SD1, 64, 256, 256, 1), 0, 0, 0 },
    { RUN (SDXL, 128, 512, 512, 90), 27, 0, 62 },
    /* 8/50 of 75 is 12 exactly, of 74 it is 11.84 */
    { RUN (SDXL, 128, 256, 256, 75), 12, 12, 30 },
    { RUN (SDXL, 128, 256, 256, 74), 11, 11, 29 },
  };

  check_all (expected, G_N_ELEMENTS (expected));
}

/* A model's own ratios take the place of the family's; blocks and thresholds stay. */
static void
test_own_ratios (void)
{
  static const HdHiDiffusionRatios ratios = {
    .normal = { .d4 = 0.9, .p2 = 0.1 },
    .large = { .d4 = 1.0, .p2 = 0.5 },
  };
  Expectation expected[] = {
    { RUN (SD1, 16, 32, 32, 50), 45, 0, 5 },
    { RUN (SD1, 16, 64, 64, 50), 50, 0, 25 },
    /* P2 comes after D4: here never */
    { RUN (SDXL, 128, 256, 256, 50), 45, 45, 5 },
    { RUN (SDXL, 128, 512, 512, 50), 50, 0, 25 },
    { RUN (SDXL_TURBO, 64, 64, 64, 50), 0, 0, 5 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      expected[i].run.ratios = &ratios;
      check (&expected[i]);
    }
}

static void
test_off (void)
{
  HdRauNet rau_net;

  hd_rau_net_init_off (&rau_net);
  for (int step = 0; step < 1000; step++)
    {
      HdRauNetTools tools = hd_rau_net_at (&rau_net, step);

      g_assert_cmpint (tools.d4_block, ==, HD_NO_BLOCK);
      g_assert_cmpint (tools.p2_block, ==, HD_NO_BLOCK);
    }
}

static gboolean
same_tools (HdRauNetTools a,
            HdRauNetTools b)
{
  return a.d4_block == b.d4_block && a.p2_block == b.p2_block;
}

/* A phase is a run of steps with one key, which no other phase has: a run has at most three, whatever its size. */
static void
test_phases (void)
{
  static const int sides[] = { 64, 96, 128, 256, 384, 512 };

  for (gsize family = 0; family < G_N_ELEMENTS (family_blocks); family++)
    for (gsize i = 0; i < G_N_ELEMENTS (sides); i++)
      for (int steps = 1; steps <= 60; steps++)
        {
          g_autoptr (GHashTable) keys = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
          HdRauNetTools          last = { HD_NO_BLOCK - 1, HD_NO_BLOCK - 1 };
          HdRauNet               rau_net;
          guint                  phases = 0;

          hd_rau_net_init (&rau_net, &(HdRauNetCase) {
                             .family = (HdFamily) family, .sample_size = family < HD_FAMILY_SDXL ? 64 : 128,
                             .latent_height = sides[i], .latent_width = sides[i], .steps = steps,
                           });
          for (int step = 0; step < steps; step++)
            {
              HdRauNetTools tools = hd_rau_net_at (&rau_net, step);
              guint64       key = hd_rau_net_key (&tools, FALSE);

              phases += !same_tools (tools, last);
              last = tools;
              g_hash_table_add (keys, g_memdup2 (&key, sizeof key));
              g_assert_cmpuint (key, !=, hd_rau_net_key (&tools, TRUE));
            }

          g_assert_cmpuint (g_hash_table_size (keys), ==, phases);
          g_assert_cmpuint (phases, <=, 3);
        }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/rau-net/sd", test_sd);
  g_test_add_func ("/rau-net/sdxl", test_sdxl);
  g_test_add_func ("/rau-net/sdxl-kinds", test_sdxl_kinds);
  g_test_add_func ("/rau-net/sd-kinds", test_sd_kinds);
  g_test_add_func ("/rau-net/sdxl-turbo", test_sdxl_turbo);
  g_test_add_func ("/rau-net/truncation", test_truncation);
  g_test_add_func ("/rau-net/own-ratios", test_own_ratios);
  g_test_add_func ("/rau-net/off", test_off);
  g_test_add_func ("/rau-net/phases", test_phases);

  return g_test_run ();
}
