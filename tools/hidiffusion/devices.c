/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>

#include "engine/device.h"
#include "engine/request.h"
#include "tools/hidiffusion/command.h"

/* A line for each card by which it can be asked for, where there are several. */
static void
print_cards (void)
{
  g_autoptr (GPtrArray) gpus = hd_device_list_gpus (NULL);

  for (guint i = 0; gpus != NULL && gpus->len > 1 && i < gpus->len; i++)
    {
      const HdGpu     *gpu = g_ptr_array_index (gpus, i);
      g_autofree char *description = hd_device_describe (gpu->device);

      printf ("%s %s\n", gpu->device, description);
    }
}

int
hd_command_devices (GStrv *arguments)
{
  GOptionGroup *group = g_option_group_new ("devices", "", "", NULL, NULL);

  if (!hd_command_parse (arguments, group, "", "What --device can be given, and what it is on this machine.", 0))
    return HD_EXIT_USAGE;

  for (const char * const *name = hd_device_names (); *name != NULL; name++)
    {
      g_autofree char *description = hd_device_describe (*name);

      printf ("%-5s %s\n", *name, description);
    }

  print_cards ();

  return HD_EXIT_SUCCESS;
}
