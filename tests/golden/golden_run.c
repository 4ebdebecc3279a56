/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/golden/golden_run.h"

#include <math.h>

#include "engine/device.h"
#include "kernels/dry/dry.h"

/* The largest relative L2 errors that pass, as the cases' description has them. */
typedef struct
{
  double f32;
  double bf16;
  double f16;
  double int8;   /* weights in 8 bits, whatever is computed with */
} Limits;

typedef struct
{
  const char   *name;
  HdGoldenFunc  func;
  Limits        limits;
} Kind;

/* Tokens are right or wrong; samplers compute in float32 whatever the networks do. */
static const Kind kinds[] = {
  { "tokenizer", NULL, { 0.0, 0.0, 0.0, 0.0 } },
  { "scheduler", NULL, { 1e-4, 1e-4, 1e-4, 1e-4 } },
  { "text", hd_golden_text, { 1e-4, 4e-2, 5e-3, 2e-2 } },
  { "unet", hd_golden_unet, { 1e-4, 4e-2, 5e-3, 4e-2 } },
  { "vae", hd_golden_vae, { 1e-4, 4e-2, 5e-3, 4e-2 } },
  { "pipeline", hd_golden_pipeline, { 1e-3, 8e-2, 1.2e-2, 8e-2 } },
};

gboolean
hd_golden_refuse (GError     **error,
                  const char  *format,
                  ...)
{
  g_autofree char *what = NULL;
  va_list          arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, HD_GOLDEN_UNSUPPORTED, 0, what);

  return FALSE;
}

static const Kind *
find_kind (const HdGoldenCase *golden)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i].name, golden->kind))
      return &kinds[i];

  return NULL;
}

static double
limit_for (const Kind *kind,
           HdDtype     dtype)
{
  switch (dtype)
    {
    case HD_DTYPE_F32:
      return kind->limits.f32;
    case HD_DTYPE_BF16:
      return kind->limits.bf16;
    case HD_DTYPE_F16:
      return kind->limits.f16;
    }

  g_return_val_if_reached (0.0);
}

/* How the request wants weights to be kept. */
static void
set_weights (const HdGoldenSetup *setup,
             HdContext           *context)
{
  if (g_str_equal (setup->request->weights, "int8"))
    hd_context_set_weight_form (context, HD_WEIGHT_FORM_INT8);
  if (setup->streamed)
    hd_context_set_streaming (context, &(HdStreaming) { .total = 1, .resident = 0 });
}

/* Computes on the device: first dry, to know how much memory it takes. */
static gboolean
run_on_device (const HdGoldenSetup *setup,
               HdGoldenCase        *golden,
               const Kind          *kind,
               double              *limit,
               GError             **error)
{
  g_autoptr (HdContext) context = hd_device_open (setup->request, error);
  g_autoptr (HdContext) dry = NULL;
  g_autofree char      *model = NULL;

  if (context == NULL)
    return FALSE;

  golden->dtype = hd_context_get_dtype (context);
  golden->splits = setup->splits;
  model = hd_golden_make_model (setup, golden, error);
  if (model == NULL)
    return FALSE;

  dry = hd_dry_context_new (hd_context_get_dtype (context));
  set_weights (setup, context);
  set_weights (setup, dry);

  if (!kind->func (golden, dry, model, error)
      || !hd_context_reserve (context, hd_context_get_peak_bytes (dry), error)
      || !kind->func (golden, context, model, error))
    return FALSE;

  *limit = g_str_equal (setup->request->weights, "int8") ? kind->limits.int8 : limit_for (kind, golden->dtype);

  return TRUE;
}

static gboolean
run_kind (const HdGoldenSetup *setup,
          HdGoldenCase        *golden,
          double              *limit,
          GError             **error)
{
  const Kind *kind = find_kind (golden);
  gboolean    success;

  if (kind == NULL)
    return hd_golden_refuse (error, "%s", golden->kind);

  *limit = kind->limits.f32;
  if (g_str_equal (kind->name, "tokenizer"))
    success = hd_golden_tokenizer (golden, setup, error);
  else if (g_str_equal (kind->name, "scheduler"))
    success = hd_golden_scheduler (golden, setup, error);
  else
    success = run_on_device (setup, golden, kind, limit, error);

  return success && hd_golden_case_check_complete (golden, error);
}

void
hd_golden_run (const HdGoldenSetup *setup,
               const char          *path,
               HdGoldenResult      *result)
{
  g_autoptr (GError)       error = NULL;
  g_autoptr (HdGoldenCase) golden = hd_golden_case_open (path, &error);

  *result = (HdGoldenResult) { .verdict = HD_GOLDEN_FAIL, .error = NAN, .limit = NAN };
  result->name = golden != NULL ? g_strdup (golden->name) : g_path_get_basename (path);
  if (golden != NULL && run_kind (setup, golden, &result->limit, &error))
    {
      result->error = golden->error;
      /* so that NaN fails */
      if (result->error <= result->limit)
        result->verdict = HD_GOLDEN_OK;
    }
  else
    {
      result->reason = g_strdup (error->message);
      if (error->domain == HD_GOLDEN_UNSUPPORTED)
        result->verdict = HD_GOLDEN_UNSUPPORTED_KIND;
    }
}

void
hd_golden_result_clear (HdGoldenResult *result)
{
  g_clear_pointer (&result->name, g_free);
  g_clear_pointer (&result->reason, g_free);
}
