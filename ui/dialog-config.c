/* SPDX-License-Identifier: Apache-2.0 */

#include "ui/dialog-config.h"

void
hd_dialog_config_settle_strings (GObject *config)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint                   n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (config), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      g_autofree char *value = NULL;

      if (! G_IS_PARAM_SPEC_STRING (pspecs[i]))
        continue;
      g_object_get (config, pspecs[i]->name, &value, NULL);
      if (! value)
        g_object_set_property (config, pspecs[i]->name, g_param_spec_get_default_value (pspecs[i]));
    }
}

GObject *
hd_dialog_config_copy (GimpProcedure *procedure,
                       GObject       *config)
{
  /* The configuration of a run is of another type than gimp_procedure_create_config() gives. */
  GObject *copy = g_object_new (G_OBJECT_TYPE (config), "procedure", procedure, NULL);

  gimp_config_copy (GIMP_CONFIG (config), GIMP_CONFIG (copy), 0);
  return copy;
}

void
hd_dialog_config_restore (GObject *config,
                          GObject *copy,
                          gint64   seed)
{
  gimp_config_copy (GIMP_CONFIG (copy), GIMP_CONFIG (config), 0);
  g_object_set (config, "seed", (int) seed, "count", 1, NULL);
}
