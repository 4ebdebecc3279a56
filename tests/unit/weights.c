/* SPDX-License-Identifier: Apache-2.0 */

/* Weights asked for by name and shape: what is there comes as it is, what is not gives an error that says so. */

#include <string.h>

#include <glib/gstdio.h>

#include "engine/weights.h"
#include "kernels/dry/dry.h"

typedef struct
{
  char          *folder;
  char          *path;
  HdContext     *context;
  HdSafetensors *file;
  HdWeights     *weights;
} Fixture;

typedef struct
{
  const char *name;
  const char *dtype;
  const char *shape;
  gsize       bytes;
} Tensor;

static const Tensor tensors[] = {
  { "conv.weight", "F32", "[2,3,1,1]", 24 },
  { "conv.bias", "F16", "[2]", 4 },
  { "attn.to_q.weight", "F16", "[2,3]", 12 },
  { "attn.to_k.weight", "F32", "[2,3]", 24 },
  { "mid.query.weight", "BF16", "[2,2,1,1]", 8 },
  { "mid.query.bias", "BF16", "[2]", 4 },
  { "mid.proj_attn.weight", "F16", "[2,2]", 8 },
  { "norm.weight", "F32", "[2]", 8 },
  { "norm.bias", "F32", "[2]", 8 },
  { "embeddings.token_embedding.weight", "F16", "[5,2]", 20 },
  { "ids.weight", "I64", "[2]", 16 },
  { "deep.weight", "F16", "[2,3,3,3]", 108 },
};

static void
write_tensors (const char   *path,
               const Tensor *list,
               guint         n)
{
  GString *header = g_string_new ("{");
  GString *content = g_string_new (NULL);
  gsize    end = 0;
  guint64  length;

  for (guint i = 0; i < n; i++)
    {
      g_string_append_printf (header,
                              "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%" G_GSIZE_FORMAT
                              ",%" G_GSIZE_FORMAT "]}",
                              i > 0 ? "," : "", list[i].name, list[i].dtype, list[i].shape, end, end + list[i].bytes);
      end += list[i].bytes;
    }
  g_string_append_c (header, '}');
  length = GUINT64_TO_LE ((guint64) header->len);
  g_string_append_len (content, (const char *) &length, sizeof length);
  g_string_append (content, header->str);
  for (gsize i = 0; i < end; i++)
    g_string_append_c (content, (char) (i % 50));
  g_assert_true (g_file_set_contents (path, content->str, (gssize) content->len, NULL));
  g_string_free (header, TRUE);
  g_string_free (content, TRUE);
}

static void
set_up (Fixture    *fixture,
        const void *unmapped)
{
  g_autoptr (GError) error = NULL;

  fixture->folder = g_dir_make_tmp ("hd-weights-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->folder, "file.safetensors", NULL);
  write_tensors (fixture->path, tensors, G_N_ELEMENTS (tensors));
  fixture->file = unmapped != NULL ? hd_safetensors_open_unmapped (fixture->path, &error)
                                   : hd_safetensors_open (fixture->path, &error);
  g_assert_no_error (error);
  fixture->context = hd_dry_context_new (HD_DTYPE_F32);
  fixture->weights = hd_weights_new (fixture->context, HD_DTYPE_F32, &fixture->file, 1);
}

static void
tear_down (Fixture    *fixture,
           const void *unmapped)
{
  hd_weights_free (fixture->weights);
  hd_safetensors_unref (fixture->file);
  hd_context_unref (fixture->context);
  g_unlink (fixture->path);
  g_rmdir (fixture->folder);
  g_free (fixture->path);
  g_free (fixture->folder);
}

static void
assert_weight (const HdWeight *weight,
               HdWeightKind    kind,
               int             out,
               int             in,
               int             kernel)
{
  g_assert_nonnull (weight);
  g_assert_cmpint (weight->kind, ==, kind);
  g_assert_cmpint (weight->out_channels, ==, out);
  g_assert_cmpint (weight->in_channels, ==, in);
  g_assert_cmpint (weight->kernel_height, ==, kernel);
  g_assert_cmpint (weight->kernel_width, ==, kernel);
}

static void
assert_good (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hd_weights_finish (fixture->weights, &error));
  g_assert_no_error (error);
}

static void
assert_bad (Fixture    *fixture,
            const char *reason)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (hd_weights_finish (fixture->weights, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL);
  g_assert_true (g_str_has_prefix (error->message, fixture->path));
  if (strstr (error->message, reason) == NULL)
    g_error ("expected \"%s\", found: %s", reason, error->message);
}

static void
test_layers (Fixture    *fixture,
             const void *unmapped)
{
  HdConv    conv = { 0 };
  HdLinear  linear = { 0 };
  HdNorm    norm = { 0 };
  HdWeight *table = NULL;

  hd_weights_conv (fixture->weights, &conv, 2, 3, 1, TRUE, "conv");
  assert_weight (conv.weight, HD_WEIGHT_CONV, 2, 3, 1);
  assert_weight (conv.bias, HD_WEIGHT_VECTOR, 2, 1, 1);
  hd_conv_clear (&conv);
  hd_weights_conv (fixture->weights, &conv, 2, 3, 3, FALSE, "de%s", "ep");
  assert_weight (conv.weight, HD_WEIGHT_CONV, 2, 3, 3);
  g_assert_null (conv.bias);
  hd_conv_clear (&conv);

  hd_weights_linear (fixture->weights, &linear, 2, 3, FALSE, "attn.to_%c", 'q');
  assert_weight (linear.weight, HD_WEIGHT_LINEAR, 2, 3, 1);
  g_assert_null (linear.bias);
  hd_linear_clear (&linear);

  hd_weights_norm (fixture->weights, &norm, 2, 1, 1e-5f, "norm");
  assert_weight (norm.gamma, HD_WEIGHT_VECTOR, 2, 1, 1);
  assert_weight (norm.beta, HD_WEIGHT_VECTOR, 2, 1, 1);
  g_assert_cmpfloat (norm.epsilon, ==, 1e-5f);
  g_assert_cmpint (norm.groups, ==, 1);
  hd_norm_clear (&norm);

  hd_weights_table (fixture->weights, &table, 5, 2, "embeddings.token_embedding");
  assert_weight (table, HD_WEIGHT_TABLE, 5, 2, 1);
  hd_weight_unref (table);
  assert_good (fixture);
}

/* Parts of different types, one below the other. */
static void
test_stacked (Fixture    *fixture,
              const void *unmapped)
{
  static const char * const parts[] = { "to_q", "to_k", "to_q", NULL };
  HdLinear                  linear = { 0 };

  hd_weights_linear_stacked (fixture->weights, &linear, 2, 3, FALSE, parts, "attn");
  assert_weight (linear.weight, HD_WEIGHT_LINEAR, 6, 3, 1);
  hd_linear_clear (&linear);
  assert_good (fixture);
}

/* 1x1 convolutions as matrices and back, the VAE's old names, the text encoder without its prefix. */
static void
test_spellings (Fixture    *fixture,
                const void *unmapped)
{
  HdLinear  linear = { 0 };
  HdConv    conv = { 0 };
  HdWeight *table = NULL;

  hd_weights_linear (fixture->weights, &linear, 2, 3, TRUE, "conv");
  hd_linear_clear (&linear);
  hd_weights_conv (fixture->weights, &conv, 2, 3, 1, FALSE, "attn.to_q");
  hd_conv_clear (&conv);
  hd_weights_linear (fixture->weights, &linear, 2, 2, TRUE, "mid.to_q");
  hd_linear_clear (&linear);
  hd_weights_linear (fixture->weights, &linear, 2, 2, FALSE, "mid.to_out.0");
  hd_linear_clear (&linear);
  hd_weights_table (fixture->weights, &table, 5, 2, "text_model.embeddings.token_embedding");
  hd_weight_unref (table);
  assert_good (fixture);

  g_assert_true (hd_weights_has (fixture->weights, "conv.%s", "bias"));
  g_assert_true (hd_weights_has (fixture->weights, "text_model.norm.weight"));
  g_assert_false (hd_weights_has (fixture->weights, "attn.to_q.bias"));
}

static void
test_wrong_shape (Fixture    *fixture,
                  const void *unmapped)
{
  HdConv conv = { 0 };

  hd_weights_conv (fixture->weights, &conv, 2, 4, 3, TRUE, "conv");
  g_assert_null (conv.weight);
  g_assert_null (conv.bias);
  assert_bad (fixture, "tensor conv.weight: expected the shape (2, 4, 3, 3), found (2, 3, 1, 1)");
}

static void
test_transposed (Fixture    *fixture,
                 const void *unmapped)
{
  HdLinear linear = { 0 };

  hd_weights_linear (fixture->weights, &linear, 3, 2, FALSE, "attn.to_q");
  assert_bad (fixture, "tensor attn.to_q.weight: expected the shape (3, 2), found (2, 3)");
}

static void
test_missing (Fixture    *fixture,
              const void *unmapped)
{
  HdLinear linear = { 0 };

  hd_weights_linear (fixture->weights, &linear, 2, 3, FALSE, "attn.to_v");
  g_assert_null (linear.weight);
  assert_bad (fixture, "expected a tensor attn.to_v.weight of shape (2, 3), found none of that name");
}

static void
test_wrong_type (Fixture    *fixture,
                 const void *unmapped)
{
  HdNorm norm = { 0 };

  hd_weights_norm (fixture->weights, &norm, 2, 0, 1e-5f, "ids");
  g_assert_null (norm.gamma);
  assert_bad (fixture, "tensor ids.weight: expected elements of F32, F16 or BF16, found \"I64\"");
}

/* The first failure stays, and nothing is made after it. */
static void
test_sticky (Fixture    *fixture,
             const void *unmapped)
{
  HdLinear linear = { 0 };
  HdNorm   norm = { 0 };

  hd_weights_linear (fixture->weights, &linear, 2, 3, FALSE, "first");
  hd_weights_norm (fixture->weights, &norm, 2, 0, 1e-5f, "norm");
  g_assert_null (norm.gamma);
  g_assert_null (norm.beta);
  hd_weights_linear (fixture->weights, &linear, 2, 3, FALSE, "second");
  assert_bad (fixture, "first.weight");
}

/* Tensors are found in whichever shard they are. */
static void
test_shards (Fixture    *fixture,
             const void *unmapped)
{
  static const Tensor  others[] = { { "other.weight", "F32", "[1,2]", 8 } };
  g_autofree char     *path = g_build_filename (fixture->folder, "other.safetensors", NULL);
  g_autoptr (GError)   error = NULL;
  g_autoptr (HdWeights) weights = NULL;
  HdSafetensors       *files[2];
  HdLinear             linear = { 0 };

  write_tensors (path, others, 1);
  files[0] = fixture->file;
  files[1] = hd_safetensors_open (path, &error);
  g_assert_no_error (error);
  weights = hd_weights_new (fixture->context, HD_DTYPE_F32, files, 2);
  hd_safetensors_unref (files[1]);
  hd_weights_linear (weights, &linear, 1, 2, FALSE, "other");
  hd_linear_clear (&linear);
  hd_weights_linear (weights, &linear, 2, 3, FALSE, "attn.to_q");
  hd_linear_clear (&linear);
  g_assert_true (hd_weights_finish (weights, &error));
  g_assert_no_error (error);
  g_unlink (path);
}

static void
add (const char *name,
     void     (* test) (Fixture *, const void *))
{
  g_autofree char *mapped = g_strconcat ("/weights/mapped/", name, NULL);
  g_autofree char *unmapped = g_strconcat ("/weights/unmapped/", name, NULL);

  g_test_add (mapped, Fixture, NULL, set_up, test, tear_down);
  g_test_add (unmapped, Fixture, "unmapped", set_up, test, tear_down);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("layers", test_layers);
  add ("stacked", test_stacked);
  add ("spellings", test_spellings);
  add ("wrong-shape", test_wrong_shape);
  add ("transposed", test_transposed);
  add ("missing", test_missing);
  add ("wrong-type", test_wrong_type);
  add ("sticky", test_sticky);
  add ("shards", test_shards);

  return g_test_run ();
}
