/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/conditioning.h"

#include <math.h>
#include <string.h>

#include "engine/prompt_windows.h"

/* How far a window's hidden states are scaled at most to give them their mean back. Where the mean is next to zero, its
 * change says nothing about their size. */
#define MAX_RESCALING 4.0

/**
 * Encoding:
 * @windows: for each encoder and prompt, the windows, as many for all
 * @empty_negative: for each prompt, whether it is to give zeros
 * @vectors: (nullable): for each encoder, the embeddings' vectors
 * @n_windows: of each prompt
 * @width: D, of all encoders together
 * @rows: (n_prompts, n_windows, 77, D): hidden states on the host
 */
typedef struct
{
  HdTextModels                *text;
  const HdConditioningOptions *options;
  int                          n_prompts;
  GArray                     **windows[HD_TEXT_MAX_ENCODERS];
  gboolean                    *empty_negative;
  HdWeight                    *vectors[HD_TEXT_MAX_ENCODERS];
  guint                        n_windows;
  int                          width;
  float                       *rows;
} Encoding;

static gboolean
is_xl (const HdTextModels *text)
{
  return text->n > 1;
}

static void
clear_windows (GArray **windows,
               int      n)
{
  for (int i = 0; i < n; i++)
    g_clear_pointer (&windows[i], g_array_unref);
  g_free (windows);
}

static void
encoding_clear (Encoding *encoding)
{
  for (int e = 0; e < encoding->text->n; e++)
    {
      clear_windows (encoding->windows[e], encoding->n_prompts);
      hd_weight_unref (encoding->vectors[e]);
    }
  g_free (encoding->empty_negative);
  g_free (encoding->rows);
}

/* --- prompts to windows ------------------------------------------------------------ */

static gboolean
split_prompt (Encoding          *encoding,
              HdTextEmbeddings  *embeddings,
              const char        *text,
              int                p,
              GError           **error)
{
  const HdConditioningOptions *options = encoding->options;
  HdTextModels                *models = encoding->text;
  g_autoptr (HdPrompt)         prompt = options->plain ? hd_prompt_new_plain (text) : hd_prompt_parse (text);
  g_autoptr (GPtrArray)        segments = NULL;

  if (!options->plain)
    {
      segments = hd_prompt_segments_new (prompt, embeddings, error);
      if (segments == NULL)
        return FALSE;
    }

  encoding->empty_negative[p] = is_xl (models) && options->zero_empty_negative && p < options->n_negative
                                && hd_prompt_is_empty (prompt);
  for (int e = 0; e < models->n; e++)
    {
      GArray *windows;

      if (options->plain)
        windows = hd_prompt_windows_new_cut (models->tokenizers[e], text);
      else
        windows = hd_prompt_windows_new (models->tokenizers[e], segments, models->encoders[e]->config.vocab_size, error);
      if (windows == NULL)
        return FALSE;

      encoding->windows[e][p] = windows;
      encoding->n_windows = MAX (encoding->n_windows, windows->len);
    }

  return TRUE;
}

/* Tables of the embeddings that the prompts name, one for each encoder. */
static gboolean
make_vectors (Encoding          *encoding,
              HdTextEmbeddings  *embeddings,
              GError           **error)
{
  const GPtrArray         *loaded = hd_text_embeddings_get_loaded (embeddings);
  g_autofree HdWeightPart *parts = g_new (HdWeightPart, loaded->len);

  for (int e = 0; e < encoding->text->n && loaded->len > 0; e++)
    {
      const HdTextEncoder *encoder = encoding->text->encoders[e];

      for (guint i = 0; i < loaded->len; i++)
        {
          const HdTextEmbedding *embedding = g_ptr_array_index (loaded, i);

          parts[i] = (HdWeightPart) {
            .dtype = embedding->dtypes[e], .out_channels = embedding->rows, .bytes = embedding->vectors[e],
          };
        }
      encoding->vectors[e] = hd_weight_new (encoding->text->context, HD_WEIGHT_TABLE, encoder->token_embedding->dtype,
                                            parts, (int) loaded->len, encoder->config.hidden_size, 1, 1, error);
      if (encoding->vectors[e] == NULL)
        return FALSE;
    }

  return TRUE;
}

static gboolean
split_prompts (Encoding            *encoding,
               const char * const  *prompts,
               GError             **error)
{
  HdTextModels                 *models = encoding->text;
  int                           widths[HD_TEXT_MAX_ENCODERS] = { 0 };
  g_autoptr (HdTextEmbeddings)  embeddings = NULL;

  for (int e = 0; e < models->n; e++)
    widths[e] = models->encoders[e]->config.hidden_size;
  embeddings = hd_text_embeddings_new (encoding->options->embedding_folders, widths, models->n);

  for (int p = 0; p < encoding->n_prompts; p++)
    if (!split_prompt (encoding, embeddings, prompts[p], p, error))
      return FALSE;

  for (int e = 0; e < models->n; e++)
    for (int p = 0; p < encoding->n_prompts; p++)
      hd_prompt_windows_fill (models->tokenizers[e], encoding->windows[e][p], encoding->n_windows);

  return make_vectors (encoding, embeddings, error);
}

/* --- windows to hidden states ------------------------------------------------------- */

/* How many of the last layers are left out. */
static int
count_skipped (const HdTextModels *text,
               int                 clip_skip,
               int                 layers)
{
  int counted = MAX (clip_skip, is_xl (text) ? 2 : 1);

  return MIN (counted, layers) - 1;
}

static double
mean (const float *values,
      gsize        count)
{
  double sum = 0.0;

  for (gsize i = 0; i < count; i++)
    sum += values[i];

  return sum / (double) count;
}

/* Multiplies each token's row of @hidden (77, @width) with its weight. */
static void
apply_weights (const HdPromptWindow *window,
               float                *hidden,
               int                   width)
{
  const gsize count = (gsize) HD_TOKENIZER_LENGTH * width;
  gboolean    weighted = FALSE;
  double      before;
  double      ratio;

  for (int t = 0; t < HD_TOKENIZER_LENGTH; t++)
    weighted = weighted || window->weights[t] != 1.0f;
  if (!weighted)
    return;

  before = mean (hidden, count);
  for (int t = 0; t < HD_TOKENIZER_LENGTH; t++)
    for (int c = 0; c < width; c++)
      hidden[(gsize) t * width + c] *= window->weights[t];

  ratio = before / mean (hidden, count);
  if (!(ratio > 0.0 && isfinite (ratio)))
    return;

  ratio = CLAMP (ratio, 1.0 / MAX_RESCALING, MAX_RESCALING);
  for (gsize i = 0; i < count; i++)
    hidden[i] *= (float) ratio;
}

/* Encodes window @w of all prompts with encoder @e into the channels from @channel on; the vector that is pooled from
 * it goes to @pooled if asked for. */
static void
encode_window (Encoding  *encoding,
               int        e,
               guint      w,
               int        channel,
               HdTensor **pooled)
{
  HdTextEncoder        *encoder = encoding->text->encoders[e];
  HdContext            *context = encoding->text->context;
  int                   n = encoding->n_prompts;
  int                   width = encoder->config.hidden_size;
  int                   skip = count_skipped (encoding->text, encoding->options->clip_skip, encoder->config.layers);
  g_autofree gint32    *ids = g_new (gint32, n * HD_TOKENIZER_LENGTH);
  g_autofree int       *ends = g_new (int, n);
  g_autofree float     *hidden = g_new0 (float, (gsize) n * HD_TOKENIZER_LENGTH * width);
  HdTextInput           input = { ids, n, HD_TOKENIZER_LENGTH, encoding->vectors[e] };
  g_autoptr (HdTensor)  last = NULL;
  g_autoptr (HdTensor)  x = NULL;

  for (int p = 0; p < n; p++)
    {
      const HdPromptWindow *window = &g_array_index (encoding->windows[e][p], HdPromptWindow, w);

      memcpy (ids + p * HD_TOKENIZER_LENGTH, window->ids, sizeof window->ids);
      ends[p] = window->end;
    }

  x = hd_text_encoder_encode (encoder, &input, skip, pooled != NULL ? &last : NULL);
  if (!is_xl (encoding->text))
    hd_tensor_take (&x, hd_text_encoder_finish (encoder, x));
  hd_download_rows (context, x, hidden);
  if (pooled != NULL)
    *pooled = hd_text_encoder_pool (encoder, last, ends);

  for (int p = 0; p < n; p++)
    {
      float *from = hidden + (gsize) p * HD_TOKENIZER_LENGTH * width;
      float *to = encoding->rows + ((gsize) p * encoding->n_windows + w) * HD_TOKENIZER_LENGTH * encoding->width;

      apply_weights (&g_array_index (encoding->windows[e][p], HdPromptWindow, w), from, width);
      for (int t = 0; t < HD_TOKENIZER_LENGTH; t++)
        memcpy (to + (gsize) t * encoding->width + channel, from + (gsize) t * width, (gsize) width * sizeof *from);
    }
}

/* Zeros for the prompts that ask for them, in @rows (n_prompts, @count). */
static void
clear_empty (const Encoding *encoding,
             float          *rows,
             gsize           count)
{
  for (int p = 0; p < encoding->n_prompts; p++)
    if (encoding->empty_negative[p])
      memset (rows + (gsize) p * count, 0, count * sizeof *rows);
}

static HdTensor *
clear_empty_pooled (const Encoding *encoding,
                    const HdTensor *pooled)
{
  HdContext        *context = encoding->text->context;
  g_autofree float *rows = NULL;

  if (pooled == NULL)
    return NULL;

  rows = g_new0 (float, (gsize) hd_tensor_elements (pooled));
  hd_download_rows (context, pooled, rows);
  clear_empty (encoding, rows, (gsize) pooled->channels);

  return hd_upload_rows (context, pooled->dtype, pooled->batch, 1, 1, pooled->channels, rows);
}

static void
encode_windows (Encoding       *encoding,
                HdConditioning *conditioning)
{
  HdTextModels *text = encoding->text;
  HdContext    *context = text->context;
  gsize         count = (gsize) encoding->n_windows * HD_TOKENIZER_LENGTH * encoding->width;

  encoding->rows = g_new0 (float, (gsize) encoding->n_prompts * count);
  for (int e = 0, channel = 0; e < text->n; channel += text->encoders[e]->config.hidden_size, e++)
    for (guint w = 0; w < encoding->n_windows; w++)
      {
        gboolean pool = is_xl (text) && e == text->n - 1 && w == 0;

        encode_window (encoding, e, w, channel, pool ? &conditioning->pooled : NULL);
      }

  clear_empty (encoding, encoding->rows, count);
  if (is_xl (text))
    hd_tensor_take (&conditioning->pooled, clear_empty_pooled (encoding, conditioning->pooled));
  conditioning->hidden = hd_upload_rows (context, hd_context_get_dtype (context), encoding->n_prompts, 1,
                                         (int) encoding->n_windows * HD_TOKENIZER_LENGTH, encoding->width,
                                         encoding->rows);
}

/* --- public -------------------------------------------------------------------------- */

gboolean
hd_conditioning_encode (HdTextModels                *text,
                        const char * const          *prompts,
                        int                          n_prompts,
                        const HdConditioningOptions *options,
                        HdConditioning              *conditioning,
                        GError                     **error)
{
  const HdConditioningOptions defaults = { 0 };
  Encoding                    encoding = {
    .text = text,
    .options = options != NULL ? options : &defaults,
    .n_prompts = n_prompts,
    .empty_negative = g_new0 (gboolean, n_prompts),
    .n_windows = 1,
    .width = hd_text_models_get_width (text),
  };
  gboolean                    success;

  *conditioning = (HdConditioning) { 0 };
  for (int e = 0; e < text->n; e++)
    encoding.windows[e] = g_new0 (GArray *, n_prompts);

  success = split_prompts (&encoding, prompts, error);
  if (success)
    {
      encode_windows (&encoding, conditioning);
      success = hd_context_check (text->context, error);
    }
  encoding_clear (&encoding);
  if (!success)
    hd_conditioning_clear (conditioning);

  return success;
}

void
hd_conditioning_clear (HdConditioning *conditioning)
{
  g_clear_pointer (&conditioning->hidden, hd_tensor_unref);
  g_clear_pointer (&conditioning->pooled, hd_tensor_unref);
}
