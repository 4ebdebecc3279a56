/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Exit statuses. */
#define HD_EXIT_SUCCESS 0
#define HD_EXIT_FAILURE 1
#define HD_EXIT_USAGE   2

/* The subcommands. @arguments (array zero-terminated=1) (transfer full to the function's local use): the command's
 * name for messages, then its own arguments. They return the exit status. */
int hd_command_generate  (GStrv *arguments);
int hd_command_transform (GStrv *arguments);
int hd_command_fill      (GStrv *arguments);
int hd_command_upscale   (GStrv *arguments);
int hd_command_batch     (GStrv *arguments);
int hd_command_models    (GStrv *arguments);
int hd_command_devices   (GStrv *arguments);
int hd_command_inspect   (GStrv *arguments);
int hd_command_estimate  (GStrv *arguments);
int hd_command_bench     (GStrv *arguments);

/**
 * hd_command_parse:
 * @arguments: as a subcommand has them; what the options take is removed
 * @group: (transfer full): the options
 * @parameters: what follows the options on the help's first line; "" for nothing
 * @description: the help's last paragraph
 * @n_parameters: how many arguments must be left
 *
 * Parses the options. --help prints the help and ends the program.
 *
 * Returns: %FALSE after a complaint on stderr: the exit status is then %HD_EXIT_USAGE.
 */
gboolean hd_command_parse (GStrv        *arguments,
                           GOptionGroup *group,
                           const char   *parameters,
                           const char   *description,
                           int           n_parameters);

/**
 * hd_command_parse_context:
 * @context: the options, all of them
 * @parameters: what is expected beside them, for messages
 * @min_parameters: the least number of arguments that must be left
 * @max_parameters: the largest
 *
 * The same where the options are in several groups.
 */
gboolean hd_command_parse_context (GStrv          *arguments,
                                   GOptionContext *context,
                                   const char     *parameters,
                                   int             min_parameters,
                                   int             max_parameters);

/* Makes one line of @text in place, with nothing in it that a terminal obeys: what quotes files says what they say. Names of
 * files need not be UTF-8. Returns @text. */
char    *hd_command_clean    (char       *text);

/* Writes "hidiffusion: MESSAGE", one line, to stderr. */
void     hd_command_complain (const char *message);

/* Complains about @error and frees it; returns the exit status, which depends on whether it is of G_OPTION_ERROR. */
int      hd_command_fail     (GError *error);

G_END_DECLS
