/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gstdio.h>

#include "tests/golden/golden_run.h"
#include "tests/golden/synth.h"

#define END_TOKEN    "<|endoftext|>"
#define MAX_MANIFEST (8 << 20)

/* A name out of a file must not lead elsewhere. */
static gboolean
check_name (HdGoldenCase  *golden,
            const char    *member,
            const char    *name,
            GError       **error)
{
  if (name != NULL && name[0] != '.' && strchr (name, '/') == NULL)
    return TRUE;

  hd_config_fail (&golden->reader, member, "the name of a manifest");
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

  if (!json_object_has_member (json_node_get_object (files), "unet/diffusion_pytorch_model.safetensors"))
    return hd_golden_refuse (error, "model:single-file");

  return TRUE;
}

/* Writes FOLDER/@name for the text encoder of that @config, unless the manifest has none. Models with OpenCLIP's text
 * encoder, as Stable Diffusion 2 and the second one of SDXL, pad prompts with "!". */
static gboolean
write_tokenizer (const HdGoldenSetup  *setup,
                 JsonObject           *manifest,
                 const char           *config,
                 const char           *folder,
                 const char           *name,
                 GError              **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  JsonNode        *json = json_object_get_member (manifest, "json");
  JsonObject      *configs = json != NULL && JSON_NODE_HOLDS_OBJECT (json) ? json_node_get_object (json) : NULL;
  JsonNode        *node = configs != NULL ? json_object_get_member (configs, config) : NULL;
  const char      *activation;

  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return TRUE;

  activation = json_object_get_string_member_with_default (json_node_get_object (node), "hidden_act", "");

  return hd_synth_write_tokenizer (setup->merges, path, g_str_equal (activation, "gelu") ? "!" : END_TOKEN, error);
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
  g_autoptr (JsonObject)  manifest = NULL;

  if (!check_name (golden, "model", golden->model, error))
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
  if (!(setup->hollow ? hd_synth_write_hollow_model (manifest_path, unfinished, error)
                      : hd_synth_write_model (manifest_path, unfinished, error))
      || !write_tokenizer (setup, manifest, "text_encoder/config.json", unfinished, "tokenizer", error)
      || !write_tokenizer (setup, manifest, "text_encoder_2/config.json", unfinished, "tokenizer_2", error))
    return NULL;

  if (g_rename (unfinished, folder) != 0)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: cannot be made", folder);
      return NULL;
    }

  return g_steal_pointer (&folder);
}

char *
hd_golden_make_addition (HdGoldenCase  *golden,
                         const char    *member,
                         const char    *name,
                         const char    *model,
                         GError       **error)
{
  g_autofree char *file = NULL;
  g_autofree char *manifest = NULL;
  g_autofree char *scratch = g_path_get_dirname (model);
  g_autofree char *folder = NULL;

  if (!check_name (golden, member, name, error))
    return NULL;

  file = g_strconcat (name, ".json", NULL);
  manifest = g_build_filename (golden->models_folder, file, NULL);
  folder = g_build_filename (scratch, name, NULL);
  if (!g_file_test (folder, G_FILE_TEST_IS_DIR) && !hd_synth_write_model (manifest, folder, error))
    return NULL;

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
