/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * HdFoundKind:
 * @HD_FOUND_MODEL: a whole model, as folder or file
 * @HD_FOUND_LORA: a LoRA
 * @HD_FOUND_CONTROL_NET: a ControlNet, as folder or file
 * @HD_FOUND_EMBEDDING: a textual inversion embedding
 * @HD_FOUND_COLLECTION: a folder with some of these in it
 * @HD_FOUND_PICTURE: a PNG, JPEG or WebP file, which may know how it was made
 */
typedef enum
{
  HD_FOUND_MODEL,
  HD_FOUND_LORA,
  HD_FOUND_CONTROL_NET,
  HD_FOUND_EMBEDDING,
  HD_FOUND_COLLECTION,
  HD_FOUND_PICTURE,
} HdFoundKind;

/**
 * HdFound:
 * @path: a file or folder of the user's
 * @kind: what it is, if there is no @error
 * @error: (nullable): why nothing can be done with it: what it is, and what was expected
 */
typedef struct
{
  char        *path;
  HdFoundKind  kind;
  GError      *error;
} HdFound;

/* Tells what a file or folder is that the user brings along, from its contents. It may take long where a folder has many
 * files in it, and may be called from any thread. Returns: (transfer full). */
HdFound   *hd_recognise        (const char           *path,
                                GCancellable         *cancellable);
void       hd_found_free       (HdFound              *found);

/**
 * hd_recognise_async:
 * @paths: (array zero-terminated=1)
 * @callback: called in the thread-default main context; to call hd_recognise_finish()
 *
 * Does the same for several, in a thread of its own.
 */
void       hd_recognise_async  (const char * const   *paths,
                                GCancellable         *cancellable,
                                GAsyncReadyCallback   callback,
                                gpointer              user_data);

/* (transfer full) (element-type HdFound): in the order of the paths; NULL if it was cancelled. */
GPtrArray *hd_recognise_finish (GAsyncResult         *result);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdFound, hd_found_free)

G_END_DECLS
