/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/sampler_private.h"

#include <math.h>

#include "engine/request.h"
#include "kernels/i18n.h"

#define SCHEDULE_AUTO   "auto"
#define SCHEDULE_KARRAS "karras"

const char * const *
hd_schedule_names (void)
{
  static const char * const names[] = {
    SCHEDULE_AUTO, "leading", "linspace", "trailing", SCHEDULE_KARRAS, NULL,
  };

  return names;
}

gboolean
hd_sampler_options_set_schedule (HdSamplerOptions  *options,
                                 const char        *schedule,
                                 GError           **error)
{
  static const struct
  {
    const char        *name;
    HdTimestepSpacing  spacing;
  } spacings[] = {
    { "leading", HD_TIMESTEPS_LEADING },
    { "linspace", HD_TIMESTEPS_LINSPACE },
    { "trailing", HD_TIMESTEPS_TRAILING },
  };
  g_autofree char *names = NULL;

  options->own_spacing = FALSE;
  options->karras = g_strcmp0 (schedule, SCHEDULE_KARRAS) == 0;
  if (options->karras || g_strcmp0 (schedule, SCHEDULE_AUTO) == 0)
    return TRUE;

  for (gsize i = 0; i < G_N_ELEMENTS (spacings); i++)
    if (g_strcmp0 (schedule, spacings[i].name) == 0)
      {
        options->own_spacing = TRUE;
        options->spacing = spacings[i].spacing;
        return TRUE;
      }

  names = g_strjoinv (", ", (char **) hd_schedule_names ());
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "schedule: expected one of %s; found \"%s\"",
               names, schedule != NULL ? schedule : "");

  return FALSE;
}

static const HdSamplerClass *
find_class (const char *name)
{
  static const HdSamplerClass * const classes[] = {
    &hd_sampler_ddim,
    &hd_sampler_dpmpp_2m,
    &hd_sampler_dpmpp_2m_sde,
    &hd_sampler_euler,
    &hd_sampler_euler_ancestral,
    &hd_sampler_heun,
    &hd_sampler_lcm,
    &hd_sampler_unipc,
  };

  for (gsize i = 0; i < G_N_ELEMENTS (classes); i++)
    if (g_strcmp0 (classes[i]->name, name) == 0)
      return classes[i];

  return NULL;
}

/* The number of steps that are run of all that there are; 0 with @error set if it is none. */
static int
steps_to_run (const HdSamplerOptions  *options,
              GError                 **error)
{
  int steps;

  if (!(options->strength > 0.0 && options->strength <= 1.0))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   _("strength: expected more than 0 and at most 1, found %.10g"), options->strength);
      return 0;
    }

  steps = MIN ((int) (options->steps * options->strength), options->steps);

  /* 1/49 of 49 is less than 1 in doubles */
  if (steps == 0 && options->strength >= 1.0 / options->steps)
    steps = 1;

  if (steps == 0)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                 _("strength: expected at least 1/%d, one of the %d steps, found %.10g"),
                 options->steps, options->steps, options->strength);

  return steps;
}

static gboolean
check_options (const HdSamplerClass     *klass,
               const HdSchedulerConfig  *config,
               const HdSamplerOptions   *options,
               GError                  **error)
{
  int max_steps;

  if (klass == NULL)
    {
      g_autofree char *names = g_strjoinv (", ", (char **) hd_sampler_names ());

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   "Expected a sampler of: %s; found \"%s\"", names, options->name != NULL ? options->name : "");
      return FALSE;
    }

  max_steps = klass->max_steps > 0 ? MIN (klass->max_steps, config->train_steps) : config->train_steps;
  if (options->steps < 1 || options->steps > max_steps)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   "Expected 1 to %d steps with the sampler \"%s\", found %d",
                   max_steps, klass->name, options->steps);
      return FALSE;
    }

  if (config->zero_terminal_snr && config->prediction == HD_PREDICTION_EPSILON)
    {
      g_set_error_literal (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                           "A terminal signal-to-noise ratio of zero needs a model that predicts v or the sample, "
                           "found one that predicts the noise");
      return FALSE;
    }

  return TRUE;
}

void
hd_sampler_set_sigmas (HdSampler *sampler)
{
  for (int k = 0; k < sampler->evaluations; k++)
    sampler->sigmas[k] = hd_noise_schedule_sigma (&sampler->schedule, sampler->timesteps[k]);
  sampler->sigmas[sampler->evaluations] = 0.0;
}

static void
space_as_karras (HdSampler *sampler)
{
  gboolean fractional = sampler->klass->grid == HD_TIMESTEP_GRID_FRACTIONAL;
  int      steps = sampler->evaluations;
  double   largest = sampler->sigmas[0];
  double   smallest = sampler->sigmas[steps - 1];

  if (!fractional)
    {
      largest = hd_noise_schedule_sigma (&sampler->schedule, sampler->schedule.train_steps - 1);
      smallest = hd_noise_schedule_sigma (&sampler->schedule, 0.0);
    }

  hd_noise_schedule_karras (largest, smallest, steps, sampler->sigmas);
  for (int k = 0; k < steps; k++)
    {
      double t = hd_noise_schedule_timestep (&sampler->schedule, sampler->sigmas[k]);

      sampler->timesteps[k] = fractional ? t : rint (t);
    }

  /* Whole timesteps have levels of their own, which these samplers compute with. */
  if (sampler->klass->grid == HD_TIMESTEP_GRID_WHOLE)
    hd_sampler_set_sigmas (sampler);
}

static void
init_schedule (HdSampler               *sampler,
               const HdSchedulerConfig *config,
               const HdSamplerOptions  *options)
{
  double largest;

  sampler->evaluations = options->steps;
  sampler->timesteps = hd_noise_schedule_timesteps (&sampler->schedule, config, sampler->spacing,
                                                    sampler->klass->grid, options->steps);
  sampler->sigmas = g_new (double, options->steps + 1);
  hd_sampler_set_sigmas (sampler);
  if (options->karras)
    space_as_karras (sampler);

  largest = sampler->sigmas[0];
  if (sampler->klass->latents == HD_LATENTS_PRESERVING)
    sampler->initial_sigma = 1.0;
  else
    sampler->initial_sigma = sampler->spacing == HD_TIMESTEPS_LEADING ? sqrt (largest * largest + 1.0) : largest;
}

HdSampler *
hd_sampler_new (const HdSchedulerConfig  *config,
                const HdSamplerOptions   *options,
                GError                  **error)
{
  const HdSamplerClass *klass = find_class (options->name);
  HdSampler            *sampler;
  int                   steps;

  if (!check_options (klass, config, options, error))
    return NULL;

  steps = steps_to_run (options, error);
  if (steps == 0)
    return NULL;

  sampler = g_malloc0 (klass->size);
  sampler->klass = klass;
  hd_noise_schedule_init (&sampler->schedule, config);
  sampler->prediction = config->prediction;
  sampler->spacing = options->own_spacing ? options->spacing : klass->spacing;
  init_schedule (sampler, config, options);
  if (klass->init != NULL)
    klass->init (sampler, config, options);
  sampler->first = (options->steps - steps) * klass->order;

  return sampler;
}

/* Gives back what it has of the device. */
static void
forget_run (HdSampler *sampler)
{
  for (int i = 0; i < HD_SAMPLER_MAX_KEPT; i++)
    g_clear_pointer (&sampler->kept[i], hd_tensor_unref);
  g_clear_pointer (&sampler->context, hd_context_unref);
}

void
hd_sampler_free (HdSampler *sampler)
{
  if (sampler == NULL)
    return;

  if (sampler->klass->clear != NULL)
    sampler->klass->clear (sampler);
  forget_run (sampler);
  hd_noise_schedule_clear (&sampler->schedule);
  g_free (sampler->timesteps);
  g_free (sampler->sigmas);
  g_free (sampler);
}

int
hd_sampler_get_evaluations (const HdSampler *sampler)
{
  return sampler->evaluations - sampler->first;
}

double
hd_sampler_get_timestep (const HdSampler *sampler,
                         int              k)
{
  g_return_val_if_fail (k >= 0 && k < hd_sampler_get_evaluations (sampler), 0.0);

  return sampler->timesteps[sampler->first + k];
}

double
hd_sampler_get_sigma (const HdSampler *sampler,
                      int              k)
{
  g_return_val_if_fail (k >= 0 && k <= hd_sampler_get_evaluations (sampler), 0.0);

  return sampler->sigmas[sampler->first + k];
}

double
hd_sampler_get_initial_sigma (const HdSampler *sampler)
{
  return sampler->initial_sigma;
}

void
hd_sampler_get_shares (const HdSampler *sampler,
                       int              k,
                       double          *signal,
                       double          *level)
{
  double sigma = sampler->sigmas[k];

  if (k < sampler->evaluations && sampler->klass->grid == HD_TIMESTEP_GRID_WHOLE)
    {
      /* sigma has no value where there is no signal */
      double alpha = sampler->schedule.alphas_cumprod[(int) sampler->timesteps[k]];

      *signal = sqrt (alpha);
      *level = sqrt (1.0 - alpha);
      return;
    }

  *signal = 1.0 / sqrt (sigma * sigma + 1.0);
  *level = sigma * *signal;
}

void
hd_sampler_get_denoised (const HdSampler *sampler,
                         int              k,
                         double          *from_x,
                         double          *from_m)
{
  double signal;
  double level;

  hd_sampler_get_shares (sampler, k, &signal, &level);
  switch (sampler->prediction)
    {
    case HD_PREDICTION_EPSILON:
      *from_x = 1.0 / signal;
      *from_m = -level / signal;
      break;

    case HD_PREDICTION_V:
      *from_x = signal;
      *from_m = -level;
      break;

    case HD_PREDICTION_SAMPLE:
      *from_x = 0.0;
      *from_m = 1.0;
      break;
    }

  if (sampler->klass->latents == HD_LATENTS_EXPLODING)
    *from_x *= signal;
}

void
hd_sampler_add_noise (const HdSampler *sampler,
                      const float     *clean,
                      const float     *noise,
                      float           *x,
                      gsize            count)
{
  hd_sampler_add_noise_at (sampler, 0, clean, noise, x, count);
}

void
hd_sampler_add_noise_at (const HdSampler *sampler,
                         int              k,
                         const float     *clean,
                         const float     *noise,
                         float           *x,
                         gsize            count)
{
  double signal = 1.0;
  double level = 0.0;

  g_return_if_fail (k >= 0 && k <= hd_sampler_get_evaluations (sampler));

  if (sampler->klass->latents == HD_LATENTS_PRESERVING)
    hd_sampler_get_shares (sampler, sampler->first + k, &signal, &level);
  else
    level = sampler->sigmas[sampler->first + k];

  for (gsize i = 0; i < count; i++)
    x[i] = (float) signal * clean[i] + (float) level * noise[i];
}

void
hd_sampler_begin (HdSampler      *sampler,
                  HdContext      *context,
                  const HdTensor *x)
{
  forget_run (sampler);
  sampler->context = hd_context_ref (context);
  for (int i = 0; x != NULL && i < sampler->klass->n_kept; i++)
    sampler->kept[i] = hd_tensor_new (context, HD_DTYPE_F32, 1, x->height, x->width, x->channels);
}

void
hd_sampler_scale_input (const HdSampler *sampler,
                        int              k,
                        const HdTensor  *x,
                        HdTensor        *input)
{
  double signal = 1.0;
  double level;

  g_return_if_fail (k >= 0 && k < hd_sampler_get_evaluations (sampler));

  if (sampler->klass->latents == HD_LATENTS_EXPLODING)
    hd_sampler_get_shares (sampler, sampler->first + k, &signal, &level);

  hd_combine (sampler->context, signal, x, 0.0, NULL, input);
}

void
hd_sampler_guess_clean (const HdSampler *sampler,
                        int              k,
                        const HdTensor  *x,
                        const HdTensor  *prediction,
                        HdTensor        *clean)
{
  double from_x = 1.0;
  double from_m = 0.0;

  hd_sampler_get_denoised (sampler, sampler->first + k, &from_x, &from_m);
  hd_combine (sampler->context, from_x, x, from_m, prediction, clean);
}

void
hd_sampler_combine_fresh (const HdSampler *sampler,
                          double           from_x,
                          double           level,
                          HdTensor        *x,
                          HdNoiseFunc      noise,
                          gpointer         user_data)
{
  g_autoptr (HdTensor)  fresh = NULL;
  g_autofree float     *values = NULL;
  gsize                 count;

  /* There is none where the device has failed. */
  if (x == NULL)
    return;

  count = (gsize) hd_tensor_elements (x);
  values = g_new (float, count);
  noise (values, count, user_data);
  fresh = hd_upload (sampler->context, HD_DTYPE_F32, 1, x->height, x->width, x->channels, values);
  hd_combine (sampler->context, from_x, x, level, fresh, x);
}

void
hd_sampler_step (HdSampler      *sampler,
                 int             k,
                 const HdTensor *prediction,
                 HdTensor       *x,
                 HdNoiseFunc     noise,
                 gpointer        user_data)
{
  g_return_if_fail (k >= 0 && k < hd_sampler_get_evaluations (sampler));
  g_return_if_fail (k == 0 || k == sampler->next);

  sampler->next = k + 1;
  sampler->klass->step (sampler, sampler->first + k, prediction, x, noise, user_data);
}
