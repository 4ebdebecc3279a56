/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/config.h"
#include "engine/model_files.h"
#include "engine/pipeline.h"
#include "kernels/dry/dry.h"
#include "tools/hidiffusion/command.h"

#define MEGA 1e6

typedef struct
{
  guint64     bytes;
  guint64     parameters;
  guint       n_tensors;
  GHashTable *dtypes;   /* a set of their names */
} Contents;

static void
count_entry (Contents                 *contents,
             const HdSafetensorsEntry *entry)
{
  guint64 elements = 1;

  for (int i = 0; i < entry->n_dimensions; i++)
    elements *= (guint64) entry->shape[i];
  contents->parameters += elements;
  contents->bytes += entry->length;
  contents->n_tensors++;
  g_hash_table_add (contents->dtypes, g_strdup (entry->dtype_name));
}

static int
compare_names (const void *a,
               const void *b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

/* "F16, 859.5 M parameters in 686 tensors, 1.6 GiB" */
static char *
describe_contents (const Contents *contents)
{
  guint             n_names;
  g_autofree char **names = (char **) g_hash_table_get_keys_as_array (contents->dtypes, &n_names);
  g_autofree char  *size = g_format_size_full (contents->bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char  *dtypes = NULL;

  qsort (names, n_names, sizeof *names, compare_names);
  dtypes = g_strjoinv (", ", names);

  return g_strdup_printf ("%s, %.4g M parameters in %u tensors, %s", dtypes, contents->parameters / MEGA,
                          contents->n_tensors, size);
}

static gboolean
print_component (const HdModelComponent  *component,
                 GError                 **error)
{
  g_autoptr (GPtrArray)  files = hd_model_component_open (component, error);
  g_autoptr (GHashTable) dtypes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char       *description = NULL;
  Contents               contents = { .dtypes = dtypes };

  if (files == NULL)
    return FALSE;

  for (guint i = 0; i < files->len; i++)
    {
      guint                     n_entries;
      const HdSafetensorsEntry *entries = hd_safetensors_get_entries (g_ptr_array_index (files, i), &n_entries);

      for (guint j = 0; j < n_entries; j++)
        count_entry (&contents, &entries[j]);
    }

  description = describe_contents (&contents);
  printf ("%-12s %s\n", component->name, description);
  for (char **path = component->weights; *path != NULL; path++)
    printf ("%-12s %s\n", "", *path);

  return TRUE;
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

static const char *
prediction_name (HdPrediction prediction)
{
  switch (prediction)
    {
    case HD_PREDICTION_EPSILON:
      return "epsilon";
    case HD_PREDICTION_V:
      return "v";
    case HD_PREDICTION_SAMPLE:
      return "sample";
    }

  g_return_val_if_reached ("");
}

static const char *
family_name (HdFamily family)
{
  switch (family)
    {
    case HD_FAMILY_SD1:
      return "Stable Diffusion 1";
    case HD_FAMILY_SD2:
      return "Stable Diffusion 2";
    case HD_FAMILY_SDXL:
      return "Stable Diffusion XL";
    case HD_FAMILY_SDXL_TURBO:
      return "Stable Diffusion XL Turbo";
    }

  g_return_val_if_reached ("");
}

static void
print_settings (const HdPipeline *pipeline)
{
  const HdTextConfig *text = &pipeline->text.encoders[0]->config;
  const HdUnetConfig *unet = &pipeline->unet->config;
  const HdVaeConfig  *vae = &pipeline->vae->config;
  g_autofree char    *unet_channels = join_ints (unet->block_out_channels, unet->n_levels);
  g_autofree char    *unet_heads = join_ints (unet->heads, unet->n_levels);
  g_autofree char    *vae_channels = join_ints (vae->block_out_channels, vae->n_levels);

  printf ("\n%-12s %d x %d pixels, trained\n", "native size", pipeline->native_size, pipeline->native_size);
  printf ("%-12s channels %s; heads %s; text %d\n", "unet", unet_channels, unet_heads, unet->cross_attention_dim);
  printf ("%-12s channels %s; latents %d x 1/%d, scaled by %g\n", "vae", vae_channels, vae->latent_channels,
          pipeline->factor, vae->scaling_factor);
  printf ("%-12s %d layers of %d, %d heads, vocabulary %d\n", "text_encoder", text->layers, text->hidden_size,
          text->heads, text->vocab_size);
  printf ("%-12s %d training steps, beta %g to %g, predicts %s\n", "scheduler", pipeline->scheduler.train_steps,
          pipeline->scheduler.beta_start, pipeline->scheduler.beta_end,
          prediction_name (pipeline->scheduler.prediction));

  if (pipeline->ratios != NULL)
    printf ("%-12s own ratios: d4 %g, p2 %g; from 4x on d4 %g, p2 %g\n", "hidiffusion", pipeline->ratios->normal.d4,
            pipeline->ratios->normal.p2, pipeline->ratios->large.d4, pipeline->ratios->large.p2);
  else
    printf ("%-12s the family's ratios\n", "hidiffusion");
}

static gboolean
inspect (const char  *path,
         GError     **error)
{
  g_autoptr (HdModelFiles) files = hd_model_files_find (path, error);
  g_autoptr (HdContext)    context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdPipeline)   pipeline = NULL;
  g_autofree char         *fingerprint = NULL;

  if (files == NULL)
    return FALSE;

  /* Loaded without a device: every tensor has been looked up by name and shape. */
  pipeline = hd_pipeline_load (context, path, error);
  if (pipeline == NULL)
    return FALSE;

  fingerprint = hd_model_files_fingerprint (files, error);
  if (fingerprint == NULL)
    return FALSE;

  printf ("%-12s %s\n", "model", files->name);
  printf ("%-12s %s\n", "folder", files->folder);
  printf ("%-12s %s%s%s%s\n", "family", family_name (pipeline->family), files->class_name != NULL ? " (" : "",
          files->class_name != NULL ? files->class_name : "", files->class_name != NULL ? ")" : "");
  printf ("%-12s %s\n\n", "fingerprint", fingerprint);
  if (!print_component (&files->text_encoder, error) || !print_component (&files->unet, error)
      || !print_component (&files->vae, error))
    return FALSE;

  print_settings (pipeline);

  return TRUE;
}

int
hd_command_inspect (GStrv *arguments)
{
  GOptionGroup *group = g_option_group_new ("inspect", "", "", NULL, NULL);
  GError       *error = NULL;

  if (!hd_command_parse (arguments, group, "MODEL", "MODEL is a folder in diffusers' layout. Its files are checked as "
                         "for a run: every tensor by name, type and shape.", 1))
    return HD_EXIT_USAGE;

  if (!inspect ((*arguments)[1], &error))
    return hd_command_fail (error);

  return HD_EXIT_SUCCESS;
}
