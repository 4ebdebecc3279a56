/* SPDX-License-Identifier: Apache-2.0 */

/* The plug-in as GIMP sees it: a class that names its procedures and makes them. */

#include <libgimp/gimp.h>

#include "engine/process.h"
#include "plugin/generate-procedure.h"

#define HD_TYPE_PLUG_IN (hd_plug_in_get_type ())
G_DECLARE_FINAL_TYPE (HdPlugIn, hd_plug_in, HD, PLUG_IN, GimpPlugIn)

struct _HdPlugIn
{
  GimpPlugIn parent_instance;
};

G_DEFINE_FINAL_TYPE (HdPlugIn, hd_plug_in, GIMP_TYPE_PLUG_IN)

static GList *
hd_plug_in_query_procedures (GimpPlugIn *plug_in)
{
  return g_list_prepend (NULL, g_strdup (HD_GENERATE_PROCEDURE));
}

static GimpProcedure *
hd_plug_in_create_procedure (GimpPlugIn *plug_in,
                             const char *name)
{
  if (g_str_equal (name, HD_GENERATE_PROCEDURE))
    return hd_generate_procedure_new (plug_in);

  return NULL;
}

static void
hd_plug_in_class_init (HdPlugInClass *klass)
{
  GimpPlugInClass *plug_in_class = GIMP_PLUG_IN_CLASS (klass);

  plug_in_class->query_procedures = hd_plug_in_query_procedures;
  plug_in_class->create_procedure = hd_plug_in_create_procedure;
}

static void
hd_plug_in_init (HdPlugIn *plug_in)
{
}

int
main (int    argc,
      char **argv)
{
  hd_process_calm_threads (argv);

  return gimp_main (HD_TYPE_PLUG_IN, argc, argv);
}
