/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>

#include "plugin/error.h"
#include "plugin/return-layers.h"

void
hd_return_values_add (GimpProcedure *procedure)
{
  gimp_procedure_add_image_return_value (procedure, "image", _("Image"),
                                         _("The image that the picture is in"), TRUE, G_PARAM_READWRITE);
  gimp_procedure_add_layer_return_value (procedure, "layer", _("Layer"),
                                         _("The layer that is the picture, or the first of several"), TRUE,
                                         G_PARAM_READWRITE);
  gimp_procedure_add_core_object_array_return_value (procedure, "layers", _("Layers"),
                                                     _("The layers of all pictures, in the order of their seeds"),
                                                     GIMP_TYPE_LAYER, G_PARAM_READWRITE);
}

/* Those that are still there, ended by NULL: a dialog may be open for long. */
static GObject **
list_layers (const HdPlace *place)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new ();

  for (guint i = 0; i < place->layers->len; i++)
    if (gimp_item_is_valid (g_ptr_array_index (place->layers, i)))
      g_ptr_array_add (list, g_ptr_array_index (place->layers, i));
  g_ptr_array_add (list, NULL);

  return (GObject **) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

GimpValueArray *
hd_return_values_new (GimpProcedure *procedure,
                      const HdPlace *place,
                      gboolean       interactive,
                      GError        *error)
{
  g_autofree GObject **layers = list_layers (place);
  GimpPDBStatusType    status = GIMP_PDB_SUCCESS;
  GimpValueArray      *values;

  if (error)
    status = hd_plugin_error_get_status (error);
  else if (interactive && place->layers->len == 0)
    status = GIMP_PDB_CANCEL;

  values = gimp_procedure_new_return_values (procedure, status, error);
  if (status != GIMP_PDB_SUCCESS)
    return values;

  if (layers[0])
    {
      GIMP_VALUES_SET_IMAGE (values, 1, gimp_item_get_image (GIMP_ITEM (layers[0])));
      GIMP_VALUES_SET_LAYER (values, 2, GIMP_LAYER (layers[0]));
    }
  GIMP_VALUES_SET_CORE_OBJECT_ARRAY (values, 3, layers);
  gimp_displays_flush ();

  return values;
}
