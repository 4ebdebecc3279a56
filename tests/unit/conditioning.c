/* SPDX-License-Identifier: Apache-2.0 */

/* Prompts to hidden states: weights, windows, the layers that are taken, SDXL's pooled vector and its zeros. */

#include <math.h>
#include <string.h>

#include "engine/prompt_windows.h"
#include "kernels/dry/dry.h"
#include "tests/unit/text_models.h"

static const HdConditioningOptions plain = { .plain = TRUE };

/* @n times @word, with spaces between. */
static char *
repeat (const char *word,
        int         n)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; i < n; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? " " : "", word);

  return g_string_free (text, FALSE);
}

/* A prompt without grammar, and one whose weights are 1, give what the plain text gives, bit by bit. */
static void
test_plain (TextModels *models,
            const void *data)
{
  const char   *prompt = "a castle on a hill";
  HdTextModels *both[] = { &models->sd, &models->xl };

  for (guint i = 0; i < G_N_ELEMENTS (both); i++)
    {
      g_autoptr (Encoded) expected = encode (both[i], prompt, &plain);
      g_autoptr (Encoded) bracketed = encode (both[i], "(a castle:1) on a hill", NULL);
      g_autoptr (Encoded) text = encode (both[i], prompt, NULL);

      g_assert_cmpint (expected->tokens, ==, TOKENS);
      g_assert_true (same_window (text, 0, 0, expected));
      g_assert_true (same_window (bracketed, 0, 0, expected));
      if (expected->pooled != NULL)
        g_assert_true (same (text->pooled, expected->pooled, (gsize) expected->pooled_width));
    }
}

/* The grammar's characters are tokens of a plain text. */
static void
test_plain_brackets (TextModels *models,
                     const void *data)
{
  g_autoptr (Encoded) raw = encode (&models->sd, "(a castle:1)", &plain);
  g_autoptr (Encoded) weighted = encode (&models->sd, "(a castle:1)", NULL);
  g_autoptr (Encoded) escaped = encode (&models->sd, "\\(a castle:1\\)", NULL);

  g_assert_false (same_window (raw, 0, 0, weighted));
  g_assert_true (same_window (raw, 0, 0, escaped));
}

/* The rows of an encoder's channels [@first, @first + @width) in @weighted are those in @unweighted times a weight, then
 * brought back to their mean. */
static void
check_weights (const Encoded *weighted,
               const Encoded *unweighted,
               const double  *weights,
               int            first,
               int            width)
{
  double before = 0.0;
  double after = 0.0;
  double error = 0.0;
  double norm = 0.0;
  double ratio;

  for (int t = 0; t < TOKENS; t++)
    for (int c = first; c < first + width; c++)
      {
        before += unweighted->hidden[t * unweighted->width + c];
        after += unweighted->hidden[t * unweighted->width + c] * weights[t];
      }
  ratio = before / after;
  g_test_message ("mean %g, then %g", before / (TOKENS * width), after / (TOKENS * width));
  g_assert_true (ratio > 0.25 && ratio < 4.0 && fabs (ratio - 1.0) > 1e-4);
  for (int t = 0; t < TOKENS; t++)
    for (int c = first; c < first + width; c++)
      {
        double expected = unweighted->hidden[t * unweighted->width + c] * weights[t] * ratio;

        error += pow (weighted->hidden[t * unweighted->width + c] - expected, 2.0);
        norm += expected * expected;
      }
  g_assert_cmpfloat (sqrt (error / norm), <=, 1e-6);
}

static void
test_weights (TextModels *models,
              const void *data)
{
  g_autoptr (Encoded) sd = encode (&models->sd, "a castle on a hill", NULL);
  g_autoptr (Encoded) sd_weighted = encode (&models->sd, "a (castle:1.6) on [a hill]", NULL);
  g_autoptr (Encoded) xl = encode (&models->xl, "a castle on a hill", NULL);
  g_autoptr (Encoded) xl_weighted = encode (&models->xl, "a (castle:1.6) on [a hill]", NULL);
  double              weights[TOKENS];

  for (int t = 0; t < TOKENS; t++)
    weights[t] = t == 2 ? 1.6 : t == 4 || t == 5 ? 1.0 / 1.1 : 1.0;

  check_weights (sd_weighted, sd, weights, 0, sd->width);
  check_weights (xl_weighted, xl, weights, 0, 16);
  check_weights (xl_weighted, xl, weights, 16, 24);
  g_assert_true (same (xl_weighted->pooled, xl->pooled, (gsize) xl->pooled_width));
}

/* Weights that leave nothing of the mean, or turn it round, give finite numbers. */
static void
test_extreme_weights (TextModels *models,
                      const void *data)
{
  static const char * const prompts[] = { "(a castle:0)", "(a castle:-10)", "(a castle:10)" };

  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++)
    {
      g_autoptr (Encoded) encoded = encode (&models->xl, prompts[i], NULL);

      for (gsize j = 0; j < (gsize) encoded->tokens * encoded->width; j++)
        g_assert_true (fabsf (encoded->hidden[j]) <= 1000.0f);
    }
}

/* --- windows ----------------------------------------------------------------------- */

/* The windows of @prompt are what @windows give on their own. */
static void
check_windows (TextModels         *models,
               const char         *prompt,
               const char * const *windows,
               int                 n)
{
  HdTextModels *both[] = { &models->sd, &models->xl };

  for (guint i = 0; i < G_N_ELEMENTS (both); i++)
    {
      g_autoptr (Encoded) encoded = encode (both[i], prompt, NULL);

      g_assert_cmpint (encoded->tokens, ==, n * TOKENS);
      for (int w = 0; w < n; w++)
        {
          g_autoptr (Encoded) alone = encode (both[i], windows[w], NULL);

          g_assert_cmpint (alone->tokens, ==, TOKENS);
          g_assert_true (same_window (encoded, 0, w, alone));
          if (w == 0 && alone->pooled != NULL)
            g_assert_true (same (encoded->pooled, alone->pooled, (gsize) alone->pooled_width));
        }
    }
}

static void
test_windows (TextModels *models,
              const void *data)
{
  g_autofree char *full = repeat ("castle", 75);
  g_autofree char *longer = repeat ("castle", 100);
  g_autofree char *rest = repeat ("castle", 25);
  g_autofree char *longest = repeat ("castle", 200);
  g_autofree char *tail = repeat ("castle", 50);

  check_windows (models, full, (const char * const []) { full }, 1);
  check_windows (models, longer, (const char * const []) { full, rest }, 2);
  check_windows (models, longest, (const char * const []) { full, full, tail }, 3);
}

/* A window ends behind the last comma if that is one of its last 20 tokens. */
static void
test_comma (TextModels *models,
            const void *data)
{
  g_autofree char *words_60 = repeat ("castle", 60);
  g_autofree char *words_50 = repeat ("castle", 50);
  g_autofree char *words_20 = repeat ("hill", 20);
  g_autofree char *words_30 = repeat ("hill", 30);
  g_autofree char *near = g_strdup_printf ("%s, %s", words_60, words_20);
  g_autofree char *near_first = g_strdup_printf ("%s,", words_60);
  g_autofree char *far = g_strdup_printf ("%s, %s", words_50, words_30);
  g_autofree char *far_start = repeat ("hill", 24);
  g_autofree char *far_rest = repeat ("hill", 6);
  g_autofree char *far_first = g_strdup_printf ("%s, %s", words_50, far_start);
  g_autofree char *words_75 = repeat ("castle", 75);
  g_autofree char *at_end = g_strdup_printf ("%s, hill", words_75);

  check_windows (models, near, (const char * const []) { near_first, words_20 }, 2);
  check_windows (models, far, (const char * const []) { far_first, far_rest }, 2);
  check_windows (models, at_end, (const char * const []) { words_75, ", hill" }, 2);
}

static void
test_break (TextModels *models,
            const void *data)
{
  check_windows (models, "a castle BREAK a hill", (const char * const []) { "a castle", "a hill" }, 2);
  check_windows (models, "a castle BREAK BREAK a hill", (const char * const []) { "a castle", "a hill" }, 2);
  check_windows (models, "BREAK a castle BREAK", (const char * const []) { "a castle" }, 1);
  check_windows (models, "BREAK", (const char * const []) { "" }, 1);
}

/* The weights of a window change that window alone. */
static void
test_weights_in_windows (TextModels *models,
                         const void *data)
{
  g_autoptr (Encoded) encoded = encode (&models->xl, "a castle BREAK a (hill:1.5)", NULL);
  g_autoptr (Encoded) first = encode (&models->xl, "a castle", NULL);
  g_autoptr (Encoded) second = encode (&models->xl, "a (hill:1.5)", NULL);

  g_assert_true (same_window (encoded, 0, 0, first));
  g_assert_true (same_window (encoded, 0, 1, second));
}

/* Shorter prompts are continued with empty windows. */
static void
test_padding (TextModels *models,
              const void *data)
{
  static const char * const prompts[] = { "", "a castle BREAK a hill BREAK a tree" };
  static const char * const empty[] = { "", "" };
  g_autoptr (Encoded)       encoded = encode_all (&models->xl, prompts, 2, NULL);
  g_autoptr (Encoded)       nothing = encode_all (&models->xl, empty, 2, NULL);

  g_assert_cmpint (encoded->tokens, ==, 3 * TOKENS);
  for (int w = 0; w < 3; w++)
    {
      g_assert_true (same_window (encoded, 0, w, nothing));
      g_assert_false (same_window (encoded, 1, w, nothing));
    }
}

static void
test_too_long (TextModels *models,
               const void *data)
{
  g_autofree char         *longest = repeat ("castle", 75 * HD_PROMPT_MAX_WINDOWS);
  g_autofree char         *too_long = repeat ("castle", 75 * HD_PROMPT_MAX_WINDOWS + 1);
  const char              *prompt = too_long;
  g_autoptr (Encoded)      encoded = encode (&models->sd, longest, NULL);
  g_autoptr (Encoded)      cut = encode (&models->sd, too_long, &plain);
  g_auto (HdConditioning)  conditioning = { 0 };
  g_autoptr (GError)       error = NULL;

  g_assert_cmpint (encoded->tokens, ==, TOKENS * HD_PROMPT_MAX_WINDOWS);
  g_assert_cmpint (cut->tokens, ==, TOKENS);
  g_assert_false (hd_conditioning_encode (&models->sd, &prompt, 1, NULL, &conditioning, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
  g_assert_null (conditioning.hidden);
}

/* A dry run takes as much memory as the real one. */
static void
test_dry (TextModels *models,
          const void *data)
{
  g_autofree char         *prompt = repeat ("castle", 200);
  const char              *prompts[] = { "(nothing:1.2)", prompt };
  g_autoptr (HdContext)    dry = hd_dry_context_new (HD_DTYPE_F32);
  TextModels               dry_models = { .folder = models->folder, .context = dry };
  g_auto (HdConditioning)  conditioning = { 0 };
  g_autoptr (Encoded)      encoded = NULL;
  g_autoptr (GError)       error = NULL;

  add_encoder (&dry_models, &dry_models.xl, 0);
  add_encoder (&dry_models, &dry_models.xl, 1);
  hd_conditioning_encode (&dry_models.xl, prompts, 2, NULL, &conditioning, &error);
  g_assert_no_error (error);
  g_assert_cmpint (conditioning.hidden->width, ==, 3 * TOKENS);
  hd_conditioning_clear (&conditioning);

  hd_context_reserve (models->context, hd_context_get_peak_bytes (dry), &error);
  g_assert_no_error (error);
  encoded = encode_all (&models->xl, prompts, 2, NULL);
  g_assert_cmpuint (hd_context_get_peak_bytes (models->context), ==, hd_context_get_peak_bytes (dry));
  hd_text_models_clear (&dry_models.xl);
}

/* --- layers ------------------------------------------------------------------------- */

static Encoded *
encode_skipping (HdTextModels *text,
                 int           clip_skip)
{
  return encode (text, "a castle", &(HdConditioningOptions) { .clip_skip = clip_skip });
}

static void
test_clip_skip (TextModels *models,
                const void *data)
{
  Encoded              *sd[6];
  Encoded              *xl[6];
  g_autoptr (HdTensor)  hidden = NULL;
  g_autoptr (GError)    error = NULL;
  g_autofree float     *rows = g_new (float, TOKENS * 16);
  gint32                ids[TOKENS];
  HdTextInput           input = { ids, 1, TOKENS, NULL };

  for (int i = 0; i < 6; i++)
    {
      sd[i] = encode_skipping (&models->sd, i);
      xl[i] = encode_skipping (&models->xl, i);
    }
  g_assert_true (same_window (sd[0], 0, 0, sd[1]));
  g_assert_false (same_window (sd[1], 0, 0, sd[2]));
  g_assert_false (same_window (sd[2], 0, 0, sd[3]));
  g_assert_true (same_window (sd[3], 0, 0, sd[4]));   /* of three layers */
  g_assert_true (same_window (xl[0], 0, 0, xl[1]));
  g_assert_true (same_window (xl[1], 0, 0, xl[2]));
  g_assert_false (same_window (xl[2], 0, 0, xl[3]));
  g_assert_true (same_window (xl[3], 0, 0, xl[5]));
  for (int i = 0; i < 6; i++)
    g_assert_true (same (xl[i]->pooled, xl[0]->pooled, (gsize) xl[0]->pooled_width));

  /* With the final norm. */
  hd_tokenizer_encode (models->sd.tokenizers[0], "a castle", ids);
  hidden = hd_text_encoder_encode (models->sd.encoders[0], &input, 1, NULL);
  hd_tensor_take (&hidden, hd_text_encoder_finish (models->sd.encoders[0], hidden));
  hd_download_rows (models->context, hidden, rows);
  hd_context_check (models->context, &error);
  g_assert_no_error (error);
  g_assert_true (same (rows, sd[2]->hidden, TOKENS * 16));
  g_clear_pointer (&hidden, hd_tensor_unref);

  /* SDXL's without it. */
  hidden = hd_text_encoder_encode (models->xl.encoders[0], &input, 1, NULL);
  hd_download_rows (models->context, hidden, rows);
  hd_context_check (models->context, &error);
  g_assert_no_error (error);
  for (int t = 0; t < TOKENS; t++)
    g_assert_true (same (rows + t * 16, xl[0]->hidden + t * xl[0]->width, 16));

  for (int i = 0; i < 6; i++)
    {
      encoded_free (sd[i]);
      encoded_free (xl[i]);
    }
}

/* --- SDXL's empty negative prompt ------------------------------------------------------ */

static gboolean
is_zero (const float *values,
         gsize        count)
{
  for (gsize i = 0; i < count; i++)
    if (values[i] != 0.0f)
      return FALSE;

  return TRUE;
}

static void
test_empty_negative (TextModels *models,
                     const void *data)
{
  static const char * const    prompts[] = { " ", "" };
  static const char * const    named[] = { "blur", "" };
  const HdConditioningOptions  zero = { .n_negative = 1, .zero_empty_negative = TRUE };
  const HdConditioningOptions  positive = { .n_negative = 0, .zero_empty_negative = TRUE };
  const HdConditioningOptions  encoded_empty = { .n_negative = 1 };
  g_autoptr (Encoded)          zeroed = encode_all (&models->xl, prompts, 2, &zero);
  g_autoptr (Encoded)          negative = encode_all (&models->xl, named, 2, &zero);
  g_autoptr (Encoded)          both_positive = encode_all (&models->xl, prompts, 2, &positive);
  g_autoptr (Encoded)          empty = encode_all (&models->xl, prompts, 2, &encoded_empty);
  g_autoptr (Encoded)          sd = encode_all (&models->sd, prompts, 2, &zero);
  gsize                        count = (gsize) TOKENS * zeroed->width;
  gsize                        pooled = (gsize) zeroed->pooled_width;

  g_assert_true (is_zero (zeroed->hidden, count));
  g_assert_true (is_zero (zeroed->pooled, pooled));
  g_assert_false (is_zero (zeroed->hidden + count, count));
  g_assert_false (is_zero (zeroed->pooled + pooled, pooled));
  g_assert_true (same (zeroed->hidden + count, empty->hidden + count, count));

  g_assert_false (is_zero (negative->hidden, count));
  g_assert_false (is_zero (negative->pooled, pooled));
  g_assert_false (is_zero (both_positive->hidden, count));
  g_assert_false (is_zero (empty->hidden, count));
  g_assert_true (same (empty->hidden, empty->hidden + count, count));
  g_assert_false (is_zero (sd->hidden, (gsize) TOKENS * sd->width));
}

/* The end token in a text ends it for the pooled vector: what comes behind cannot be seen from there. */
static void
test_pooled_at_first_end (TextModels *models,
                          const void *data)
{
  g_autoptr (Encoded) text = encode (&models->xl, "a castle", &plain);
  g_autoptr (Encoded) ended = encode (&models->xl, "a castle<|endoftext|> on a hill", &plain);

  g_assert_true (same (text->pooled, ended->pooled, (gsize) text->pooled_width));
}

/* A second encoder without its projection, a table too small for the tokenizer. */
static void
test_misfits (TextModels *models,
              const void *data)
{
  g_autofree char           *merges = g_test_build_filename (G_TEST_DIST, "..", "..", "data", "clip", "merges.txt.gz", NULL);
  g_autofree char           *path = encoder_path (models, 0);
  g_autoptr (HdSafetensors)  file = hd_safetensors_open (path, NULL);
  HdTextConfig               configs[] = { text_configs[0], text_configs[0], text_configs[0] };
  static const char * const  reasons[] = { "text_projection.weight", "tokenizer's 49408 tokens, found 100", "positions, found 50" };

  configs[0].projection_dim = 16;
  configs[1].vocab_size = 100;
  configs[2].max_positions = 50;
  for (guint i = 0; i < G_N_ELEMENTS (configs); i++)
    {
      g_auto (HdTextModels)  text = { 0 };
      g_autoptr (HdWeights)  weights = hd_weights_new (models->context, HD_DTYPE_F32, &file, 1);
      g_autoptr (GError)     error = NULL;

      add_encoder (models, &text, 0);
      g_assert_false (hd_text_models_add (&text, models->context, hd_tokenizer_new_clip (merges, NULL, NULL), &configs[i],
                                          weights, "config.json", &error));
      g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, reasons[i]));
      g_assert_cmpint (text.n, ==, 1);
    }
}

#define ADD(name, function) \
  g_test_add ("/conditioning/" name, TextModels, NULL, text_models_set_up, function, text_models_tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("plain", test_plain);
  ADD ("plain-brackets", test_plain_brackets);
  ADD ("weights", test_weights);
  ADD ("extreme-weights", test_extreme_weights);
  ADD ("windows", test_windows);
  ADD ("comma", test_comma);
  ADD ("break", test_break);
  ADD ("weights-in-windows", test_weights_in_windows);
  ADD ("padding", test_padding);
  ADD ("too-long", test_too_long);
  ADD ("dry", test_dry);
  ADD ("clip-skip", test_clip_skip);
  ADD ("empty-negative", test_empty_negative);
  ADD ("pooled-at-first-end", test_pooled_at_first_end);
  ADD ("misfits", test_misfits);

  return g_test_run ();
}
