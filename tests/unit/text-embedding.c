/* SPDX-License-Identifier: Apache-2.0 */

/* Embeddings of textual inversion: one that holds the vectors of words gives what these words give; names are found as
 * words; what is not usable is refused with a reason. */

#include <math.h>
#include <string.h>

#include "engine/prompt_windows.h"
#include "engine/text_embedding.h"
#include "tests/unit/text_models.h"

typedef struct
{
  TextModels  models;
  char       *folder;
} Fixture;

static void
set_up (Fixture    *fixture,
        const void *data)
{
  text_models_set_up (&fixture->models, data);
  fixture->folder = g_dir_make_tmp ("hd-embeddings-XXXXXX", NULL);
}

static void
remove_folder (const char *path)
{
  g_autoptr (GDir)  dir = g_dir_open (path, 0, NULL);
  const char       *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR))
        remove_folder (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

static void
tear_down (Fixture    *fixture,
           const void *data)
{
  remove_folder (fixture->folder);
  g_free (fixture->folder);
  text_models_tear_down (&fixture->models, data);
}

/* A tensor of a file that is written. */
typedef struct
{
  const char *name;
  const char *dtype;
  const char *shape;
  const void *data;
  gsize       bytes;
} Tensor;

static void
write_tensors (const char   *folder,
               const char   *name,
               const Tensor *tensors,
               guint         n)
{
  g_autofree char    *path = g_build_filename (folder, name, NULL);
  g_autofree char    *parent = g_path_get_dirname (path);
  g_autoptr (GString) header = g_string_new ("{");
  g_autoptr (GString) content = g_string_new (NULL);
  gsize               end = 0;
  guint64             length;

  for (guint i = 0; i < n; i++)
    {
      g_string_append_printf (header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%" G_GSIZE_FORMAT
                              ",%" G_GSIZE_FORMAT "]}", i > 0 ? "," : "", tensors[i].name, tensors[i].dtype,
                              tensors[i].shape, end, end + tensors[i].bytes);
      end += tensors[i].bytes;
    }
  g_string_append_c (header, '}');
  while (header->len % 8 != 0)
    g_string_append_c (header, ' ');
  length = GUINT64_TO_LE ((guint64) header->len);
  g_string_append_len (content, (const char *) &length, sizeof length);
  g_string_append (content, header->str);
  for (guint i = 0; i < n; i++)
    g_string_append_len (content, tensors[i].data, (gssize) tensors[i].bytes);
  g_assert_cmpint (g_mkdir_with_parents (parent, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, content->str, (gssize) content->len, NULL));
}

/* The rows that encoder @i has for the tokens of @text; how many bytes in *@bytes. */
static float *
vectors_of (Fixture    *fixture,
            int         i,
            const char *text,
            gsize      *bytes)
{
  g_autofree char           *path = encoder_path (&fixture->models, i);
  g_autoptr (HdSafetensors)  file = hd_safetensors_open (path, NULL);
  g_autoptr (GArray)         tokens = hd_tokenizer_split (fixture->models.xl.tokenizers[i], text);
  g_autoptr (GBytes)         table = NULL;
  gsize                      width = text_configs[i].hidden_size;
  float                     *rows = g_new (float, tokens->len * width);

  table = hd_safetensors_get (file, hd_safetensors_lookup (file, "text_model.embeddings.token_embedding.weight"), NULL);
  for (guint t = 0; t < tokens->len; t++)
    memcpy (rows + t * width, (const float *) g_bytes_get_data (table, NULL) + g_array_index (tokens, gint32, t) * width,
            width * sizeof *rows);
  *bytes = tokens->len * width * sizeof *rows;

  return rows;
}

/* Writes NAME with the vectors of "red castle hill" for one encoder, as @tensor. */
static void
write_sd (Fixture    *fixture,
          const char *name,
          const char *tensor)
{
  gsize            bytes;
  g_autofree void *rows = vectors_of (fixture, 0, "red castle hill", &bytes);

  write_tensors (fixture->folder, name, &(Tensor) { tensor, "F32", "3,16", rows, bytes }, 1);
}

static void
write_xl (Fixture    *fixture,
          const char *name)
{
  gsize            bytes[2];
  g_autofree void *l = vectors_of (fixture, 0, "red castle hill", &bytes[0]);
  g_autofree void *g = vectors_of (fixture, 1, "red castle hill", &bytes[1]);
  const Tensor     tensors[] = { { "clip_g", "F32", "3,24", g, bytes[1] }, { "clip_l", "F32", "3,16", l, bytes[0] } };

  write_tensors (fixture->folder, name, tensors, 2);
}

static Encoded *
encode_with (Fixture      *fixture,
             HdTextModels *text,
             const char   *prompt)
{
  const char            *folders[] = { "/nowhere", fixture->folder, NULL };
  HdConditioningOptions  options = { .embedding_folders = folders };

  return encode (text, prompt, &options);
}

/* @prompt gives what @meaning gives without embeddings. */
static void
assert_means (Fixture      *fixture,
              HdTextModels *text,
              const char   *prompt,
              const char   *meaning)
{
  g_autoptr (Encoded) found = encode_with (fixture, text, prompt);
  g_autoptr (Encoded) expected = encode (text, meaning, NULL);

  g_test_message ("%s", prompt);
  g_assert_cmpint (found->tokens, ==, expected->tokens);
  g_assert_true (same (found->hidden, expected->hidden, (gsize) found->tokens * found->width));
  if (found->pooled != NULL)
    g_assert_true (same (found->pooled, expected->pooled, (gsize) found->pooled_width));
}

static void
test_names (Fixture    *fixture,
            const void *data)
{
  static const char * const prompts[][2] = {
    { "Thing-v1.5", "red castle hill" },
    { "a thing-V1.5, blue", "a red castle hill, blue" },
    { "a Thing-v1.5.", "a red castle hill." },
    { "a <Thing-v1.5> b", "a red castle hill b" },
    { "embedding:Thing-v1.5", "red castle hill" },
    { "(Thing-v1.5:1.3) b", "(red castle hill:1.3) b" },
    { "(embedding:Thing-v1.5:1.3)", "(red castle hill:1.3)" },
    { "x BREAK Thing-v1.5 y", "x BREAK red castle hill y" },
    { "Thing-v1.5 Thing-v1.5", "red castle hill red castle hill" },
    { "a thing in the sun", "a thing in the sun" },
    { "Thing-v1.55", "Thing-v1.55" },
    { "aThing-v1.5", "aThing-v1.5" },
    { "my-Thing-v1.5", "my-Thing-v1.5" },
    { "Thing-v1.5-x", "Thing-v1.5-x" },
    { "Thing-v1.5.2", "Thing-v1.5.2" },
    { "<Thing-v1.5", "<red castle hill" },
  };

  write_sd (fixture, "Thing-v1.5.safetensors", "emb_params");
  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++)
    assert_means (fixture, &fixture->models.sd, prompts[i][0], prompts[i][1]);
}

/* Of names that begin at one place the longest; subfolders; another tensor's name. */
static void
test_files (Fixture    *fixture,
            const void *data)
{
  gsize            bytes;
  g_autofree void *one = vectors_of (fixture, 0, "tree", &bytes);

  write_sd (fixture, "deep/er/thing two.safetensors", "<whatever>");
  write_tensors (fixture->folder, "thing.safetensors", &(Tensor) { "*", "F32", "16", one, bytes }, 1);
  write_tensors (fixture->folder, "thing.pt", &(Tensor) { "*", "F32", "16", one, bytes }, 1);
  assert_means (fixture, &fixture->models.sd, "a thing", "a tree");
  assert_means (fixture, &fixture->models.sd, "a thing two", "a red castle hill");
  assert_means (fixture, &fixture->models.sd, "a thing three", "a tree three");
}

/* One that the user has brought along, not a folder of them. */
static void
test_single_file (Fixture    *fixture,
                  const void *data)
{
  g_autofree char       *path = g_build_filename (fixture->folder, "thing.safetensors", NULL);
  const char            *files[] = { path, NULL };
  HdConditioningOptions  options = { .embedding_folders = files };
  g_autoptr (Encoded)    found = NULL;
  g_autoptr (Encoded)    expected = encode (&fixture->models.sd, "a red castle hill", NULL);

  write_sd (fixture, "thing.safetensors", "emb_params");
  write_sd (fixture, "other.safetensors", "emb_params");
  found = encode (&fixture->models.sd, "a thing", &options);
  g_assert_cmpint (found->tokens, ==, expected->tokens);
  g_assert_true (same (found->hidden, expected->hidden, (gsize) found->tokens * found->width));
}

/* <NAME> where NAME is the tensor's, as diffusers has it. */
static void
test_tensor_names (Fixture    *fixture,
                   const void *data)
{
  write_sd (fixture, "learned_embeds.safetensors", "<cat-toy>");
  assert_means (fixture, &fixture->models.sd, "a <cat-toy> b", "a red castle hill b");
  assert_means (fixture, &fixture->models.sd, "a <Cat-Toy> b", "a red castle hill b");
  assert_means (fixture, &fixture->models.sd, "a <dog-toy> b", "a <dog-toy> b");
  assert_means (fixture, &fixture->models.sd, "a cat-toy b", "a cat-toy b");
  assert_means (fixture, &fixture->models.sd, "a <cat-toy", "a <cat-toy");
}

static void
test_xl (Fixture    *fixture,
         const void *data)
{
  write_xl (fixture, "thing.safetensors");
  assert_means (fixture, &fixture->models.xl, "a thing", "a red castle hill");
  assert_means (fixture, &fixture->models.xl, "a (thing:1.4) BREAK thing", "a (red castle hill:1.4) BREAK red castle hill");
}

/* Vectors stay together: they go to the next window as a whole. */
static void
test_window (Fixture    *fixture,
             const void *data)
{
  GString *text = g_string_new (NULL);
  GString *meaning;

  for (int i = 0; i < 73; i++)
    g_string_append (text, "tree ");
  meaning = g_string_new (text->str);
  g_string_append (text, "thing blue");
  g_string_append (meaning, "BREAK red castle hill blue");
  write_sd (fixture, "thing.safetensors", "emb_params");
  assert_means (fixture, &fixture->models.sd, text->str, meaning->str);
  g_string_free (text, TRUE);
  g_string_free (meaning, TRUE);
}

/* Neither a plain prompt nor one that does not name it opens a file. */
static void
test_lazy (Fixture    *fixture,
           const void *data)
{
  g_autofree char            *path = g_build_filename (fixture->folder, "thing.safetensors", NULL);
  const char                 *folders[] = { fixture->folder, NULL };
  const HdConditioningOptions options = { .plain = TRUE, .embedding_folders = folders };
  g_autoptr (Encoded)         plain = NULL;

  g_assert_true (g_file_set_contents (path, "nonsense", -1, NULL));
  assert_means (fixture, &fixture->models.sd, "a castle", "a castle");
  plain = encode (&fixture->models.sd, "a thing", &options);
  g_assert_cmpint (plain->tokens, ==, TOKENS);
}

/* Models and LoRAs are too large for embeddings, whatever their names. */
static void
test_large (Fixture    *fixture,
            const void *data)
{
  const gsize      bytes = (2 << 20) + 1;
  g_autofree char *path = g_build_filename (fixture->folder, "thing.safetensors", NULL);
  g_autofree char *content = g_malloc0 (bytes);

  g_assert_true (g_file_set_contents (path, content, (gssize) bytes, NULL));
  assert_means (fixture, &fixture->models.sd, "a thing", "a thing");
  assert_means (fixture, &fixture->models.sd, "a <thing>", "a <thing>");
}

/* --- what is refused ------------------------------------------------------------------ */

static void
assert_refused (Fixture      *fixture,
                HdTextModels *text,
                const char   *file,
                int           code,
                const char   *reason)
{
  const char              *prompt = "a thing";
  const char              *folders[] = { fixture->folder, NULL };
  HdConditioningOptions    options = { .embedding_folders = folders };
  g_auto (HdConditioning)  conditioning = { 0 };
  g_autoptr (GError)       error = NULL;
  g_autofree char         *path = g_build_filename (fixture->folder, file, NULL);

  g_assert_false (hd_conditioning_encode (text, &prompt, 1, &options, &conditioning, &error));
  g_assert_error (error, HD_ENGINE_ERROR, code);
  g_test_message ("%s", error->message);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_assert_nonnull (strstr (error->message, reason));
  g_assert_null (conditioning.hidden);
  g_unlink (path);
}

static void
test_refused (Fixture    *fixture,
              const void *data)
{
  static const float  zeros[76 * 24];
  static const float  infinite[16] = { [15] = INFINITY };
  static const Tensor wrong[] = {
    { "emb_params", "F32", "2,24", zeros, 192 },
    { "emb_params", "F32", "0,16", zeros, 0 },
    { "emb_params", "F32", "76,16", zeros, 4864 },
    { "emb_params", "F32", "1,1,16", zeros, 64 },
    { "emb_params", "I64", "1,16", zeros, 128 },
    { "a", "F32", "17", zeros, 68 },
  };
  const Tensor  two[] = { { "a", "F32", "1,16", zeros, 64 }, { "b", "F32", "1,16", zeros, 64 } };
  const Tensor  uneven[] = { { "clip_g", "F32", "2,24", zeros, 192 }, { "clip_l", "F32", "3,16", zeros, 192 } };
  HdTextModels *sd = &fixture->models.sd;
  HdTextModels *xl = &fixture->models.xl;

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *found = g_strdup_printf ("found \"%s\" (", wrong[i].name);

      write_tensors (fixture->folder, "thing.safetensors", &wrong[i], 1);
      assert_refused (fixture, sd, "thing.safetensors", HD_ENGINE_ERROR_MODEL, found);
    }
  write_tensors (fixture->folder, "thing.safetensors", two, 2);
  assert_refused (fixture, sd, "thing.safetensors", HD_ENGINE_ERROR_MODEL, "found \"a\" (1, 16) of F32, \"b\" (1, 16)");
  write_tensors (fixture->folder, "thing.safetensors", uneven, 2);
  assert_refused (fixture, xl, "thing.safetensors", HD_ENGINE_ERROR_MODEL, "\"clip_l\" (n, 16) and \"clip_g\" (n, 24)");
  write_tensors (fixture->folder, "thing.safetensors", NULL, 0);
  assert_refused (fixture, sd, "thing.safetensors", HD_ENGINE_ERROR_MODEL, "no tensor");

  write_tensors (fixture->folder, "thing.safetensors", &(Tensor) { "a", "F32", "16", infinite, 64 }, 1);
  assert_refused (fixture, sd, "thing.safetensors", HD_ENGINE_ERROR_MODEL, "finite");

  write_xl (fixture, "thing.safetensors");
  assert_refused (fixture, sd, "thing.safetensors", HD_ENGINE_ERROR_MODEL, "16 numbers");
  write_sd (fixture, "thing.safetensors", "emb_params");
  assert_refused (fixture, xl, "thing.safetensors", HD_ENGINE_ERROR_MODEL, "found \"emb_params\" (3, 16)");

  write_tensors (fixture->folder, "thing.pt", two, 2);
  assert_refused (fixture, sd, "thing.pt", HD_ENGINE_ERROR_FILE, "pickle");
  write_tensors (fixture->folder, "thing.bin", two, 2);
  assert_refused (fixture, sd, "thing.bin", HD_ENGINE_ERROR_FILE, "pickle");
}

/* A file cut off anywhere. */
static void
test_truncated (Fixture    *fixture,
                const void *data)
{
  g_autofree char *path = g_build_filename (fixture->folder, "thing.safetensors", NULL);
  g_autofree char *content = NULL;
  gsize            length;

  write_sd (fixture, "thing.safetensors", "emb_params");
  g_assert_true (g_file_get_contents (path, &content, &length, NULL));
  for (gsize cut = 0; cut < length; cut += 13)
    {
      g_assert_true (g_file_set_contents (path, content, (gssize) cut, NULL));
      assert_refused (fixture, &fixture->models.sd, "thing.safetensors", HD_ENGINE_ERROR_FILE, "expected");
    }
}

#define ADD(name, function) \
  g_test_add ("/text-embedding/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("names", test_names);
  ADD ("files", test_files);
  ADD ("single-file", test_single_file);
  ADD ("tensor-names", test_tensor_names);
  ADD ("xl", test_xl);
  ADD ("window", test_window);
  ADD ("lazy", test_lazy);
  ADD ("large", test_large);
  ADD ("refused", test_refused);
  ADD ("truncated", test_truncated);

  return g_test_run ();
}
