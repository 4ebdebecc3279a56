/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/lora.h"

#include <math.h>
#include <string.h>

#include "engine/json.h"
#include "engine/lora_family.h"
#include "engine/lora_layer.h"
#include "kernels/i18n.h"

struct _HdLora
{
  gatomicrefcount  ref_count;
  HdSafetensors   *file;
  GPtrArray       *layers;    /* of HdLoraLayer */
  GHashTable      *by_name;   /* HdLoraLayer (key by part and name) -> itself */
  GPtrArray       *foreign;   /* of names */
  HdLoraFamily     family;
};

/* --- layers -------------------------------------------------------------------- */

static guint
layer_hash (gconstpointer key)
{
  const HdLoraLayer *layer = key;

  return g_str_hash (layer->name) * HD_N_LORA_PARTS + layer->part;
}

static gboolean
layer_equal (gconstpointer a,
             gconstpointer b)
{
  const HdLoraLayer *first = a;
  const HdLoraLayer *second = b;

  return first->part == second->part && g_str_equal (first->name, second->name);
}

static void
layer_free (gpointer data)
{
  HdLoraLayer *layer = data;

  g_free (layer->name);
  g_free (layer);
}

const HdLoraLayer *
hd_lora_find_layer (HdLora     *lora,
                    HdLoraPart  part,
                    const char *name)
{
  HdLoraLayer key = { .part = part, .name = (char *) name };

  return g_hash_table_lookup (lora->by_name, &key);
}

const char *
hd_lora_layer_tensor (const HdLoraLayer *layer)
{
  for (int i = 0; i < HD_N_LORA_ROLES; i++)
    if (layer->tensors[i] != NULL)
      return layer->tensors[i]->name;

  g_return_val_if_reached ("");
}

/* --- the file's tensors -------------------------------------------------------- */

static HdLoraLayer *
provide_layer (HdLora           *lora,
               const HdLoraName *name)
{
  HdLoraLayer *layer = (HdLoraLayer *) hd_lora_find_layer (lora, name->part, name->layer);

  if (layer != NULL)
    return layer;

  layer = g_new0 (HdLoraLayer, 1);
  layer->part = name->part;
  layer->name = g_strdup (name->layer);
  g_ptr_array_add (lora->layers, layer);
  g_hash_table_add (lora->by_name, layer);

  return layer;
}

static gboolean
sort_tensor (HdLora                    *lora,
             const HdSafetensorsEntry  *entry,
             GError                   **error)
{
  g_autofree char *quoted = hd_json_quote (entry->name);
  HdLoraName       name = { 0 };
  const char      *unsupported;
  HdLoraLayer     *layer;

  switch (hd_lora_name_parse (entry->name, &name, &unsupported))
    {
    case HD_LORA_NAME_FOREIGN:
      g_ptr_array_add (lora->foreign, g_strdup (entry->name));
      return TRUE;

    case HD_LORA_NAME_UNSUPPORTED:
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                   "%s: tensor %s: expected a LoRA, LoHa or LoKr, found the kind %s, which cannot be used here",
                   hd_lora_get_path (lora), quoted, unsupported);
      return FALSE;

    case HD_LORA_NAME_KNOWN:
      break;
    }

  layer = provide_layer (lora, &name);
  g_clear_pointer (&name.layer, g_free);
  if (layer->tensors[name.role] != NULL)
    {
      g_autofree char *other = hd_json_quote (layer->tensors[name.role]->name);

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: tensor %s: expected once, found the same as %s", hd_lora_get_path (lora), quoted, other);
      return FALSE;
    }
  layer->tensors[name.role] = entry;

  return TRUE;
}

/* A file of something else. */
static gboolean
fail_foreign (HdLora  *lora,
              GError **error)
{
  const char      *family = hd_lora_family_name (lora);
  g_autofree char *first = lora->foreign->len > 0 ? hd_json_quote (g_ptr_array_index (lora->foreign, 0)) : NULL;
  g_autofree char *found = NULL;

  if (family != NULL)
    found = g_strdup_printf (_("one for %s"), family);
  else if (first != NULL)
    found = g_strdup_printf (_("%u tensors as %s"), lora->foreign->len, first);

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
               _("%s: expected a LoRA for Stable Diffusion, with tensors as "
                 "\"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight\", found %s"),
               hd_lora_get_path (lora), found != NULL ? found : _("none"));

  return FALSE;
}

static gboolean
read_layers (HdLora  *lora,
             GError **error)
{
  g_autoptr (HdLoraMetadata) metadata = NULL;
  const HdSafetensorsEntry  *entries;
  guint                      n;

  entries = hd_safetensors_get_entries (lora->file, &n);
  for (guint i = 0; i < n; i++)
    if (!sort_tensor (lora, &entries[i], error))
      return FALSE;

  lora->family = hd_lora_family_detect (lora);
  if (lora->layers->len == 0 || hd_lora_family_is_foreign (lora->family))
    return fail_foreign (lora, error);
  if (!hd_lora_metadata_read (lora->file, &metadata, error))
    return FALSE;

  for (guint i = 0; i < lora->layers->len; i++)
    if (!hd_lora_layer_check (g_ptr_array_index (lora->layers, i), lora->file, metadata, error))
      return FALSE;

  return TRUE;
}

/* --- HdLora -------------------------------------------------------------------- */

HdLora *
hd_lora_open (const char  *path,
              GError     **error)
{
  g_autoptr (HdLora) lora = NULL;
  HdSafetensors     *file = hd_safetensors_open (path, error);

  if (file == NULL)
    return NULL;

  lora = g_new0 (HdLora, 1);
  g_atomic_ref_count_init (&lora->ref_count);
  lora->file = file;
  lora->layers = g_ptr_array_new_with_free_func (layer_free);
  lora->by_name = g_hash_table_new (layer_hash, layer_equal);
  lora->foreign = g_ptr_array_new_with_free_func (g_free);

  return read_layers (lora, error) ? g_steal_pointer (&lora) : NULL;
}

HdLora *
hd_lora_ref (HdLora *lora)
{
  g_atomic_ref_count_inc (&lora->ref_count);

  return lora;
}

void
hd_lora_unref (HdLora *lora)
{
  if (lora == NULL || !g_atomic_ref_count_dec (&lora->ref_count))
    return;

  g_hash_table_unref (lora->by_name);
  g_ptr_array_unref (lora->layers);
  g_ptr_array_unref (lora->foreign);
  hd_safetensors_unref (lora->file);
  g_free (lora);
}

const char *
hd_lora_get_path (HdLora *lora)
{
  return hd_safetensors_get_path (lora->file);
}

HdSafetensors *
hd_lora_get_file (HdLora *lora)
{
  return lora->file;
}

GPtrArray *
hd_lora_get_layers (HdLora *lora)
{
  return lora->layers;
}

GPtrArray *
hd_lora_get_foreign (HdLora *lora)
{
  return lora->foreign;
}

gboolean
hd_lora_get_family (HdLora   *lora,
                    HdFamily *family)
{
  switch (lora->family)
    {
    case HD_LORA_FAMILY_SD1:
      *family = HD_FAMILY_SD1;
      return TRUE;
    case HD_LORA_FAMILY_SD2:
      *family = HD_FAMILY_SD2;
      return TRUE;
    case HD_LORA_FAMILY_SDXL:
      *family = HD_FAMILY_SDXL;
      return TRUE;
    default:
      return FALSE;
    }
}

const char *
hd_lora_family_name (HdLora *lora)
{
  return hd_lora_family_to_name (lora->family);
}
