/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>

#include "engine/model_places.h"
#include "ui/welcome-page.h"

#define TEXT_WIDTH 60    /* characters */

struct _HdWelcomePage
{
  GtkBox     parent_instance;

  GtkWidget *title;
  GtkWidget *file;       /* button */
  GtkWidget *demo;       /* how to get the demo model */
  GtkWidget *leave;      /* button */
};

G_DEFINE_FINAL_TYPE (HdWelcomePage, hd_welcome_page, GTK_TYPE_BOX)

enum
{
  FILES_CHOSEN,
  FAILED,
  CHANGE_FOLDERS,
  LOOK_AGAIN,
  LEAVE,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void
hd_welcome_page_class_init (HdWelcomePageClass *klass)
{
  static const char * const names[] = { "change-folders", "look-again", "leave" };

  signals[FILES_CHOSEN] = g_signal_new ("files-chosen", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0,
                                        NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRV);
  signals[FAILED] = g_signal_new ("failed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0,
                                  NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  for (int i = CHANGE_FOLDERS; i <= LEAVE; i++)
    signals[i] = g_signal_new (names[i - CHANGE_FOLDERS], G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0,
                               NULL, NULL, NULL, G_TYPE_NONE, 0);
}

/* --- what the buttons do --------------------------------------------------------- */

/* Not gtk_native_dialog_run(): who pressed the button through the accessibility tree would wait for an answer. */
static void
on_chosen (GtkNativeDialog *chooser,
           int              response,
           HdWelcomePage   *page)
{
  g_autoptr (GFile) file = NULL;
  g_autofree char  *uri = NULL;

  if (response == GTK_RESPONSE_ACCEPT)
    file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (chooser));
  gtk_native_dialog_destroy (chooser);
  g_object_unref (chooser);
  if (! file)
    return;

  uri = g_file_get_uri (file);
  g_signal_emit (page, signals[FILES_CHOSEN], 0, (const char *[]) { uri, NULL });
}

static void
choose (HdWelcomePage        *page,
        const char           *title,
        GtkFileChooserAction  action)
{
  GtkWidget            *toplevel = gtk_widget_get_toplevel (GTK_WIDGET (page));
  GtkFileChooserNative *chooser = gtk_file_chooser_native_new (title, GTK_WINDOW (toplevel), action, NULL, NULL);

  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  g_signal_connect_object (chooser, "response", G_CALLBACK (on_chosen), page, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

static void
choose_file (HdWelcomePage *page)
{
  choose (page, _("Choose a File"), GTK_FILE_CHOOSER_ACTION_OPEN);
}

static void
choose_folder (HdWelcomePage *page)
{
  choose (page, _("Choose a Folder"), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER);
}

static void
open_folder (HdWelcomePage *page)
{
  g_autofree char   *path = hd_places_get_user (&(HdPlaces) { NULL }, HD_LIBRARY_MODEL);
  g_autofree char   *uri = g_filename_to_uri (path, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char   *text = NULL;

  /* It need not be there yet. */
  g_mkdir_with_parents (path, 0755);
  if (gtk_show_uri_on_window (GTK_WINDOW (gtk_widget_get_toplevel (GTK_WIDGET (page))), uri, GDK_CURRENT_TIME, &error))
    return;

  /* TRANSLATORS: a folder, and the system's message. */
  text = g_strdup_printf (_("The folder '%s' could not be opened: %s"), path, error->message);
  g_signal_emit (page, signals[FAILED], 0, text);
}

static void
change_folders (HdWelcomePage *page)
{
  g_signal_emit (page, signals[CHANGE_FOLDERS], 0);
}

static void
look_again (HdWelcomePage *page)
{
  g_signal_emit (page, signals[LOOK_AGAIN], 0);
}

static void
leave (HdWelcomePage *page)
{
  g_signal_emit (page, signals[LEAVE], 0);
}

/* --- what is on it -------------------------------------------------------------- */

static GtkWidget *
add_text (GtkWidget  *box,
          const char *text,
          gboolean    markup)
{
  GtkWidget *label = gtk_label_new (NULL);

  if (markup)
    gtk_label_set_markup (GTK_LABEL (label), text);
  else
    gtk_label_set_text (GTK_LABEL (label), text);
  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  gtk_label_set_line_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_line_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_width_chars (GTK_LABEL (label), TEXT_WIDTH);
  gtk_label_set_max_width_chars (GTK_LABEL (label), TEXT_WIDTH);
  gtk_box_pack_start (GTK_BOX (box), label, FALSE, FALSE, 0);

  return label;
}

static void
make_heading (GtkWidget *label,
              double     scale)
{
  PangoAttrList *attributes = pango_attr_list_new ();

  pango_attr_list_insert (attributes, pango_attr_weight_new (PANGO_WEIGHT_BOLD));
  pango_attr_list_insert (attributes, pango_attr_scale_new (scale));
  gtk_label_set_attributes (GTK_LABEL (label), attributes);
  pango_attr_list_unref (attributes);
}

static char *
make_link (const char *address,
           const char *name)
{
  return g_markup_printf_escaped ("<a href=\"%s\">%s</a>", address, name);
}

static GtkWidget *
add_part (HdWelcomePage *page,
          const char    *heading)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);

  make_heading (add_text (box, heading, FALSE), PANGO_SCALE_MEDIUM);
  gtk_box_pack_start (GTK_BOX (page), box, FALSE, FALSE, 0);
  return box;
}

static GtkWidget *
add_row (GtkWidget *box)
{
  GtkWidget *row = gtk_flow_box_new ();

  gtk_flow_box_set_selection_mode (GTK_FLOW_BOX (row), GTK_SELECTION_NONE);
  gtk_flow_box_set_column_spacing (GTK_FLOW_BOX (row), 6);
  gtk_flow_box_set_max_children_per_line (GTK_FLOW_BOX (row), 3);
  gtk_box_pack_start (GTK_BOX (box), row, FALSE, FALSE, 0);
  return row;
}

static GtkWidget *
add_button (HdWelcomePage *page,
            GtkWidget     *row,
            const char    *label,
            const char    *tooltip,
            GCallback      callback)
{
  GtkWidget *button = gtk_button_new_with_mnemonic (label);

  gtk_widget_set_tooltip_text (button, tooltip);
  g_signal_connect_swapped (button, "clicked", callback, page);
  gtk_container_add (GTK_CONTAINER (row), button);
  /* The button has the focus, not its place. */
  gtk_widget_set_can_focus (gtk_widget_get_parent (button), FALSE);

  return button;
}

static void
add_sources (HdWelcomePage *page)
{
  GtkWidget       *box = add_part (page, _("Where Models Come From"));
  g_autofree char *hub = make_link ("https://huggingface.co/models", "Hugging Face");
  g_autofree char *civitai = make_link ("https://civitai.com/models", "Civitai");
  g_autofree char *places = NULL;

  add_text (box, _("What fits: Stable Diffusion 1, 2 and XL, Turbo, LCM and Lightning among them, as one .safetensors file "
                   "(2 to 7 GB) or as a folder in diffusers' layout. What does not: Stable Diffusion 3, Flux, .ckpt."), FALSE);
  /* TRANSLATORS: two links. */
  places = g_strdup_printf (_("Well-known places are %s and %s. Licences differ: look at the model's page."), hub, civitai);
  add_text (box, places, TRUE);
}

static void
add_destinations (HdWelcomePage *page)
{
  GtkWidget       *box = add_part (page, _("Where They Are Put"));
  GtkWidget       *row;
  g_autofree char *folder = hd_places_get_user (&(HdPlaces) { NULL }, HD_LIBRARY_MODEL);
  /* TRANSLATORS: %s is a folder. */
  g_autofree char *text = g_strdup_printf (_("Into %s, or anywhere: drop the file or the folder onto this window, or choose "
                                             "it. What ComfyUI, Automatic1111, Forge and the Hugging Face cache have is "
                                             "found where it lies."), folder);

  add_text (box, text, FALSE);
  row = add_row (box);
  page->file = add_button (page, row, _("Choose a F_ile…"), _("Use a model's file where it lies"),
                           G_CALLBACK (choose_file));
  add_button (page, row, _("Choose a Fol_der…"), _("Use a model's folder, or a folder with models, where it lies"),
              G_CALLBACK (choose_folder));
  add_button (page, row, _("O_pen the Folder"), _("Open the folder for models in the file manager"),
              G_CALLBACK (open_folder));
  add_button (page, row, _("Folders…"), _("Folders in which models are looked for, too"), G_CALLBACK (change_folders));
  add_button (page, row, _("Look Again"), _("Look for models in all these places"), G_CALLBACK (look_again));
}

static void
hd_welcome_page_init (HdWelcomePage *page)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (page), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (page), 18);

  page->title = add_text (GTK_WIDGET (page), "", FALSE);
  make_heading (page->title, PANGO_SCALE_LARGE);
  add_destinations (page);
  add_sources (page);

  page->demo = add_part (page, _("To Try It at Once"));
  add_text (page->demo, _("The demo model (9 MB) draws simple shapes. It is in the package hidiffusion-data "
                          "(sudo apt install hidiffusion-data), and in the program's sources, as the folder "
                          "data/demo-model, which can be dropped here."), FALSE);

  page->leave = gtk_button_new_with_mnemonic (_("_Back"));
  gtk_widget_set_halign (page->leave, GTK_ALIGN_START);
  g_signal_connect_swapped (page->leave, "clicked", G_CALLBACK (leave), page);
  gtk_box_pack_start (GTK_BOX (page), page->leave, FALSE, FALSE, 0);
  gtk_widget_show_all (GTK_WIDGET (page));
}

GtkWidget *
hd_welcome_page_new (void)
{
  return g_object_new (HD_TYPE_WELCOME_PAGE, NULL);
}

void
hd_welcome_page_set_has_model (HdWelcomePage *page,
                               gboolean       has_model)
{
  gtk_label_set_text (GTK_LABEL (page->title), has_model ? _("Models") : _("No model is installed yet"));
  gtk_widget_set_visible (page->leave, has_model);
  gtk_widget_set_visible (page->demo, ! has_model);
}

void
hd_welcome_page_focus (HdWelcomePage *page)
{
  gtk_widget_grab_focus (page->file);
}
