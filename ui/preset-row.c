/* SPDX-License-Identifier: Apache-2.0 */

#include <stdlib.h>

#include <glib/gi18n.h>
#include <libgimp/gimpui.h>

#include "ui/fields.h"
#include "ui/preset-row.h"
#include "ui/size-presets.h"

#define OTHER "other"

struct _HdPresetRow
{
  GtkBox     parent_instance;

  GtkWidget *shape;
  GtkWidget *scale;
  int        width;
  int        height;
  int        native_size;
  gboolean   updating;     /* the lists change because the size did */
};

G_DEFINE_FINAL_TYPE (HdPresetRow, hd_preset_row, GTK_TYPE_BOX)

static guint chosen_signal;

/* Until the model is known. */
#define USUAL_SIZE 512

/* --- choosing ------------------------------------------------------------------- */

/* -1 where no preset is chosen. */
static int
get_chosen (GtkWidget *combo)
{
  const char *id = gtk_combo_box_get_active_id (GTK_COMBO_BOX (combo));

  return id && ! g_str_equal (id, OTHER) ? atoi (id) : -1;
}

static void
choose (GtkWidget   *chosen,
        HdPresetRow *row)
{
  gsize          n;
  const HdShape *shapes = hd_shapes (&n);
  const HdShape  current = { row->width, row->height };
  int            shape = get_chosen (row->shape);
  int            scale = get_chosen (row->scale);
  int            width;
  int            height;

  if (row->updating)
    return;
  if (get_chosen (chosen) < 0)
    {
      /* There is nothing in "other" to choose. */
      hd_preset_row_set_size (row, row->width, row->height, row->native_size);
      return;
    }

  hd_size_preset (shape >= 0 ? &shapes[shape] : &current, scale >= 0 ? scale : HD_SCALE_MODEL, row->native_size,
                  &width, &height);
  g_signal_emit (row, chosen_signal, 0, width, height);
}

/* --- the lists ------------------------------------------------------------------ */

static void
add_entry (GtkWidget  *combo,
           int         number,
           const char *text)
{
  g_autofree char *id = g_strdup_printf ("%d", number);

  gtk_combo_box_text_append (GTK_COMBO_BOX_TEXT (combo), id, text);
}

static void
fill_shapes (HdPresetRow *row)
{
  gsize          n;
  const HdShape *shapes = hd_shapes (&n);

  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *text = g_strdup_printf ("%d:%d", shapes[i].width, shapes[i].height);

      add_entry (row->shape, (int) i, text);
    }
  /* TRANSLATORS: a shape, as of 16:9, that is none of the list. */
  gtk_combo_box_text_append (GTK_COMBO_BOX_TEXT (row->shape), OTHER, _("Other"));
}

static void
fill_scales (HdPresetRow *row)
{
  static const char * const names[] = { NULL, "1K", "2K", "4K" };
  g_autofree char          *model = NULL;

  /* TRANSLATORS: the size of the pictures that the model was trained on; %d is a number of pixels. */
  model = g_strdup_printf (_("Model's (%d)"), row->native_size);

  gtk_combo_box_text_remove_all (GTK_COMBO_BOX_TEXT (row->scale));
  for (HdScale scale = HD_SCALE_MODEL; scale < HD_N_SCALES; scale++)
    if (hd_scale_is_offered (scale, row->native_size))
      add_entry (row->scale, scale, names[scale] ? names[scale] : model);
  gtk_combo_box_text_append (GTK_COMBO_BOX_TEXT (row->scale), OTHER, _("Other"));
}

static void
show (GtkWidget *combo,
      gboolean   found,
      int        number)
{
  g_autofree char *id = g_strdup_printf ("%d", number);

  gtk_combo_box_set_active_id (GTK_COMBO_BOX (combo), found ? id : OTHER);
}

void
hd_preset_row_set_size (HdPresetRow *row,
                        int          width,
                        int          height,
                        int          native_size)
{
  gsize    shape = 0;
  HdScale  scale = HD_SCALE_MODEL;
  gboolean found;

  row->updating = TRUE;
  row->width = width;
  row->height = height;
  if (native_size > 0 && native_size != row->native_size)
    {
      row->native_size = native_size;
      fill_scales (row);
    }
  found = hd_size_preset_find (width, height, row->native_size, &shape, &scale);
  show (row->shape, found, (int) shape);
  show (row->scale, found, (int) scale);
  row->updating = FALSE;
}

/* --- the row -------------------------------------------------------------------- */

static void
hd_preset_row_class_init (HdPresetRowClass *klass)
{
  chosen_signal = g_signal_new ("chosen", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_INT);
}

static void
hd_preset_row_init (HdPresetRow *row)
{
}

static GtkWidget *
make_combo (HdPresetRow *row,
            const char  *name,
            const char  *tooltip)
{
  GtkWidget *combo = gtk_combo_box_text_new ();

  hd_field_set_name (combo, name);
  gimp_help_set_help_data (combo, tooltip, NULL);
  g_signal_connect (combo, "changed", G_CALLBACK (choose), row);
  return combo;
}

GtkWidget *
hd_preset_row_new (GtkSizeGroup *labels)
{
  HdPresetRow *row = g_object_new (HD_TYPE_PRESET_ROW, NULL);
  GtkWidget   *label = gtk_label_new_with_mnemonic (_("_Format"));
  GtkWidget   *fields;

  row->updating = TRUE;
  row->shape = make_combo (row, _("Shape"), _("Width to height"));
  row->scale = make_combo (row, _("Scale"), _("How large: as the pictures that the model has learnt from, or with a longer "
                                              "side of 1024 (1K), 2048 (2K) or 4096 (4K) pixels"));
  fill_shapes (row);
  row->native_size = row->width = row->height = USUAL_SIZE;
  fill_scales (row);
  row->updating = FALSE;

  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  gtk_label_set_mnemonic_widget (GTK_LABEL (label), row->shape);
  fields = hd_field_row_new (label, row->shape, labels);
  gtk_box_pack_start (GTK_BOX (fields), row->scale, TRUE, TRUE, 0);
  gtk_widget_show (row->scale);
  gtk_box_pack_start (GTK_BOX (row), fields, TRUE, TRUE, 0);

  return GTK_WIDGET (row);
}
