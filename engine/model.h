/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config.h"
#include "engine/model_files.h"
#include "engine/rau_net.h"
#include "engine/single_file.h"
#include "engine/tensor_source.h"
#include "engine/tokenizer.h"
#include "engine/weights.h"

G_BEGIN_DECLS

/* Everything that is known about a model before a weight is read: its family, its networks' configurations, how it
 * was trained, and where each network's tensors lie, whatever layout its files have. */

typedef enum
{
  HD_MODEL_UNET,
  HD_MODEL_VAE,
  HD_MODEL_TEXT_ENCODER,
  HD_MODEL_TEXT_ENCODER_2,
  HD_MODEL_N_PARTS,
} HdModelPart;

/**
 * HdDistillation:
 * @HD_DISTILLATION_NONE: an ordinary model
 * @HD_DISTILLATION_TURBO: adversarial diffusion distillation (arXiv 2311.17042): 1 to 4 steps, no guidance
 * @HD_DISTILLATION_LCM: latent consistency model (arXiv 2310.04378): 4 to 8 steps of its own sampler
 * @HD_DISTILLATION_LIGHTNING: SDXL-Lightning (arXiv 2402.13929), Hyper-SD and the like: 2 to 8 steps, no guidance
 *
 * What makes a model draw in a few steps.
 */
typedef enum
{
  HD_DISTILLATION_NONE,
  HD_DISTILLATION_TURBO,
  HD_DISTILLATION_LCM,
  HD_DISTILLATION_LIGHTNING,
} HdDistillation;

/**
 * HdModelOptions:
 * @prediction: (nullable): what the UNet predicts: "epsilon", "v" or "sample"; %NULL or "auto" for what is recognised
 * @distillation: (nullable): "none", "turbo", "lcm" or "lightning"; %NULL or "auto" for what is recognised
 *
 * What a model's files do not always tell.
 */
typedef struct
{
  const char *prediction;
  const char *distillation;
} HdModelOptions;

/**
 * HdModel:
 * @files: where it lies
 * @family: which networks it has
 * @inpainting: its UNet takes a mask and a masked picture beside the latents (9 channels)
 * @distillation: what makes it draw in a few steps
 * @prediction_known: whether @scheduler's prediction is told by the files or by an option, not guessed
 * @unet: its UNet's configuration
 * @vae: its VAE's
 * @n_text: number of its text encoders
 * @text: (array length=n_text): their configurations
 * @scheduler: how it was trained
 * @ratios: (nullable): RAU-Net's ratios that come with it
 * @dtype_name: type of the UNet's weights as the file has it: "F16"
 * @native_size: side in pixels of the pictures that it was trained on
 * @factor: pixels to a latent pixel, on each side
 *
 * A model described. Reference-counted; not changed once it is open, so that threads may share it.
 */
typedef struct
{
  HdModelFiles        *files;
  HdFamily             family;
  gboolean             inpainting;
  HdDistillation       distillation;
  gboolean             prediction_known;
  HdUnetConfig         unet;
  HdVaeConfig          vae;
  int                  n_text;
  HdTextConfig         text[HD_MAX_TEXT_ENCODERS];
  HdSchedulerConfig    scheduler;
  HdHiDiffusionRatios *ratios;
  const char          *dtype_name;
  int                  native_size;
  int                  factor;

  /*< private >*/
  HdTensorSource      *sources[HD_MODEL_N_PARTS];
} HdModel;

/**
 * HdModelDefaults:
 * @size: side in pixels
 * @steps: of the sampler
 * @guidance_scale: 1 for none
 * @sampler: one of hd_sampler_names()
 * @schedule: one of hd_schedule_names()
 *
 * What a model is best asked for.
 */
typedef struct
{
  int         size;
  int         steps;
  double      guidance_scale;
  const char *sampler;
  const char *schedule;
} HdModelDefaults;

/**
 * hd_model_open:
 * @path: a folder or a single file, as hd_model_files_find() takes them
 * @options: (nullable)
 *
 * Opens the model's files and reads their headers and configurations. What is told by several things is believed in
 * this order:
 *
 * - configurations: the folder's files; in single files the names and shapes of tensors (config_shapes.h)
 * - family: UNets with a size embedding are SDXL's; those with linear projections, Stable Diffusion 2's
 * - prediction: @options; the scheduler's configuration; in single files a tensor named "v_pred" (with "ztsnr" for a
 *   schedule that ends without signal), the metadata "modelspec.prediction_type", "parameterization" in NAME.yaml
 *   beside the file, "vpred" in the file's name. Stable Diffusion 2 without any of these is told by the spread of the
 *   last attention's norm bias, which training for v makes large: a guess, as the field makes it
 * - distillation: @options; LCM by a guidance embedding, an LCM scheduler or pipeline; Turbo by an ancestral Euler
 *   scheduler with trailing timesteps; else by words in the metadata's title and the folder's or file's name: "turbo",
 *   "lcm", "lightning", "hyper"
 * - native size: the configuration; in single files the metadata "modelspec.resolution", then the family's
 *
 * Returns: (transfer full): the model; %NULL with %HD_ENGINE_ERROR_FILE or %HD_ENGINE_ERROR_MODEL naming the file,
 *   what was expected and what was found, or %HD_ENGINE_ERROR_REQUEST for @options.
 */
HdModel     *hd_model_open            (const char            *path,
                                       const HdModelOptions  *options,
                                       GError               **error);
HdModel     *hd_model_ref             (HdModel               *model);
void         hd_model_unref           (HdModel               *model);

/* Whether the model has this part: all have all but the second text encoder. */
gboolean     hd_model_has_part        (const HdModel         *model,
                                       HdModelPart            part);
const char  *hd_model_part_name       (HdModelPart            part);

/* The file that @part's configuration comes from, for messages. */
const char  *hd_model_get_config_path (const HdModel         *model,
                                       HdModelPart            part);

/* Where the tensors of @part come from. Owned by the model. */
HdTensorSource *hd_model_get_source   (const HdModel         *model,
                                       HdModelPart            part);

/* (transfer full): the weights of @part for @context, in the type that it computes the part in. */
HdWeights   *hd_model_open_weights    (const HdModel         *model,
                                       HdModelPart            part,
                                       HdContext             *context);

/**
 * hd_model_new_tokenizer:
 * @index: of the text encoder, from 0
 *
 * Reads it once and gives the same one from then on: a vocabulary takes a tenth of a second.
 *
 * Returns: (transfer full): its tokenizer: the model's own files, or CLIP's vocabulary, which comes with the
 *   installation; %NULL with @error set.
 */
HdTokenizer *hd_model_new_tokenizer   (const HdModel         *model,
                                       int                    index,
                                       GError               **error);

/**
 * hd_model_check:
 *
 * Looks up every tensor of every network by name, type and shape, and reads the tokenizers, as loading it would.
 *
 * Returns: %FALSE with @error set, which names the file, what was expected and what was found.
 */
gboolean     hd_model_check           (const HdModel         *model,
                                       GError               **error);

/* Checks that no file has shrunk since it was opened: to be asked before each phase that reads. */
gboolean     hd_model_check_files     (const HdModel         *model,
                                       GError               **error);

void         hd_model_get_defaults    (const HdModel         *model,
                                       HdModelDefaults       *defaults);

const char  *hd_distillation_name     (HdDistillation         distillation);
const char  *hd_prediction_name       (HdPrediction           prediction);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdModel, hd_model_unref)

G_END_DECLS
