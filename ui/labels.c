/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "ui/labels.h"

const char *
hd_describe_value (const char *name)
{
  /* Names that are the same in all languages are not marked for translation. */
  static const struct
  {
    const char *name;
    const char *label;
  } labels[] = {
    { "auto",         N_("Automatic") },
    { "on",           N_("On") },
    { "off",          N_("Off") },
    { "none",         N_("None") },
    { "cpu",          N_("Processor (CPU)") },
    { "cuda",         N_("Graphics card (NVIDIA)") },
    { "canny",        N_("Edges (Canny)") },
    { "exif",         N_("In Exif data") },
    { "comment",      N_("In comment and Exif") },
    { "ddim",         "DDIM" },
    { "euler",        "Euler" },
    { "euler_a",      N_("Euler ancestral") },
    { "heun",         "Heun" },
    { "dpmpp_2m",     "DPM++ 2M" },
    { "dpmpp_2m_sde", "DPM++ 2M SDE" },
    { "unipc",        "UniPC" },
    { "lcm",          "LCM" },
    { "leading",      N_("Leading") },
    { "linspace",     N_("Linear") },
    { "trailing",     N_("Trailing") },
    { "karras",       "Karras" },
    { "epsilon",      N_("Noise (epsilon)") },
    { "v",            N_("Velocity (v)") },
    { "sample",       N_("Picture (sample)") },
    { "turbo",        "Turbo" },
    { "lightning",    "Lightning" },
    { "float32",      N_("32 bits (float32)") },
    { "bfloat16",     N_("16 bits (bfloat16)") },
    { "float16",      N_("16 bits (float16)") },
    { "full",         N_("As computed with") },
    { "int8",         N_("8 bits (half the memory)") },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (labels); i++)
    if (g_str_equal (labels[i].name, name))
      return _(labels[i].label);

  return name;
}

char *
hd_describe_choice (const char *name)
{
  /* TRANSLATORS: %s is what was chosen, as the name of a sampler. */
  return g_strdup_printf (_("Automatic (%s)"), hd_describe_value (name));
}
