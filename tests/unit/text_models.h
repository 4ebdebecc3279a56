/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Small text encoders with CLIP's vocabulary and made-up weights, for tests of what stands above them. */

#include <glib/gstdio.h>

#include "engine/conditioning.h"
#include "engine/device.h"
#include "tests/golden/synth.h"

#define TOKENS HD_TOKENIZER_LENGTH

typedef struct
{
  char         *folder;
  HdContext    *context;
  HdTextModels  sd;        /* one encoder, as Stable Diffusion 1 */
  HdTextModels  xl;        /* two, as SDXL; the first is sd's */
} TextModels;

static const HdTextConfig text_configs[] = {
  { 49408, 16, 32, 3, 2, TOKENS, HD_ACTIVATION_QUICK_GELU, 1e-5f, 0, 49407 },
  { 49408, 24, 48, 3, 4, TOKENS, HD_ACTIVATION_GELU, 1e-5f, 20, 49407 },
};

static inline void
append_tensor (GString    *manifest,
               const char *name,
               const char *shape,
               double      center,
               double      scale)
{
  g_string_append_printf (manifest, "%s\"%s\":{\"shape\":[%s],\"parts\":[{\"source\":\"%s\",\"shape\":[%s],"
                          "\"center\":%g,\"scale\":%g}]}", g_str_has_suffix (manifest->str, "{") ? "" : ",",
                          name, shape, name, shape, center, scale);
}

static inline void
append_matrix (GString    *manifest,
               const char *prefix,
               const char *name,
               int         rows,
               int         columns)
{
  g_autofree char *weight = g_strconcat (prefix, name, ".weight", NULL);
  g_autofree char *bias = g_strconcat (prefix, name, ".bias", NULL);
  g_autofree char *shape = g_strdup_printf ("%d,%d", rows, columns);
  g_autofree char *side = g_strdup_printf ("%d", rows);

  append_tensor (manifest, weight, shape, 0.0, 0.3);
  append_tensor (manifest, bias, side, 0.0, 0.1);
}

static inline void
append_norm (GString    *manifest,
             const char *prefix,
             const char *name,
             int         channels)
{
  g_autofree char *weight = g_strconcat (prefix, name, ".weight", NULL);
  g_autofree char *bias = g_strconcat (prefix, name, ".bias", NULL);
  g_autofree char *side = g_strdup_printf ("%d", channels);

  append_tensor (manifest, weight, side, 1.0, 0.2);
  append_tensor (manifest, bias, side, 0.3, 0.1);   /* so that the mean is not next to zero */
}

static inline void
append_encoder (GString            *manifest,
                const HdTextConfig *config)
{
  static const char * const qkvo[] = { "q_proj", "k_proj", "v_proj", "out_proj" };
  int                       c = config->hidden_size;
  g_autofree char          *table = g_strdup_printf ("%d,%d", config->vocab_size, c);
  g_autofree char          *places = g_strdup_printf ("%d,%d", config->max_positions, c);
  g_autofree char          *projection = g_strdup_printf ("%d,%d", config->projection_dim, c);

  append_tensor (manifest, "text_model.embeddings.token_embedding.weight", table, 0.0, 0.5);
  append_tensor (manifest, "text_model.embeddings.position_embedding.weight", places, 0.0, 0.5);
  append_norm (manifest, "text_model.", "final_layer_norm", c);
  if (config->projection_dim > 0)
    append_tensor (manifest, "text_projection.weight", projection, 0.0, 0.3);
  for (int i = 0; i < config->layers; i++)
    {
      g_autofree char *layer = g_strdup_printf ("text_model.encoder.layers.%d.", i);
      g_autofree char *attention = g_strconcat (layer, "self_attn.", NULL);

      append_norm (manifest, layer, "layer_norm1", c);
      append_norm (manifest, layer, "layer_norm2", c);
      for (guint j = 0; j < G_N_ELEMENTS (qkvo); j++)
        append_matrix (manifest, attention, qkvo[j], c, c);
      append_matrix (manifest, layer, "mlp.fc1", config->intermediate_size, c);
      append_matrix (manifest, layer, "mlp.fc2", c, config->intermediate_size);
    }
}

/* FOLDER/@i.safetensors */
static inline char *
encoder_path (const TextModels *models,
              int               i)
{
  g_autofree char *base = g_strdup_printf ("%d.safetensors", i);

  return g_build_filename (models->folder, base, NULL);
}

static inline void
write_encoders (const TextModels *models)
{
  g_autoptr (GString) manifest = g_string_new ("{\"files\":{");
  g_autoptr (GError)  error = NULL;
  g_autofree char    *path = g_build_filename (models->folder, "manifest.json", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (text_configs); i++)
    {
      g_string_append_printf (manifest, "%s\"%u.safetensors\":{\"dtype\":\"F32\",\"tensors\":{", i > 0 ? "," : "", i);
      append_encoder (manifest, &text_configs[i]);
      g_string_append (manifest, "}}");
    }
  g_string_append (manifest, "},\"json\":{}}");
  g_assert_true (g_file_set_contents (path, manifest->str, -1, NULL));
  hd_synth_write_model (path, models->folder, &error);
  g_assert_no_error (error);
  g_unlink (path);
}

static inline void
add_encoder (TextModels   *models,
             HdTextModels *text,
             int           i)
{
  g_autofree char           *merges = g_test_build_filename (G_TEST_DIST, "..", "..", "data", "clip", "merges.txt.gz", NULL);
  g_autofree char           *path = encoder_path (models, i);
  g_autoptr (GError)         error = NULL;
  g_autoptr (HdSafetensors)  file = hd_safetensors_open (path, &error);
  g_autoptr (HdWeights)      weights = NULL;
  HdTokenizer               *tokenizer;

  g_assert_no_error (error);
  weights = hd_weights_new (models->context, HD_DTYPE_F32, &file, 1);
  tokenizer = hd_tokenizer_new_clip (merges, i > 0 ? "!" : NULL, &error);
  g_assert_no_error (error);
  hd_text_models_add (text, models->context, tokenizer, &text_configs[i], weights, path, &error);
  g_assert_no_error (error);
}

static inline void
text_models_set_up (TextModels *models,
                    const void *data)
{
  g_autoptr (HdRequest) request = hd_request_new ();
  g_autoptr (GError)    error = NULL;

  hd_request_set (&request->precision, "float32");
  request->threads = 1;
  models->folder = g_dir_make_tmp ("hd-text-XXXXXX", NULL);
  models->context = hd_device_open (request, &error);
  g_assert_no_error (error);
  hd_context_reserve (models->context, 64 << 20, &error);
  g_assert_no_error (error);

  write_encoders (models);
  models->sd = models->xl = (HdTextModels) { 0 };
  add_encoder (models, &models->sd, 0);
  add_encoder (models, &models->xl, 0);
  add_encoder (models, &models->xl, 1);
}

static inline void
text_models_tear_down (TextModels *models,
                       const void *data)
{
  hd_text_models_clear (&models->sd);
  hd_text_models_clear (&models->xl);
  hd_context_unref (models->context);
  for (int i = 0; i < 2; i++)
    {
      g_autofree char *path = encoder_path (models, i);

      g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (models->folder), ==, 0);
  g_free (models->folder);
}

/* What prompts give, on the host. */
typedef struct
{
  float *hidden;   /* (n, tokens, width) */
  float *pooled;   /* (n, pooled_width), NULL without */
  int    n;
  int    tokens;
  int    width;
  int    pooled_width;
} Encoded;

static inline void
encoded_free (Encoded *encoded)
{
  g_free (encoded->hidden);
  g_free (encoded->pooled);
  g_free (encoded);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Encoded, encoded_free)

static inline Encoded *
encode_all (HdTextModels                *text,
            const char * const          *prompts,
            int                          n,
            const HdConditioningOptions *options)
{
  g_auto (HdConditioning)  conditioning = { 0 };
  g_autoptr (GError)       error = NULL;
  Encoded                 *encoded = g_new0 (Encoded, 1);

  hd_conditioning_encode (text, prompts, n, options, &conditioning, &error);
  g_assert_no_error (error);
  g_assert_cmpint (conditioning.hidden->batch, ==, n);
  g_assert_cmpint (conditioning.hidden->height, ==, 1);
  g_assert_cmpint (conditioning.hidden->channels, ==, hd_text_models_get_width (text));
  encoded->n = n;
  encoded->tokens = conditioning.hidden->width;
  encoded->width = conditioning.hidden->channels;
  encoded->hidden = g_new (float, (gsize) n * encoded->tokens * encoded->width);
  hd_download_rows (text->context, conditioning.hidden, encoded->hidden);
  g_assert_true ((conditioning.pooled != NULL) == (text->n > 1));
  if (conditioning.pooled != NULL)
    {
      encoded->pooled_width = conditioning.pooled->channels;
      g_assert_cmpint (encoded->pooled_width, ==, hd_text_models_get_pooled_width (text));
      encoded->pooled = g_new (float, (gsize) n * encoded->pooled_width);
      hd_download_rows (text->context, conditioning.pooled, encoded->pooled);
    }
  hd_context_check (text->context, &error);
  g_assert_no_error (error);

  return encoded;
}

static inline Encoded *
encode (HdTextModels                *text,
        const char                  *prompt,
        const HdConditioningOptions *options)
{
  return encode_all (text, &prompt, 1, options);
}

static inline gboolean
same (const float *a,
      const float *b,
      gsize        count)
{
  return memcmp (a, b, count * sizeof *a) == 0;
}

/* Window @w of text @n. */
static inline const float *
window_of (const Encoded *encoded,
           int            n,
           int            w)
{
  return encoded->hidden + ((gsize) n * encoded->tokens + w * TOKENS) * encoded->width;
}

/* Bit by bit. */
static inline gboolean
same_window (const Encoded *a,
             int            n,
             int            w,
             const Encoded *b)
{
  g_assert_cmpint (a->width, ==, b->width);

  return same (window_of (a, n, w), b->hidden, (gsize) TOKENS * a->width);
}
