/* SPDX-License-Identifier: Apache-2.0 */

/* What LoRAs of every kind do to weights, against plain arithmetic in double. */

#include "engine/weights.h"
#include "kernels/cpu/cpu.h"
#include "kernels/dry/dry.h"
#include "tests/unit/lora_file.h"

/* --- kinds --------------------------------------------------------------------- */

#define STEM "lora_unet_up_blocks_0_resnets_0_conv1"

static const Weight conv = { "up_blocks.0.resnets.0.conv1.weight", HD_LORA_UNET, 4, { 50, 6, 3, 3 } };
static const Weight conv_bias = { "up_blocks.0.resnets.0.conv1.bias", HD_LORA_UNET, 1, { 50 } };

static void
test_convolution (Fixture    *fixture,
                  const void *data)
{
  g_autofree double *change = g_new0 (double, 50 * 6 * 9);
  Tensor            *down = add (&fixture->file, HD_DTYPE_F16, STEM ".lora_down.weight", 4, 6, 3, 3);
  Tensor            *up = add (&fixture->file, HD_DTYPE_F16, STEM ".lora_up.weight", 50, 4, 1, 1);

  add_alpha (&fixture->file, STEM ".alpha", 2.0f);
  open_lora (fixture, 1.0, 0.0);
  add_product (change, 2.0 / 4.0, up, down);
  assert_changed (fixture, &conv, change);
  assert_unchanged (fixture, &conv_bias);
}

/* The same as a matrix, of a 1x1 convolution given as a matrix, and the other way round. */
static void
test_flat (Fixture    *fixture,
           const void *data)
{
  const Weight       matrix = { "mid_block.attentions.0.proj_in.weight", HD_LORA_UNET, 2, { 5, 6 } };
  const Weight       one = { "mid_block.attentions.0.proj_out.weight", HD_LORA_UNET, 4, { 5, 6, 1, 1 } };
  g_autofree double *change = g_new0 (double, 50 * 6 * 9);
  g_autofree double *first = g_new0 (double, 5 * 6);
  g_autofree double *second = g_new0 (double, 5 * 6);
  Tensor            *down = add (&fixture->file, HD_DTYPE_F32, STEM ".lora_down.weight", 4, 54);
  Tensor            *up = add (&fixture->file, HD_DTYPE_F32, STEM ".lora_up.weight", 50, 4);

  add_product (change, 1.0, up, down);
  down = add (&fixture->file, HD_DTYPE_F32, "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", 4, 6, 1, 1);
  up = add (&fixture->file, HD_DTYPE_F32, "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight", 5, 4, 1, 1);
  add_product (first, 1.0, up, down);
  down = add (&fixture->file, HD_DTYPE_F32, "lora_unet_mid_block_attentions_0_proj_out.lora_down.weight", 4, 6);
  up = add (&fixture->file, HD_DTYPE_F32, "lora_unet_mid_block_attentions_0_proj_out.lora_up.weight", 5, 4);
  add_product (second, 1.0, up, down);

  open_lora (fixture, 1.0, 0.0);
  assert_changed (fixture, &conv, change);
  assert_changed (fixture, &matrix, first);
  assert_changed (fixture, &one, second);
}

/* change[o, i, y, x] = sum over a and b of up[o, a] core[a, b, y, x] down[b, i] */
static void
add_tucker (double       *change,
            double        scale,
            const Tensor *up,
            gboolean      transposed,
            const Tensor *core,
            const Tensor *down)
{
  int outputs = up->sides[transposed ? 1 : 0];
  int inputs = down->sides[1];
  int taps = core->sides[2] * core->sides[3];

  for (int o = 0; o < outputs; o++)
    for (int i = 0; i < inputs; i++)
      for (int k = 0; k < taps; k++)
        for (int a = 0; a < core->sides[0]; a++)
          for (int b = 0; b < core->sides[1]; b++)
            change[(o * inputs + i) * taps + k] +=
              scale * up->values[transposed ? a * outputs + o : o * core->sides[0] + a]
              * core->values[(a * core->sides[1] + b) * taps + k] * down->values[b * inputs + i];
}

static void
test_core (Fixture    *fixture,
           const void *data)
{
  g_autofree double *change = g_new0 (double, 50 * 6 * 9);
  Tensor            *down = add (&fixture->file, HD_DTYPE_F16, STEM ".lora_down.weight", 2, 6, 1, 1);
  Tensor            *core = add (&fixture->file, HD_DTYPE_F16, STEM ".lora_mid.weight", 4, 2, 3, 3);
  Tensor            *up = add (&fixture->file, HD_DTYPE_F16, STEM ".lora_up.weight", 50, 4, 1, 1);

  add_alpha (&fixture->file, STEM ".alpha", 1.0f);
  open_lora (fixture, 0.5, 0.0);
  add_tucker (change, 0.5 / 2.0, up, FALSE, core, down);
  assert_changed (fixture, &conv, change);
}

static void
test_loha (Fixture    *fixture,
           const void *data)
{
  g_autofree double *one = g_new0 (double, 50 * 54);
  g_autofree double *other = g_new0 (double, 50 * 54);
  Tensor            *w1a = add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w1_a", 50, 4);
  Tensor            *w1b = add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w1_b", 4, 54);
  Tensor            *w2a = add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w2_a", 50, 4);
  Tensor            *w2b = add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w2_b", 4, 54);

  add_alpha (&fixture->file, STEM ".alpha", 2.0f);
  open_lora (fixture, 0.8, 0.0);
  add_product (one, 1.0, w1a, w1b);
  add_product (other, 1.0, w2a, w2b);
  for (int i = 0; i < 50 * 54; i++)
    one[i] *= 0.8 * 0.5 * other[i];
  assert_changed (fixture, &conv, one);
}

static void
test_loha_core (Fixture    *fixture,
                const void *data)
{
  g_autofree double *one = g_new0 (double, 50 * 54);
  g_autofree double *other = g_new0 (double, 50 * 54);
  Tensor            *w1a = add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w1_a", 3, 50);
  Tensor            *w1b = add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w1_b", 2, 6);
  Tensor            *t1 = add (&fixture->file, HD_DTYPE_F16, STEM ".hada_t1", 3, 2, 3, 3);
  Tensor            *w2a = add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w2_a", 2, 50);
  Tensor            *w2b = add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w2_b", 3, 6);
  Tensor            *t2 = add (&fixture->file, HD_DTYPE_F16, STEM ".hada_t2", 2, 3, 3, 3);

  open_lora (fixture, -0.8, 0.0);
  add_tucker (one, 1.0, w1a, TRUE, t1, w1b);
  add_tucker (other, 1.0, w2a, TRUE, t2, w2b);
  for (int i = 0; i < 50 * 54; i++)
    one[i] *= -0.8 * other[i];
  assert_changed (fixture, &conv, one);
}

/* change[o1 c + o2, i1 n + i2] = scale first[o1, i1] second[o2, i2] */
static void
add_kronecker (double       *change,
               double        scale,
               const double *first,
               int           rows,
               int           columns,
               const double *second,
               int           c,
               int           n)
{
  for (int o1 = 0; o1 < rows; o1++)
    for (int o2 = 0; o2 < c; o2++)
      for (int i1 = 0; i1 < columns; i1++)
        for (int i2 = 0; i2 < n; i2++)
          change[(o1 * c + o2) * columns * n + i1 * n + i2] += scale * first[o1 * columns + i1] * second[o2 * n + i2];
}

static double *
as_doubles (const Tensor *tensor)
{
  double *values = g_new (double, tensor->count);

  for (gsize i = 0; i < tensor->count; i++)
    values[i] = tensor->values[i];

  return values;
}

static void
test_lokr (Fixture    *fixture,
           const void *data)
{
  g_autofree double *change = g_new0 (double, 50 * 54);
  g_autofree double *first = NULL;
  g_autofree double *second = g_new0 (double, 25 * 27);
  Tensor            *w1 = add (&fixture->file, HD_DTYPE_F16, STEM ".lokr_w1", 2, 2);
  Tensor            *w2a = add (&fixture->file, HD_DTYPE_F16, STEM ".lokr_w2_a", 25, 4);
  Tensor            *w2b = add (&fixture->file, HD_DTYPE_F16, STEM ".lokr_w2_b", 4, 27);

  add_alpha (&fixture->file, STEM ".alpha", 1.0f);
  open_lora (fixture, 0.8, 0.0);
  first = as_doubles (w1);
  add_product (second, 1.0, w2a, w2b);
  add_kronecker (change, 0.8 * 0.25, first, 2, 2, second, 25, 27);
  assert_changed (fixture, &conv, change);
}

/* Where both factors are whole, alpha counts for nothing. */
static void
test_lokr_whole (Fixture    *fixture,
                 const void *data)
{
  g_autofree double *change = g_new0 (double, 50 * 54);
  g_autofree double *first = NULL;
  g_autofree double *second = NULL;
  Tensor            *w1 = add (&fixture->file, HD_DTYPE_F16, STEM ".lokr_w1", 5, 3);
  Tensor            *w2 = add (&fixture->file, HD_DTYPE_F16, STEM ".lokr_w2", 10, 2, 3, 3);

  add_alpha (&fixture->file, STEM ".alpha", 1000.0f);
  open_lora (fixture, 0.8, 0.0);
  first = as_doubles (w1);
  second = as_doubles (w2);
  add_kronecker (change, 0.8, first, 5, 3, second, 10, 18);
  assert_changed (fixture, &conv, change);
}

static void
test_lokr_core (Fixture    *fixture,
                const void *data)
{
  g_autofree double *change = g_new0 (double, 50 * 54);
  g_autofree double *first = g_new0 (double, 10 * 2);
  g_autofree double *second = g_new0 (double, 5 * 27);
  Tensor            *w1a = add (&fixture->file, HD_DTYPE_F16, STEM ".lokr_w1_a", 10, 2);
  Tensor            *w1b = add (&fixture->file, HD_DTYPE_F16, STEM ".lokr_w1_b", 2, 2);
  Tensor            *w2a = add (&fixture->file, HD_DTYPE_F16, STEM ".lokr_w2_a", 4, 5);
  Tensor            *w2b = add (&fixture->file, HD_DTYPE_F16, STEM ".lokr_w2_b", 3, 3);
  Tensor            *t2 = add (&fixture->file, HD_DTYPE_F16, STEM ".lokr_t2", 4, 3, 3, 3);

  add_alpha (&fixture->file, STEM ".alpha", 6.0f);
  open_lora (fixture, 0.5, 0.0);
  add_product (first, 1.0, w1a, w1b);
  add_tucker (second, 1.0, w2a, TRUE, t2, w2b);
  add_kronecker (change, 0.5 * 6.0 / 3.0, first, 10, 2, second, 5, 27);
  assert_changed (fixture, &conv, change);
}

static void
test_difference (Fixture    *fixture,
                 const void *data)
{
  const Weight       norm = { "conv_norm_out.weight", HD_LORA_UNET, 1, { 7 } };
  g_autofree double *change = g_new0 (double, 50 * 54);
  Tensor            *diff = add (&fixture->file, HD_DTYPE_F16, STEM ".diff", 50, 6, 3, 3);
  Tensor            *bias = add (&fixture->file, HD_DTYPE_F16, STEM ".diff_b", 50);
  Tensor            *scale = add (&fixture->file, HD_DTYPE_F16, "lora_unet_conv_norm_out.w_norm", 7);

  open_lora (fixture, 0.5, 0.0);
  for (int i = 0; i < 50 * 54; i++)
    change[i] = 0.5 * diff->values[i];
  assert_changed (fixture, &conv, change);
  for (int i = 0; i < 50; i++)
    change[i] = 0.5 * bias->values[i];
  assert_changed (fixture, &conv_bias, change);
  for (int i = 0; i < 7; i++)
    change[i] = 0.5 * scale->values[i];
  assert_changed (fixture, &norm, change);
}

/* --- several, their weights, and types ------------------------------------------ */

static const Weight query = { "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight", HD_LORA_UNET, 2,
                              { 100, 41 } };

#define QUERY "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
#define TEXT "lora_te_text_model_encoder_layers_0_mlp_fc1"

static void
test_several (Fixture    *fixture,
              const void *data)
{
  const Weight       text = { "text_model.encoder.layers.0.mlp.fc1.weight", HD_LORA_TEXT_ENCODER, 2, { 5, 7 } };
  g_autofree double *change = g_new0 (double, 100 * 41);
  g_autofree double *text_change = g_new0 (double, 5 * 7);
  File               files[2];

  for (int i = 0; i < 2; i++)
    {
      int     rank = i == 0 ? 40 : 1;
      double  unet_weight = i == 0 ? 0.7 : -0.4;
      double  text_weight = i == 0 ? 0.0 : 1.5;
      Tensor *down;
      Tensor *up;

      file_clear (&fixture->file);
      file_init (&fixture->file, (guint32) i + 5);
      down = add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", rank, 41);
      up = add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, rank);
      add_product (change, unet_weight * 0.5 / rank, up, down);
      down = add (&fixture->file, HD_DTYPE_F16, TEXT ".lora_down.weight", 2, 7);
      up = add (&fixture->file, HD_DTYPE_F16, TEXT ".lora_up.weight", 5, 2);
      add_product (text_change, text_weight, up, down);
      add_alpha (&fixture->file, QUERY ".alpha", 0.5f);
      open_lora (fixture, unet_weight, text_weight);
      files[i] = fixture->file;
      file_init (&fixture->file, 0);
    }

  assert_changed (fixture, &query, change);
  assert_changed (fixture, &text, text_change);
  file_clear (&files[0]);
  file_clear (&files[1]);
}

/* Trainers write alpha as an integer too. */
static void
test_integer_alpha (Fixture    *fixture,
                    const void *data)
{
  g_autofree double *change = g_new0 (double, 100 * 41);
  Tensor            *down = add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 8, 41);
  Tensor            *up = add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 8);
  Tensor            *alpha = add_sides (&fixture->file, HD_DTYPE_F16, QUERY ".alpha", 0, NULL);

  alpha->values[0] = 4.0f;
  alpha->wide = TRUE;
  add_product (change, 4.0 / 8.0, up, down);
  open_lora (fixture, 1.0, 1.0);
  assert_changed (fixture, &query, change);
}

/* What diffusers writes in place of alphas: one for a network, and others for layers of certain names. */
static void
test_metadata_alpha (Fixture    *fixture,
                     const void *data)
{
  const Weight       other = { "mid_block.attentions.0.proj_in.weight", HD_LORA_UNET, 2, { 5, 6 } };
  g_autofree double *change = g_new0 (double, 100 * 41);
  g_autofree double *other_change = g_new0 (double, 5 * 6);
  const char        *stem = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
  g_autofree char   *down_name = g_strconcat (stem, ".lora_A.weight", NULL);
  g_autofree char   *up_name = g_strconcat (stem, ".lora_B.weight", NULL);
  Tensor            *down = add (&fixture->file, HD_DTYPE_F16, down_name, 8, 41);
  Tensor            *up = add (&fixture->file, HD_DTYPE_F16, up_name, 100, 8);

  add_product (change, 4.0 / 8.0, up, down);
  down = add (&fixture->file, HD_DTYPE_F16, "unet.mid_block.attentions.0.proj_in.lora_A.weight", 2, 6);
  up = add (&fixture->file, HD_DTYPE_F16, "unet.mid_block.attentions.0.proj_in.lora_B.weight", 5, 2);
  add_product (other_change, 3.0 / 2.0, up, down);
  fixture->file.metadata = "{\"lora_adapter_metadata\":\"{\\\"unet.lora_alpha\\\": 4, \\\"unet.alpha_pattern\\\": "
                           "{\\\"proj_in\\\": 3.0}, \\\"text_encoder.lora_alpha\\\": 7}\"}";
  open_lora (fixture, 1.0, 1.0);
  assert_changed (fixture, &query, change);
  assert_changed (fixture, &other, other_change);
}

/* A result in bf16 is the float32 sum, rounded; with the weight 0 nothing is touched. */
static void
test_types (Fixture    *fixture,
            const void *data)
{
  g_autoptr (GError) error = NULL;
  g_autofree double *change = g_new0 (double, 100 * 41);
  g_autofree float  *before = NULL;
  g_autofree float  *before_f16 = NULL;
  g_autofree float  *f32 = NULL;
  g_autofree float  *bf16 = NULL;
  Tensor            *down = add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 8, 41);
  Tensor            *up = add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 8);

  add_product (change, 1.0, up, down);
  open_lora (fixture, 1.0, 1.0);
  f32 = apply (fixture, &query, HD_DTYPE_BF16, HD_DTYPE_F32, &before, &error);
  g_assert_no_error (error);
  bf16 = apply (fixture, &query, HD_DTYPE_BF16, HD_DTYPE_BF16, &before_f16, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 100 * 41; i++)
    {
      guint16 rounded;
      float   expected;

      g_assert_true (fabs (f32[i] - (before[i] + change[i])) <= 2e-6);
      hd_host_from_float (HD_DTYPE_BF16, &f32[i], 1, &rounded);
      hd_host_to_float (HD_DTYPE_BF16, &rounded, 1, &expected);
      g_assert_cmpfloat (bf16[i], ==, expected);
    }
}

/* float16 there and back is every number that it has; halves go to the even neighbour. */
static void
test_float16 (void)
{
  const struct { float from; guint16 to; } roundings[] = {
    { 1.0f, 0x3c00 }, { 1.0f + 0x1p-11f, 0x3c00 }, { 1.0f + 0x1.8p-10f, 0x3c02 }, { 65519.0f, 0x7bff },
    { 65520.0f, 0x7c00 }, { -65520.0f, 0xfc00 }, { 0x1p-24f, 1 }, { 0x1p-25f, 0 }, { 0x1.8p-25f, 1 },
    { 0x1.8p-24f, 2 }, { -0.0f, 0x8000 }, { 0x1.ff8p-15f, 0x3ff }, { 0x1.ffcp-15f, 0x400 },
    { INFINITY, 0x7c00 },
  };

  for (guint32 bits = 0; bits < 0x10000; bits++)
    {
      guint16 from = (guint16) bits;
      guint16 to;
      float   value;

      hd_host_to_float (HD_DTYPE_F16, &from, 1, &value);
      hd_host_from_float (HD_DTYPE_F16, &value, 1, &to);
      if (isnan (value))
        g_assert_cmpuint (to & 0x7fff, >, 0x7c00);
      else
        g_assert_cmpuint (to, ==, from);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (roundings); i++)
    {
      guint16 to;

      hd_host_from_float (HD_DTYPE_F16, &roundings[i].from, 1, &to);
      g_assert_cmphex (to, ==, roundings[i].to);
    }
}

static void
test_cancelled (Fixture    *fixture,
                const void *data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error = NULL;
  g_autofree double       *change = g_new0 (double, 100 * 41);
  g_autofree float        *before = NULL;
  Tensor                  *down = add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 8, 41);
  Tensor                  *up = add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 8);

  add_product (change, 1.0, up, down);
  open_lora (fixture, 1.0, 1.0);
  hd_weight_patches_set_cancellable (fixture->patches, cancellable);
  assert_changed (fixture, &query, change);
  g_cancellable_cancel (cancellable);
  g_assert_null (apply (fixture, &query, HD_DTYPE_F16, HD_DTYPE_F32, &before, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* --- through HdWeights ----------------------------------------------------------- */

/* Stacked weights are changed part by part; what no LoRA has stays a view of the file. */
static void
test_weights (Fixture    *fixture,
              const void *dry)
{
  static const char * const  parts[] = { "to_q", "to_k", NULL };
  g_autofree char           *path = g_build_filename (fixture->folder, "model.safetensors", NULL);
  g_autofree double         *change = g_new0 (double, 100 * 41);
  g_autoptr (GError)         error = NULL;
  g_autoptr (HdContext)      context = NULL;
  g_autoptr (HdSafetensors)  opened = NULL;
  g_autoptr (HdWeights)      weights = NULL;
  HdLinear                   linear = { 0 };
  File                       model;
  Tensor                    *q;
  Tensor                    *k;

  file_init (&model, 9);
  q = add (&model, HD_DTYPE_F16, "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight", 100, 41);
  k = add (&model, HD_DTYPE_F16, "mid_block.attentions.0.transformer_blocks.0.attn1.to_k.weight", 100, 41);
  write_file (&model, path);
  add_product (change, 0.5,
               add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 2),
               add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 2, 41));
  open_lora (fixture, 0.5, 0.5);

  context = dry != NULL ? hd_dry_context_new (HD_DTYPE_F32) : hd_cpu_context_new (HD_PRECISION_F32, 1, &error);
  g_assert_no_error (error);
  opened = hd_safetensors_open (path, &error);
  g_assert_no_error (error);
  weights = hd_weights_new (context, HD_DTYPE_F32, &opened, 1);
  hd_weights_set_patches (weights, fixture->patches, HD_LORA_UNET);
  hd_weights_linear_stacked (weights, &linear, 100, 41, FALSE, parts,
                             "mid_block.attentions.0.transformer_blocks.0.attn1");
  g_assert_true (hd_weights_finish (weights, &error));
  g_assert_no_error (error);
  g_assert_true (hd_weight_patches_finish (fixture->patches, &error));
  g_assert_no_error (error);

  g_assert_cmpint (linear.weight->n_parts, ==, 2);
  g_assert_cmpint (linear.weight->parts[1].dtype, ==, HD_DTYPE_F16);
  g_assert_cmpuint (g_bytes_get_size (linear.weight->parts[1].bytes), ==, k->count * 2);
  if (dry != NULL)
    {
      g_assert_cmpint (linear.weight->parts[0].dtype, ==, HD_DTYPE_F16);
    }
  else
    {
      const float *sum = g_bytes_get_data (linear.weight->parts[0].bytes, NULL);

      g_assert_cmpint (linear.weight->parts[0].dtype, ==, HD_DTYPE_F32);
      for (gsize i = 0; i < q->count; i++)
        g_assert_true (fabs (sum[i] - (q->values[i] + change[i])) <= 2e-6);
    }

  hd_linear_clear (&linear);
  g_unlink (path);
  file_clear (&model);
}

/* --- what is refused ------------------------------------------------------------- */

/* The numbers themselves are read when they are needed. */
static void
test_not_finite (Fixture    *fixture,
                 const void *data)
{
  g_autoptr (GError) error = NULL;
  g_autofree float  *before = NULL;
  Tensor            *down = add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 4, 41);

  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 4);
  down->values[17] = NAN;
  open_lora (fixture, 1.0, 1.0);
  g_assert_null (apply (fixture, &query, HD_DTYPE_F16, HD_DTYPE_F32, &before, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, "lora_down.weight\": expected finite numbers"));
}

/* A LoRA for SDXL and a model of Stable Diffusion 1. */
static void
test_other_family (Fixture    *fixture,
                   const void *data)
{
  const Weight       weight = { "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight", HD_LORA_UNET, 2,
                                { 1280, 768 } };
  const char        *stem = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k";
  g_autofree char   *down = g_strconcat (stem, ".lora_down.weight", NULL);
  g_autofree char   *up = g_strconcat (stem, ".lora_up.weight", NULL);
  g_autoptr (GError) error = NULL;
  g_autofree float  *before = NULL;

  add (&fixture->file, HD_DTYPE_F16, down, 4, 2048);
  add (&fixture->file, HD_DTYPE_F16, up, 1280, 4);
  open_lora (fixture, 1.0, 1.0);
  g_assert_null (apply (fixture, &weight, HD_DTYPE_F16, HD_DTYPE_F32, &before, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL);
  g_assert_true (g_str_has_prefix (error->message, fixture->path));
  g_assert_nonnull (strstr (error->message, down));
  g_assert_nonnull (strstr (error->message, "expected a LoRA for a weight of shape (1280, 768), as this model has, "
                                            "found one for (1280, 2048); the LoRA is one for Stable Diffusion XL"));
}

/* The same kernel size, or the same number of elements, is not the same shape. */
static void
test_other_shape (Fixture    *fixture,
                  const void *data)
{
  const Weight       one = { "up_blocks.0.resnets.0.conv1.weight", HD_LORA_UNET, 4, { 50, 54, 1, 1 } };
  g_autoptr (GError) error = NULL;
  g_autofree float  *before = NULL;

  add (&fixture->file, HD_DTYPE_F16, STEM ".lora_down.weight", 4, 6, 3, 3);
  add (&fixture->file, HD_DTYPE_F16, STEM ".lora_up.weight", 50, 4, 1, 1);
  open_lora (fixture, 1.0, 1.0);
  g_assert_null (apply (fixture, &one, HD_DTYPE_F16, HD_DTYPE_F32, &before, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL);
  g_assert_nonnull (strstr (error->message, "found one for (50, 6, 3, 3)"));
}

/* --- all ------------------------------------------------------------------------- */

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add_test ("convolution", NULL, test_convolution);
  add_test ("flat", NULL, test_flat);
  add_test ("core", NULL, test_core);
  add_test ("loha", NULL, test_loha);
  add_test ("loha-core", NULL, test_loha_core);
  add_test ("lokr", NULL, test_lokr);
  add_test ("lokr-whole", NULL, test_lokr_whole);
  add_test ("lokr-core", NULL, test_lokr_core);
  add_test ("difference", NULL, test_difference);
  add_test ("several", NULL, test_several);
  add_test ("integer-alpha", NULL, test_integer_alpha);
  add_test ("metadata-alpha", NULL, test_metadata_alpha);
  add_test ("types", NULL, test_types);
  g_test_add_func ("/host/float16", test_float16);
  add_test ("cancelled", NULL, test_cancelled);
  add_test ("weights", NULL, test_weights);
  add_test ("weights-dry", "dry", test_weights);
  add_test ("not-finite", NULL, test_not_finite);
  add_test ("other-family", NULL, test_other_family);
  add_test ("other-shape", NULL, test_other_shape);

  return g_test_run ();
}
