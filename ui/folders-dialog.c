/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "ui/fields.h"
#include "ui/folders-dialog.h"

typedef struct
{
  GtkWidget     *dialog;
  GtkListStore  *store;
  GtkWidget     *view;
  GtkWidget     *remove;
  HdFoldersFunc  take;
  gpointer       user_data;
} FoldersDialog;

static void
folders_dialog_free (gpointer data)
{
  FoldersDialog *self = data;

  g_object_unref (self->store);
  g_free (self);
}

static void
add_folder (FoldersDialog *self)
{
  g_autoptr (GtkFileChooserNative) chooser = NULL;
  g_autofree char                 *path = NULL;

  chooser = gtk_file_chooser_native_new (_("Choose a Folder"), GTK_WINDOW (self->dialog),
                                         GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, NULL, NULL);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  if (gtk_native_dialog_run (GTK_NATIVE_DIALOG (chooser)) == GTK_RESPONSE_ACCEPT)
    path = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (chooser));

  if (path && g_utf8_validate (path, -1, NULL))
    gtk_list_store_insert_with_values (self->store, NULL, -1, 0, path, -1);
}

static void
remove_folder (FoldersDialog *self)
{
  GtkTreeIter iter;

  if (gtk_tree_selection_get_selected (gtk_tree_view_get_selection (GTK_TREE_VIEW (self->view)), NULL, &iter))
    gtk_list_store_remove (self->store, &iter);
}

static void
check_selection (FoldersDialog *self)
{
  GtkTreeSelection *selection = gtk_tree_view_get_selection (GTK_TREE_VIEW (self->view));

  gtk_widget_set_sensitive (self->remove, gtk_tree_selection_count_selected_rows (selection) > 0);
}

/* What was typed into a row; an empty one goes. */
static void
edit_folder (GtkCellRendererText *renderer,
             const char          *path,
             const char          *text,
             FoldersDialog       *self)
{
  GtkTreeIter iter;

  if (! gtk_tree_model_get_iter_from_string (GTK_TREE_MODEL (self->store), &iter, path))
    return;
  if (*text)
    gtk_list_store_set (self->store, &iter, 0, text, -1);
  else
    gtk_list_store_remove (self->store, &iter);
}

static GtkWidget *
make_list (FoldersDialog *self)
{
  GtkWidget       *scroller = gtk_scrolled_window_new (NULL, NULL);
  GtkCellRenderer *renderer = gtk_cell_renderer_text_new ();

  self->view = gtk_tree_view_new_with_model (GTK_TREE_MODEL (self->store));
  g_object_set (renderer, "editable", TRUE, NULL);
  g_signal_connect (renderer, "edited", G_CALLBACK (edit_folder), self);
  gtk_tree_view_insert_column_with_attributes (GTK_TREE_VIEW (self->view), -1, NULL, renderer, "text", 0, NULL);
  gtk_tree_view_set_headers_visible (GTK_TREE_VIEW (self->view), FALSE);
  hd_field_set_name (self->view, _("Folders"));

  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_AUTOMATIC, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (scroller), GTK_SHADOW_IN);
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (scroller), 120);
  gtk_container_add (GTK_CONTAINER (scroller), self->view);

  return scroller;
}

static GtkWidget *
make_buttons (FoldersDialog *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *add = gtk_button_new_with_mnemonic (_("_Add…"));

  self->remove = gtk_button_new_with_mnemonic (_("_Remove"));
  gtk_box_pack_start (GTK_BOX (box), add, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), self->remove, FALSE, FALSE, 0);
  g_signal_connect_swapped (add, "clicked", G_CALLBACK (add_folder), self);
  g_signal_connect_swapped (self->remove, "clicked", G_CALLBACK (remove_folder), self);

  return box;
}

static void
build (FoldersDialog *self,
       GtkWindow     *parent)
{
  GtkWidget *content;
  GtkWidget *label = gtk_label_new (_("Models, LoRAs, ControlNets and embeddings are also looked for in these folders, "
                                      "and in the folders in them:"));

  self->dialog = gtk_dialog_new_with_buttons (_("Folders with Models"), parent,
                                              GTK_DIALOG_MODAL | GTK_DIALOG_DESTROY_WITH_PARENT,
                                              _("_Cancel"), GTK_RESPONSE_CANCEL,
                                              _("_OK"), GTK_RESPONSE_OK,
                                              NULL);
  gtk_dialog_set_default_response (GTK_DIALOG (self->dialog), GTK_RESPONSE_OK);
  gtk_window_set_default_size (GTK_WINDOW (self->dialog), 480, -1);

  gtk_label_set_line_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 50);
  gtk_label_set_xalign (GTK_LABEL (label), 0.0);

  content = gtk_dialog_get_content_area (GTK_DIALOG (self->dialog));
  gtk_container_set_border_width (GTK_CONTAINER (content), 12);
  gtk_box_set_spacing (GTK_BOX (content), 12);
  gtk_box_pack_start (GTK_BOX (content), label, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), make_list (self), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (content), make_buttons (self), FALSE, FALSE, 0);
  gtk_widget_show_all (content);

  g_signal_connect_swapped (gtk_tree_view_get_selection (GTK_TREE_VIEW (self->view)), "changed",
                            G_CALLBACK (check_selection), self);
  check_selection (self);
}

static char **
list_folders (FoldersDialog *self)
{
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();
  GtkTreeModel            *model = GTK_TREE_MODEL (self->store);
  GtkTreeIter              iter;

  for (gboolean more = gtk_tree_model_get_iter_first (model, &iter); more;
       more = gtk_tree_model_iter_next (model, &iter))
    {
      g_autofree char *folder = NULL;

      gtk_tree_model_get (model, &iter, 0, &folder, -1);
      g_strv_builder_add (folders, folder);
    }

  return g_strv_builder_end (folders);
}

/* Not gtk_dialog_run(): who pressed the button through the accessibility tree would wait for an answer. */
static void
on_response (FoldersDialog *self,
             int            response,
             GtkDialog     *dialog)
{
  g_auto (GStrv) folders = response == GTK_RESPONSE_OK ? list_folders (self) : NULL;
  HdFoldersFunc  take = self->take;
  gpointer       user_data = self->user_data;

  gtk_widget_destroy (self->dialog);
  if (folders)
    take ((const char * const *) folders, user_data);
}

void
hd_folders_dialog_show (GtkWindow           *parent,
                        const char * const  *folders,
                        HdFoldersFunc        take,
                        gpointer             user_data)
{
  FoldersDialog *self = g_new0 (FoldersDialog, 1);

  self->store = gtk_list_store_new (1, G_TYPE_STRING);
  self->take = take;
  self->user_data = user_data;
  for (int i = 0; folders[i]; i++)
    gtk_list_store_insert_with_values (self->store, NULL, -1, 0, folders[i], -1);

  build (self, parent);
  g_object_set_data_full (G_OBJECT (self->dialog), "hd-folders-dialog", self, folders_dialog_free);
  g_signal_connect_swapped (self->dialog, "response", G_CALLBACK (on_response), self);
  gtk_window_present (GTK_WINDOW (self->dialog));
}
