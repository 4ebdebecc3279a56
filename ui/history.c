/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "engine/file.h"
#include "engine/json.h"
#include "ui/history.h"

#define MAX_FILE_BYTES (8 * 1024 * 1024)

/* What is longer was not typed. */
#define MAX_TEXT_BYTES (16 * 1024)

struct _HdHistory
{
  char      *path;
  GPtrArray *items;
  GPtrArray *cleared;     /* NULL: nothing to bring back */
};

/* --- items ---------------------------------------------------------------------- */

static void
item_free (gpointer data)
{
  HdHistoryItem *item = data;

  g_free (item->prompt);
  g_free (item->negative_prompt);
  g_free (item);
}

static GPtrArray *
list_new (void)
{
  return g_ptr_array_new_with_free_func (item_free);
}

static HdHistoryItem *
item_new (const char *prompt,
          const char *negative_prompt)
{
  HdHistoryItem *item = g_new0 (HdHistoryItem, 1);

  item->prompt = g_strdup (prompt);
  item->negative_prompt = g_strdup (negative_prompt);
  return item;
}

static gboolean
is_kept (const char *prompt,
         const char *negative_prompt)
{
  return prompt[strspn (prompt, " \t\r\n")] != '\0'
         && strlen (prompt) <= MAX_TEXT_BYTES && strlen (negative_prompt) <= MAX_TEXT_BYTES;
}

static gboolean
list_has (const GPtrArray *list,
          const char      *prompt,
          const char      *negative_prompt,
          guint           *index)
{
  for (guint i = 0; i < list->len; i++)
    {
      const HdHistoryItem *item = list->pdata[i];

      if (g_str_equal (item->prompt, prompt) && g_str_equal (item->negative_prompt, negative_prompt))
        {
          *index = i;
          return TRUE;
        }
    }

  return FALSE;
}

/* Behind what is there, as an older one. */
static void
list_append (GPtrArray  *list,
             const char *prompt,
             const char *negative_prompt)
{
  guint index;

  if (list->len < HD_HISTORY_MAX_ITEMS && is_kept (prompt, negative_prompt)
      && ! list_has (list, prompt, negative_prompt, &index))
    g_ptr_array_add (list, item_new (prompt, negative_prompt));
}

static void
list_prepend (GPtrArray  *list,
              const char *prompt,
              const char *negative_prompt)
{
  guint index;

  if (list_has (list, prompt, negative_prompt, &index))
    g_ptr_array_remove_index (list, index);
  g_ptr_array_insert (list, 0, item_new (prompt, negative_prompt));
  if (list->len > HD_HISTORY_MAX_ITEMS)
    g_ptr_array_set_size (list, HD_HISTORY_MAX_ITEMS);
}

gboolean
hd_history_item_matches (const HdHistoryItem *item,
                         const char          *words)
{
  g_autofree char *text = g_strjoin ("\n", item->prompt, item->negative_prompt, NULL);
  g_autofree char *folded = g_utf8_casefold (text, -1);
  g_autofree char *folded_words = g_utf8_casefold (words, -1);
  g_auto (GStrv)   list = g_strsplit_set (folded_words, " \t\n", -1);

  for (int i = 0; list[i]; i++)
    if (! strstr (folded, list[i]))
      return FALSE;

  return TRUE;
}

/* --- the file ------------------------------------------------------------------- */

static const char *
get_text (JsonObject *object,
          const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  if (! node || ! JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;

  return json_node_get_string (node);
}

static void
read_line (GPtrArray  *list,
           const char *line,
           const char *path)
{
  g_autoptr (JsonObject) object = NULL;
  const char            *prompt;
  const char            *negative_prompt;

  object = *line ? hd_json_parse (line, strlen (line), path, NULL) : NULL;
  prompt = object ? get_text (object, "prompt") : NULL;
  negative_prompt = object ? get_text (object, "negative_prompt") : NULL;
  if (prompt)
    list_append (list, prompt, negative_prompt ? negative_prompt : "");
}

/* NULL: there is something of which it is not known what it is. */
static GPtrArray *
read_file (const char  *path,
           GError     **error)
{
  g_autoptr (GPtrArray) list = list_new ();
  g_autofree char      *text = NULL;
  g_auto (GStrv)        lines = NULL;

  if (! g_file_test (path, G_FILE_TEST_EXISTS) && ! g_file_test (path, G_FILE_TEST_IS_SYMLINK))
    return g_steal_pointer (&list);

  text = hd_file_contents (path, MAX_FILE_BYTES, NULL, error);
  if (! text)
    return NULL;

  /* The latest one is the last line. */
  lines = g_strsplit (text, "\n", -1);
  for (guint i = g_strv_length (lines); i > 0; i--)
    read_line (list, lines[i - 1], path);

  return g_steal_pointer (&list);
}

static char *
format_item (const HdHistoryItem *item)
{
  g_autoptr (JsonObject) object = json_object_new ();
  g_autoptr (JsonNode)   node = json_node_init_object (json_node_alloc (), object);

  json_object_set_string_member (object, "prompt", item->prompt);
  if (*item->negative_prompt)
    json_object_set_string_member (object, "negative_prompt", item->negative_prompt);

  return json_to_string (node, FALSE);
}

/* Readable for its user alone; whole or not at all. */
static gboolean
write_file (HdHistory  *history,
            GError    **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = history->items->len; i > 0; i--)
    {
      g_autofree char *line = format_item (history->items->pdata[i - 1]);

      g_string_append (text, line);
      g_string_append_c (text, '\n');
    }

  return g_file_set_contents_full (history->path, text->str, (gssize) text->len, G_FILE_SET_CONTENTS_CONSISTENT, 0600,
                                   error);
}

/* What other dialogs have added is taken over. */
static gboolean
refresh (HdHistory  *history,
         GError    **error)
{
  GPtrArray *items = read_file (history->path, error);

  if (! items)
    return FALSE;

  g_ptr_array_unref (history->items);
  history->items = items;
  return TRUE;
}

/* --- the history ----------------------------------------------------------------- */

HdHistory *
hd_history_new (const char *path)
{
  HdHistory *history = g_new0 (HdHistory, 1);

  history->path = g_strdup (path);
  history->items = read_file (path, NULL);
  if (! history->items)
    history->items = list_new ();

  return history;
}

void
hd_history_free (HdHistory *history)
{
  g_free (history->path);
  g_ptr_array_unref (history->items);
  g_clear_pointer (&history->cleared, g_ptr_array_unref);
  g_free (history);
}

const GPtrArray *
hd_history_get (HdHistory *history)
{
  return history->items;
}

gboolean
hd_history_add (HdHistory   *history,
                const char  *prompt,
                const char  *negative_prompt,
                GError     **error)
{
  gboolean refreshed;

  if (! is_kept (prompt, negative_prompt))
    return TRUE;

  refreshed = refresh (history, error);
  list_prepend (history->items, prompt, negative_prompt);
  return refreshed && write_file (history, error);
}

gboolean
hd_history_clear (HdHistory  *history,
                  GError    **error)
{
  gboolean refreshed = refresh (history, error);

  g_clear_pointer (&history->cleared, g_ptr_array_unref);
  history->cleared = history->items;
  history->items = list_new ();
  return refreshed && write_file (history, error);
}

gboolean
hd_history_can_restore (HdHistory *history)
{
  return history->cleared && history->cleared->len > 0;
}

gboolean
hd_history_restore (HdHistory  *history,
                    GError    **error)
{
  gboolean refreshed = refresh (history, error);

  for (guint i = 0; history->cleared && i < history->cleared->len; i++)
    {
      const HdHistoryItem *item = history->cleared->pdata[i];

      list_append (history->items, item->prompt, item->negative_prompt);
    }
  g_clear_pointer (&history->cleared, g_ptr_array_unref);

  return refreshed && write_file (history, error);
}
