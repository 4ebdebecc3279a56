/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/model_library.h"
#include "engine/request.h"
#include "plugin/style-set.h"

G_BEGIN_DECLS

/* What is installed, by the names that users and scripts know it by. Listing opens every file that might be a model, so
 * it is done once for each kind, and again only when the folders have changed; in dialogs by a thread of its own. To
 * be used from the main thread. */

typedef struct _HdCatalog HdCatalog;

/* With the user's folders from the settings. */
HdCatalog       *hd_catalog_new          (void);
void             hd_catalog_free         (HdCatalog           *catalog);

/* The user's folders; owned by the catalog. */
const char * const *
                 hd_catalog_get_folders  (HdCatalog           *catalog);

/* Keeps other folders of the user in the settings; what is known is looked for anew. */
gboolean         hd_catalog_set_folders  (HdCatalog           *catalog,
                                          const char * const  *folders,
                                          GError             **error);

/**
 * hd_catalog_load_async:
 * @callback: called in the thread-default main context once all kinds are listed; not if @cancellable was cancelled
 */
void             hd_catalog_load_async   (HdCatalog           *catalog,
                                          GCancellable        *cancellable,
                                          GCallback            callback,
                                          gpointer             user_data);

/* Whether the lists are there: nothing has to be waited for. */
gboolean         hd_catalog_is_loaded    (HdCatalog           *catalog);

/* (element-type HdLibraryEntry): what there is of a kind, the first places first. Owned by the catalog. */
const GPtrArray *hd_catalog_list         (HdCatalog           *catalog,
                                          HdLibraryKind        kind);

/* The styles, which belong to the catalog. */
HdStyleSet      *hd_catalog_get_styles   (HdCatalog           *catalog);

/* (nullable): what is installed under @name: its name, or the last part of it. */
const HdLibraryEntry *
                 hd_catalog_find_entry   (HdCatalog           *catalog,
                                          HdLibraryKind        kind,
                                          const char          *name);

/* The model that @task takes if none is named: the first, or for filling the first that is made for it. NULL if
 * there is none. */
const HdLibraryEntry *
                 hd_catalog_get_default  (HdCatalog           *catalog,
                                          HdTask               task);

/**
 * hd_catalog_find:
 * @name: the name of an installed one, its last part, or a path, which may begin with "~/"
 *
 * That there is anything at a path is for the engine to find out.
 *
 * Returns: (transfer full): the path; %NULL with %HD_PLUGIN_ERROR_ARGUMENT if nothing of that name is installed.
 */
char            *hd_catalog_find         (HdCatalog           *catalog,
                                          HdLibraryKind        kind,
                                          const char          *name,
                                          GError             **error);

/* The path of the model of that name, or, for NULL or "", of the default one. As hd_catalog_find(). */
char            *hd_catalog_find_model   (HdCatalog           *catalog,
                                          HdTask               task,
                                          const char          *name,
                                          GError             **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdCatalog, hd_catalog_free)

G_END_DECLS
