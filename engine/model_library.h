/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/model_places.h"
#include "engine/rau_net.h"

G_BEGIN_DECLS

/**
 * HdLibraryEntry:
 * @kind: what it is
 * @name: for users and scripts, of its kind the only one: the path below the folder that was searched, without the
 *   file's extension; "ORG/NAME" in the Hugging Face cache
 * @path: where it is
 * @family_known: whether it is known which family it is of, or belongs to
 * @family: this one
 * @inpainting: a model for inpainting
 * @size: of its weights' files, in bytes
 */
typedef struct
{
  HdLibraryKind  kind;
  char          *name;
  char          *path;
  gboolean       family_known;
  HdFamily       family;
  gboolean       inpainting;
  guint64        size;
} HdLibraryEntry;

/**
 * hd_library_list:
 * @kind: what is looked for
 * @cancellable: (nullable)
 *
 * Looks for what is installed in the folders of hd_places_list(), and the folders in them. Of files only the headers
 * are read, and what does not fit is left out without a word: these folders hold anything. Folders with very many
 * files, deep ones and links that lead round in circles end the search of a place, not the program. Of two of one
 * name the first is taken.
 *
 * Returns: (transfer full) (element-type HdLibraryEntry): by folder and name; empty if there is nothing, or if it
 *   was cancelled.
 */
GPtrArray *hd_library_list (const HdPlaces *places,
                            HdLibraryKind   kind,
                            GCancellable   *cancellable);

/**
 * hd_library_find:
 * @name: a name that hd_library_list() gives, or its last part
 *
 * Returns: (transfer full): its path; %NULL with %HD_ENGINE_ERROR_REQUEST if there is none of that name.
 */
char      *hd_library_find (const HdPlaces  *places,
                            HdLibraryKind    kind,
                            const char      *name,
                            GError         **error);

void       hd_library_entry_free (HdLibraryEntry *entry);

G_END_DECLS
