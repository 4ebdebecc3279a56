/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/error.h"
#include "kernels/tensor.h"

G_BEGIN_DECLS

/* A safetensors file, opened for reading. The file is untrusted input: every offset, product and length is
 * checked when it is opened, so that whatever hd_safetensors_get() gives lies inside the file. */

#define HD_SAFETENSORS_MAX_DIMENSIONS 8

typedef struct _HdSafetensors HdSafetensors;

/**
 * HdSafetensorsEntry:
 * @name: of the tensor
 * @dtype: type of its elements, if @supported
 * @supported: whether @dtype can say it (I64, BOOL, F8 and others are listed but not readable)
 * @dtype_name: as the file writes it
 * @n_dimensions: 0 to %HD_SAFETENSORS_MAX_DIMENSIONS
 * @shape: row-major, outermost first
 */
typedef struct
{
  char     *name;
  HdDtype   dtype;
  gboolean  supported;
  char     *dtype_name;
  int       n_dimensions;
  gint64    shape[HD_SAFETENSORS_MAX_DIMENSIONS];

  /*< private >*/
  gsize     offset;   /* from the start of the file */
  gsize     length;
} HdSafetensorsEntry;

/**
 * hd_safetensors_open:
 * @path: file name
 *
 * Maps the file if it lies on a local file system; elsewhere (where it could shrink under our hands) tensors
 * are read as they are asked for.
 *
 * Returns: (transfer full): the file; %NULL with %HD_ENGINE_ERROR_FILE, naming the file, what was expected and
 *   what was found.
 */
HdSafetensors *hd_safetensors_open  (const char *path, GError **error);

/* The same for a file that is to be read, not mapped, wherever it lies. */
HdSafetensors *hd_safetensors_open_unmapped (const char *path, GError **error);
HdSafetensors *hd_safetensors_ref   (HdSafetensors *file);
void           hd_safetensors_unref (HdSafetensors *file);

const char    *hd_safetensors_get_path (HdSafetensors *file);
gboolean       hd_safetensors_is_mapped (HdSafetensors *file);

/* The header's JSON. Owned by @file. */
GBytes        *hd_safetensors_get_header (HdSafetensors *file);

/* Whether hd_safetensors_get() gives @entry as it lies in the mapping, without reading or copying it. */
gboolean       hd_safetensors_maps (HdSafetensors *file, const HdSafetensorsEntry *entry);

/* Entries in the order of their names; n in *@n_entries. Owned by @file. */
const HdSafetensorsEntry *hd_safetensors_get_entries (HdSafetensors *file, guint *n_entries);

/* NULL if there is no tensor of that name. Owned by @file. */
const HdSafetensorsEntry *hd_safetensors_lookup (HdSafetensors *file, const char *name);

/* The value of a key in "__metadata__"; NULL if there is none. */
const char    *hd_safetensors_get_metadata (HdSafetensors *file, const char *key);

/**
 * hd_safetensors_get:
 *
 * Returns: (transfer full): the elements of @entry, little-endian as in the file, aligned to the size of one if
 *   it is @supported; keeps the mapping alive. %NULL with %HD_ENGINE_ERROR_FILE if the file cannot be read any
 *   more or has shrunk.
 */
GBytes        *hd_safetensors_get (HdSafetensors *file, const HdSafetensorsEntry *entry, GError **error);

/**
 * hd_safetensors_read:
 *
 * Copies the first @length bytes of @entry, or all if it has fewer, into @buffer, without the mapping.
 */
gboolean       hd_safetensors_read (HdSafetensors             *file,
                                    const HdSafetensorsEntry  *entry,
                                    void                      *buffer,
                                    gsize                      length,
                                    GError                   **error);

/* Checks that the file still has the size it was opened with: to be asked before each phase that reads. */
gboolean       hd_safetensors_check (HdSafetensors *file, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdSafetensors, hd_safetensors_unref)

G_END_DECLS
