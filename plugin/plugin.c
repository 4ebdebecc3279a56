/* SPDX-License-Identifier: Apache-2.0 */

/* The plug-in as GIMP sees it: a class that names its procedures and makes them. */

#include <libgimp/gimp.h>

#include "engine/process.h"
#include "plugin/again-procedure.h"
#include "plugin/task-procedure.h"
#include "plugin/tasks.h"

#define HD_TYPE_PLUG_IN (hd_plug_in_get_type ())
G_DECLARE_FINAL_TYPE (HdPlugIn, hd_plug_in, HD, PLUG_IN, GimpPlugIn)

struct _HdPlugIn
{
  GimpPlugIn parent_instance;
};

G_DEFINE_FINAL_TYPE (HdPlugIn, hd_plug_in, GIMP_TYPE_PLUG_IN)

/* In the order of the menu. */
static GList *
hd_plug_in_query_procedures (GimpPlugIn *plug_in)
{
  static const char * const names[] = {
    HD_GENERATE_PROCEDURE, HD_TRANSFORM_PROCEDURE, HD_FILL_PROCEDURE, HD_UPSCALE_PROCEDURE, HD_AGAIN_PROCEDURE,
  };
  GList *list = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    list = g_list_append (list, g_strdup (names[i]));

  return list;
}

static GimpProcedure *
hd_plug_in_create_procedure (GimpPlugIn *plug_in,
                             const char *name)
{
  HdTask task;

  if (hd_task_find (name, &task))
    return hd_task_procedure_new (plug_in, task);
  if (g_str_equal (name, HD_AGAIN_PROCEDURE))
    return hd_again_procedure_new (plug_in);

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
