/* SPDX-License-Identifier: Apache-2.0 */

/* Samplers on small latents: their timesteps and noise levels, and that they find a picture that the network
 * knows. (Whether their numbers are the reference's is tested where the references lie.) */

#include "engine/sampler.h"

#include <math.h>

#include "engine/noise.h"
#include "engine/request.h"

#define COUNT 64

static HdSchedulerConfig
scheduler_of (HdPrediction prediction)
{
  HdSchedulerConfig config;

  hd_scheduler_config_default (&config);
  config.prediction = prediction;

  return config;
}

static HdSampler *
sampler_new (const HdSchedulerConfig *config,
             const char              *name,
             int                      steps,
             int                      spacing,   /* < 0: its own */
             double                   eta)
{
  HdSamplerOptions options = {
    .name = name, .steps = steps, .eta = eta,
    .own_spacing = spacing >= 0, .spacing = MAX (spacing, 0),
  };
  g_autoptr (GError) error = NULL;
  HdSampler         *sampler = hd_sampler_new (config, &options, &error);

  g_assert_no_error (error);
  g_assert_nonnull (sampler);

  return sampler;
}

static void
noise_from (float    *values,
            gsize     count,
            gpointer  user_data)
{
  guint32 *draw = user_data;

  hd_noise_fill (3, (*draw)++, values, count);
}

/* The signal's and the noise's share in the latents that the UNet is given, at the level @sigma. */
static double
signal_at (double sigma)
{
  return 1.0 / sqrt (1.0 + sigma * sigma);
}

/* What a network would predict that knows the picture to be @picture. */
static void
predict (HdPrediction  prediction,
         double        sigma,
         const float  *input,
         const float  *picture,
         float        *output)
{
  double signal = signal_at (sigma);
  double level = sigma * signal;

  for (gsize i = 0; i < COUNT; i++)
    {
      double epsilon = (input[i] - signal * picture[i]) / level;

      switch (prediction)
        {
        case HD_PREDICTION_EPSILON:
          output[i] = (float) epsilon;
          break;
        case HD_PREDICTION_V:
          output[i] = (float) (signal * epsilon - level * picture[i]);
          break;
        case HD_PREDICTION_SAMPLE:
          output[i] = picture[i];
          break;
        }
    }
}

/* The largest distance from the known picture after a run. */
static double
run_to_picture (HdSampler    *sampler,
                HdPrediction  prediction)
{
  float   picture[COUNT];
  float   x[COUNT];
  float   input[COUNT];
  float   output[COUNT];
  guint32 draw = 100;
  double  distance = 0.0;

  hd_noise_fill (1, 0, picture, COUNT);
  hd_noise_fill (2, 0, x, COUNT);
  for (gsize i = 0; i < COUNT; i++)
    x[i] *= (float) hd_sampler_get_initial_sigma (sampler);

  for (int k = 0; k < hd_sampler_get_evaluations (sampler); k++)
    {
      hd_sampler_scale_input (sampler, k, x, input, COUNT);
      predict (prediction, hd_sampler_get_sigma (sampler, k), input, picture, output);
      hd_sampler_step (sampler, k, output, x, COUNT, noise_from, &draw);
      for (gsize i = 0; i < COUNT; i++)
        g_assert_true (isfinite (x[i]));
    }

  for (gsize i = 0; i < COUNT; i++)
    distance = MAX (distance, fabs (x[i] - picture[i]));

  return distance;
}

static void
check_order (HdSampler *sampler,
             int        train_steps)
{
  int evaluations = hd_sampler_get_evaluations (sampler);

  for (int k = 0; k < evaluations; k++)
    {
      double timestep = hd_sampler_get_timestep (sampler, k);
      double sigma = hd_sampler_get_sigma (sampler, k);

      g_assert_true (timestep >= 0.0 && timestep <= train_steps - 1);
      g_assert_true (sigma > 0.0 && isfinite (sigma));
      if (k > 0)
        {
          g_assert_true (timestep <= hd_sampler_get_timestep (sampler, k - 1));
          g_assert_true (sigma <= hd_sampler_get_sigma (sampler, k - 1));
        }
      /* The last number of steps may name its first timestep twice, as an offset carries it over the end. */
      if (k > 1)
        g_assert_true (sigma < hd_sampler_get_sigma (sampler, k - 1));
    }
  g_assert_true (hd_sampler_get_sigma (sampler, evaluations) == 0.0);
  g_assert_true (hd_sampler_get_initial_sigma (sampler) > 0.0);
}

static void
test_order (void)
{
  static const int  steps[] = { 1, 2, 3, 4, 7, 20, 25, 30, 50, 333, 500, 501, 999, 1000 };
  HdSchedulerConfig config = scheduler_of (HD_PREDICTION_EPSILON);

  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
      for (int spacing = -1; spacing <= HD_TIMESTEPS_TRAILING; spacing++)
        {
          g_autoptr (HdSampler) sampler = sampler_new (&config, *name, steps[i], spacing, 0.0);

          g_assert_cmpint (hd_sampler_get_evaluations (sampler), ==, steps[i]);
          check_order (sampler, config.train_steps);
        }
}

/* Known places of each spacing, with SD 1.5's 1000 steps and an offset of 1. */
static void
check_timesteps (HdTimestepSpacing spacing,
                 const double     *expected,
                 int               steps)
{
  HdSchedulerConfig     config = scheduler_of (HD_PREDICTION_EPSILON);
  g_autoptr (HdSampler) sampler = NULL;

  config.steps_offset = 1;
  sampler = sampler_new (&config, "ddim", steps, spacing, 0.0);
  for (int k = 0; k < steps; k++)
    g_assert_true (hd_sampler_get_timestep (sampler, k) == expected[k]);
}

static void
test_spacings (void)
{
  static const double leading[] = { 751, 501, 251, 1 };
  static const double linspace[] = { 999, 666, 333, 0 };
  static const double trailing[] = { 999, 749, 499, 249 };
  static const double seventh[] = { 999, 856, 713, 570, 428, 285, 142 };

  check_timesteps (HD_TIMESTEPS_LEADING, leading, G_N_ELEMENTS (leading));
  check_timesteps (HD_TIMESTEPS_LINSPACE, linspace, G_N_ELEMENTS (linspace));
  check_timesteps (HD_TIMESTEPS_TRAILING, trailing, G_N_ELEMENTS (trailing));
  check_timesteps (HD_TIMESTEPS_TRAILING, seventh, G_N_ELEMENTS (seventh));
}

/* With a network that knows the picture, a run ends at it; where the first of the training's timesteps is left out
 * (steps_offset), not further from it than that one's noise. */
static void
check_convergence (HdPrediction prediction,
                   const char  *name,
                   int          steps,
                   double       eta)
{
  HdSchedulerConfig config = scheduler_of (prediction);

  config.set_alpha_to_one = TRUE;
  for (config.steps_offset = 0; config.steps_offset <= 1; config.steps_offset++)
    {
      g_autoptr (HdSampler) sampler = sampler_new (&config, name, steps, -1, eta);
      double                distance = run_to_picture (sampler, prediction);

      g_test_message ("%s, prediction %d, %d steps, eta %g, offset %d: %g", name, prediction, steps, eta,
                      config.steps_offset, distance);
      g_assert_true (distance <= (config.steps_offset == 0 ? 1e-4 : 0.15));
    }
}

static void
test_convergence (void)
{
  static const int steps[] = { 1, 2, 25, 1000 };

  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    for (int prediction = HD_PREDICTION_EPSILON; prediction <= HD_PREDICTION_SAMPLE; prediction++)
      for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
        check_convergence (prediction, *name, steps[i], 0.0);

  check_convergence (HD_PREDICTION_EPSILON, "ddim", 25, 1.0);
}

/* After a step with a network that knows the (empty) picture, what is left is noise of the level that the next step
 * expects, however much of it is fresh. */
static void
check_level (const char *name,
             double      eta)
{
  const gsize           count = 40000;
  HdSchedulerConfig     config = scheduler_of (HD_PREDICTION_EPSILON);
  g_autoptr (HdSampler) sampler = sampler_new (&config, name, 20, -1, eta);
  g_autofree float     *x = g_new (float, count);
  g_autofree float     *input = g_new (float, count);
  double                level = hd_sampler_get_sigma (sampler, 7);
  double                next = hd_sampler_get_sigma (sampler, 8);
  double                variance = 0.0;
  guint32               draw = 0;

  hd_noise_fill (4, 0, x, count);
  for (gsize i = 0; i < count; i++)
    x[i] *= (float) (hd_sampler_get_initial_sigma (sampler) == 1.0 ? level * signal_at (level) : level);

  hd_sampler_scale_input (sampler, 7, x, input, count);
  for (gsize i = 0; i < count; i++)
    input[i] /= (float) (level * signal_at (level));
  hd_sampler_step (sampler, 7, input, x, count, noise_from, &draw);

  if (hd_sampler_get_initial_sigma (sampler) == 1.0)
    next *= signal_at (next);
  for (gsize i = 0; i < count; i++)
    variance += (double) x[i] * x[i] / count;
  g_test_message ("%s, eta %g: variance %g of %g", name, eta, variance, next * next);
  g_assert_true (fabs (variance / (next * next) - 1.0) <= 6.0 * sqrt (2.0 / count));
}

static void
test_levels (void)
{
  check_level ("ddim", 0.0);
  check_level ("ddim", 0.5);
  check_level ("ddim", 1.0);
  check_level ("euler_a", 0.0);
}

/* A terminal signal-to-noise ratio of zero: the first latents are noise alone, and nothing is divided by 0. */
static void
test_zero_terminal_snr (void)
{
  static const int  steps[] = { 1, 25, 1000 };
  HdSchedulerConfig config = scheduler_of (HD_PREDICTION_V);

  config.zero_terminal_snr = TRUE;
  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
      {
        g_autoptr (HdSampler) sampler = sampler_new (&config, *name, steps[i], HD_TIMESTEPS_TRAILING, 0.0);

        check_order (sampler, config.train_steps);
        run_to_picture (sampler, HD_PREDICTION_V);
      }
}

/* DDIM without eta draws no noise; with it, and Euler's method always, one draw a step. */
static void
test_draws (void)
{
  static const struct
  {
    const char *name;
    double      eta;
    guint32     draws;
  } cases[] = { { "ddim", 0.0, 0 }, { "ddim", 0.5, 5 }, { "euler_a", 0.0, 5 } };
  HdSchedulerConfig config = scheduler_of (HD_PREDICTION_EPSILON);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HdSampler) sampler = sampler_new (&config, cases[i].name, 5, -1, cases[i].eta);
      float                 x[COUNT] = { 0 };
      float                 output[COUNT] = { 0 };
      guint32               draw = 0;

      for (int k = 0; k < 5; k++)
        hd_sampler_step (sampler, k, output, x, COUNT, noise_from, &draw);
      g_assert_cmpuint (draw, ==, cases[i].draws);
    }
}

static void
check_rejected (const HdSchedulerConfig *config,
                const char              *name,
                int                      steps,
                int                      code,
                const char              *found)
{
  HdSamplerOptions   options = { .name = name, .steps = steps };
  g_autoptr (GError) error = NULL;

  g_assert_null (hd_sampler_new (config, &options, &error));
  g_assert_error (error, HD_ENGINE_ERROR, code);
  g_assert_nonnull (g_strstr_len (error->message, -1, found));
}

static void
test_rejected (void)
{
  HdSchedulerConfig config = scheduler_of (HD_PREDICTION_EPSILON);

  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    {
      check_rejected (&config, *name, 0, HD_ENGINE_ERROR_REQUEST, "found 0");
      check_rejected (&config, *name, -1, HD_ENGINE_ERROR_REQUEST, "found -1");
      check_rejected (&config, *name, G_MININT, HD_ENGINE_ERROR_REQUEST, "1 to 1000");
      check_rejected (&config, *name, 1001, HD_ENGINE_ERROR_REQUEST, "found 1001");
      check_rejected (&config, *name, G_MAXINT, HD_ENGINE_ERROR_REQUEST, "1 to 1000");
    }
  check_rejected (&config, "", 20, HD_ENGINE_ERROR_REQUEST, "euler_a");
  check_rejected (&config, "DDIM", 20, HD_ENGINE_ERROR_REQUEST, "\"DDIM\"");

  config.zero_terminal_snr = TRUE;
  check_rejected (&config, "ddim", 20, HD_ENGINE_ERROR_MODEL, "predicts the noise");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sampler/order", test_order);
  g_test_add_func ("/sampler/spacings", test_spacings);
  g_test_add_func ("/sampler/convergence", test_convergence);
  g_test_add_func ("/sampler/levels", test_levels);
  g_test_add_func ("/sampler/zero-terminal-snr", test_zero_terminal_snr);
  g_test_add_func ("/sampler/draws", test_draws);
  g_test_add_func ("/sampler/rejected", test_rejected);

  return g_test_run ();
}
