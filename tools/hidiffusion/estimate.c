/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>

#include "engine/engine.h"
#include "tools/hidiffusion/command.h"
#include "tools/hidiffusion/request_options.h"
#include "tools/hidiffusion/terminal_progress.h"

#define TERA 1e12

static void
print_bytes (const char *what,
             gsize       bytes)
{
  g_autofree char *size = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);

  printf ("%-12s %s\n", what, size);
}

static void
print_estimate (const HdEstimate *estimate)
{
  g_autofree char *time = NULL;

  printf ("%-12s %d x %d, %d steps\n", "picture", estimate->width, estimate->height, estimate->steps);
  printf ("%-12s %s\n", "device", estimate->device);
  print_bytes ("weights", estimate->weight_bytes);
  print_bytes ("activations", estimate->tensor_bytes);
  print_bytes ("memory", estimate->weight_bytes + estimate->tensor_bytes);
  printf ("%-12s %.3g TFLOP\n", "arithmetic", estimate->flops / TERA);
  printf ("%-12s %.3g TFLOP\n", "first step", estimate->step_flops_first / TERA);
  printf ("%-12s %.3g TFLOP\n", "last step", estimate->step_flops_last / TERA);
  if (estimate->seconds >= 0.0)
    {
      time = hd_format_duration (estimate->seconds);
      printf ("%-12s %s\n", "time", time);
    }
}

int
hd_command_estimate (GStrv *arguments)
{
  g_autoptr (HdRequest) request = hd_request_new ();
  g_autoptr (HdEngine)  engine = NULL;
  HdEstimate            estimate;
  GError               *error = NULL;

  if (!hd_command_parse (arguments, hd_request_options_new (request, NULL), "",
                         "Computes nothing of the picture; the time comes from a measurement of half a second. "
                         HD_REQUEST_OPTIONS_DESCRIPTION, 0)
      || !hd_request_options_check (request))
    return HD_EXIT_USAGE;

  engine = hd_engine_new ();
  if (!hd_engine_measure_speed (engine, request, &error)
      || !hd_engine_estimate (engine, request, &estimate, &error))
    return hd_command_fail (error);

  print_estimate (&estimate);
  hd_estimate_clear (&estimate);

  return HD_EXIT_SUCCESS;
}
