/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/error.h"

G_BEGIN_DECLS

/* JSON from files that cannot be trusted. What json-glib would follow too far or let pass is refused before or
 * while it parses: nesting (it recurses), masses of values (it allocates for each), comments and the like, names
 * that an object has twice. */

#define HD_JSON_MAX_DEPTH  32
#define HD_JSON_MAX_VALUES 2000000

/**
 * hd_json_parse:
 * @text: (array length=length): one JSON object, maybe with white space around it
 * @path: the file it is from, for messages
 *
 * Returns: (transfer full): the object; %NULL with %HD_ENGINE_ERROR_FILE.
 */
JsonObject *hd_json_parse     (const char  *text,
                               gsize        length,
                               const char  *path,
                               GError     **error);

/* The same for a whole file of at most @limit bytes. */
JsonObject *hd_json_read_file (const char  *path,
                               gsize        limit,
                               GError     **error);

/* (transfer full): @node as JSON for a message, cut if it is long; "nothing" for NULL. */
char       *hd_json_describe  (JsonNode    *node);

/* (transfer full): @text for a message: quoted, control characters escaped, cut if it is long. */
char       *hd_json_quote     (const char  *text);

G_END_DECLS
