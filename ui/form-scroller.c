/* SPDX-License-Identifier: Apache-2.0 */

#include "ui/form-scroller.h"

typedef struct
{
  GtkWidget *scroller;
  GtkWidget *form;
  int        max_height;
  int        height;       /* of the form, as the dialog has room for */
  guint      resize_id;
} FormScroller;

static void
form_scroller_free (gpointer data)
{
  FormScroller *self = data;

  g_clear_handle_id (&self->resize_id, g_source_remove);
  g_free (self);
}

static int
get_wanted_height (FormScroller *self)
{
  int width = gtk_widget_get_allocated_width (self->form);
  int height;

  gtk_widget_get_preferred_height_for_width (self->form, width, NULL, &height);
  return MIN (height, self->max_height);
}

static gboolean
resize (gpointer data)
{
  FormScroller *self = data;
  GtkWidget    *toplevel = gtk_widget_get_toplevel (self->scroller);
  int           growth = get_wanted_height (self) - self->height;
  int           width;
  int           height;

  self->resize_id = 0;
  self->height += growth;
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (self->scroller), self->height);

  /* A user who has made the dialog larger keeps what was added. */
  gtk_window_get_size (GTK_WINDOW (toplevel), &width, &height);
  gtk_window_resize (GTK_WINDOW (toplevel), width, MAX (height + growth, 1));

  return G_SOURCE_REMOVE;
}

/* Not now: sizes are being handed out. */
static void
check_height (GtkWidget     *form,
              GtkAllocation *allocation,
              FormScroller  *self)
{
  if (self->resize_id == 0 && get_wanted_height (self) != self->height)
    self->resize_id = g_idle_add_full (GTK_PRIORITY_RESIZE, resize, self, NULL);
}

GtkWidget *
hd_form_scroller_new (GtkWidget *form,
                      int        max_height)
{
  FormScroller *self = g_new0 (FormScroller, 1);
  GtkWidget    *viewport = gtk_viewport_new (NULL, NULL);

  self->scroller = gtk_scrolled_window_new (NULL, NULL);
  self->form = form;
  self->max_height = max_height;
  g_object_set_data_full (G_OBJECT (self->scroller), "hd-form-scroller", self, form_scroller_free);

  gtk_viewport_set_shadow_type (GTK_VIEWPORT (viewport), GTK_SHADOW_NONE);
  gtk_container_add (GTK_CONTAINER (viewport), form);
  gtk_container_add (GTK_CONTAINER (self->scroller), viewport);
  gtk_widget_set_can_focus (self->scroller, FALSE);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (self->scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);

  /* What is hidden has no height. */
  gtk_widget_show (form);
  gtk_widget_get_preferred_height (form, NULL, &self->height);
  self->height = MIN (self->height, max_height);
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (self->scroller), self->height);
  g_signal_connect (form, "size-allocate", G_CALLBACK (check_height), self);
  gtk_widget_show (viewport);
  gtk_widget_show (self->scroller);

  return self->scroller;
}
