/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "plugin/take-found.h"
#include "ui/drop-target.h"
#include "ui/file-taker.h"

struct _HdFileTaker
{
  GObject                *config;
  HdCatalog              *catalog;
  const HdFileTakerFuncs *funcs;
  gpointer                data;
  GCancellable           *cancellable;   /* of what is under way */
  GPtrArray              *taken;         /* (element-type HdFound): called by paths so far */
};

static void
add_line (GString    *text,
          const char *line)
{
  if (text->len > 0)
    g_string_append_c (text, '\n');
  g_string_append (text, line);
}

/* Whether it went well; *@message: what there is to say. */
static gboolean
take_one (HdFileTaker  *taker,
          HdFound      *found,
          char        **message)
{
  g_autoptr (GError) error = NULL;
  gboolean           taken;

  if (found->error)
    {
      *message = g_strdup (found->error->message);
      return FALSE;
    }

  if (found->kind == HD_FOUND_PICTURE)
    taken = taker->funcs->read_picture (found->path, taker->data, message, &error);
  else
    taken = hd_take_found (found, taker->config, taker->catalog, message, &error);
  if (! taken)
    *message = g_strdup (error->message);

  return taken;
}

static void
take_all (HdFileTaker *taker,
          GPtrArray   *all)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean            well = TRUE;

  for (guint i = 0; i < all->len; i++)
    {
      g_autofree char *message = NULL;

      well = take_one (taker, all->pdata[i], &message) && well;
      if (message)
        add_line (text, message);
    }

  g_clear_pointer (&taker->taken, g_ptr_array_unref);
  taker->taken = g_ptr_array_ref (all);
  if (! hd_catalog_is_loaded (taker->catalog))
    taker->funcs->reload (taker->data);
  if (text->len > 0)
    taker->funcs->tell (well ? GTK_MESSAGE_INFO : GTK_MESSAGE_ERROR, text->str, taker->data);
}

static void
on_recognised (GObject      *source,
               GAsyncResult *result,
               gpointer      data)
{
  g_autoptr (GPtrArray) all = hd_recognise_finish (result);
  HdFileTaker          *taker = data;

  /* Cancelled: the dialog may be gone. */
  if (! all)
    return;

  g_clear_object (&taker->cancellable);
  if (taker->funcs->may_take (taker->data))
    take_all (taker, all);
}

static gboolean
may_take (gpointer data)
{
  HdFileTaker *taker = data;

  return ! taker->cancellable && taker->funcs->may_take (taker->data);
}

static void
take (const char * const *paths,
      gpointer            data)
{
  HdFileTaker *taker = data;

  taker->cancellable = g_cancellable_new ();
  hd_recognise_async (paths, taker->cancellable, on_recognised, taker);
}

static void
refuse (const char *uri,
        gpointer    data)
{
  HdFileTaker     *taker = data;
  /* TRANSLATORS: %s is an address, as that of a web page. */
  g_autofree char *text = g_strdup_printf (_("'%s' is not on this computer: save it first, then drop the file."), uri);

  taker->funcs->tell (GTK_MESSAGE_ERROR, text, taker->data);
}

static const HdDropFuncs drop_funcs = { .may_take = may_take, .take = take, .refuse = refuse };

HdFileTaker *
hd_file_taker_new (GtkWidget              *window,
                   GObject                *config,
                   HdCatalog              *catalog,
                   const HdFileTakerFuncs *funcs,
                   gpointer                data)
{
  HdFileTaker *taker = g_new0 (HdFileTaker, 1);

  taker->config = g_object_ref (config);
  taker->catalog = catalog;
  taker->funcs = funcs;
  taker->data = data;
  hd_drop_target_add (window, &drop_funcs, taker);

  return taker;
}

void
hd_file_taker_free (HdFileTaker *taker)
{
  if (taker->cancellable)
    g_cancellable_cancel (taker->cancellable);
  g_clear_object (&taker->cancellable);
  g_clear_pointer (&taker->taken, g_ptr_array_unref);
  g_object_unref (taker->config);
  g_free (taker);
}

void
hd_file_taker_take (HdFileTaker        *taker,
                    const char * const *uris)
{
  if (may_take (taker))
    hd_drop_target_take (uris, &drop_funcs, taker);
}

void
hd_file_taker_named (HdFileTaker *taker)
{
  g_autoptr (GPtrArray) taken = g_steal_pointer (&taker->taken);

  for (guint i = 0; taken && i < taken->len; i++)
    hd_take_found_name (taken->pdata[i], taker->config, taker->catalog);
}
