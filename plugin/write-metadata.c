/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "engine/infotext.h"
#include "plugin/error.h"
#include "plugin/write-metadata.h"

#define COMMENT_PARASITE "gimp-comment"
#define COMMENT_TAG      "Exif.Photo.UserComment"

#define PARASITE_FLAGS (GIMP_PARASITE_PERSISTENT | GIMP_PARASITE_UNDOABLE)

/* Whose comment there is. */
typedef enum
{
  OWNER_NOBODY,
  OWNER_US,       /* or GIMP: it may be replaced */
  OWNER_OTHERS,
} Owner;

const char * const *
hd_metadata_names (void)
{
  static const char * const names[] = { "none", "exif", "comment", NULL };

  return names;
}

gboolean
hd_metadata_find (const char  *name,
                  HdMetadata  *metadata,
                  GError     **error)
{
  const char * const *names = hd_metadata_names ();

  for (int i = 0; names[i]; i++)
    if (g_str_equal (names[i], name))
      {
        *metadata = i;
        return TRUE;
      }

  /* TRANSLATORS: "metadata" is the name of an argument. %s is what was given. */
  g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
               _("metadata: expected none, exif or comment, found '%s'."), name);
  return FALSE;
}

static gboolean
is_blank (const char *text)
{
  return text[strspn (text, " \t\r\n")] == '\0';
}

/* --- the image's comment --------------------------------------------------------- */

static Owner
find_comment_owner (GimpImage *image)
{
  GimpParasite    *parasite = gimp_image_get_parasite (image, COMMENT_PARASITE);
  g_autofree char *standard = gimp_get_default_comment ();
  g_autofree char *text = NULL;
  gconstpointer    data;
  guint32          size;

  if (! parasite)
    return OWNER_NOBODY;

  data = gimp_parasite_get_data (parasite, &size);
  text = g_strndup (data, size);
  gimp_parasite_free (parasite);

  /* NULL: a parasite may hold nothing at all. */
  if (! text || is_blank (text))
    return OWNER_NOBODY;
  return hd_infotext_is_ours (text) || g_strcmp0 (text, standard) == 0 ? OWNER_US : OWNER_OTHERS;
}

/* With the final NUL, as GIMP has it. */
static void
set_comment (GimpImage  *image,
             const char *text)
{
  GimpParasite *parasite = gimp_parasite_new (COMMENT_PARASITE, PARASITE_FLAGS, strlen (text) + 1, text);

  gimp_image_attach_parasite (image, parasite);
  gimp_parasite_free (parasite);
}

/* GIMP's own cannot be brought back by undoing unless it has been replaced by one that can. */
static void
remove_comment (GimpImage *image)
{
  set_comment (image, "");
  gimp_image_detach_parasite (image, COMMENT_PARASITE);
}

/* --- Exif ------------------------------------------------------------------------ */

static Owner
find_exif_owner (GExiv2Metadata *metadata)
{
  g_autofree char *text = gexiv2_metadata_try_get_tag_interpreted_string (metadata, COMMENT_TAG, NULL);

  if (! text || is_blank (text))
    return OWNER_NOBODY;
  return hd_infotext_is_ours (text) ? OWNER_US : OWNER_OTHERS;
}

/* Pure ASCII is told to be that, which every reader understands. Exiv2 would write other text as UTF-16 in an order of bytes
 * that most readers do not expect; as UTF-8 they find it. */
static gboolean
set_exif (GExiv2Metadata *metadata,
          const char     *text)
{
  g_autofree char *value = g_strconcat (g_str_is_ascii (text) ? "charset=Ascii " : "", text, NULL);

  return gexiv2_metadata_try_set_tag_string (metadata, COMMENT_TAG, value, NULL);
}

static Owner
write_exif (GimpImage  *image,
            const char *text)
{
  GimpMetadata *metadata = gimp_image_get_metadata (image);
  Owner         owner;

  if (! metadata)
    metadata = gimp_metadata_new ();

  owner = find_exif_owner (GEXIV2_METADATA (metadata));
  if (owner != OWNER_OTHERS && set_exif (GEXIV2_METADATA (metadata), text))
    gimp_image_set_metadata (image, metadata);
  g_object_unref (metadata);

  return owner;
}

/* --- both ------------------------------------------------------------------------ */

char *
hd_write_metadata (GimpImage       *image,
                   HdMetadata       metadata,
                   const HdRequest *request)
{
  g_autofree char *text = NULL;
  Owner            comment;
  Owner            exif;

  if (metadata == HD_METADATA_NONE)
    return NULL;

  text = hd_infotext_write (request);
  comment = find_comment_owner (image);
  exif = write_exif (image, text);
  if (metadata == HD_METADATA_COMMENT && comment != OWNER_OTHERS)
    set_comment (image, text);
  else if (comment == OWNER_US)
    remove_comment (image);

  if (comment == OWNER_OTHERS)
    return g_strdup (_("The image has a comment of its own, which stays, and which GIMP exports in place of the settings. It can "
                       "be deleted in Image > Image Properties."));
  if (exif == OWNER_OTHERS)
    return g_strdup (_("The image's Exif data have a comment of their own, which stays: the settings are not written there."));

  return NULL;
}
