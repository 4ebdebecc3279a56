/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/lora_metadata.h"

#include <math.h>
#include <string.h>

#include "engine/json.h"
#include "engine/lora_layer.h"

#define KEY "lora_adapter_metadata"

/* Of a network: alpha for all layers, and for those of certain names. */
typedef struct
{
  gboolean    known;
  double      alpha;
  gboolean    by_root;   /* alpha / sqrt (R) (rank-stabilised, arXiv 2312.03732) */
  GHashTable *patterns;  /* name, as of hd_lora_layer_name() -> double */
} Network;

struct _HdLoraMetadata
{
  Network networks[HD_N_LORA_PARTS];
};

static const char * const network_names[HD_N_LORA_PARTS] = { "unet", "text_encoder", "text_encoder_2" };

void
hd_lora_metadata_free (HdLoraMetadata *metadata)
{
  if (metadata == NULL)
    return;

  for (int i = 0; i < HD_N_LORA_PARTS; i++)
    g_clear_pointer (&metadata->networks[i].patterns, g_hash_table_unref);
  g_free (metadata);
}

static gboolean
read_alpha (const char  *place,
            const char  *name,
            JsonNode    *node,
            double      *alpha,
            GError     **error)
{
  g_autofree char *quoted = NULL;
  g_autofree char *found = NULL;
  GType            type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;

  *alpha = type == G_TYPE_INT64 || type == G_TYPE_DOUBLE ? json_node_get_double (node) : NAN;
  if (fabs (*alpha) <= HD_LORA_MAX_ALPHA)
    return TRUE;

  quoted = hd_json_quote (name);
  found = hd_json_describe (node);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
               "%s: expected a number of at most %g as %s, found %s", place, HD_LORA_MAX_ALPHA, quoted, found);

  return FALSE;
}

static gboolean
read_patterns (Network     *network,
               HdLoraPart   part,
               const char  *place,
               JsonNode    *node,
               GError     **error)
{
  g_autoptr (GList) names = NULL;

  network->patterns = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return TRUE;

  names = json_object_get_members (json_node_get_object (node));
  for (GList *i = names; i != NULL; i = i->next)
    {
      JsonNode *member = json_object_get_member (json_node_get_object (node), i->data);
      double    alpha;

      if (!read_alpha (place, i->data, member, &alpha, error))
        return FALSE;
      g_hash_table_replace (network->patterns, hd_lora_layer_name (part, i->data),
                            g_memdup2 (&alpha, sizeof alpha));
    }

  return TRUE;
}

static gboolean
read_network (Network     *network,
              HdLoraPart   part,
              const char  *place,
              JsonObject  *object,
              GError     **error)
{
  g_autofree char *alpha_name = g_strconcat (network_names[part], ".lora_alpha", NULL);
  g_autofree char *patterns_name = g_strconcat (network_names[part], ".alpha_pattern", NULL);
  g_autofree char *root_name = g_strconcat (network_names[part], ".use_rslora", NULL);
  JsonNode        *alpha = json_object_get_member (object, alpha_name);
  JsonNode        *root = json_object_get_member (object, root_name);

  if (alpha == NULL)
    return TRUE;

  network->known = TRUE;
  network->by_root = root != NULL && JSON_NODE_HOLDS_VALUE (root) && json_node_get_boolean (root);

  return read_alpha (place, alpha_name, alpha, &network->alpha, error)
         && read_patterns (network, part, place, json_object_get_member (object, patterns_name), error);
}

gboolean
hd_lora_metadata_read (HdSafetensors   *file,
                       HdLoraMetadata **metadata,
                       GError         **error)
{
  g_autofree char           *place = g_strdup_printf ("%s: metadata \"" KEY "\"", hd_safetensors_get_path (file));
  const char                *text = hd_safetensors_get_metadata (file, KEY);
  g_autoptr (JsonObject)     object = NULL;
  g_autoptr (HdLoraMetadata) read = NULL;

  *metadata = NULL;
  if (text == NULL)
    return TRUE;

  object = hd_json_parse (text, strlen (text), place, error);
  if (object == NULL)
    return FALSE;

  read = g_new0 (HdLoraMetadata, 1);
  for (int i = 0; i < HD_N_LORA_PARTS; i++)
    if (!read_network (&read->networks[i], i, place, object, error))
      return FALSE;

  *metadata = g_steal_pointer (&read);
  return TRUE;
}

/* A pattern is a layer's name or its end, from a dot on. */
static double
find_alpha (const Network *network,
            const char    *layer)
{
  const double *alpha = g_hash_table_lookup (network->patterns, layer);

  for (const char *p = strchr (layer, '_'); alpha == NULL && p != NULL; p = strchr (p + 1, '_'))
    alpha = g_hash_table_lookup (network->patterns, p + 1);

  return alpha != NULL ? *alpha : network->alpha;
}

double
hd_lora_metadata_scale (const HdLoraMetadata *metadata,
                        const HdLoraLayer    *layer,
                        gint64                rank)
{
  const Network *network = metadata != NULL ? &metadata->networks[layer->part] : NULL;

  if (network == NULL || !network->known)
    return 1.0;

  return find_alpha (network, layer->name) / (network->by_root ? sqrt ((double) rank) : (double) rank);
}
