/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config.h"
#include "engine/tensor_source.h"

G_BEGIN_DECLS

/* The configurations of networks that come without a file of them, from the names and shapes of their tensors.
 *
 * Shapes do not tell everything. The number of attention heads follows the rule of each family: 8 in Stable Diffusion
 * 1, heads of 64 channels in the others (one head where that does not divide). Group norms have 32 groups. What lies
 * outside of a network's tensors (the size it was trained at, scaling factors) is left to the caller.
 *
 * All functions return FALSE with HD_ENGINE_ERROR_MODEL, "FILE: expected ..., found ...", if a tensor that must be
 * there is not, or the shapes are of a network that the engine does not compute. */

/**
 * hd_names_count:
 * @names: its naming and prefix are read; its counts are filled
 * @file: a file that has such a network
 *
 * Counts the levels and layers of a network by the names of its tensors.
 *
 * Returns: FALSE if there are none, or more than the engine has.
 */
gboolean hd_names_count               (HdNames         *names,
                                       HdSafetensors   *file);

/* Leaves @config->sample_size 0, and addition_time_embed_dim, which depends on the text encoder's pooled width. */
gboolean hd_unet_config_from_tensors  (HdTensorSource  *source,
                                       HdUnetConfig    *config,
                                       GError         **error);

/* Leaves @config->scaling_factor that of Stable Diffusion 1 and 2. */
gboolean hd_vae_config_from_tensors   (HdTensorSource  *source,
                                       HdVaeConfig     *config,
                                       GError         **error);

gboolean hd_text_config_from_tensors  (HdTensorSource  *source,
                                       HdTextConfig    *config,
                                       GError         **error);

G_END_DECLS
