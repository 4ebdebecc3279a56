/* SPDX-License-Identifier: Apache-2.0 */

/* hidiffusion: the engine from the shell. */

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "engine/process.h"
#include "tools/hidiffusion/command.h"

typedef struct
{
  const char *name;
  int (* run) (GStrv *arguments);
  const char *summary;
} Command;

static const Command commands[] = {
  { "generate", hd_command_generate, "make a picture from a prompt" },
  { "transform", hd_command_transform, "make a picture from another one and a prompt" },
  { "fill", hd_command_fill, "fill a part of a picture" },
  { "upscale", hd_command_upscale, "make a picture larger, with finer detail" },
  { "batch", hd_command_batch, "make the pictures of a sheet" },
  { "models", hd_command_models, "list the models that are installed" },
  { "devices", hd_command_devices, "list the devices that can be computed on" },
  { "inspect", hd_command_inspect, "tell what a model's folder or file holds" },
  { "estimate", hd_command_estimate, "tell what memory, arithmetic and time a picture would take" },
  { "bench", hd_command_bench, "measure the networks' speed" },
};

static void
print_help (void)
{
  printf ("Usage:\n"
          "  hidiffusion COMMAND [OPTION...]\n"
          "\n"
          "Pictures by Stable Diffusion with HiDiffusion.\n"
          "\n"
          "Commands:\n");
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    printf ("  %-10s %s\n", commands[i].name, commands[i].summary);
  printf ("\n"
          "  hidiffusion COMMAND --help   tells a command's options\n"
          "  hidiffusion --version        tells the version\n");
}

/* (transfer full): "generate, transform, ... or bench". */
static char *
list_commands (void)
{
  GString *list = g_string_new (commands[0].name);

  for (gsize i = 1; i < G_N_ELEMENTS (commands); i++)
    g_string_append_printf (list, "%s%s", i + 1 < G_N_ELEMENTS (commands) ? ", " : " or ", commands[i].name);

  return g_string_free (list, FALSE);
}

static const Command *
find_command (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (commands[i].name, name))
      return &commands[i];

  return NULL;
}

/* What the command is given: its full name and its own arguments. */
static GStrv
command_arguments (const Command *command,
                   char         **argv)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char         *name = g_strdup_printf ("hidiffusion %s", command->name);

  g_strv_builder_add (builder, name);
  g_strv_builder_addv (builder, (const char **) argv + 2);

  return g_strv_builder_end (builder);
}

int
main (int    argc,
      char **argv)
{
  const Command    *command;
  g_auto (GStrv)    arguments = NULL;
  g_autofree char  *names = list_commands ();
  g_autofree char  *message = NULL;

  hd_process_calm_threads (argv);

  /* Numbers stay as computers write them. */
  setlocale (LC_CTYPE, "");

  if (argc < 2)
    {
      message = g_strdup_printf ("expected a command: %s (hidiffusion --help tells more)", names);
      hd_command_complain (message);
      return HD_EXIT_USAGE;
    }

  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    {
      print_help ();
      return HD_EXIT_SUCCESS;
    }

  if (g_str_equal (argv[1], "--version"))
    {
      printf ("hidiffusion %s\n", HD_VERSION);
      return HD_EXIT_SUCCESS;
    }

  command = find_command (argv[1]);
  if (command == NULL)
    {
      message = g_strdup_printf ("expected a command: %s; found \"%s\"", names, argv[1]);
      hd_command_complain (message);
      return HD_EXIT_USAGE;
    }

  arguments = command_arguments (command, argv);

  return command->run (&arguments);
}
