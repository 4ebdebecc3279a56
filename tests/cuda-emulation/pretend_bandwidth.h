/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/context.h"

G_BEGIN_DECLS

/* Lets the emulated device's memory seem to have @bandwidth, by which launches are divided. */
void test_cuda_pretend_bandwidth (HdContext *context,
                                  double     bandwidth);

/* How many phases the device has recorded, in how many *@pieces; 0 where nobody tells. */
guint test_cuda_captured (HdContext *context,
                          guint     *pieces);

G_END_DECLS
