/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pipeline.h"
#include "engine/request.h"

G_BEGIN_DECLS

/**
 * HdLoading:
 * @model: the model, opened
 * @loras: (element-type HdLoraUse): those of the request and of its prompt, all with paths
 * @key: two loadings of the same key give the same networks
 *
 * What a request's networks are to be loaded from.
 */
typedef struct
{
  HdModel      *model;
  GPtrArray    *loras;
  HdWeightForm  weight_form;
  char         *key;
} HdLoading;

/**
 * hd_loading_init:
 * @request: checked
 *
 * Opens the model, and finds the LoRAs: those without a path in the request's folders and the usual places.
 *
 * Returns: %FALSE with an error of %HD_ENGINE_ERROR that names the file or the LoRA.
 */
gboolean      hd_loading_init             (HdLoading        *loading,
                                           const HdRequest  *request,
                                           GError          **error);
void          hd_loading_clear            (HdLoading        *loading);

/**
 * hd_loading_open:
 * @context: from now on it keeps weights as the request wants them
 * @threads: to add LoRAs with; 0: one per processor
 *
 * Returns: (transfer full): the model, whose networks will be loaded with the LoRAs in their weights when a run needs
 *   them; %NULL with @error set.
 */
HdPipeline   *hd_loading_open             (const HdLoading  *loading,
                                           HdContext        *context,
                                           int               threads,
                                           GError          **error);

/* The same with all networks loaded, but for a ControlNet. */
HdPipeline   *hd_loading_load             (const HdLoading  *loading,
                                           HdContext        *context,
                                           int               threads,
                                           GCancellable     *cancellable,
                                           GError          **error);

/* (transfer full): the file or folder of the ControlNet that @request asks for, which is looked for by name where it has
 * no path. */
char         *hd_loading_find_control_net (const HdRequest  *request,
                                           GError          **error);

/* A text that is another one once the file or the folder at @path has been exchanged; (transfer full). */
char         *hd_loading_stamp            (const char       *path);

/* (transfer full) (array zero-terminated=1): where embeddings lie for @request. */
char        **hd_loading_embedding_places (const HdRequest  *request);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HdLoading, hd_loading_clear)

G_END_DECLS
