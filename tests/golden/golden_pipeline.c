/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/pipeline.h"
#include "tests/golden/golden_networks.h"
#include "tests/golden/golden_run.h"
#include "tests/golden/synth.h"

#define MAX_SIDE   8192
#define MAX_STRIDE 64
#define MAX_STEPS  1000
#define MAX_SCALE  100.0
#define MAX_CALLS  1000000

/* What the run is given besides its settings. */
typedef struct
{
  HdGoldenCase   *golden;
  gboolean        dry;
  int             n_draws;
  HdGoldenShifts  shifts;
} Source;

static void
draw_noise (float    *values,
            gsize     count,
            gpointer  user_data)
{
  Source          *source = user_data;
  g_autofree char *stream = hd_golden_stream (source->golden, "noise/%d", source->n_draws++);

  if (source->dry)
    memset (values, 0, count * sizeof *values);
  else
    hd_synth_normal (stream, count, values);
}

static int
draw_shift (guint64  call,
            gpointer user_data)
{
  return hd_golden_shift (call, &((Source *) user_data)->shifts);
}

/* The picture that the run starts from, and the mask of the part that is made anew. */
typedef struct
{
  float *image;
  float *mask;
} Pictures;

static void
pictures_clear (Pictures *pictures)
{
  g_clear_pointer (&pictures->image, g_free);
  g_clear_pointer (&pictures->mask, g_free);
}

static void
fill_mask (float     *mask,
           int        height,
           int        width,
           const int  box[4])
{
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      mask[(gsize) y * width + x] = x >= box[0] && y >= box[1] && x < box[2] && y < box[3] ? 1.0f : 0.0f;
}

static gboolean
read_pictures (HdGoldenCase  *golden,
               int            height,
               int            width,
               Pictures      *pictures,
               GError       **error)
{
  static const char * const tasks[] = { "txt2img", "img2img", "inpaint", NULL };
  int                       task = hd_config_enum (&golden->reader, "task", 0, tasks);
  gsize                     count = (gsize) 3 * height * width;
  g_autofree char          *stream = hd_golden_stream (golden, "image");
  int                       box[4] = { 0 };

  if (golden->reader.error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&golden->reader.error));
      return FALSE;
    }

  if (task == 0)
    return TRUE;

  pictures->image = g_new (float, count);
  hd_synth_uniform (stream, count, pictures->image);
  for (gsize i = 0; i < count; i++)
    pictures->image[i] = 2.0f * pictures->image[i] - 1.0f;

  if (task == 2)
    {
      if (hd_config_ints (&golden->reader, "mask_box", NULL, 0, 0, MAX_SIDE, box, 4) != 4)
        hd_config_fail (&golden->reader, "mask_box", "left, top, right and bottom");
      pictures->mask = g_new (float, (gsize) height * width);
      fill_mask (pictures->mask, height, width, box);
    }

  return TRUE;
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pictures, pictures_clear)

static gboolean
compare_run (HdGoldenCase  *golden,
             HdPipeline    *pipeline,
             const HdRun   *run,
             int            stride,
             GError       **error)
{
  int               channels = pipeline->vae->config.latent_channels;
  int               height = run->latent_height * pipeline->factor;
  int               width = run->latent_width * pipeline->factor;
  gsize             count = (gsize) channels * run->latent_height * run->latent_width;
  g_autofree float *latents = g_new (float, count);
  g_autofree float *planes = g_new (float, (gsize) 3 * height * width);

  if (!hd_pipeline_denoise (pipeline, run, latents, error)
      || !hd_pipeline_decode (pipeline, latents, run->latent_height, run->latent_width, planes, error))
    return FALSE;

  return hd_context_is_dry (pipeline->context)
         || (hd_golden_compare (golden, "latents", latents, count, error)
             && hd_golden_compare_strided (golden, "image", planes, 3, height, width, stride, error));
}

static gboolean
read_and_run (HdGoldenCase  *golden,
              HdPipeline    *pipeline,
              Source        *source,
              GError       **error)
{
  HdConfigReader  *reader = &golden->reader;
  g_autofree char *prompt = hd_config_string (reader, "prompt", "");
  g_autofree char *negative = hd_config_string (reader, "negative", "");
  int              width = hd_config_int (reader, "width", 512, pipeline->factor, MAX_SIDE);
  int              height = hd_config_int (reader, "height", 512, pipeline->factor, MAX_SIDE);
  int              stride = hd_config_int (reader, "stride", 1, 1, MAX_STRIDE);
  HdRun            run = {
    .prompt = prompt,
    .negative_prompt = negative,
    .latent_height = height / pipeline->factor,
    .latent_width = width / pipeline->factor,
    .guidance_scale = hd_config_double (reader, "guidance", 7.5, 0.0, MAX_SCALE),
    .text = { .plain = TRUE },
    .rau_net = hd_golden_hidiffusion (golden, "raunet"),
    .msw_msa = hd_golden_hidiffusion (golden, "msw_msa"),
    .noise = draw_noise,
    .shift = draw_shift,
    .user_data = source,
  };

  g_auto (Pictures) pictures = { 0 };

  if (!read_pictures (golden, height, width, &pictures, error)
      || !hd_golden_find_sampler (golden, &run.sampler, &pipeline->scheduler, error))
    return FALSE;

  run.image = pictures.image;
  run.mask = pictures.mask;
  run.sampler.steps = hd_config_int (reader, "steps", 1, 1, MAX_STEPS);
  run.sampler.strength = hd_config_double (reader, "strength", 1.0, 0.0, 1.0);
  if (reader->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&reader->error));
      return FALSE;
    }

  return compare_run (golden, pipeline, &run, stride, error);
}

gboolean
hd_golden_pipeline (HdGoldenCase  *golden,
                    HdContext     *context,
                    const char    *model,
                    GError       **error)
{
  g_autoptr (HdPipeline) pipeline = NULL;
  Source                 source = { .golden = golden, .dry = hd_context_is_dry (context) };
  gboolean               success;

  pipeline = hd_pipeline_load (context, model, error);
  if (pipeline == NULL)
    return FALSE;

  pipeline->plan.splits = golden->splits;

  /* Turbo models have the networks of SDXL: it is the case that tells them apart. */
  pipeline->family = hd_golden_family (golden, pipeline->family);
  hd_golden_shifts_init (&source.shifts, golden, hd_config_int (&golden->reader, "attention_calls", 0, 0, MAX_CALLS));
  success = read_and_run (golden, pipeline, &source, error);
  hd_golden_shifts_clear (&source.shifts);

  return success;
}
