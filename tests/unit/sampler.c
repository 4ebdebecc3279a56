/* SPDX-License-Identifier: Apache-2.0 */

/* Samplers on small latents: their timesteps and noise levels, and that they find a picture that the network
 * knows. (Whether their numbers are the reference's is tested where the references lie.) */

#include "engine/sampler.h"

#include "engine/noise.h"
#include "engine/request.h"
#include "tests/unit/tensors.h"

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
             const char              *schedule,
             double                   eta,
             double                   strength)
{
  HdSamplerOptions   options = { .name = name, .steps = steps, .eta = eta, .strength = strength };
  g_autoptr (GError) error = NULL;
  HdSampler         *sampler;

  g_assert_true (hd_sampler_options_set_schedule (&options, schedule, &error));
  g_assert_no_error (error);
  sampler = hd_sampler_new (config, &options, &error);
  g_assert_no_error (error);
  g_assert_nonnull (sampler);

  return sampler;
}

static int
evaluations_of (const char *name,
                int         steps)
{
  return g_str_equal (name, "heun") ? 2 * steps - 1 : steps;
}

static gboolean
can_make (const char *name,
          int         steps)
{
  return !g_str_equal (name, "lcm") || steps <= 50;
}

/* Without eta. */
static gboolean
draws_noise (const char *name)
{
  return g_str_equal (name, "euler_a") || g_str_equal (name, "dpmpp_2m_sde") || g_str_equal (name, "lcm");
}

/* How close a sampler comes to the picture that the network knows. LCM keeps what it is given where that has next to
 * no noise. */
static double
closest (const char *name)
{
  return g_str_equal (name, "lcm") ? 0.15 : 1e-4;
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

/* A run's device, and what lies there: @count numbers each. */
typedef struct
{
  HdContext *context;
  gsize      count;
  HdTensor  *x;
  HdTensor  *input;
} Run;

static HdTensor *
to_device (const Run   *run,
           const float *values)
{
  return hd_upload (run->context, HD_DTYPE_F32, 1, 1, (int) run->count, 1, values);
}

static void
from_device (const Run      *run,
             const HdTensor *x,
             float          *values)
{
  GError *error = NULL;

  hd_download (run->context, x, values);
  hd_context_check (run->context, &error);
  g_assert_no_error (error);
}

static void
run_begin (Run         *run,
           HdSampler   *sampler,
           const float *x,
           gsize        count)
{
  *run = (Run) { .context = test_context_new (HD_DTYPE_F32, 16 * (count * sizeof *x + 1024)), .count = count };
  run->x = to_device (run, x);
  run->input = to_device (run, x);
  hd_sampler_begin (sampler, run->context, run->x);
}

/* What the network is given in evaluation @k. */
static void
run_scale (Run             *run,
           const HdSampler *sampler,
           int              k,
           float           *input)
{
  hd_sampler_scale_input (sampler, k, run->x, run->input);
  from_device (run, run->input, input);
}

static void
run_step (Run         *run,
          HdSampler   *sampler,
          int          k,
          const float *output,
          guint32     *draw,
          float       *x)
{
  g_autoptr (HdTensor) prediction = to_device (run, output);

  hd_sampler_step (sampler, k, prediction, run->x, noise_from, draw);
  from_device (run, run->x, x);
}

static void
run_end (Run *run)
{
  hd_tensor_unref (run->x);
  hd_tensor_unref (run->input);
  hd_context_unref (run->context);
}

/* The largest distance from the known picture after a run from noise, or from the picture itself, of which
 * @strength says how much is made anew. */
static double
run_to_picture (HdSampler    *sampler,
                HdPrediction  prediction,
                double        strength)
{
  float   picture[COUNT];
  float   x[COUNT];
  float   input[COUNT];
  float   output[COUNT];
  Run     run;
  guint32 draw = 100;
  double  distance = 0.0;

  hd_noise_fill (1, 0, picture, COUNT);
  hd_noise_fill (2, 0, x, COUNT);
  if (strength < 1.0)
    hd_sampler_add_noise (sampler, picture, x, x, COUNT);
  else
    for (gsize i = 0; i < COUNT; i++)
      x[i] *= (float) hd_sampler_get_initial_sigma (sampler);

  run_begin (&run, sampler, x, COUNT);
  for (int k = 0; k < hd_sampler_get_evaluations (sampler); k++)
    {
      run_scale (&run, sampler, k, input);
      predict (prediction, hd_sampler_get_sigma (sampler, k), input, picture, output);
      run_step (&run, sampler, k, output, &draw, x);
      for (gsize i = 0; i < COUNT; i++)
        g_assert_true (isfinite (x[i]));
    }
  run_end (&run);

  for (gsize i = 0; i < COUNT; i++)
    distance = MAX (distance, fabs (x[i] - picture[i]));

  return distance;
}

static void
check_order (HdSampler *sampler,
             int        train_steps,
             int        steps)
{
  int evaluations = hd_sampler_get_evaluations (sampler);
  int repeated = 0;

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
          if (sigma == hd_sampler_get_sigma (sampler, k - 1))
            repeated++;
        }
    }
  /* Heun's method evaluates twice at a level, but for the first. With many steps, some timesteps come twice by
   * rounding, in Karras spacing from about 50 on. */
  if (steps <= 30)
    g_assert_cmpint (repeated, ==, evaluations - steps);
  g_assert_true (hd_sampler_get_sigma (sampler, evaluations) == 0.0);
  g_assert_true (hd_sampler_get_initial_sigma (sampler) > 0.0);
}

static void
test_order (void)
{
  static const int  steps[] = { 1, 2, 3, 4, 7, 20, 25, 30, 50, 333, 500, 501, 999, 1000 };
  HdSchedulerConfig config = scheduler_of (HD_PREDICTION_EPSILON);

  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    for (const char * const *schedule = hd_schedule_names (); *schedule != NULL; schedule++)
      for (gsize i = 0; i < G_N_ELEMENTS (steps) && can_make (*name, steps[i]); i++)
        {
          g_autoptr (HdSampler) sampler = sampler_new (&config, *name, steps[i], *schedule, 0.0, 1.0);

          g_assert_cmpint (hd_sampler_get_evaluations (sampler), ==, evaluations_of (*name, steps[i]));
          check_order (sampler, config.train_steps, steps[i]);
        }
}

/* Few steps, all there is of everything: nothing is divided by 0, and the model that knows the picture is believed. */
static void
test_few_steps (void)
{
  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    for (const char * const *schedule = hd_schedule_names (); *schedule != NULL; schedule++)
      for (int prediction = HD_PREDICTION_EPSILON; prediction <= HD_PREDICTION_SAMPLE; prediction++)
        for (int steps = 1; steps <= 4; steps++)
          {
            HdSchedulerConfig     config = scheduler_of (prediction);
            g_autoptr (HdSampler) sampler = NULL;
            double                distance;

            /* a last step that goes to the first training timestep, as DDIM's may, leaves its noise */
            config.set_alpha_to_one = TRUE;
            sampler = sampler_new (&config, *name, steps, *schedule, 0.0, 1.0);
            distance = run_to_picture (sampler, prediction, 1.0);
            g_test_message ("%s, %s, prediction %d, %d steps: %g", *name, *schedule, prediction, steps, distance);
            g_assert_true (distance <= closest (*name));
          }
}

/* Known places of each spacing, with SD 1.5's 1000 steps and an offset of 1. */
static void
check_timesteps (const char   *name,
                 const char   *schedule,
                 const double *expected,
                 int           steps)
{
  HdSchedulerConfig     config = scheduler_of (HD_PREDICTION_EPSILON);
  g_autoptr (HdSampler) sampler = NULL;

  config.steps_offset = 1;
  sampler = sampler_new (&config, name, steps, schedule, 0.0, 1.0);
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
  static const double open_leading[] = { 801, 601, 401, 201 };
  static const double open_linspace[] = { 999, 749, 500, 250 };
  static const double distilled[] = { 999, 759, 499, 259 };
  static const double karras[] = { 999, 687, 146, 0 };
  static const double last[] = { 999 };

  check_timesteps ("ddim", "leading", leading, G_N_ELEMENTS (leading));
  check_timesteps ("ddim", "auto", leading, G_N_ELEMENTS (leading));
  check_timesteps ("ddim", "linspace", linspace, G_N_ELEMENTS (linspace));
  check_timesteps ("ddim", "trailing", trailing, G_N_ELEMENTS (trailing));
  check_timesteps ("ddim", "trailing", seventh, G_N_ELEMENTS (seventh));
  check_timesteps ("unipc", "leading", open_leading, G_N_ELEMENTS (open_leading));
  check_timesteps ("dpmpp_2m", "auto", open_linspace, G_N_ELEMENTS (open_linspace));
  check_timesteps ("dpmpp_2m", "karras", karras, G_N_ELEMENTS (karras));
  check_timesteps ("lcm", "auto", distilled, G_N_ELEMENTS (distilled));
  check_timesteps ("lcm", "trailing", trailing, G_N_ELEMENTS (trailing));
  check_timesteps ("euler", "linspace", last, 1);
}

/* Karras sigmas are evenly spaced in their seventh roots, and their timesteps are where the schedule has them. */
static void
test_karras (void)
{
  const int             steps = 25;
  HdSchedulerConfig     config = scheduler_of (HD_PREDICTION_EPSILON);
  g_autoptr (HdSampler) sampler = sampler_new (&config, "euler", steps, "karras", 0.0, 1.0);
  g_autoptr (HdSampler) plain = sampler_new (&config, "euler", steps, "leading", 0.0, 1.0);
  double                first = pow (hd_sampler_get_sigma (plain, 0), 1.0 / 7.0);
  double                last = pow (hd_sampler_get_sigma (plain, steps - 1), 1.0 / 7.0);
  HdNoiseSchedule       schedule;

  hd_noise_schedule_init (&schedule, &config);
  for (int k = 0; k < steps; k++)
    {
      double sigma = hd_sampler_get_sigma (sampler, k);
      double root = first + (last - first) * k / (steps - 1);

      g_assert_true (fabs (pow (sigma, 1.0 / 7.0) / root - 1.0) <= 1e-12);
      g_assert_true (fabs (hd_noise_schedule_sigma (&schedule, hd_sampler_get_timestep (sampler, k)) / sigma - 1.0)
                     <= 0.01);
    }

  for (int t = 0; t < config.train_steps; t++)
    g_assert_true (fabs (hd_noise_schedule_timestep (&schedule, hd_noise_schedule_sigma (&schedule, t)) - t) <= 1e-9);
  g_assert_true (hd_noise_schedule_timestep (&schedule, 0.0) == 0.0);
  g_assert_true (hd_noise_schedule_timestep (&schedule, 1e9) == 999.0);
  hd_noise_schedule_clear (&schedule);
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
      g_autoptr (HdSampler) sampler = sampler_new (&config, name, steps, "auto", eta, 1.0);
      double                distance = run_to_picture (sampler, prediction, 1.0);

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
      for (gsize i = 0; i < G_N_ELEMENTS (steps) && can_make (*name, steps[i]); i++)
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
  g_autoptr (HdSampler) sampler = sampler_new (&config, name, 20, "auto", eta, 0.65);
  g_autofree float     *empty = g_new0 (float, count);
  g_autofree float     *x = g_new (float, count);
  g_autofree float     *input = g_new (float, count);
  double                level = hd_sampler_get_sigma (sampler, 0);
  double                next = hd_sampler_get_sigma (sampler, 1);
  double                variance = 0.0;
  guint32               draw = 0;
  Run                   run;

  hd_noise_fill (4, 0, x, count);
  hd_sampler_add_noise (sampler, empty, x, x, count);
  run_begin (&run, sampler, x, count);
  run_scale (&run, sampler, 0, input);
  for (gsize i = 0; i < count; i++)
    input[i] /= (float) (level * signal_at (level));
  run_step (&run, sampler, 0, input, &draw, x);
  run_end (&run);

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
  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    check_level (*name, 0.0);

  check_level ("ddim", 0.5);
  check_level ("ddim", 1.0);
}

/* The part of a run that less strength leaves: the last steps of the whole schedule, all evaluations of them. */
static void
check_strength (const char *name,
                const char *schedule,
                int         steps,
                double      strength,
                int         expected)
{
  HdSchedulerConfig     config = scheduler_of (HD_PREDICTION_V);
  g_autoptr (HdSampler) all = NULL;
  g_autoptr (HdSampler) part = NULL;
  int                   evaluations;
  int                   skipped;
  double                distance;

  config.set_alpha_to_one = TRUE;
  all = sampler_new (&config, name, steps, schedule, 0.0, 1.0);
  part = sampler_new (&config, name, steps, schedule, 0.0, strength);
  evaluations = hd_sampler_get_evaluations (part);
  skipped = hd_sampler_get_evaluations (all) - evaluations;
  g_assert_cmpint (evaluations, ==, evaluations_of (name, expected));
  for (int k = 0; k < evaluations; k++)
    {
      g_assert_true (hd_sampler_get_timestep (part, k) == hd_sampler_get_timestep (all, skipped + k));
      g_assert_true (hd_sampler_get_sigma (part, k) == hd_sampler_get_sigma (all, skipped + k));
    }
  g_assert_true (hd_sampler_get_sigma (part, evaluations) == 0.0);

  distance = run_to_picture (part, HD_PREDICTION_V, strength);
  g_test_message ("%s, %s, %g of %d steps: %g", name, schedule, strength, steps, distance);
  g_assert_true (distance <= closest (name));
}

static void
test_strength (void)
{
  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    for (const char * const *schedule = hd_schedule_names (); *schedule != NULL; schedule++)
      {
        check_strength (*name, *schedule, 10, 1.0, 10);
        check_strength (*name, *schedule, 10, 0.6, 6);
        check_strength (*name, *schedule, 10, 0.69, 6);
        check_strength (*name, *schedule, 10, 0.1, 1);
        check_strength (*name, *schedule, 49, 1.0 / 49.0, 1);
        check_strength (*name, *schedule, 1, 1.0, 1);
      }
}

/* A picture with noise has the level that the latents have; with none left, it is the picture. */
static void
test_add_noise (void)
{
  HdSchedulerConfig config = scheduler_of (HD_PREDICTION_EPSILON);
  float             picture[COUNT];
  float             noise[COUNT];
  float             x[COUNT];
  Run               run;

  hd_noise_fill (1, 0, picture, COUNT);
  hd_noise_fill (2, 0, noise, COUNT);
  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    {
      g_autoptr (HdSampler) sampler = sampler_new (&config, *name, 10, "auto", 0.0, 0.5);
      int                   evaluations = hd_sampler_get_evaluations (sampler);

      for (int k = 0; k < evaluations; k++)
        {
          double sigma = hd_sampler_get_sigma (sampler, k);

          hd_sampler_add_noise_at (sampler, k, picture, noise, x, COUNT);
          run_begin (&run, sampler, x, COUNT);
          run_scale (&run, sampler, k, x);
          run_end (&run);
          for (int i = 0; i < COUNT; i++)
            g_assert_true (fabs (x[i] - signal_at (sigma) * (picture[i] + sigma * noise[i])) <= 1e-6);
        }

      hd_sampler_add_noise_at (sampler, evaluations, picture, noise, x, COUNT);
      for (int i = 0; i < COUNT; i++)
        g_assert_true (x[i] == picture[i]);
    }
}

/* A second run with the same sampler knows nothing of the first. */
static void
test_again (void)
{
  HdSchedulerConfig config = scheduler_of (HD_PREDICTION_V);

  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    {
      g_autoptr (HdSampler) sampler = sampler_new (&config, *name, 6, "auto", 0.0, 1.0);
      double                first = run_to_picture (sampler, HD_PREDICTION_V, 1.0);

      g_assert_true (run_to_picture (sampler, HD_PREDICTION_V, 1.0) == first);
    }
}

/* A terminal signal-to-noise ratio of zero: the first latents are noise alone, and nothing is divided by 0. */
static void
test_zero_terminal_snr (void)
{
  static const int  steps[] = { 1, 25, 1000 };
  HdSchedulerConfig config = scheduler_of (HD_PREDICTION_V);

  config.zero_terminal_snr = TRUE;
  config.set_alpha_to_one = TRUE;
  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    for (gsize i = 0; i < G_N_ELEMENTS (steps) && can_make (*name, steps[i]); i++)
      {
        g_autoptr (HdSampler) sampler = sampler_new (&config, *name, steps[i], "trailing", 0.0, 1.0);
        double                distance = run_to_picture (sampler, HD_PREDICTION_V, 1.0);

        check_order (sampler, config.train_steps, steps[i]);
        g_test_message ("%s, %d steps: %g", *name, steps[i], distance);
        g_assert_true (distance <= 1e-3);
      }
}

/* Who draws noise draws it once in each step, LCM not in the last. */
static void
test_draws (void)
{
  HdSchedulerConfig config = scheduler_of (HD_PREDICTION_EPSILON);

  for (const char * const *name = hd_sampler_names (); *name != NULL; name++)
    for (double eta = 0.0; eta <= 0.5; eta += 0.5)
      {
        g_autoptr (HdSampler) sampler = sampler_new (&config, *name, 5, "auto", eta, 1.0);
        gboolean              draws = draws_noise (*name) || (g_str_equal (*name, "ddim") && eta > 0.0);
        float                 x[COUNT] = { 0 };
        float                 output[COUNT] = { 0 };
        guint32               draw = 0;
        Run                   run;

        run_begin (&run, sampler, x, COUNT);
        for (int k = 0; k < hd_sampler_get_evaluations (sampler); k++)
          run_step (&run, sampler, k, output, &draw, x);
        run_end (&run);
        g_assert_cmpuint (draw, ==, !draws ? 0 : g_str_equal (*name, "lcm") ? 4 : 5);
      }
}

static void
check_rejected (const HdSchedulerConfig *config,
                const char              *name,
                int                      steps,
                double                   strength,
                int                      code,
                const char              *found)
{
  HdSamplerOptions   options = { .name = name, .steps = steps, .strength = strength };
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
      const char *range = g_str_equal (*name, "lcm") ? "1 to 50 steps" : "1 to 1000 steps";

      check_rejected (&config, *name, 0, 1.0, HD_ENGINE_ERROR_REQUEST, "found 0");
      check_rejected (&config, *name, -1, 1.0, HD_ENGINE_ERROR_REQUEST, "found -1");
      check_rejected (&config, *name, G_MININT, 1.0, HD_ENGINE_ERROR_REQUEST, range);
      check_rejected (&config, *name, 1001, 1.0, HD_ENGINE_ERROR_REQUEST, "found 1001");
      check_rejected (&config, *name, G_MAXINT, 1.0, HD_ENGINE_ERROR_REQUEST, range);
      check_rejected (&config, *name, 20, 0.0, HD_ENGINE_ERROR_REQUEST, "strength");
      check_rejected (&config, *name, 20, 0.04, HD_ENGINE_ERROR_REQUEST, "at least 1/20");
      check_rejected (&config, *name, 20, 1.01, HD_ENGINE_ERROR_REQUEST, "1.01");
      check_rejected (&config, *name, 20, -1.0, HD_ENGINE_ERROR_REQUEST, "strength");
      check_rejected (&config, *name, 20, NAN, HD_ENGINE_ERROR_REQUEST, "strength");
      check_rejected (&config, *name, 20, INFINITY, HD_ENGINE_ERROR_REQUEST, "strength");
    }
  check_rejected (&config, "lcm", 51, 1.0, HD_ENGINE_ERROR_REQUEST, "1 to 50 steps with the sampler \"lcm\", found 51");
  check_rejected (&config, "", 20, 1.0, HD_ENGINE_ERROR_REQUEST, "euler_a");
  check_rejected (&config, "DDIM", 20, 1.0, HD_ENGINE_ERROR_REQUEST, "\"DDIM\"");
  check_rejected (&config, NULL, 20, 1.0, HD_ENGINE_ERROR_REQUEST, "unipc");

  config.zero_terminal_snr = TRUE;
  check_rejected (&config, "ddim", 20, 1.0, HD_ENGINE_ERROR_MODEL, "predicts the noise");
}

static void
test_schedule_names (void)
{
  static const char * const unknown[] = { "", "Karras", "leading ", NULL };

  for (gsize i = 0; i < G_N_ELEMENTS (unknown); i++)
    {
      HdSamplerOptions   options = { .name = "euler", .steps = 5, .strength = 1.0 };
      g_autoptr (GError) error = NULL;

      g_assert_false (hd_sampler_options_set_schedule (&options, unknown[i], &error));
      g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
      g_assert_nonnull (g_strstr_len (error->message, -1, "auto, leading, linspace, trailing, karras"));
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sampler/order", test_order);
  g_test_add_func ("/sampler/few-steps", test_few_steps);
  g_test_add_func ("/sampler/spacings", test_spacings);
  g_test_add_func ("/sampler/karras", test_karras);
  g_test_add_func ("/sampler/convergence", test_convergence);
  g_test_add_func ("/sampler/levels", test_levels);
  g_test_add_func ("/sampler/strength", test_strength);
  g_test_add_func ("/sampler/add-noise", test_add_noise);
  g_test_add_func ("/sampler/again", test_again);
  g_test_add_func ("/sampler/zero-terminal-snr", test_zero_terminal_snr);
  g_test_add_func ("/sampler/draws", test_draws);
  g_test_add_func ("/sampler/rejected", test_rejected);
  g_test_add_func ("/sampler/schedule-names", test_schedule_names);

  return g_test_run ();
}
