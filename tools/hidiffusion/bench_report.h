/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tools/hidiffusion/bench_measure.h"

G_BEGIN_DECLS

/* Prints what was measured: seconds, and a table by kind of operator. */
void     hd_bench_print     (const HdBench  *bench);

/* The same as JSON. */
gboolean hd_bench_save_json (const HdBench  *bench,
                             const char     *path,
                             GError        **error);

G_END_DECLS
