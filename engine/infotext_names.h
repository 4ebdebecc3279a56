/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/request_fields.h"

G_BEGIN_DECLS

/* What other programs call the settings of a picture. The tables end with an entry of NULL. */

/* One of a list's values. */
typedef struct
{
  const char *ours;
  const char *theirs;
} HdInfotextName;

/**
 * HdInfotextNumber:
 * @theirs: its name
 * @offset: of the request's field
 * @always: written even where it is left to the model
 */
typedef struct
{
  const char *theirs;
  gsize       offset;
  gboolean    always;
} HdInfotextNumber;

extern const HdInfotextName   hd_infotext_samplers[];
extern const HdInfotextName   hd_infotext_schedules[];

/* In the order in which they are written: steps, guidance, seed, others. */
extern const HdInfotextNumber hd_infotext_numbers[];

/* Members of the JSON form that have names of our own, and values as the request has them. */
extern const HdInfotextName   hd_infotext_choices[];

/* What begins the negative prompt, the line of values, and our version. */
#define HD_INFOTEXT_NEGATIVE "Negative prompt:"
#define HD_INFOTEXT_FIRST    "Steps:"
#define HD_INFOTEXT_PROGRAM  "HiDiffusion for GIMP"

/* The request's field at @offset or, if @member is not NULL, of that member of the JSON form. */
const HdRequestField *hd_infotext_find_field  (gsize                  offset,
                                               const char            *member);

/* NULL: not in the table. Their names are the same in capitals. */
const char           *hd_infotext_find_theirs (const HdInfotextName  *names,
                                               const char            *ours);
const char           *hd_infotext_find_ours   (const HdInfotextName  *names,
                                               const char            *theirs);

G_END_DECLS
