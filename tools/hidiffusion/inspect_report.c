/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/inspect_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-glib/json-glib.h>

#include "tools/hidiffusion/command.h"

#define MEGA 1e6

/* --- counting ------------------------------------------------------------------ */

void
hd_contents_init (HdContents *contents)
{
  *contents = (HdContents) {
    .files = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_safetensors_unref),
    .dtypes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
  };
}

void
hd_contents_clear (HdContents *contents)
{
  g_clear_pointer (&contents->files, g_ptr_array_unref);
  g_clear_pointer (&contents->dtypes, g_hash_table_unref);
}

void
hd_contents_add (HdContents    *contents,
                 HdSafetensors *file,
                 const char    *prefix)
{
  guint                     n;
  const HdSafetensorsEntry *entries = hd_safetensors_get_entries (file, &n);

  g_ptr_array_add (contents->files, hd_safetensors_ref (file));
  for (guint i = 0; i < n; i++)
    {
      guint64 elements = 1;

      if (prefix != NULL && !g_str_has_prefix (entries[i].name, prefix))
        continue;

      for (int j = 0; j < entries[i].n_dimensions; j++)
        elements *= (guint64) entries[i].shape[j];
      contents->parameters += elements;
      contents->bytes += entries[i].length;
      contents->n_tensors++;
      g_hash_table_add (contents->dtypes, g_strdup (entries[i].dtype_name));
    }
}

static int
compare_names (const void *a,
               const void *b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

/* (transfer container): the types' names, sorted. */
static const char **
sort_dtypes (const HdContents *contents,
             guint            *n)
{
  const char **names = (const char **) g_hash_table_get_keys_as_array (contents->dtypes, n);

  qsort (names, *n, sizeof *names, compare_names);

  return names;
}

/* --- as text ------------------------------------------------------------------- */

static void
print_row (const char *what,
           const char *format,
           ...) G_GNUC_PRINTF (2, 3);

static void
print_row (const char *what,
           const char *format,
           ...)
{
  g_autofree char *text = NULL;
  va_list          args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  printf ("%-14s %s\n", what, hd_command_clean (text));
}

/* "F16, 859.5 M parameters in 686 tensors, 1.6 GiB" */
static void
print_contents (const char       *what,
                const HdContents *contents)
{
  guint                   n;
  g_autofree const char **names = sort_dtypes (contents, &n);
  g_autofree char        *size = g_format_size_full (contents->bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char        *dtypes = g_strjoinv (", ", (char **) names);

  print_row (what, "%s, %.4g M parameters in %u tensors, %s", dtypes, contents->parameters / MEGA,
             contents->n_tensors, size);
}

static char *
join_ints (const int *values,
           int        n)
{
  GString *list = g_string_new (NULL);

  for (int i = 0; i < n; i++)
    g_string_append_printf (list, "%s%d", i > 0 ? ", " : "", values[i]);

  return g_string_free (list, FALSE);
}

static void
print_networks (const HdModel *model)
{
  const HdUnetConfig *unet = &model->unet;
  const HdVaeConfig  *vae = &model->vae;
  g_autofree char    *unet_channels = join_ints (unet->block_out_channels, unet->n_levels);
  g_autofree char    *unet_heads = join_ints (unet->heads, unet->n_levels);
  g_autofree char    *vae_channels = join_ints (vae->block_out_channels, vae->n_levels);

  print_row ("unet", "channels %s; heads %s; text %d; %d input channels%s", unet_channels, unet_heads,
             unet->cross_attention_dim, unet->in_channels, unet->text_time ? "; size conditioning" : "");
  print_row ("vae", "channels %s; latents %d x 1/%d, scaled by %g", vae_channels, vae->latent_channels, model->factor,
             vae->scaling_factor);
  for (int i = 0; i < model->n_text; i++)
    print_row (hd_model_part_name (HD_MODEL_TEXT_ENCODER + i), "%d layers of %d, heads %d, vocabulary %d",
               model->text[i].layers, model->text[i].hidden_size, model->text[i].heads, model->text[i].vocab_size);
}

static void
print_training (const HdModel *model)
{
  const HdSchedulerConfig *scheduler = &model->scheduler;

  print_row ("scheduler", "%d training steps, beta %g to %g%s, predicts %s%s", scheduler->train_steps,
             scheduler->beta_start, scheduler->beta_end,
             scheduler->zero_terminal_snr ? ", rescaled to end without signal" : "",
             hd_prediction_name (scheduler->prediction),
             model->prediction_known ? "" : " (a guess; --prediction says otherwise)");
  print_row ("distillation", "%s", hd_distillation_name (model->distillation));
  if (model->ratios != NULL)
    print_row ("hidiffusion", "own ratios: d4 %g, p2 %g; from 4x on d4 %g, p2 %g", model->ratios->normal.d4,
               model->ratios->normal.p2, model->ratios->large.d4, model->ratios->large.p2);
  else
    print_row ("hidiffusion", "the family's ratios");
}

static const char *
layout_name (const HdModel *model)
{
  return model->files->single_file != NULL ? "single file" : "diffusers folder";
}

void
hd_inspection_print (const HdInspection *inspection)
{
  const HdModel   *model = inspection->model;
  const char      *class_name = model->files->class_name;
  HdModelDefaults  defaults;

  print_row ("model", "%s", model->files->name);
  print_row ("path", "%s", model->files->folder);
  print_row ("layout", "%s", layout_name (model));
  print_row ("family", "%s%s%s%s%s", hd_family_name (model->family), model->inpainting ? ", for inpainting" : "",
             class_name != NULL ? " (" : "", class_name != NULL ? class_name : "", class_name != NULL ? ")" : "");
  print_row ("fingerprint", "%s", inspection->fingerprint);

  putchar ('\n');
  for (int i = 0; i < HD_MODEL_N_PARTS; i++)
    {
      if (!hd_model_has_part (model, i))
        continue;
      print_contents (hd_model_part_name (i), &inspection->parts[i]);
      for (guint j = 0; model->files->single_file == NULL && j < inspection->parts[i].files->len; j++)
        print_row ("", "%s", hd_safetensors_get_path (g_ptr_array_index (inspection->parts[i].files, j)));
    }

  putchar ('\n');
  hd_model_get_defaults (model, &defaults);
  print_row ("native size", "%d x %d pixels, trained", model->native_size, model->native_size);
  print_networks (model);
  print_training (model);
  if (defaults.guidance_scale > 1.0)
    print_row ("defaults", "%s, %s, %d steps, guidance %g", defaults.sampler, defaults.schedule, defaults.steps,
               defaults.guidance_scale);
  else
    print_row ("defaults", "%s, %s, %d steps, no guidance", defaults.sampler, defaults.schedule, defaults.steps);
}

void
hd_inspection_print_file (HdSafetensors      *file,
                          const HdSingleFile *contents)
{
  const char *title = hd_safetensors_get_metadata (file, "modelspec.title");
  HdContents  counted;

  hd_contents_init (&counted);
  hd_contents_add (&counted, file, NULL);

  print_row ("file", "%s", hd_safetensors_get_path (file));
  print_row ("holds", "%s", contents->description);
  print_row ("family", "%s", contents->family_known ? hd_family_name (contents->family) : "not told by the file");
  if (title != NULL)
    {
      g_autofree char *shown = g_strescape (title, NULL);

      print_row ("title", "%.200s", shown);
    }
  print_contents ("tensors", &counted);
  hd_contents_clear (&counted);
}

/* --- as JSON ------------------------------------------------------------------- */

static void
add_text (JsonBuilder *builder,
          const char  *name,
          const char  *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

/* A path may hold any bytes. */
static void
add_path (JsonBuilder *builder,
          const char  *name,
          const char  *path)
{
  g_autofree char *shown = g_filename_display_name (path);

  add_text (builder, name, shown);
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
add_truth (JsonBuilder *builder,
           const char  *name,
           gboolean     value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

static void
add_contents (JsonBuilder      *builder,
              const HdContents *contents)
{
  guint                   n;
  g_autofree const char **names = sort_dtypes (contents, &n);

  json_builder_set_member_name (builder, "dtypes");
  json_builder_begin_array (builder);
  for (guint i = 0; i < n; i++)
    json_builder_add_string_value (builder, names[i]);
  json_builder_end_array (builder);
  add_count (builder, "parameters", (gint64) contents->parameters);
  add_count (builder, "tensors", contents->n_tensors);
  add_count (builder, "bytes", (gint64) contents->bytes);
}

static void
add_part (JsonBuilder        *builder,
          const HdInspection *inspection,
          HdModelPart         part)
{
  const HdContents *contents = &inspection->parts[part];

  json_builder_set_member_name (builder, hd_model_part_name (part));
  json_builder_begin_object (builder);
  add_contents (builder, contents);
  json_builder_set_member_name (builder, "files");
  json_builder_begin_array (builder);
  for (guint i = 0; i < contents->files->len; i++)
    {
      g_autofree char *path = g_filename_display_name (hd_safetensors_get_path (g_ptr_array_index (contents->files, i)));

      json_builder_add_string_value (builder, path);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
add_defaults (JsonBuilder   *builder,
              const HdModel *model)
{
  HdModelDefaults defaults;

  hd_model_get_defaults (model, &defaults);
  json_builder_set_member_name (builder, "defaults");
  json_builder_begin_object (builder);
  add_count (builder, "size", defaults.size);
  add_count (builder, "steps", defaults.steps);
  json_builder_set_member_name (builder, "guidance_scale");
  json_builder_add_double_value (builder, defaults.guidance_scale);
  add_text (builder, "sampler", defaults.sampler);
  add_text (builder, "schedule", defaults.schedule);
  json_builder_end_object (builder);
}

static void
print_json (JsonBuilder *builder)
{
  g_autoptr (JsonNode)      root = json_builder_get_root (builder);
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autofree char          *text = NULL;

  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  text = json_generator_to_data (generator, NULL);
  printf ("%s\n", text);
}

void
hd_inspection_print_json (const HdInspection *inspection)
{
  const HdModel           *model = inspection->model;
  g_autoptr (JsonBuilder)  builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_text (builder, "model", model->files->name);
  add_path (builder, "path", model->files->folder);
  add_text (builder, "kind", "model");
  add_text (builder, "layout", layout_name (model));
  add_text (builder, "family", hd_family_name (model->family));
  add_truth (builder, "inpainting", model->inpainting);
  add_text (builder, "distillation", hd_distillation_name (model->distillation));
  add_text (builder, "prediction", hd_prediction_name (model->scheduler.prediction));
  add_truth (builder, "prediction_known", model->prediction_known);
  add_truth (builder, "zero_terminal_snr", model->scheduler.zero_terminal_snr);
  add_count (builder, "native_size", model->native_size);
  add_text (builder, "fingerprint", inspection->fingerprint);
  json_builder_set_member_name (builder, "components");
  json_builder_begin_object (builder);
  for (int i = 0; i < HD_MODEL_N_PARTS; i++)
    if (hd_model_has_part (model, i))
      add_part (builder, inspection, i);
  json_builder_end_object (builder);
  add_defaults (builder, model);
  json_builder_end_object (builder);
  print_json (builder);
}

void
hd_inspection_print_file_json (HdSafetensors      *file,
                               const HdSingleFile *contents)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  HdContents              counted;

  hd_contents_init (&counted);
  hd_contents_add (&counted, file, NULL);
  json_builder_begin_object (builder);
  add_path (builder, "path", hd_safetensors_get_path (file));
  add_text (builder, "kind", contents->description);
  if (contents->family_known)
    add_text (builder, "family", hd_family_name (contents->family));
  add_contents (builder, &counted);
  json_builder_end_object (builder);
  hd_contents_clear (&counted);
  print_json (builder);
}
