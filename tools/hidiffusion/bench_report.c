/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/bench_report.h"

#include <stdio.h>
#include <string.h>

#include <json-glib/json-glib.h>

#define GIGA 1e9
#define TERA 1e12

/* The most memory that the process has had, in bytes; 0 if the system does not say. */
static guint64
peak_resident_bytes (void)
{
  g_autofree char *status = NULL;
  const char      *line;

  if (!g_file_get_contents ("/proc/self/status", &status, NULL, NULL))
    return 0;

  line = strstr (status, "VmHWM:");

  return line != NULL ? g_ascii_strtoull (line + strlen ("VmHWM:"), NULL, 10) * 1024 : 0;
}

/* "D4", "D4+P2", "plain" */
static const char *
tools_name (const HdRauNetTools *tools)
{
  gboolean d4 = tools->d4_block != HD_NO_BLOCK;
  gboolean p2 = tools->p2_block != HD_NO_BLOCK;

  return d4 && p2 ? "D4+P2" : d4 ? "D4" : p2 ? "P2" : "plain";
}

/* --- text ---------------------------------------------------------------------- */

static void
print_operators (const HdBenchPart *part)
{
  double total = 0.0;

  for (guint i = 0; i < part->seconds->len; i++)
    total += g_array_index (part->seconds, double, i) / part->seconds->len;

  printf ("  %-12s %6s %9s %6s %10s %8s %8s\n", "operator", "calls", "seconds", "share", "GFLOP", "TFLOP/s", "GB/s");
  for (int kind = 0; kind < HD_N_OPS; kind++)
    {
      const HdOpStatistics *s = &part->operators[kind];

      if (s->calls > 0)
        printf ("  %-12s %6" G_GINT64_FORMAT " %9.4f %5.1f%% %10.1f %8.3f %8.1f\n", hd_op_kind_name (kind), s->calls,
                s->seconds, total > 0.0 ? 100.0 * s->seconds / total : 0.0, s->flops / GIGA,
                s->seconds > 0.0 ? s->flops / s->seconds / TERA : 0.0,
                s->seconds > 0.0 ? s->bytes / s->seconds / GIGA : 0.0);
    }
}

static void
print_part (const char        *what,
            const HdBenchPart *part)
{
  guint n = part->seconds->len;

  printf ("\n%s: %.3f s (median of %u, %.3f to %.3f)\n", what, hd_bench_part_get_seconds (part), n,
          g_array_index (part->seconds, double, 0), g_array_index (part->seconds, double, n - 1));
  print_operators (part);
}

void
hd_bench_print (const HdBench *bench)
{
  g_autofree char *weights = g_format_size_full (bench->weight_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *tensors = g_format_size_full (bench->tensor_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *peak = g_format_size_full (peak_resident_bytes (), G_FORMAT_SIZE_IEC_UNITS);

  printf ("%s, latents %d x %d, batch %d\n", bench->device, bench->latent_width, bench->latent_height, bench->batch);
  for (guint i = 0; bench->unet && i < bench->steps->len; i++)
    {
      const HdBenchPart *part = &g_array_index (bench->steps, HdBenchPart, i);
      g_autofree char   *what = g_strdup_printf ("unet, steps %d to %d, %s", part->first_step + 1,
                                                 part->first_step + part->n_steps, tools_name (&part->tools));

      print_part (what, part);
    }
  if (bench->unet && bench->steps->len > 1)
    printf ("\nunet, mean over %d steps: %.3f s\n", bench->job->request->steps, hd_bench_get_step_seconds (bench));
  if (bench->vae)
    print_part ("vae decoder", &bench->decoder);
  printf ("\nmemory: weights %s, activations %s, peak of the process %s\n", weights, tensors, peak);
}

/* --- JSON ---------------------------------------------------------------------- */

static void
add_number (JsonBuilder *builder,
            const char  *name,
            double       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

static void
add_count (JsonBuilder *builder,
           const char  *name,
           gint64       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_text (JsonBuilder *builder,
          const char  *name,
          const char  *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_part (JsonBuilder       *builder,
          const HdBenchPart *part)
{
  add_number (builder, "seconds", hd_bench_part_get_seconds (part));
  json_builder_set_member_name (builder, "repetitions");
  json_builder_begin_array (builder);
  for (guint i = 0; i < part->seconds->len; i++)
    json_builder_add_double_value (builder, g_array_index (part->seconds, double, i));
  json_builder_end_array (builder);

  json_builder_set_member_name (builder, "operators");
  json_builder_begin_object (builder);
  for (int kind = 0; kind < HD_N_OPS; kind++)
    {
      const HdOpStatistics *s = &part->operators[kind];

      if (s->calls == 0)
        continue;
      json_builder_set_member_name (builder, hd_op_kind_name (kind));
      json_builder_begin_object (builder);
      add_count (builder, "calls", s->calls);
      add_number (builder, "seconds", s->seconds);
      add_number (builder, "flops", s->flops);
      add_number (builder, "bytes", s->bytes);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
}

static void
add_unet (JsonBuilder   *builder,
          const HdBench *bench)
{
  json_builder_set_member_name (builder, "unet");
  json_builder_begin_object (builder);
  add_number (builder, "mean_step_seconds", hd_bench_get_step_seconds (bench));
  json_builder_set_member_name (builder, "phases");
  json_builder_begin_array (builder);
  for (guint i = 0; i < bench->steps->len; i++)
    {
      const HdBenchPart *part = &g_array_index (bench->steps, HdBenchPart, i);

      json_builder_begin_object (builder);
      add_count (builder, "first_step", part->first_step);
      add_count (builder, "n_steps", part->n_steps);
      add_text (builder, "rau_net", tools_name (&part->tools));
      add_part (builder, part);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

gboolean
hd_bench_save_json (const HdBench  *bench,
                    const char     *path,
                    GError        **error)
{
  g_autoptr (JsonBuilder)   builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode)      root = NULL;

  json_builder_begin_object (builder);
  add_text (builder, "device", bench->device);
  add_count (builder, "batch", bench->batch);
  add_count (builder, "latent_height", bench->latent_height);
  add_count (builder, "latent_width", bench->latent_width);
  add_count (builder, "steps", bench->job->request->steps);
  add_text (builder, "hidiffusion", bench->request->hidiffusion);
  if (bench->unet)
    add_unet (builder, bench);
  if (bench->vae)
    {
      json_builder_set_member_name (builder, "vae");
      json_builder_begin_object (builder);
      add_part (builder, &bench->decoder);
      json_builder_end_object (builder);
    }
  add_count (builder, "weight_bytes", bench->weight_bytes);
  add_count (builder, "tensor_bytes", bench->tensor_bytes);
  add_count (builder, "peak_resident_bytes", peak_resident_bytes ());
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);

  return json_generator_to_file (generator, path, error);
}
