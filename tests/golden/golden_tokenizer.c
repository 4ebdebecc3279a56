/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/tokenizer.h"
#include "tests/golden/golden_run.h"

/* The member @name of the case: a list of @length elements (0: of any length). */
static JsonArray *
get_list (HdGoldenCase *golden,
          const char   *name,
          guint         length)
{
  JsonNode  *node = json_object_get_member (golden->reader.object, name);
  JsonArray *list = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  if (list == NULL || (length > 0 && json_array_get_length (list) != length))
    {
      hd_config_fail (&golden->reader, name, "a list, one element a prompt");
      return NULL;
    }

  return list;
}

static gboolean
same_ids (JsonArray    *expected,
          const gint32 *ids)
{
  if (json_array_get_length (expected) != HD_TOKENIZER_LENGTH)
    return FALSE;

  for (guint i = 0; i < HD_TOKENIZER_LENGTH; i++)
    if (json_array_get_int_element (expected, i) != ids[i])
      return FALSE;

  return TRUE;
}

static gboolean
compare_prompts (HdGoldenCase *golden,
                 HdTokenizer  *tokenizer,
                 gboolean     *same)
{
  JsonArray *prompts = get_list (golden, "prompts", 0);
  guint      n = prompts != NULL ? json_array_get_length (prompts) : 0;
  JsonArray *all_ids = n > 0 ? get_list (golden, "ids", n) : NULL;
  JsonArray *lengths = n > 0 ? get_list (golden, "untruncated_length", n) : NULL;

  if (all_ids == NULL || lengths == NULL)
    return FALSE;

  *same = TRUE;
  for (guint i = 0; i < n; i++)
    {
      gint32 ids[HD_TOKENIZER_LENGTH];
      gint64 length = hd_tokenizer_encode (tokenizer, json_array_get_string_element (prompts, i), ids);

      if (length != json_array_get_int_element (lengths, i)
          || !same_ids (json_array_get_array_element (all_ids, i), ids))
        {
          g_printerr ("%s: prompt %u differs: %s\n", golden->name, i, json_array_get_string_element (prompts, i));
          *same = FALSE;
        }
    }

  return TRUE;
}

gboolean
hd_golden_tokenizer (HdGoldenCase         *golden,
                     const HdGoldenSetup  *setup,
                     GError              **error)
{
  g_autofree char         *pad = hd_config_string (&golden->reader, "pad", NULL);
  g_autofree char         *folder = hd_golden_make_tokenizer (setup, pad, error);
  g_autoptr (HdTokenizer)  tokenizer = folder != NULL ? hd_tokenizer_new (folder, error) : NULL;
  gboolean                 same;

  if (tokenizer == NULL)
    return FALSE;

  if (!compare_prompts (golden, tokenizer, &same))
    {
      g_propagate_error (error, g_steal_pointer (&golden->reader.error));
      return FALSE;
    }
  golden->error = same ? 0.0 : 1.0;

  return TRUE;
}
