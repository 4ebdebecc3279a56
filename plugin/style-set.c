/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>
#include <libgimp/gimp.h>

#include "engine/data_file.h"
#include "plugin/style-set.h"

#define USER_FILE      "hidiffusion-styles.json"
#define INSTALLED_FILE "styles/styles.json"

struct _HdStyleSet
{
  char      *path;
  GPtrArray *user;      /* as far as the file could be read last */
  GPtrArray *all;       /* NULL: not read yet; the styles are the other lists' */
  GPtrArray *installed;
  GError    *error;
};

HdStyleSet *
hd_style_set_new (void)
{
  HdStyleSet *set = g_new0 (HdStyleSet, 1);

  set->path = g_build_filename (gimp_directory (), USER_FILE, NULL);
  set->user = hd_styles_new ();
  return set;
}

void
hd_style_set_free (HdStyleSet *set)
{
  g_clear_pointer (&set->all, g_ptr_array_unref);
  g_clear_pointer (&set->installed, g_ptr_array_unref);
  g_ptr_array_unref (set->user);
  g_clear_error (&set->error);
  g_free (set->path);
  g_free (set);
}

const char *
hd_style_set_get_path (HdStyleSet *set)
{
  return set->path;
}

/* --- reading -------------------------------------------------------------------- */

/* An installation without them is still one. */
static GPtrArray *
read_installed (void)
{
  g_autofree char *path = hd_data_file_find (INSTALLED_FILE, NULL);
  GPtrArray       *styles = path ? hd_styles_read (path, NULL) : NULL;

  if (! styles)
    return hd_styles_new ();

  for (guint i = 0; i < styles->len; i++)
    ((HdStyle *) styles->pdata[i])->installed = TRUE;
  return styles;
}

void
hd_style_set_reload (HdStyleSet *set)
{
  GPtrArray *user;

  g_clear_pointer (&set->all, g_ptr_array_unref);
  g_clear_error (&set->error);

  user = hd_styles_read (set->path, &set->error);
  if (user)
    {
      g_ptr_array_unref (set->user);
      set->user = user;
    }
  if (! set->installed)
    set->installed = read_installed ();

  set->all = g_ptr_array_new ();
  g_ptr_array_extend (set->all, set->user, NULL, NULL);
  for (guint i = 0; i < set->installed->len; i++)
    {
      HdStyle *style = set->installed->pdata[i];

      if (! hd_styles_find (set->user, style->name))
        g_ptr_array_add (set->all, style);
    }
}

const GPtrArray *
hd_style_set_list (HdStyleSet *set)
{
  if (! set->all)
    hd_style_set_reload (set);

  return set->all;
}

const GError *
hd_style_set_get_error (HdStyleSet *set)
{
  hd_style_set_list (set);
  return set->error;
}

gboolean
hd_style_set_apply (HdStyleSet  *set,
                    const char  *names,
                    HdRequest   *request,
                    GError     **error)
{
  if (! names || ! *names)
    return TRUE;
  if (hd_styles_apply (hd_style_set_list (set), names, request, error))
    return TRUE;

  if (set->error)
    {
      g_clear_error (error);
      g_propagate_error (error, g_error_copy (set->error));
    }
  return FALSE;
}

/* --- writing -------------------------------------------------------------------- */

gboolean
hd_style_set_save (HdStyleSet     *set,
                   const HdStyle  *style,
                   GError        **error)
{
  if (! hd_styles_write (set->path, style, error))
    return FALSE;

  hd_style_set_reload (set);
  return TRUE;
}

gboolean
hd_style_set_make_file (HdStyleSet  *set,
                        GError     **error)
{
  g_autoptr (HdStyle) example = NULL;

  if (g_file_test (set->path, G_FILE_TEST_EXISTS))
    return TRUE;

  /* Something of everything that can be in it. */
  example = hd_style_new (_("My style"));
  hd_request_set (&example->description, _("An example: change it, copy it, or take it away"));
  /* TRANSLATORS: an example of a prompt, which models read: leave it in English. */
  hd_request_set (&example->prompt, _("{prompt}, soft colours, morning light"));
  /* TRANSLATORS: likewise. */
  hd_request_set (&example->negative_prompt, _("text, watermark"));
  example->settings->steps = 30;
  example->settings->guidance_scale = 6.5;
  return hd_style_set_save (set, example, error);
}
