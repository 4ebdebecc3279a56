/* SPDX-License-Identifier: Apache-2.0 */

/* The parts of a model are found in the layouts that folders have; what is missing is named. */

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/model_files.h"

#define TENSOR "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char      *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      remove_all (inner);
    }
  g_remove (path);
}

static void
write_file (const char *folder,
            const char *name,
            const char *content,
            gsize       length)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, content, (gssize) length, NULL));
}

static void
write_text (const char *folder,
            const char *name,
            const char *text)
{
  write_file (folder, name, text, strlen (text));
}

/* A safetensors file of one number, which is @value. */
static void
write_weights (const char *folder,
               const char *name,
               float       value)
{
  GString *content = g_string_new (NULL);
  guint64  length = GUINT64_TO_LE ((guint64) strlen (TENSOR));

  g_string_append_len (content, (const char *) &length, sizeof length);
  g_string_append (content, TENSOR);
  g_string_append_len (content, (const char *) &value, sizeof value);
  write_file (folder, name, content->str, content->len);
  g_string_free (content, TRUE);
}

/* A folder with all the parts; free with remove_all(). */
static char *
make_model (const char *parent,
            const char *name)
{
  char *folder = g_build_filename (parent, name, NULL);

  write_text (folder, "model_index.json", "{\"_class_name\":\"StableDiffusionPipeline\"}");
  write_text (folder, "unet/config.json", "{}");
  write_weights (folder, "unet/diffusion_pytorch_model.safetensors", 1.0f);
  write_text (folder, "vae/config.json", "{}");
  write_weights (folder, "vae/diffusion_pytorch_model.safetensors", 2.0f);
  write_text (folder, "text_encoder/config.json", "{}");
  write_weights (folder, "text_encoder/model.safetensors", 3.0f);
  write_text (folder, "tokenizer/vocab.json", "{}");
  write_text (folder, "tokenizer/merges.txt", "");
  write_text (folder, "scheduler/scheduler_config.json", "{}");

  return folder;
}

typedef struct
{
  char *parent;
  char *model;
} Fixture;

static void
set_up (Fixture    *fixture,
        const void *data)
{
  fixture->parent = g_dir_make_tmp ("hd-model-files-XXXXXX", NULL);
  fixture->model = make_model (fixture->parent, "my model");
}

static void
tear_down (Fixture    *fixture,
           const void *data)
{
  remove_all (fixture->parent);
  g_free (fixture->parent);
  g_free (fixture->model);
}

static void
move (const char *folder,
      const char *from,
      const char *to)
{
  g_autofree char *old = g_build_filename (folder, from, NULL);
  g_autofree char *new = g_build_filename (folder, to, NULL);

  g_assert_cmpint (g_rename (old, new), ==, 0);
}

static void
assert_ends (const char *path,
             const char *end)
{
  g_assert_nonnull (path);
  g_assert_true (g_str_has_suffix (path, end));
}

static void
assert_fails (const char *path,
              const char *reason)
{
  g_autoptr (GError)       error = NULL;
  g_autoptr (HdModelFiles) files = hd_model_files_find (path, &error);

  g_assert_null (files);
  g_assert_nonnull (error);
  g_assert_true (error->domain == HD_ENGINE_ERROR);
  if (!g_str_has_prefix (error->message, path) || strstr (error->message, reason) == NULL)
    g_error ("expected a message that begins with %s and says \"%s\", found: %s", path, reason, error->message);
}

/* --- what is found ------------------------------------------------------------ */

static void
test_plain (Fixture    *fixture,
            const void *data)
{
  g_autoptr (GError)       error = NULL;
  g_autoptr (HdModelFiles) files = NULL;
  g_autoptr (HdModelFiles) again = NULL;

  files = hd_model_files_find (fixture->model, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (files->name, ==, "my model");
  g_assert_cmpstr (files->class_name, ==, "StableDiffusionPipeline");
  assert_ends (files->unet.config, "/my model/unet/config.json");
  g_assert_cmpuint (g_strv_length (files->unet.weights), ==, 1);
  assert_ends (files->unet.weights[0], "/unet/diffusion_pytorch_model.safetensors");
  assert_ends (files->vae.weights[0], "/vae/diffusion_pytorch_model.safetensors");
  assert_ends (files->text_encoder.weights[0], "/text_encoder/model.safetensors");
  assert_ends (files->tokenizer, "/tokenizer");
  assert_ends (files->scheduler, "/scheduler/scheduler_config.json");
  g_assert_null (files->hidiffusion);

  write_text (fixture->model, "hidiffusion.json", "{}");
  again = hd_model_files_find (fixture->model, &error);
  g_assert_no_error (error);
  assert_ends (again->hidiffusion, "/hidiffusion.json");
}

static void
test_half_precision_names (Fixture    *fixture,
                           const void *data)
{
  g_autoptr (GError)       error = NULL;
  g_autoptr (HdModelFiles) files = NULL;

  move (fixture->model, "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors");
  move (fixture->model, "text_encoder/model.safetensors", "text_encoder/model.fp16.safetensors");
  files = hd_model_files_find (fixture->model, &error);
  g_assert_no_error (error);
  assert_ends (files->unet.weights[0], "/diffusion_pytorch_model.fp16.safetensors");
  assert_ends (files->text_encoder.weights[0], "/model.fp16.safetensors");
}

static void
test_shards (Fixture    *fixture,
             const void *data)
{
  g_autoptr (GError)       error = NULL;
  g_autoptr (HdModelFiles) files = NULL;
  g_autoptr (GPtrArray)    opened = NULL;

  move (fixture->model, "unet/diffusion_pytorch_model.safetensors", "unet/b-2.safetensors");
  write_weights (fixture->model, "unet/a-1.safetensors", 4.0f);
  write_text (fixture->model, "unet/diffusion_pytorch_model.safetensors.index.json",
              "{\"metadata\":{},\"weight_map\":{\"y\":\"b-2.safetensors\",\"x\":\"a-1.safetensors\",\"z\":\"b-2.safetensors\"}}");
  files = hd_model_files_find (fixture->model, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (files->unet.weights), ==, 2);
  assert_ends (files->unet.weights[0], "/unet/a-1.safetensors");
  assert_ends (files->unet.weights[1], "/unet/b-2.safetensors");
  opened = hd_model_component_open (&files->unet, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (opened->len, ==, 2);
}

/* The Hugging Face cache: snapshots/REVISION, refs/main, links into blobs. */
static void
test_cache (Fixture    *fixture,
            const void *data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char   *cache = g_build_filename (fixture->parent, "models--org--some--name", NULL);
  g_autofree char   *snapshots = g_build_filename (cache, "snapshots", NULL);
  g_autofree char   *first = make_model (snapshots, "0123abcd");
  g_autofree char   *second = NULL;

  for (int step = 0; step < 2; step++)
    {
      g_autoptr (HdModelFiles) by_snapshot = hd_model_files_find (first, &error);
      g_autoptr (HdModelFiles) by_cache = NULL;

      g_assert_no_error (error);
      g_assert_cmpstr (by_snapshot->name, ==, "org/some/name");
      by_cache = hd_model_files_find (cache, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (by_cache->folder, ==, first);
      g_assert_cmpstr (by_cache->name, ==, "org/some/name");

      /* With two snapshots the reference decides. */
      if (step == 0)
        {
          second = make_model (snapshots, "4567");
          assert_fails (cache, "choose one of the folders");
          write_text (cache, "refs/main", "0123abcd\n");
        }
    }

  /* A reference that leads elsewhere is not followed. */
  write_text (cache, "refs/main", "../../my model");
  assert_fails (cache, "choose one of the folders");
}

static void
test_links (Fixture    *fixture,
            const void *data)
{
  g_autoptr (GError)       error = NULL;
  g_autoptr (HdModelFiles) files = NULL;
  g_autoptr (GPtrArray)    opened = NULL;
  g_autofree char         *link = g_build_filename (fixture->model, "unet/diffusion_pytorch_model.safetensors", NULL);

  move (fixture->model, "unet/diffusion_pytorch_model.safetensors", "../blob");
  g_assert_cmpint (symlink ("../../blob", link), ==, 0);
  files = hd_model_files_find (fixture->model, &error);
  g_assert_no_error (error);
  opened = hd_model_component_open (&files->unet, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (opened->len, ==, 1);
}

static void
test_fingerprint (Fixture    *fixture,
                  const void *data)
{
  g_autoptr (GError)       error = NULL;
  g_autofree char         *copy = make_model (fixture->parent, "copy");
  g_autoptr (HdModelFiles) files = hd_model_files_find (fixture->model, &error);
  g_autoptr (HdModelFiles) copied = hd_model_files_find (copy, &error);
  g_autofree char         *fingerprint = hd_model_files_fingerprint (files, &error);
  g_autofree char         *of_copy = hd_model_files_fingerprint (copied, &error);
  g_autofree char         *of_other = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (strlen (fingerprint), ==, 64);
  g_assert_cmpuint (strspn (fingerprint, "0123456789abcdef"), ==, 64);
  g_assert_cmpstr (fingerprint, ==, of_copy);

  write_weights (copy, "vae/diffusion_pytorch_model.safetensors", 2.5f);
  of_other = hd_model_files_fingerprint (copied, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (fingerprint, !=, of_other);
}

/* --- what is missing ---------------------------------------------------------- */

static void
test_no_folder (Fixture    *fixture,
                const void *data)
{
  g_autofree char *nothing = g_build_filename (fixture->parent, "nothing", NULL);

  assert_fails (nothing, "expected a model's folder or its safetensors file, found nothing of that name");
  assert_fails (fixture->parent, "expected a folder \"unet\" in it");
}

static void
test_missing_parts (Fixture    *fixture,
                    const void *data)
{
  static const struct { const char *name; const char *reason; } parts[] = {
    { "unet", "expected a folder \"unet\" in it" },
    { "vae", "expected a folder \"vae\" in it" },
    { "text_encoder", "expected a folder \"text_encoder\" in it" },
    { "unet/config.json", "unet: expected the file config.json" },
    { "unet/diffusion_pytorch_model.safetensors", "expected the file diffusion_pytorch_model.safetensors, found none" },
    { "text_encoder/model.safetensors", "expected the file model.safetensors, found none" },
    { "tokenizer/vocab.json", "tokenizer: expected the file vocab.json, found none" },
    { "tokenizer/merges.txt", "tokenizer: expected the file merges.txt, found none" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      move (fixture->model, parts[i].name, "../away");
      assert_fails (fixture->model, parts[i].reason);
      move (fixture->model, "../away", parts[i].name);
    }
}

/* A model without tokenizer files has CLIP's vocabulary. */
static void
test_no_tokenizer (Fixture    *fixture,
                   const void *data)
{
  g_autoptr (GError)       error = NULL;
  g_autoptr (HdModelFiles) files = NULL;

  move (fixture->model, "tokenizer", "../away");
  files = hd_model_files_find (fixture->model, &error);
  g_assert_no_error (error);
  g_assert_null (files->tokenizer);
  g_assert_null (files->tokenizer_2);
}

static void
test_second_text_encoder (Fixture    *fixture,
                          const void *data)
{
  g_autoptr (GError)       error = NULL;
  g_autoptr (HdModelFiles) files = NULL;

  write_text (fixture->model, "text_encoder_2/config.json", "{}");
  assert_fails (fixture->model, "text_encoder_2: expected the file model.safetensors, found none");
  write_weights (fixture->model, "text_encoder_2/model.safetensors", 5.0f);
  write_text (fixture->model, "tokenizer_2/vocab.json", "{}");
  write_text (fixture->model, "tokenizer_2/merges.txt", "");
  files = hd_model_files_find (fixture->model, &error);
  g_assert_no_error (error);
  assert_ends (files->text_encoder_2.weights[0], "/text_encoder_2/model.safetensors");
  assert_ends (files->tokenizer_2, "/tokenizer_2");
}

static void
test_transformer (Fixture    *fixture,
                  const void *data)
{
  move (fixture->model, "unet", "transformer");
  assert_fails (fixture->model, "found a diffusion transformer");
}

static void
test_single_file (Fixture    *fixture,
                  const void *data)
{
  g_autoptr (GError)       error = NULL;
  g_autofree char         *path = g_build_filename (fixture->parent, "some model.safetensors", NULL);
  g_autoptr (HdModelFiles) files = NULL;
  g_autoptr (HdModelFiles) again = NULL;
  g_autofree char         *key = NULL;
  g_autofree char         *other_key = NULL;
  g_autofree char         *fingerprint = NULL;

  write_weights (fixture->parent, "some model.safetensors", 1.0f);
  files = hd_model_files_find (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (files->name, ==, "some model");
  g_assert_cmpstr (files->single_file, ==, path);
  g_assert_cmpuint (g_strv_length (files->unet.weights), ==, 0);
  g_assert_null (files->training);
  g_assert_null (files->hidiffusion);
  fingerprint = hd_model_files_fingerprint (files, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (fingerprint), ==, 64);

  write_text (fixture->parent, "some model.yaml", "model:\n");
  write_text (fixture->parent, "some model.hidiffusion.json", "{}");
  again = hd_model_files_find (path, &error);
  g_assert_no_error (error);
  assert_ends (again->training, "/some model.yaml");
  assert_ends (again->hidiffusion, "/some model.hidiffusion.json");

  key = hd_model_files_key (files);
  other_key = hd_model_files_key (again);
  g_assert_cmpstr (key, !=, other_key);
}

/* Of several precisions the first that is complete: without a variant, fp16, bf16. */
static void
test_variants (Fixture    *fixture,
               const void *data)
{
  static const char index[] = "{\"weight_map\":{\"a\":\"big-1.safetensors\",\"b\":\"big-2.safetensors\"}}";

  static const struct { const char *add; const char *remove; guint n; const char *first; } steps[] = {
    { "unet/diffusion_pytorch_model.fp16.safetensors", NULL, 1, "/diffusion_pytorch_model.safetensors" },
    { "unet/diffusion_pytorch_model.bf16.safetensors", "unet/diffusion_pytorch_model.safetensors", 1, ".fp16.safetensors" },
    { "unet/big-1.safetensors", NULL, 1, ".fp16.safetensors" },
    { "unet/big-2.safetensors", NULL, 2, "/big-1.safetensors" },
    { NULL, "unet/big-2.safetensors", 1, ".fp16.safetensors" },
    { NULL, "unet/diffusion_pytorch_model.fp16.safetensors", 1, ".bf16.safetensors" },
  };
  g_autofree char *shard = g_build_filename (fixture->model, "unet/big-2.safetensors", NULL);

  write_text (fixture->model, "unet/diffusion_pytorch_model.safetensors.index.json", index);
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autoptr (GError)       error = NULL;
      g_autoptr (HdModelFiles) files = NULL;

      if (steps[i].add != NULL)
        write_weights (fixture->model, steps[i].add, 1.0f);
      if (steps[i].remove != NULL)
        move (fixture->model, steps[i].remove, "unet/away");
      files = hd_model_files_find (fixture->model, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (g_strv_length (files->unet.weights), ==, steps[i].n);
      assert_ends (files->unet.weights[0], steps[i].first);
    }

  move (fixture->model, "unet/diffusion_pytorch_model.bf16.safetensors", "unet/away");
  assert_fails (fixture->model, "big-2.safetensors: expected this file, which the index beside it lists");
  g_assert_false (g_file_test (shard, G_FILE_TEST_EXISTS));
}

static void
test_pickled (Fixture    *fixture,
              const void *data)
{
  move (fixture->model, "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.bin");
  assert_fails (fixture->model, "found only a PyTorch file (pickle)");
}

static void
test_damaged_index (Fixture    *fixture,
                    const void *data)
{
  static const struct { const char *text; const char *reason; } indices[] = {
    { "", "expected a JSON object" },
    { "{}", "as \"weight_map\", found nothing" },
    { "{\"weight_map\":{}}", "as \"weight_map\"" },
    { "{\"weight_map\":[]}", "as \"weight_map\", found []" },
    { "{\"weight_map\":{\"a\":1}}", "expected names of safetensors files in the same folder, found 1" },
    { "{\"weight_map\":{\"a\":\"../../x.safetensors\"}}", "in the same folder, found" },
    { "{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "in the same folder, found" },
  };

  move (fixture->model, "unet/diffusion_pytorch_model.safetensors", "unet/a.safetensors");
  for (guint i = 0; i < G_N_ELEMENTS (indices); i++)
    {
      write_text (fixture->model, "unet/diffusion_pytorch_model.safetensors.index.json", indices[i].text);
      assert_fails (fixture->model, indices[i].reason);
    }
}

static void
test_damaged_model_index (Fixture    *fixture,
                          const void *data)
{
  write_text (fixture->model, "model_index.json", "{\"_class_name\":1}");
  assert_fails (fixture->model, "expected a string as \"_class_name\", found 1");
  write_text (fixture->model, "model_index.json", "[");
  assert_fails (fixture->model, "expected JSON");
}

#define ADD(path, test) g_test_add ("/model-files/" path, Fixture, NULL, set_up, test, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("plain", test_plain);
  ADD ("half-precision-names", test_half_precision_names);
  ADD ("shards", test_shards);
  ADD ("cache", test_cache);
  ADD ("links", test_links);
  ADD ("fingerprint", test_fingerprint);
  ADD ("no-folder", test_no_folder);
  ADD ("missing-parts", test_missing_parts);
  ADD ("no-tokenizer", test_no_tokenizer);
  ADD ("second-text-encoder", test_second_text_encoder);
  ADD ("transformer", test_transformer);
  ADD ("single-file", test_single_file);
  ADD ("variants", test_variants);
  ADD ("pickled", test_pickled);
  ADD ("damaged-index", test_damaged_index);
  ADD ("damaged-model-index", test_damaged_model_index);

  return g_test_run ();
}
