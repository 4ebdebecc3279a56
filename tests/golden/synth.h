/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Synthetic checkpoints and inputs of the golden cases: numbers from a counter-based generator, so that no weight
 * file is stored. The stream that is named S has at i = 0, 1, ...
 *
 *   z[i] = splitmix64's finaliser of FNV-1a-64 (S) + (i + 1) * 0x9e3779b97f4a7c15
 *   u[i] = (z[i] >> 40) / 2^24                            in [0, 1)
 */

/* U(S): u[0] to u[count - 1]. */
void      hd_synth_uniform         (const char  *stream,
                                    gsize        count,
                                    float       *values);

/* N(S): normal noise, element i = u[12 i] + ... + u[12 i + 11] - 6. */
void      hd_synth_normal          (const char  *stream,
                                    gsize        count,
                                    float       *values);

/**
 * hd_synth_write_model:
 * @manifest: path of models/NAME.json
 * @folder: where to; made if it is not there
 *
 * Writes the files of a manifest: {"files": {PATH: {"dtype": D, "tensors": {NAME: ENTRY}}}, "json": {PATH: {...}}}.
 * An ENTRY has a "shape", maybe a "dtype", and "parts" [{"source": S, "shape", "center": c, "scale": s}], whose
 * elements float32 (c + s (2 u[i] - 1)) are joined along the first axis ("transpose": true: that matrix is then
 * transposed), or "arange": true for 0, 1, 2, ...
 */
gboolean  hd_synth_write_model     (const char  *manifest,
                                    const char  *folder,
                                    GError     **error);

/* The same with holes in place of the tensors' elements, which read as zeros: gigabytes take no room on the disk, and no
 * time. For dry runs. */
gboolean  hd_synth_write_hollow_model (const char *manifest,
                                    const char  *folder,
                                    GError     **error);

/**
 * hd_synth_write_tokenizer:
 * @merges: path of CLIP's packed merges
 * @folder: where to; made if it is not there
 * @pad: the padding token
 *
 * Writes vocab.json, merges.txt and special_tokens_map.json.
 */
gboolean  hd_synth_write_tokenizer (const char  *merges,
                                    const char  *folder,
                                    const char  *pad,
                                    GError     **error);

G_END_DECLS
