/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugin/catalog.h"
#include "plugin/recognise.h"

G_BEGIN_DECLS

/**
 * hd_take_found:
 * @found: what the user brought along: neither an error nor a picture
 * @config: arguments of a task's procedure
 * @catalog: what is installed; where @found is new it is added to the user's folders, and nothing is known any more
 * @message: (out) (transfer full): what the user is to be told
 *
 * Lets a task use a model, a LoRA, a ControlNet: what is installed by its name, anything else by its path.
 */
gboolean hd_take_found      (const HdFound  *found,
                             GObject        *config,
                             HdCatalog      *catalog,
                             char          **message,
                             GError        **error);

/* Calls by their names what hd_take_found() had to call by a path, now that the catalog was loaded again. */
void     hd_take_found_name (const HdFound  *found,
                             GObject        *config,
                             HdCatalog      *catalog);

G_END_DECLS
