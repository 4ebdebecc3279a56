/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/request.h"
#include "tools/hidiffusion/batch_sheet.h"
#include "tools/hidiffusion/task_options.h"

G_BEGIN_DECLS

/**
 * HdBatchRow:
 * @number: in the sheet, from 1
 * @line: of the sheet, from 1
 * @request: (owned): what is asked for; its seed is the row's number unless the row says another
 * @output: (owned): name of the picture's file, below the folder for pictures
 * @input: (nullable) (owned): path of the picture that the task starts from
 * @mask: (nullable) (owned): of what is to be filled
 * @control_image: (nullable) (owned): for the ControlNet
 * @scale: of an upscaled picture; NaN: not given
 *
 * A row of a batch's sheet. Beside the names of a request's JSON form a sheet knows "output", "input", "mask", "scale"
 * and "control_image"; files to read are relative to the sheet's folder.
 */
typedef struct
{
  int        number;
  int        line;
  HdRequest *request;
  char      *output;
  char      *input;
  char      *mask;
  char      *control_image;
  double     scale;
} HdBatchRow;

/**
 * hd_batch_rows_read:
 * @path: the sheet
 *
 * Reads a sheet. Everything that can be known without models and pictures is checked: that names are known, values
 * possible, and that no two rows have the same output.
 *
 * Returns: (transfer full) (element-type HdBatchRow): the rows; %NULL with an error that names file and line.
 */
GPtrArray *hd_batch_rows_read  (const char        *path,
                                GError           **error);

/**
 * hd_batch_row_apply:
 * @task_options: as parsed from the command line, whose options count for all rows
 *
 * Makes @task_options the row's. What the row reads is read by hd_task_options_complete() with its input.
 */
void       hd_batch_row_apply  (const HdBatchRow  *row,
                                HdTaskOptions     *task_options);

G_END_DECLS
