/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "ui/fields.h"
#include "ui/picture-view.h"
#include "ui/pixbuf.h"
#include "ui/results-pane.h"

#define PANE_WIDTH    300
#define MIN_VIEW_SIDE 200

/* A preview has a pixel for 8 x 8 of the picture; no more is shown of a large one. */
#define MAX_PREVIEW_SIDE 640

#define RESULT_KEY "hd-result"

struct _HdResultsPane
{
  GtkBox     parent_instance;

  HdResults *results;
  HdResult  *shown;       /* NULL: what grows, or nothing */
  HdImage   *preview;     /* the one that is shown, to tell it from the next */
  gboolean   working;
  gboolean   following;   /* what grows is shown as it comes */

  GtkWidget *stack;
  GtkWidget *pictures;    /* page of the stack */
  GtkWidget *view;
  GtkWidget *caption;
  GtkWidget *follow;
  GtkWidget *actions;
  GtkWidget *bring_back;
  GtkWidget *thumbnails;
};

G_DEFINE_FINAL_TYPE (HdResultsPane, hd_results_pane, GTK_TYPE_BOX)

enum
{
  BRING_BACK,
  USE_SEED,
  USE_SETTINGS,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

/* --- what is shown -------------------------------------------------------------- */

void
hd_results_pane_update (HdResultsPane *pane)
{
  gboolean kept = pane->shown && hd_kept_picture_has_pixels (pane->shown->kept);

  gtk_widget_set_visible (pane->actions, pane->shown != NULL);
  gtk_widget_set_sensitive (pane->actions, ! pane->working);
  gtk_widget_set_sensitive (pane->bring_back, kept);
  gtk_widget_set_tooltip_text (pane->bring_back,
                               kept || ! pane->shown
                               ? _("Bring the layer of this picture back if it was deleted or undone; show it if it is "
                                   "still in the image")
                               : _("Many pictures were made since: this one is not kept any more. Its settings make "
                                   "it again."));
  gtk_widget_set_visible (pane->follow, pane->working && ! pane->following);
}

static void
show (HdResultsPane *pane,
      GdkPixbuf     *pixbuf,
      const char    *caption)
{
  hd_picture_view_show (HD_PICTURE_VIEW (pane->view), pixbuf, caption);
  gtk_label_set_text (GTK_LABEL (pane->caption), caption);
  gtk_stack_set_visible_child (GTK_STACK (pane->stack), pane->pictures);
  hd_results_pane_update (pane);
}

static void
show_result (HdResultsPane *pane,
             HdResult      *result)
{
  pane->shown = result;
  show (pane, result->close_up ? result->close_up : result->thumbnail, result->description);
}

/* --- what grows ----------------------------------------------------------------- */

static void
show_latest_preview (HdResultsPane *pane)
{
  g_autoptr (GdkPixbuf) pixbuf = NULL;

  if (! pane->preview || ! pane->following)
    return;

  pixbuf = hd_pixbuf_new (pane->preview->pixels, pane->preview->width, pane->preview->height, MAX_PREVIEW_SIDE);
  if (! pixbuf)
    return;

  pane->shown = NULL;
  show (pane, pixbuf, _("The picture in progress"));
}

void
hd_results_pane_show_preview (HdResultsPane *pane,
                              HdImage       *preview)
{
  if (pane->preview == preview)
    return;

  g_clear_pointer (&pane->preview, hd_image_unref);
  if (preview)
    pane->preview = hd_image_ref (preview);
  show_latest_preview (pane);
}

static void
follow (HdResultsPane *pane)
{
  pane->following = TRUE;
  gtk_flow_box_unselect_all (GTK_FLOW_BOX (pane->thumbnails));
  if (pane->preview)
    show_latest_preview (pane);
  hd_results_pane_update (pane);
}

void
hd_results_pane_set_working (HdResultsPane *pane,
                             gboolean       working)
{
  if (pane->working == working)
    return;

  pane->working = working;
  if (working)
    follow (pane);
  else
    g_clear_pointer (&pane->preview, hd_image_unref);

  if (! working && pane->following)
    {
      GtkFlowBoxChild *newest = gtk_flow_box_get_child_at_index (GTK_FLOW_BOX (pane->thumbnails), 0);

      if (newest)
        gtk_flow_box_select_child (GTK_FLOW_BOX (pane->thumbnails), newest);
      else
        gtk_stack_set_visible_child_name (GTK_STACK (pane->stack), "hint");
    }
  hd_results_pane_update (pane);
}

/* --- thumbnails ----------------------------------------------------------------- */

static void
on_selected (HdResultsPane *pane)
{
  GList *selected = gtk_flow_box_get_selected_children (GTK_FLOW_BOX (pane->thumbnails));

  if (selected)
    {
      pane->following = FALSE;
      show_result (pane, g_object_get_data (selected->data, RESULT_KEY));
    }
  g_list_free (selected);
}

static void
on_activated (HdResultsPane *pane)
{
  if (pane->shown && gtk_widget_is_sensitive (pane->bring_back))
    g_signal_emit (pane, signals[BRING_BACK], 0, pane->shown);
}

static GtkWidget *
make_thumbnail (HdResultsPane *pane,
                HdResult      *result)
{
  int              scale = gtk_widget_get_scale_factor (GTK_WIDGET (pane));
  GdkPixbuf       *pixbuf = hd_pixbuf_fit (result->thumbnail, HD_THUMBNAIL_SIDE * scale);
  cairo_surface_t *surface = gdk_cairo_surface_create_from_pixbuf (pixbuf, scale, NULL);
  GtkWidget       *image = gtk_image_new_from_surface (surface);
  GtkWidget       *child = gtk_flow_box_child_new ();

  gtk_widget_set_size_request (image, HD_THUMBNAIL_SIDE, HD_THUMBNAIL_SIDE);
  gtk_container_add (GTK_CONTAINER (child), image);
  gtk_widget_set_tooltip_text (child, result->description);
  atk_object_set_name (gtk_widget_get_accessible (child), result->description);
  g_object_set_data (G_OBJECT (child), RESULT_KEY, result);
  gtk_widget_show_all (child);

  cairo_surface_destroy (surface);
  g_object_unref (pixbuf);
  return child;
}

static void
remove_oldest (HdResultsPane *pane,
               guint          n)
{
  for (; n > 0; n--)
    {
      GtkFlowBoxChild *oldest = gtk_flow_box_get_child_at_index (GTK_FLOW_BOX (pane->thumbnails),
                                                                 hd_results_count (pane->results));

      /* What is freed may be shown. */
      if (oldest && g_object_get_data (G_OBJECT (oldest), RESULT_KEY) == pane->shown)
        pane->shown = NULL;
      if (oldest)
        gtk_widget_destroy (GTK_WIDGET (oldest));
    }
}

void
hd_results_pane_add (HdResultsPane   *pane,
                     const HdPicture *picture,
                     HdKeptPicture   *kept,
                     GObject         *settings)
{
  guint     n_dropped;
  HdResult *result = hd_results_add (pane->results, picture, kept, settings, &n_dropped);

  if (! result)
    return;

  /* The newest is the first. */
  gtk_flow_box_insert (GTK_FLOW_BOX (pane->thumbnails), make_thumbnail (pane, result), 0);
  remove_oldest (pane, n_dropped);
  if (pane->following || ! pane->working)
    show_result (pane, result);
  else
    hd_results_pane_update (pane);
}

/* --- actions -------------------------------------------------------------------- */

static void
emit (HdResultsPane *pane,
      int            signal)
{
  if (pane->shown)
    g_signal_emit (pane, signals[signal], 0, pane->shown);
}

static void
on_bring_back (HdResultsPane *pane)
{
  emit (pane, BRING_BACK);
}

static void
on_use_seed (HdResultsPane *pane)
{
  emit (pane, USE_SEED);
}

static void
on_use_settings (HdResultsPane *pane)
{
  emit (pane, USE_SETTINGS);
}

static GtkWidget *
add_action (HdResultsPane *pane,
            const char    *label,
            const char    *tooltip,
            GCallback      callback,
            int            left,
            int            top,
            int            width)
{
  GtkWidget *button = gtk_button_new_with_label (label);

  gtk_widget_set_tooltip_text (button, tooltip);
  gtk_widget_set_hexpand (button, TRUE);
  g_signal_connect_swapped (button, "clicked", callback, pane);
  gtk_grid_attach (GTK_GRID (pane->actions), button, left, top, width, 1);

  return button;
}

static void
make_actions (HdResultsPane *pane)
{
  pane->actions = gtk_grid_new ();
  gtk_grid_set_column_spacing (GTK_GRID (pane->actions), 6);
  gtk_grid_set_row_spacing (GTK_GRID (pane->actions), 6);
  gtk_grid_set_column_homogeneous (GTK_GRID (pane->actions), TRUE);

  pane->bring_back = add_action (pane, _("Insert Again"), NULL, G_CALLBACK (on_bring_back), 0, 0, 2);
  add_action (pane, _("Use Seed"), _("Make the next pictures with the seed of this one"),
              G_CALLBACK (on_use_seed), 0, 1, 1);
  add_action (pane, _("Use Settings"), _("Fill the form with all that this picture was made with, its seed included"),
              G_CALLBACK (on_use_settings), 1, 1, 1);
}

/* --- the pane ------------------------------------------------------------------- */

static GtkWidget *
make_strip (HdResultsPane *pane)
{
  GtkWidget *scroller = gtk_scrolled_window_new (NULL, NULL);

  pane->thumbnails = gtk_flow_box_new ();
  gtk_flow_box_set_selection_mode (GTK_FLOW_BOX (pane->thumbnails), GTK_SELECTION_SINGLE);
  gtk_flow_box_set_activate_on_single_click (GTK_FLOW_BOX (pane->thumbnails), FALSE);
  gtk_flow_box_set_homogeneous (GTK_FLOW_BOX (pane->thumbnails), TRUE);
  gtk_widget_set_valign (pane->thumbnails, GTK_ALIGN_START);
  hd_field_set_name (pane->thumbnails, _("Pictures made"));
  g_signal_connect_swapped (pane->thumbnails, "selected-children-changed", G_CALLBACK (on_selected), pane);
  g_signal_connect_swapped (pane->thumbnails, "child-activated", G_CALLBACK (on_activated), pane);

  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (scroller), HD_THUMBNAIL_SIDE + 12);
  gtk_container_add (GTK_CONTAINER (scroller), pane->thumbnails);

  return scroller;
}

static GtkWidget *
make_caption (HdResultsPane *pane)
{
  GtkWidget *label = gtk_label_new (NULL);

  pane->caption = label;
  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  gtk_label_set_line_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_line_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_lines (GTK_LABEL (label), 2);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_label_set_width_chars (GTK_LABEL (label), 30);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 30);

  return label;
}

static GtkWidget *
make_pictures (HdResultsPane *pane)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);

  pane->view = hd_picture_view_new (MIN_VIEW_SIDE);
  pane->follow = gtk_button_new_with_label (_("Back to the Picture in Progress"));
  gtk_widget_set_no_show_all (pane->follow, TRUE);
  g_signal_connect_swapped (pane->follow, "clicked", G_CALLBACK (follow), pane);
  make_actions (pane);

  gtk_box_pack_start (GTK_BOX (box), pane->view, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), make_caption (pane), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), pane->follow, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), pane->actions, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), make_strip (pane), TRUE, TRUE, 0);
  gtk_widget_show_all (box);

  return box;
}

static void
hd_results_pane_finalize (GObject *object)
{
  HdResultsPane *pane = HD_RESULTS_PANE (object);

  hd_results_free (pane->results);
  g_clear_pointer (&pane->preview, hd_image_unref);
  G_OBJECT_CLASS (hd_results_pane_parent_class)->finalize (object);
}

static void
hd_results_pane_class_init (HdResultsPaneClass *klass)
{
  static const char * const names[] = { "bring-back", "use-seed", "use-settings" };

  G_OBJECT_CLASS (klass)->finalize = hd_results_pane_finalize;
  for (int i = 0; i < N_SIGNALS; i++)
    signals[i] = g_signal_new (names[i], G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, 1, G_TYPE_POINTER);
}

static void
hd_results_pane_init (HdResultsPane *pane)
{
  pane->results = hd_results_new (hd_results_usual_memory ());
  pane->following = TRUE;
}

GtkWidget *
hd_results_pane_new (GtkWidget *hint)
{
  HdResultsPane *pane = g_object_new (HD_TYPE_RESULTS_PANE, NULL);

  gtk_widget_set_size_request (GTK_WIDGET (pane), PANE_WIDTH, -1);
  pane->stack = gtk_stack_new ();
  pane->pictures = make_pictures (pane);
  gtk_stack_add_named (GTK_STACK (pane->stack), hint, "hint");
  gtk_stack_add_named (GTK_STACK (pane->stack), pane->pictures, "pictures");
  gtk_box_pack_start (GTK_BOX (pane), pane->stack, TRUE, TRUE, 0);
  gtk_widget_show (hint);
  gtk_widget_show (pane->stack);

  return GTK_WIDGET (pane);
}
