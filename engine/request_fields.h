/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/request.h"

G_BEGIN_DECLS

/* What is the same for all of a request's plain fields is written down once, in a table. */

typedef enum
{
  HD_FIELD_TEXT,    /* any UTF-8 */
  HD_FIELD_NOTE,    /* likewise, or NULL */
  HD_FIELD_NAME,    /* one of a list */
  HD_FIELD_INT,
  HD_FIELD_INT64,
  HD_FIELD_DOUBLE,
} HdFieldKind;

/**
 * HdRequestField:
 * @name: for messages
 * @member: (nullable): of the JSON form; %NULL: not part of it
 * @offset: in HdRequest
 * @min: of a number
 * @max: of a number
 * @has_automatic: @automatic is allowed, too
 * @automatic: a number outside the range that stands for what suits the model; of a HD_FIELD_NAME: "auto" is allowed
 *   beside the list's names
 * @names: what a HD_FIELD_NAME may hold
 * @numbered: (nullable): one of them, behind which a colon and a number may stand: "cuda:1"
 */
typedef struct
{
  const char          *name;
  const char          *member;
  HdFieldKind          kind;
  gsize                offset;
  double               min;
  double               max;
  gboolean             has_automatic;
  double               automatic;
  const char * const *(* names) (void);
  const char          *numbered;
} HdRequestField;

/* Whether @value is one of a HD_FIELD_NAME's. */
gboolean hd_request_field_has_name (const HdRequestField *field,
                                    const char           *value);

/* The table, which ends with a field without name. */
const HdRequestField *hd_request_fields (void);

/* Whether one field of @request is in its range; FALSE with %HD_ENGINE_ERROR_REQUEST that names field, range and value. */
gboolean              hd_request_check_field (const HdRequest       *request,
                                              const HdRequestField  *field,
                                              GError               **error);

G_END_DECLS
