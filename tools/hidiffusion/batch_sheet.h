/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/**
 * HdSheetRow:
 * @number: of the row, from 1
 * @line: of the file, from 1, that it begins in
 * @members: (owned): what it says, by the names of a request's JSON form and those of batch_row.h
 *
 * A row of a sheet.
 */
typedef struct
{
  int         number;
  int         line;
  JsonObject *members;
} HdSheetRow;

/**
 * hd_sheet_read:
 * @path: a sheet: NAME.csv (RFC 4180; separated by commas, semicolons or tabs; the first line has the names, what is empty
 *   is not said) or NAME.jsonl (an object a line)
 * @names: (array zero-terminated=1): the names that a row may have
 * @numbers: (array zero-terminated=1): those of them that are numbers, which CSV does not tell
 *
 * Returns: (transfer full) (element-type HdSheetRow): the rows, at least one; %NULL with an error of %G_FILE_ERROR or
 *   %HD_ENGINE_ERROR_FILE that names file and line.
 */
GPtrArray *hd_sheet_read (const char          *path,
                          const char * const  *names,
                          const char * const  *numbers,
                          GError             **error);

/**
 * hd_csv_split:
 * @text: CSV, valid UTF-8
 * @where: (inout): begins at 0; moves to the next record
 * @line: (inout): begins at 1; moves on by the lines of this record
 * @separator: between fields
 *
 * Takes a record apart. A field in quotes may hold anything, quotes doubled.
 *
 * Returns: (transfer full): the fields, in the order of the record; %NULL at the end of the text, and with
 *   %HD_ENGINE_ERROR_FILE if quotes are not closed or something follows them.
 */
GStrv      hd_csv_split  (const char          *text,
                          gsize               *where,
                          int                 *line,
                          char                 separator,
                          GError             **error);

G_END_DECLS
