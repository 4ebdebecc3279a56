/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/request.h"

G_BEGIN_DECLS

/**
 * hd_request_options_new:
 * @request: set by the options as they are parsed; must outlive the group
 * @others: (nullable) (array zero-terminated=1): a command's further options
 *
 * Returns: (transfer full): the options that describe a picture.
 */
GOptionGroup *hd_request_options_new   (HdRequest          *request,
                                        const GOptionEntry *others);

/* What --help says about them besides. */
#define HD_REQUEST_OPTIONS_DESCRIPTION \
  "--hidiffusion auto keeps the picture's structure whole where it is larger than what the model was trained on; " \
  "on does so at any size; off runs the plain model."

/**
 * hd_request_options_check:
 *
 * Returns: %FALSE after a complaint on stderr, if no model could run @request: a matter of usage.
 */
gboolean      hd_request_options_check (const HdRequest    *request);

G_END_DECLS
