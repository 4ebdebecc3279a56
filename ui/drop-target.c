/* SPDX-License-Identifier: Apache-2.0 */

#include "ui/drop-target.h"

typedef struct
{
  const HdDropFuncs *funcs;
  gpointer           data;
} DropTarget;

void
hd_drop_target_take (const char * const *uris,
                     const HdDropFuncs  *funcs,
                     gpointer            data)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv)           paths = NULL;

  for (int i = 0; uris[i]; i++)
    {
      g_autoptr (GFile) file = g_file_new_for_uri (uris[i]);
      g_autofree char  *path = g_file_get_path (file);

      if (path)
        g_strv_builder_add (builder, path);
      else if (funcs->refuse)
        funcs->refuse (uris[i], data);
    }

  paths = g_strv_builder_end (builder);
  if (paths[0])
    funcs->take ((const char * const *) paths, data);
}

/* --- the fields in it ----------------------------------------------------------- */

static gboolean
brings_files (GdkDragContext *context)
{
  for (GList *target = gdk_drag_context_list_targets (context); target; target = target->next)
    if (target->data == gdk_atom_intern_static_string ("text/uri-list"))
      return TRUE;

  return FALSE;
}

/* The drop goes on to what the field is in. */
static gboolean
pass_motion (GtkWidget      *field,
             GdkDragContext *context,
             int             x,
             int             y,
             guint           time,
             gpointer        data)
{
  if (brings_files (context))
    g_signal_stop_emission_by_name (field, "drag-motion");

  return FALSE;
}

static gboolean
pass_drop (GtkWidget      *field,
           GdkDragContext *context,
           int             x,
           int             y,
           guint           time,
           gpointer        data)
{
  if (brings_files (context))
    g_signal_stop_emission_by_name (field, "drag-drop");

  return FALSE;
}

#define PASSES_KEY "hd-passes-files"

/* Those that come later are found when they get the focus, or when something is dragged over the window. */
static void
let_fields_pass (GtkWidget *widget,
                 gpointer   data)
{
  if ((GTK_IS_TEXT_VIEW (widget) || GTK_IS_ENTRY (widget)) && ! g_object_get_data (G_OBJECT (widget), PASSES_KEY))
    {
      g_object_set_data (G_OBJECT (widget), PASSES_KEY, GINT_TO_POINTER (TRUE));
      g_signal_connect (widget, "drag-motion", G_CALLBACK (pass_motion), NULL);
      g_signal_connect (widget, "drag-drop", G_CALLBACK (pass_drop), NULL);
    }
  if (GTK_IS_CONTAINER (widget))
    gtk_container_forall (GTK_CONTAINER (widget), let_fields_pass, data);
}

/* --- the window ----------------------------------------------------------------- */

static gboolean
on_motion (GtkWidget      *window,
           GdkDragContext *context,
           int             x,
           int             y,
           guint           time,
           DropTarget     *target)
{
  gboolean may_take = brings_files (context) && target->funcs->may_take (target->data);

  let_fields_pass (window, NULL);
  gdk_drag_status (context, may_take ? GDK_ACTION_COPY : 0, time);
  if (may_take)
    gtk_drag_highlight (window);
  return may_take;
}

static void
on_leave (GtkWidget      *window,
          GdkDragContext *context,
          guint           time,
          DropTarget     *target)
{
  gtk_drag_unhighlight (window);
}

static gboolean
on_drop (GtkWidget      *window,
         GdkDragContext *context,
         int             x,
         int             y,
         guint           time,
         DropTarget     *target)
{
  if (! brings_files (context) || ! target->funcs->may_take (target->data))
    return FALSE;

  gtk_drag_get_data (window, context, gdk_atom_intern_static_string ("text/uri-list"), time);
  return TRUE;
}

static void
on_data (GtkWidget        *window,
         GdkDragContext   *context,
         int               x,
         int               y,
         GtkSelectionData *selection,
         guint             info,
         guint             time,
         DropTarget       *target)
{
  g_auto (GStrv) uris = gtk_selection_data_get_uris (selection);

  gtk_drag_finish (context, uris != NULL, FALSE, time);
  if (uris && target->funcs->may_take (target->data))
    hd_drop_target_take ((const char * const *) uris, target->funcs, target->data);
}

static void
check_fields (GtkWidget *window)
{
  let_fields_pass (window, NULL);
}

void
hd_drop_target_add (GtkWidget         *window,
                    const HdDropFuncs *funcs,
                    gpointer           data)
{
  DropTarget *target = g_new0 (DropTarget, 1);

  target->funcs = funcs;
  target->data = data;
  g_object_set_data_full (G_OBJECT (window), "hd-drop-target", target, g_free);

  gtk_drag_dest_set (window, 0, NULL, 0, GDK_ACTION_COPY);
  g_signal_connect (window, "drag-motion", G_CALLBACK (on_motion), target);
  g_signal_connect (window, "drag-leave", G_CALLBACK (on_leave), target);
  g_signal_connect (window, "drag-drop", G_CALLBACK (on_drop), target);
  g_signal_connect (window, "drag-data-received", G_CALLBACK (on_data), target);
  g_signal_connect (window, "map", G_CALLBACK (check_fields), NULL);
  g_signal_connect (window, "set-focus", G_CALLBACK (check_fields), NULL);
}
