/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/request.h"
#include "engine/sampler.h"
#include "engine/weights.h"
#include "kernels/context.h"
#include "tests/golden/golden_case.h"

G_BEGIN_DECLS

/**
 * HdGoldenSetup:
 * @request: device, precision, weights and threads
 * @streamed: whether all weights that may be are kept in the host's memory, where the device can
 * @scratch: a folder for synthesised models; they are kept there for later cases
 * @merges: path of CLIP's packed merges
 * @splits: of #HdSplit: what is split to save memory
 * @hollow: whether models have holes in place of their tensors' elements: for dry runs
 */
typedef struct
{
  const HdRequest *request;
  const char      *scratch;
  const char      *merges;
  gboolean         streamed;
  guint            splits;
  gboolean         hollow;
} HdGoldenSetup;

typedef enum
{
  HD_GOLDEN_OK,
  HD_GOLDEN_FAIL,
  HD_GOLDEN_UNSUPPORTED_KIND,
} HdGoldenVerdict;

/**
 * HdGoldenResult:
 * @name: the case's
 * @verdict: how it went
 * @error: the largest relative L2 error of its tensors; NaN if it could not be computed
 * @limit: the largest that passes
 * @reason: (nullable): what is unsupported, or why it could not be computed
 */
typedef struct
{
  char            *name;
  HdGoldenVerdict  verdict;
  double           error;
  double           limit;
  char            *reason;
} HdGoldenResult;

/* Runs the case NAME.json at @path. */
void hd_golden_run          (const HdGoldenSetup *setup,
                             const char          *path,
                             HdGoldenResult      *result);
void hd_golden_result_clear (HdGoldenResult      *result);

/* --- for the kinds ------------------------------------------------------------- */

/* Computes a case on @context and compares, unless the context is dry; or says what is unsupported. */
typedef gboolean (* HdGoldenFunc) (HdGoldenCase  *golden,
                                   HdContext     *context,
                                   const char    *model,
                                   GError       **error);

gboolean hd_golden_text      (HdGoldenCase *golden, HdContext *context, const char *model, GError **error);
gboolean hd_golden_unet      (HdGoldenCase *golden, HdContext *context, const char *model, GError **error);
gboolean hd_golden_vae       (HdGoldenCase *golden, HdContext *context, const char *model, GError **error);
gboolean hd_golden_pipeline  (HdGoldenCase *golden, HdContext *context, const char *model, GError **error);

/* These need no device. */
gboolean hd_golden_scheduler (HdGoldenCase *golden, const HdGoldenSetup *setup, GError **error);
gboolean hd_golden_tokenizer (HdGoldenCase *golden, const HdGoldenSetup *setup, GError **error);

/**
 * hd_golden_find_sampler:
 * @options: filled but for the steps
 * @config: the model's, changed to the settings that the reference's scheduler has
 *
 * The engine's sampler for the case's "sampler" and "eta".
 */
gboolean hd_golden_find_sampler (HdGoldenCase       *golden,
                                 HdSamplerOptions   *options,
                                 HdSchedulerConfig  *config,
                                 GError            **error);

/* Sets %HD_GOLDEN_UNSUPPORTED to @what; returns FALSE. */
gboolean hd_golden_refuse       (GError            **error,
                                 const char         *format,
                                 ...) G_GNUC_PRINTF (2, 3);

/* --- models -------------------------------------------------------------------- */

/**
 * hd_golden_make_model:
 *
 * Synthesises the case's model in the scratch folder, unless it is there.
 *
 * Returns: (transfer full): the model's folder.
 */
char    *hd_golden_make_model     (const HdGoldenSetup *setup,
                                   HdGoldenCase        *golden,
                                   GError             **error);

/**
 * hd_golden_make_addition:
 * @member: of the case, that names the manifest
 * @name: the manifest's
 * @model: the model's folder: the addition's will be beside it
 *
 * The same for what is added to the case's model: a ControlNet, a LoRA.
 */
char    *hd_golden_make_addition  (HdGoldenCase        *golden,
                                   const char          *member,
                                   const char          *name,
                                   const char          *model,
                                   GError             **error);

/* Has the case's "lora", if it has one, added to @weights, which are the network @part of the model @model. */
gboolean hd_golden_patch          (HdGoldenCase        *golden,
                                   const char          *model,
                                   HdWeights           *weights,
                                   HdLoraPart           part,
                                   GError             **error);

/* (transfer full): the same for a tokenizer's folder. */
char    *hd_golden_make_tokenizer (const HdGoldenSetup *setup,
                                   const char          *pad,
                                   GError             **error);

G_END_DECLS
