/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Files in the address space: their pages are read when they are touched, and cost no memory of ours. */

/**
 * hd_mapping_new:
 * @fd: an open regular file
 * @size: the least length that it must have
 *
 * Maps a file that lies on a local file system: elsewhere a file can shrink under our hands, and a mapped file
 * that shrinks kills the process.
 *
 * Returns: (transfer full) (nullable): the whole file; %NULL if it is to be read instead.
 */
GBytes *hd_mapping_new   (int      fd,
                          guint64  size);

/**
 * hd_mapping_slice:
 *
 * Returns: (transfer full): @length bytes at @offset, which lie inside @mapping and keep it alive. When they are
 *   freed, their pages leave the process's memory; in the system's cache they stay.
 */
GBytes *hd_mapping_slice (GBytes  *mapping,
                          gsize    offset,
                          gsize    length);

G_END_DECLS
