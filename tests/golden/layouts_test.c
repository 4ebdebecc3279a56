/* SPDX-License-Identifier: Apache-2.0 */

/* A model has the same tensors and gives the same answers in whichever layout its files are. */

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/model.h"
#include "tests/golden/golden_run.h"
#include "tests/golden/synth.h"
#include "tests/unit/checkpoint.h"

static char *scratch;

/* --- single files -------------------------------------------------------------- */

/* Makes the model of the manifest NAME.json; its folder. */
static char *
make_model (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char   *file = g_strconcat (name, ".json", NULL);
  g_autofree char   *manifest = g_test_build_filename (G_TEST_DIST, "models", file, NULL);
  char              *folder = g_build_filename (scratch, name, NULL);

  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    hd_synth_write_model (manifest, folder, &error);
  g_assert_no_error (error);

  return folder;
}

/* Apart from sides of 1 at the end: a 1x1 convolution is a matrix. */
static gboolean
same_shape (const HdSafetensorsEntry *a,
            const HdSafetensorsEntry *b)
{
  for (int i = 0; i < MAX (a->n_dimensions, b->n_dimensions); i++)
    if ((i < a->n_dimensions ? a->shape[i] : 1) != (i < b->n_dimensions ? b->shape[i] : 1))
      return FALSE;

  return TRUE;
}

/* Every tensor that the folder has of @part is in the single file, bit for bit; how many there are. */
static guint
compare_part (const HdModel *folder,
              const HdModel *single,
              HdModelPart    part)
{
  HdSafetensors            *file = hd_tensor_source_get_file (hd_model_get_source (folder, part), 0);
  guint                     n;
  const HdSafetensorsEntry *entries = hd_safetensors_get_entries (file, &n);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) expected = NULL;
      g_autoptr (GBytes) actual = NULL;
      HdFoundTensor      found;

      if (!hd_tensor_source_find (hd_model_get_source (single, part), entries[i].name, &found))
        g_error ("%s: %s is not found", hd_model_part_name (part), entries[i].name);
      if (!same_shape (&entries[i], &found.entry))
        g_error ("%s: %s has another shape", hd_model_part_name (part), entries[i].name);
      g_assert_cmpstr (found.entry.dtype_name, ==, entries[i].dtype_name);

      expected = hd_safetensors_get (file, &entries[i], &error);
      g_assert_no_error (error);
      actual = hd_found_tensor_read (&found, &error);
      g_assert_no_error (error);
      if (!g_bytes_equal (expected, actual))
        g_error ("%s: %s has other values", hd_model_part_name (part), entries[i].name);
    }

  return n;
}

static void
compare_unets (const HdUnetConfig *a,
               const HdUnetConfig *b)
{
  g_assert_cmpint (a->n_levels, ==, b->n_levels);
  g_assert_cmpint (a->layers_per_block, ==, b->layers_per_block);
  g_assert_cmpint (a->in_channels, ==, b->in_channels);
  g_assert_cmpint (a->out_channels, ==, b->out_channels);
  g_assert_cmpint (a->cross_attention_dim, ==, b->cross_attention_dim);
  g_assert_cmpint (a->use_linear_projection, ==, b->use_linear_projection);
  g_assert_cmpint (a->text_time, ==, b->text_time);
  g_assert_cmpint (a->addition_input_dim, ==, b->addition_input_dim);
  g_assert_cmpint (a->addition_time_embed_dim, ==, b->addition_time_embed_dim);
  g_assert_cmpint (a->time_cond_proj_dim, ==, b->time_cond_proj_dim);
  g_assert_cmpint (a->norm_groups, ==, b->norm_groups);
  for (int i = 0; i < a->n_levels; i++)
    {
      g_assert_cmpint (a->block_out_channels[i], ==, b->block_out_channels[i]);
      g_assert_cmpint (a->down_blocks[i], ==, b->down_blocks[i]);
      g_assert_cmpint (a->up_blocks[i], ==, b->up_blocks[i]);
      if (a->down_blocks[i] == HD_BLOCK_CROSS_ATTENTION || i == a->n_levels - 1)
        g_assert_cmpint (b->transformer_layers[i], ==, a->transformer_layers[i]);
    }
}

static void
compare_configs (const HdModel *a,
                 const HdModel *b)
{
  compare_unets (&a->unet, &b->unet);

  g_assert_cmpint (a->vae.n_levels, ==, b->vae.n_levels);
  for (int i = 0; i < a->vae.n_levels; i++)
    g_assert_cmpint (a->vae.block_out_channels[i], ==, b->vae.block_out_channels[i]);
  g_assert_cmpint (a->vae.layers_per_block, ==, b->vae.layers_per_block);
  g_assert_cmpint (a->vae.latent_channels, ==, b->vae.latent_channels);
  g_assert_cmpint (a->vae.use_quant_conv, ==, b->vae.use_quant_conv);
  g_assert_cmpint (a->vae.use_post_quant_conv, ==, b->vae.use_post_quant_conv);
  g_assert_cmpint (a->vae.mid_block_attention, ==, b->vae.mid_block_attention);
  g_assert_cmpfloat (a->vae.scaling_factor, ==, b->vae.scaling_factor);

  g_assert_cmpint (a->n_text, ==, b->n_text);
  for (int i = 0; i < a->n_text; i++)
    {
      g_assert_cmpint (a->text[i].hidden_size, ==, b->text[i].hidden_size);
      g_assert_cmpint (a->text[i].layers, ==, b->text[i].layers);
      g_assert_cmpint (a->text[i].intermediate_size, ==, b->text[i].intermediate_size);
      g_assert_cmpint (a->text[i].vocab_size, ==, b->text[i].vocab_size);
      g_assert_cmpint (a->text[i].activation, ==, b->text[i].activation);
    }
  if (a->n_text == 2)
    g_assert_cmpint (a->text[1].projection_dim, ==, b->text[1].projection_dim);

  g_assert_cmpint (a->family, ==, b->family);
  g_assert_cmpint (a->factor, ==, b->factor);
  g_assert_cmpint (a->inpainting, ==, b->inpainting);
}

static void
test_single_file (gconstpointer data)
{
  const char         *name = data;
  g_autoptr (GError)  error = NULL;
  g_autofree char    *single_name = g_strconcat (name, "-single-file", NULL);
  g_autofree char    *file_name = g_strconcat (name, ".safetensors", NULL);
  g_autofree char    *folder = make_model (name);
  g_autofree char    *single_folder = make_model (single_name);
  g_autofree char    *file = g_build_filename (single_folder, file_name, NULL);
  g_autoptr (HdModel) expected = hd_model_open (folder, NULL, &error);
  g_autoptr (HdModel) actual = NULL;
  guint               compared = 0;

  g_assert_no_error (error);
  actual = hd_model_open (file, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (actual->files->name, ==, name);

  compare_configs (expected, actual);
  for (int part = 0; part < HD_MODEL_N_PARTS; part++)
    {
      g_assert_cmpint (hd_model_has_part (actual, part), ==, hd_model_has_part (expected, part));
      if (hd_model_has_part (expected, part))
        compared += compare_part (expected, actual, part);
    }
  g_test_message ("%u tensors", compared);
  g_assert_cmpuint (compared, >, 900);
}

/* --- text encoders ---------------------------------------------------------------- */

/* transformers 5 saves text encoders without the prefix "text_model.". */
static void
strip_prefix (const char *folder,
              const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, "model.safetensors", NULL);
  g_auto (GStrv)   pieces = NULL;
  g_autofree char *header = NULL;
  HdTestFile       file;

  hd_test_file_read (&file, path);
  pieces = g_strsplit (file.header, "\"text_model.", -1);
  g_assert_cmpuint (g_strv_length (pieces), >, 30);
  header = g_strjoinv ("\"", pieces);
  hd_test_write_tensors (path, header, file.data, file.data_length);
  hd_test_file_clear (&file);
}

static void
test_text_encoders (void)
{
  g_autoptr (GError)  error = NULL;
  g_autofree char    *folder = make_model ("sdxl");
  g_autofree char    *manifest = g_test_build_filename (G_TEST_DIST, "models", "sdxl.json", NULL);
  g_autofree char    *plain = g_build_filename (scratch, "sdxl-plain", NULL);
  g_autoptr (HdModel) expected = NULL;
  g_autoptr (HdModel) actual = NULL;

  g_assert_true (hd_synth_write_model (manifest, plain, &error));
  strip_prefix (plain, "text_encoder");
  strip_prefix (plain, "text_encoder_2");

  expected = hd_model_open (folder, NULL, &error);
  g_assert_no_error (error);
  actual = hd_model_open (plain, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (compare_part (expected, actual, HD_MODEL_TEXT_ENCODER), >, 30);
  g_assert_cmpuint (compare_part (expected, actual, HD_MODEL_TEXT_ENCODER_2), >, 30);
  g_assert_true (hd_model_check (actual, &error));
  g_assert_no_error (error);
}

/* --- the hub's folders ---------------------------------------------------------- */

/* A copy of the case NAME whose model is @model, with the expected tensors and the manifests beside it; its path. */
static char *
redirect_case (const char *name,
               const char *from,
               const char *to)
{
  g_autoptr (GError) error = NULL;
  g_autofree char   *folder = g_build_filename (scratch, "redirected", "cases", NULL);
  g_autofree char   *models = g_test_build_filename (G_TEST_DIST, "models", NULL);
  g_autofree char   *models_link = g_build_filename (scratch, "redirected", "models", NULL);
  g_autofree char   *json = g_strconcat (name, ".json", NULL);
  g_autofree char   *tensors = g_strconcat (name, ".safetensors", NULL);
  g_autofree char   *source = g_test_build_filename (G_TEST_DIST, "cases", json, NULL);
  g_autofree char   *source_tensors = g_test_build_filename (G_TEST_DIST, "cases", tensors, NULL);
  g_autofree char   *target_tensors = g_build_filename (folder, tensors, NULL);
  g_autofree char   *target = g_build_filename (folder, json, NULL);
  g_autofree char   *old = g_strdup_printf ("\"model\": \"%s\"", from);
  g_autofree char   *new = g_strdup_printf ("\"model\": \"%s\"", to);
  g_autofree char   *text = NULL;
  g_autofree char   *link_target = g_canonicalize_filename (source_tensors, NULL);
  g_autofree char   *models_target = g_canonicalize_filename (models, NULL);
  g_auto (GStrv)     pieces = NULL;
  g_autofree char   *changed = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_get_contents (source, &text, NULL, &error));
  pieces = g_strsplit (text, old, 2);
  g_assert_cmpuint (g_strv_length (pieces), ==, 2);
  changed = g_strjoinv (new, pieces);
  g_assert_true (g_file_set_contents (target, changed, -1, &error));
  g_assert_cmpint (symlink (link_target, target_tensors), ==, 0);
  if (!g_file_test (models_link, G_FILE_TEST_EXISTS))
    g_assert_cmpint (symlink (models_target, models_link), ==, 0);

  return g_steal_pointer (&target);
}

static void
test_hub (gconstpointer data)
{
  g_autoptr (HdRequest)  request = hd_request_new ();
  g_autofree char       *path = redirect_case (data, "sd15", "sd15-hub");
  HdGoldenSetup          setup = { .request = request, .scratch = scratch, .merges = g_getenv ("HD_MERGES") };
  HdGoldenResult         result;

  hd_request_set (&request->model, "golden");
  hd_request_set (&request->precision, "float32");
  hd_golden_run (&setup, path, &result);
  g_test_message ("%s rel_l2=%.3g limit=%.3g %s", result.name, result.error, result.limit,
                  result.reason != NULL ? result.reason : "");
  g_assert_cmpint (result.verdict, ==, HD_GOLDEN_OK);
  hd_golden_result_clear (&result);
}

int
main (int    argc,
      char **argv)
{
  static const char * const families[] = { "sd15", "sd21", "sdxl" };
  static const char * const hub_cases[] = { "text-sd15", "unet-sd15", "vae-decode-sd15", "vae-encode-sd15" };
  int                       status;

  g_test_init (&argc, &argv, NULL);
  scratch = g_dir_make_tmp ("hidiffusion-layouts-XXXXXX", NULL);
  g_assert_nonnull (scratch);
  g_assert_nonnull (g_getenv ("HD_MERGES"));

  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    {
      g_autofree char *path = g_strdup_printf ("/layouts/single-file/%s", families[i]);

      g_test_add_data_func (path, families[i], test_single_file);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (hub_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/layouts/hub/%s", hub_cases[i]);

      g_test_add_data_func (path, hub_cases[i], test_hub);
    }

  g_test_add_func ("/layouts/text-encoders", test_text_encoders);

  status = g_test_run ();
  hd_test_remove (scratch);
  g_free (scratch);

  return status;
}
