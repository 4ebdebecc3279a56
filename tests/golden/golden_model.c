/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gstdio.h>

#include "tests/golden/golden_run.h"
#include "tests/golden/synth.h"

#define END_TOKEN    "<|endoftext|>"
#define MAX_MANIFEST (8 << 20)

/* A name out of a file must not lead elsewhere. */
static gboolean
check_name (HdGoldenCase  *golden,
            GError       **error)
{
  if (golden->model != NULL && golden->model[0] != '.' && strchr (golden->model, '/') == NULL)
    return TRUE;

  hd_config_fail (&golden->reader, "model", "the name of a manifest");
  g_propagate_error (error, g_steal_pointer (&golden->reader.error));

  return FALSE;
}

/* What of the manifest's model the engine has no network for. */
static gboolean
check_supported (HdGoldenCase  *golden,
                 JsonObject    *manifest,
                 GError       **error)
{
  JsonNode *files = json_object_get_member (manifest, "files");

  if (files == NULL || !JSON_NODE_HOLDS_OBJECT (files))
    return TRUE;

  /* The VAE is the same network in every family. */
  if (!g_str_equal (golden->kind, "vae")
      && json_object_has_member (json_node_get_object (files), "text_encoder_2/model.safetensors"))
    return hd_golden_refuse (error, "model:sdxl");
  if (!json_object_has_member (json_node_get_object (files), "unet/diffusion_pytorch_model.safetensors"))
    return hd_golden_refuse (error, "model:single-file");

  return TRUE;
}

/* Stable Diffusion 2, whose text encoder is OpenCLIP's, pads prompts with "!". */
static const char *
padding_token (JsonObject *manifest)
{
  JsonNode   *json = json_object_get_member (manifest, "json");
  JsonObject *configs = json != NULL && JSON_NODE_HOLDS_OBJECT (json) ? json_node_get_object (json) : NULL;
  JsonNode   *node = configs != NULL ? json_object_get_member (configs, "text_encoder/config.json") : NULL;
  JsonObject *config = node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

  if (config == NULL)
    return END_TOKEN;

  return g_str_equal (json_object_get_string_member_with_default (config, "hidden_act", ""), "gelu") ? "!" : END_TOKEN;
}

char *
hd_golden_make_model (const HdGoldenSetup *setup,
                      HdGoldenCase        *golden,
                      GError             **error)
{
  g_autofree char        *file = NULL;
  g_autofree char        *manifest_path = NULL;
  g_autofree char        *folder = NULL;
  g_autofree char        *unfinished = NULL;
  g_autofree char        *tokenizer = NULL;
  g_autoptr (JsonObject)  manifest = NULL;

  if (!check_name (golden, error))
    return NULL;

  file = g_strconcat (golden->model, ".json", NULL);
  manifest_path = g_build_filename (golden->models_folder, file, NULL);
  manifest = hd_json_read_file (manifest_path, MAX_MANIFEST, error);
  if (manifest == NULL || !check_supported (golden, manifest, error))
    return NULL;

  folder = g_build_filename (setup->scratch, golden->model, NULL);
  if (g_file_test (folder, G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&folder);

  unfinished = g_strconcat (folder, ".part", NULL);
  tokenizer = g_build_filename (unfinished, "tokenizer", NULL);
  if (!hd_synth_write_model (manifest_path, unfinished, error)
      || !hd_synth_write_tokenizer (setup->merges, tokenizer, padding_token (manifest), error))
    return NULL;

  if (g_rename (unfinished, folder) != 0)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: cannot be made", folder);
      return NULL;
    }

  return g_steal_pointer (&folder);
}

char *
hd_golden_make_tokenizer (const HdGoldenSetup *setup,
                          const char          *pad,
                          GError             **error)
{
  g_autofree char *folder = g_build_filename (setup->scratch, pad != NULL ? "tokenizer-pad" : "tokenizer", NULL);

  if (g_file_test (folder, G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&folder);

  return hd_synth_write_tokenizer (setup->merges, folder, pad != NULL ? pad : END_TOKEN, error)
         ? g_steal_pointer (&folder) : NULL;
}
