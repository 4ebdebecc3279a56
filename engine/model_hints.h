/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/model.h"

G_BEGIN_DECLS

/* What is known about a model that its networks' configurations do not say, in the order of model.h. */

/* The words that an option takes, "auto" first; NULL-terminated. Index i + 1 stands for value i. */
const char * const *hd_prediction_words   (void);
const char * const *hd_distillation_words (void);

/**
 * hd_model_read_scheduler:
 *
 * Fills @model->scheduler, @model->prediction_known and @model->distillation. The UNet's source and configuration must
 * be there.
 *
 * Returns: %FALSE with @error set if a file is damaged or an option is not one.
 */
gboolean hd_model_read_scheduler (HdModel               *model,
                                  const HdModelOptions  *options,
                                  GError               **error);

/* The side in latent pixels that a single file's model was trained at. */
int      hd_model_guess_sample_size (const HdModel *model);

/* What the words in a model's name tell: "turbo", "lightning", "hyper", "lcm". */
HdDistillation hd_model_name_distillation (const char *name);

/* "4" in "lightning_4step": the number of steps that the name tells; 0 if it tells none. */
int      hd_model_name_steps (const char *name);

G_END_DECLS
