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
 * @no_metadata: --no-metadata, of commands that write pictures: see HD_NO_METADATA_OPTION
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
  gboolean          no_metadata;
  HdTaskInput       input;
} HdTaskOptions;

/* The entry of that option. */
#define HD_NO_METADATA_OPTION(task_options) \
  { "no-metadata", 0, 0, G_OPTION_ARG_NONE, &(task_options)->no_metadata, \
    "write no settings into the file: neither prompt nor seed nor model (both as JSON and as other programs read them)", NULL }

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
