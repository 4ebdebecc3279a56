/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/json.h"

G_BEGIN_DECLS

/* Reads the members of a JSON object that a file holds, each with its type and range. Errors are sticky: the
 * first one is kept, later reads give the default; hd_config_reader_close() says how it went. A member that is
 * missing or null has its default. */

typedef struct
{
  char       *path;
  JsonObject *object;
  GError     *error;
} HdConfigReader;

/* FALSE with @error set if the file cannot be read or holds no JSON object: then there is nothing to close. */
gboolean hd_config_reader_open  (HdConfigReader      *reader,
                                 const char          *path,
                                 GError             **error);
gboolean hd_config_reader_close (HdConfigReader      *reader,
                                 GError             **error);

/* Reads on in the object that is the member @name, if there is one. */
void     hd_config_enter        (HdConfigReader      *reader,
                                 const char          *name);

gboolean hd_config_has          (HdConfigReader      *reader,
                                 const char          *name);
int      hd_config_int          (HdConfigReader      *reader,
                                 const char          *name,
                                 int                  standard,
                                 int                  min,
                                 int                  max);
double   hd_config_double       (HdConfigReader      *reader,
                                 const char          *name,
                                 double               standard,
                                 double               min,
                                 double               max);
gboolean hd_config_boolean      (HdConfigReader      *reader,
                                 const char          *name,
                                 gboolean             standard);

/* (transfer full): a string. */
char    *hd_config_string       (HdConfigReader      *reader,
                                 const char          *name,
                                 const char          *standard);

/* Index of the member's string in @names. */
int      hd_config_enum         (HdConfigReader      *reader,
                                 const char          *name,
                                 int                  standard,
                                 const char * const  *names);

/* A list of 1 to @max integers; returns their number, 0 after an error. NULL @standard: it must be there. */
int      hd_config_ints         (HdConfigReader      *reader,
                                 const char          *name,
                                 const int           *standard,
                                 int                  n_standard,
                                 int                  min_value,
                                 int                  max_value,
                                 int                 *values,
                                 int                  max);

/* @n integers, be they a list of @n or one number for all. */
void     hd_config_int_or_ints  (HdConfigReader      *reader,
                                 const char          *name,
                                 int                  standard,
                                 int                  min_value,
                                 int                  max_value,
                                 int                 *values,
                                 int                  n);

/* A list of @n strings, as indices in @names; missing: @values stay as they are. */
void     hd_config_enums        (HdConfigReader      *reader,
                                 const char          *name,
                                 const char * const  *names,
                                 int                 *values,
                                 int                  n);

/* The member, if it is there, must be one of @allowed: JSON texts, separated by "|", as "null|false". */
void     hd_config_expect       (HdConfigReader      *reader,
                                 const char          *name,
                                 const char          *allowed);

/* Records "PATH: expected @expected as "NAME", found ...", unless there is an error already. */
void     hd_config_fail         (HdConfigReader      *reader,
                                 const char          *name,
                                 const char          *format,
                                 ...) G_GNUC_PRINTF (3, 4);

G_END_DECLS
