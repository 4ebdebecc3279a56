/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tools/hidiffusion/compose.h"
#include "tools/hidiffusion/request_options.h"

G_BEGIN_DECLS

/**
 * HdTaskOptions:
 * @task: what is to be done
 * @options: (owned): what picture is asked for
 * @mask: (nullable) (owned): --mask
 * @scale: --scale; NaN: not given
 * @input: the files that the task starts from
 *
 * A task as a command line tells it.
 */
typedef struct
{
  HdTask            task;
  HdRequestOptions *options;
  char             *mask;
  double            scale;
  HdTaskInput       input;
} HdTaskOptions;

void     hd_task_options_init     (HdTaskOptions       *task_options,
                                   HdTask               task);
void     hd_task_options_clear    (HdTaskOptions       *task_options);

/**
 * hd_task_options_parse:
 * @arguments: as a subcommand has them; what the options take is removed
 * @with_inputs: whether --mask and --scale exist whatever the task is
 * @others: (array zero-terminated=1): a command's further options
 *
 * Parses the options as hd_command_parse() does. The task can be changed from then on.
 */
gboolean hd_task_options_parse    (HdTaskOptions       *task_options,
                                   GStrv               *arguments,
                                   gboolean             with_inputs,
                                   const GOptionEntry  *others,
                                   const char          *parameters,
                                   const char          *description,
                                   int                  min_parameters,
                                   int                  max_parameters);

/**
 * hd_task_options_complete:
 * @input: (nullable): the PNG file that the task starts from
 *
 * Finds and reads all that the request needs: it can be run then.
 *
 * Returns: %FALSE with an error, of %G_OPTION_ERROR if it is one of usage.
 */
gboolean hd_task_options_complete (HdTaskOptions       *task_options,
                                   const char          *input,
                                   GError             **error);

G_END_DECLS
