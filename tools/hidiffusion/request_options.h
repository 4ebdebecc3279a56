/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/request.h"

G_BEGIN_DECLS

/**
 * HdRequestOptions:
 * @request: (owned): what the options make; its model and its ControlNet are names or paths until they are resolved
 * @has_prompt: whether one was given, be it an empty one
 * @has_size: whether one was given
 * @again: (nullable): the PNG file whose settings are the defaults
 * @control_image: (nullable): the PNG file for the ControlNet
 *
 * The options that describe a picture: all but those of files that a task reads and writes.
 */
typedef struct
{
  HdRequest *request;
  gboolean   has_prompt;
  gboolean   has_size;
  char      *again;
  char      *control_image;

  /*< private >*/
  GPtrArray *given;
  GPtrArray *texts;
} HdRequestOptions;

HdRequestOptions *hd_request_options_new        (void);
void              hd_request_options_free       (HdRequestOptions    *options);

/**
 * hd_request_options_add_groups:
 * @options: must outlive @context
 * @from_picture: whether there are those of tasks that start from a picture
 * @others: (nullable) (array zero-terminated=1): a command's further options, shown first
 *
 * Adds the options: those that everybody needs to the main group, the others in groups of their own, so that --help
 * stays readable.
 */
void              hd_request_options_add_groups (HdRequestOptions    *options,
                                                 GOptionContext      *context,
                                                 gboolean             from_picture,
                                                 const GOptionEntry  *others);

/**
 * hd_request_options_repeat:
 * @earlier: (transfer full): what a picture was made from
 *
 * Takes @earlier for the defaults of what was not given.
 */
void              hd_request_options_repeat     (HdRequestOptions    *options,
                                                 HdRequest           *earlier);

/**
 * hd_request_options_resolve:
 *
 * Finds the model and the ControlNet: at a path if there is something, else by the name that the lists of `hidiffusion
 * models` have. A model that an earlier picture was made with must be the same one.
 */
gboolean          hd_request_options_resolve    (HdRequestOptions    *options,
                                                 GError             **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdRequestOptions, hd_request_options_free)

G_END_DECLS
