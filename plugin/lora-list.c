/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>
#include <string.h>

#include "plugin/lora-list.h"

static void
lora_item_free (gpointer data)
{
  HdLoraItem *item = data;

  g_free (item->name);
  g_free (item);
}

GPtrArray *
hd_lora_list_new (void)
{
  return g_ptr_array_new_with_free_func (lora_item_free);
}

void
hd_lora_list_add (GPtrArray  *list,
                  const char *name,
                  double      weight)
{
  HdLoraItem *item = g_new0 (HdLoraItem, 1);

  item->name = g_strdup (name);
  item->weight = weight;
  g_ptr_array_add (list, item);
}

static gboolean
parse_weight (const char *text,
              double     *weight)
{
  char   *end;
  double  number = g_ascii_strtod (text, &end);

  if (end == text || *end != '\0' || ! isfinite (number))
    return FALSE;

  *weight = number;
  return TRUE;
}

static void
parse_item (GPtrArray  *list,
            const char *text)
{
  g_autofree char *name = g_strstrip (g_strdup (text));
  char            *colon = strrchr (name, ':');
  double           weight = 1.0;

  if (colon && parse_weight (colon + 1, &weight))
    {
      *colon = '\0';
      g_strchomp (name);
    }

  if (*name)
    hd_lora_list_add (list, name, weight);
}

GPtrArray *
hd_lora_list_parse (const char *text)
{
  GPtrArray      *list = hd_lora_list_new ();
  g_auto (GStrv)  items = NULL;

  if (! text)
    return list;

  items = g_strsplit (text, strchr (text, '\n') ? "\n" : ",", -1);
  for (int i = 0; items[i]; i++)
    parse_item (list, items[i]);

  return list;
}

char *
hd_lora_list_format (const GPtrArray *list)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < list->len; i++)
    {
      const HdLoraItem *item = list->pdata[i];
      char              number[G_ASCII_DTOSTR_BUF_SIZE];

      /* Ends every line, so that a name with commas is one even where it is alone. */
      g_string_append_printf (text, "%s:%s\n", item->name,
                              g_ascii_formatd (number, sizeof number, "%.6g", item->weight));
    }

  return g_string_free (text, FALSE);
}
