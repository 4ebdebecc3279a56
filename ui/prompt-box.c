/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>
#include <gdk/gdkkeysyms.h>
#include <libgimp/gimpui.h>

#include "ui/fields.h"
#include "ui/history-popover.h"
#include "ui/prompt-box.h"
#include "ui/section.h"

#define HISTORY_FILE "hidiffusion-history.jsonl"

#define PROMPT_LINES   3
#define NEGATIVE_LINES 2

struct _HdPromptBox
{
  GtkBox      parent_instance;

  GObject    *config;
  HdHistory  *history;
  GtkWidget  *view;
  GtkWidget  *popover;

  int         position;      /* of the prompts that are shown in the history; -1: they were typed */
  char       *typed;         /* what they were before the history was asked; NULL: nothing */
  char       *typed_negative;
};

G_DEFINE_FINAL_TYPE (HdPromptBox, hd_prompt_box, GTK_TYPE_BOX)

/* --- the arguments --------------------------------------------------------------- */

static void
show_prompts (HdPromptBox *box,
              const char  *prompt,
              const char  *negative_prompt)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (box->view));
  GtkTextIter    end;

  g_object_set (box->config, "prompt", prompt, "negative-prompt", negative_prompt, NULL);
  gtk_text_buffer_get_end_iter (buffer, &end);
  gtk_text_buffer_place_cursor (buffer, &end);
}

static void
get_prompts (HdPromptBox  *box,
             char        **prompt,
             char        **negative_prompt)
{
  g_object_get (box->config, "prompt", prompt, "negative-prompt", negative_prompt, NULL);
  if (! *prompt)
    *prompt = g_strdup ("");
  if (! *negative_prompt)
    *negative_prompt = g_strdup ("");
}

/* --- going through the history ----------------------------------------------------- */

static void
forget_position (HdPromptBox *box)
{
  box->position = -1;
  g_clear_pointer (&box->typed, g_free);
  g_clear_pointer (&box->typed_negative, g_free);
}

/* Whether the prompts are those that the history has shown: who changes them begins anew. */
static gboolean
is_at_position (HdPromptBox *box)
{
  const GPtrArray     *items = hd_history_get (box->history);
  g_autofree char     *prompt = NULL;
  g_autofree char     *negative_prompt = NULL;
  const HdHistoryItem *item;

  if (box->position < 0 || (guint) box->position >= items->len)
    return FALSE;

  item = items->pdata[box->position];
  get_prompts (box, &prompt, &negative_prompt);
  return g_str_equal (prompt, item->prompt) && g_str_equal (negative_prompt, item->negative_prompt);
}

static void
go_to (HdPromptBox *box,
       int          position)
{
  const GPtrArray *items = hd_history_get (box->history);

  if (position < 0)
    {
      g_autofree char *prompt = g_steal_pointer (&box->typed);
      g_autofree char *negative_prompt = g_steal_pointer (&box->typed_negative);

      forget_position (box);
      if (prompt)
        show_prompts (box, prompt, negative_prompt);
    }
  else if ((guint) position < items->len)
    {
      const HdHistoryItem *item = items->pdata[position];

      box->position = position;
      show_prompts (box, item->prompt, item->negative_prompt);
    }
}

static void
go_back (HdPromptBox *box)
{
  const GPtrArray     *items = hd_history_get (box->history);
  const HdHistoryItem *latest = items->len > 0 ? items->pdata[0] : NULL;

  if (is_at_position (box))
    {
      go_to (box, box->position + 1);
      return;
    }

  forget_position (box);
  get_prompts (box, &box->typed, &box->typed_negative);
  /* What was made last is still there: the one before is meant. */
  if (latest && g_str_equal (box->typed, latest->prompt) && g_str_equal (box->typed_negative, latest->negative_prompt))
    go_to (box, 1);
  else
    go_to (box, 0);
}

static gboolean
on_key (GtkWidget   *view,
        GdkEventKey *event,
        HdPromptBox *box)
{
  GdkModifierType modifiers = event->state & gtk_accelerator_get_default_mod_mask ();

  if (modifiers != GDK_CONTROL_MASK)
    return GDK_EVENT_PROPAGATE;

  if (event->keyval == GDK_KEY_Up || event->keyval == GDK_KEY_KP_Up)
    go_back (box);
  else if (event->keyval != GDK_KEY_Down && event->keyval != GDK_KEY_KP_Down)
    return GDK_EVENT_PROPAGATE;
  else if (is_at_position (box))
    go_to (box, box->position - 1);

  return GDK_EVENT_STOP;
}

static void
take_item (HdPromptBox         *box,
           const HdHistoryItem *item)
{
  forget_position (box);
  show_prompts (box, item->prompt, item->negative_prompt);
  hd_prompt_box_focus (box);
}

void
hd_prompt_box_remember (HdPromptBox *box)
{
  g_autofree char    *prompt = NULL;
  g_autofree char    *negative_prompt = NULL;
  g_autoptr (GError)  error = NULL;

  get_prompts (box, &prompt, &negative_prompt);
  forget_position (box);
  hd_history_add (box->history, prompt, negative_prompt, &error);
  hd_history_popover_update (HD_HISTORY_POPOVER (box->popover), error);
}

void
hd_prompt_box_focus (HdPromptBox *box)
{
  gtk_widget_grab_focus (box->view);
}

/* --- the box -------------------------------------------------------------------- */

static GtkWidget *
make_history_button (HdPromptBox *box)
{
  GtkWidget *button = gtk_menu_button_new ();

  gtk_button_set_label (GTK_BUTTON (button), _("_History"));
  gtk_button_set_use_underline (GTK_BUTTON (button), TRUE);
  gtk_button_set_image (GTK_BUTTON (button),
                        gtk_image_new_from_icon_name ("document-open-recent-symbolic", GTK_ICON_SIZE_BUTTON));
  gtk_button_set_always_show_image (GTK_BUTTON (button), TRUE);
  gtk_menu_button_set_popover (GTK_MENU_BUTTON (button), box->popover);
  gimp_help_set_help_data (button, _("Prompts that pictures were made of. In the prompt, Ctrl+Up and Ctrl+Down go "
                                     "through them."), NULL);
  hd_field_set_name (button, _("_History"));

  return button;
}

/* Who unfolds it wants to type. */
static void
focus_content (GtkExpander *section,
               GtkWidget   *view)
{
  if (gtk_expander_get_expanded (section))
    gtk_widget_grab_focus (view);
}

static GtkWidget *
make_negative (GObject *config)
{
  static const char * const  properties[] = { "negative-prompt", NULL };
  GtkWidget                 *view;
  GtkWidget                 *area = hd_text_area_new (config, "negative-prompt", NEGATIVE_LINES, &view);
  GParamSpec                *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (config), "negative-prompt");
  GtkWidget                 *section = hd_section_new (g_param_spec_get_nick (pspec), area, config, properties);

  g_signal_connect_after (section, "activate", G_CALLBACK (focus_content), view);
  return section;
}

static void
hd_prompt_box_dispose (GObject *object)
{
  HdPromptBox *box = HD_PROMPT_BOX (object);

  G_OBJECT_CLASS (hd_prompt_box_parent_class)->dispose (object);
  forget_position (box);
  g_clear_pointer (&box->history, hd_history_free);
  g_clear_object (&box->config);
}

static void
hd_prompt_box_class_init (HdPromptBoxClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_prompt_box_dispose;
}

static void
hd_prompt_box_init (HdPromptBox *box)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (box), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (box), 6);
  box->position = -1;
}

GtkWidget *
hd_prompt_box_new (GObject *config)
{
  HdPromptBox     *box = g_object_new (HD_TYPE_PROMPT_BOX, NULL);
  g_autofree char *path = g_build_filename (gimp_directory (), HISTORY_FILE, NULL);
  GtkWidget       *header = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget       *area;
  GtkWidget       *label;

  box->config = g_object_ref (config);
  box->history = hd_history_new (path);
  area = hd_text_area_new (config, "prompt", PROMPT_LINES, &box->view);
  label = hd_field_label_new (config, "prompt", box->view);
  box->popover = hd_history_popover_new (box->history);

  gtk_box_pack_start (GTK_BOX (header), label, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (header), make_history_button (box), FALSE, FALSE, 0);
  gtk_widget_show_all (header);
  gtk_box_pack_start (GTK_BOX (box), header, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), area, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), make_negative (config), FALSE, TRUE, 0);
  gtk_widget_show (GTK_WIDGET (box));

  g_signal_connect (box->view, "key-press-event", G_CALLBACK (on_key), box);
  g_signal_connect_swapped (box->popover, "chosen", G_CALLBACK (take_item), box);

  return GTK_WIDGET (box);
}
