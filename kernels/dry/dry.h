/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/context.h"

G_BEGIN_DECLS

/* The device that computes nothing: operators check shapes, take room from an arena without memory behind it,
 * and count bytes and flops. @dtype: the type of activations of the device that is to be foreseen. */
HdContext *hd_dry_context_new (HdDtype dtype);

G_END_DECLS
