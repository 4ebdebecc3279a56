/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/error.h"

G_BEGIN_DECLS

/* Reading of files that may be anything: folders, pipes, devices, longer than memory, or shrinking. */

/**
 * hd_file_open:
 * @size: its size in bytes
 *
 * Opens a regular file for reading.
 *
 * Returns: a file descriptor; -1 with %HD_ENGINE_ERROR_FILE if it cannot be opened or is not a regular file.
 */
int       hd_file_open     (const char  *path,
                            guint64     *size,
                            GError     **error);

/**
 * hd_file_read_at:
 *
 * Reads @length bytes at @offset into @buffer.
 *
 * Returns: %FALSE with %HD_ENGINE_ERROR_FILE if the device fails or the file ends before.
 */
gboolean  hd_file_read_at  (int          fd,
                            const char  *path,
                            guint64      offset,
                            void        *buffer,
                            gsize        length,
                            GError     **error);

/**
 * hd_file_contents:
 * @limit: the most bytes that the file may have
 * @length: (optional): its length without the NUL that is put behind it
 *
 * Returns: (transfer full): the whole file and a NUL; %NULL with %HD_ENGINE_ERROR_FILE.
 */
char     *hd_file_contents (const char  *path,
                            gsize        limit,
                            gsize       *length,
                            GError     **error);

/* The same for a file packed by gzip: @limit bounds it, packed and unpacked. */
char     *hd_file_contents_gzip (const char  *path,
                                 gsize        limit,
                                 gsize       *length,
                                 GError     **error);

G_END_DECLS
