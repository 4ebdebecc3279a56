/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "tests/golden/golden_run.h"

#define MAX_WEIGHT 16.0

/* Name and weight of the case's LoRA: {"name": ..., "weight": ...}. */
static gboolean
read_lora (HdGoldenCase  *golden,
           const char   **name,
           double        *weight,
           GError       **error)
{
  JsonNode   *node = json_object_get_member (golden->reader.object, "lora");
  JsonObject *lora = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

  *name = lora != NULL ? json_object_get_string_member_with_default (lora, "name", NULL) : NULL;
  *weight = lora != NULL ? json_object_get_double_member_with_default (lora, "weight", NAN) : NAN;
  if (*name != NULL && fabs (*weight) <= MAX_WEIGHT)
    return TRUE;

  hd_config_fail (&golden->reader, "lora", "an object with \"name\" and \"weight\"");
  g_propagate_error (error, g_steal_pointer (&golden->reader.error));

  return FALSE;
}

gboolean
hd_golden_patch (HdGoldenCase  *golden,
                 const char    *model,
                 HdWeights     *weights,
                 HdLoraPart     part,
                 GError       **error)
{
  g_autoptr (HdWeightPatches) patches = NULL;
  g_autoptr (HdLora)          lora = NULL;
  g_autofree char            *folder = NULL;
  g_autofree char            *file = NULL;
  g_autofree char            *path = NULL;
  const char                 *name;
  double                      weight;

  if (!hd_config_has (&golden->reader, "lora"))
    return TRUE;
  if (!read_lora (golden, &name, &weight, error))
    return FALSE;

  folder = hd_golden_make_addition (golden, "lora", name, model, error);
  if (folder == NULL)
    return FALSE;

  file = g_strconcat (name, ".safetensors", NULL);
  path = g_build_filename (folder, file, NULL);
  lora = hd_lora_open (path, error);
  if (lora == NULL)
    return FALSE;

  patches = hd_weight_patches_new (0);
  hd_weight_patches_add_lora (patches, lora, weight, weight);
  hd_weights_set_patches (weights, patches, part);

  return TRUE;
}
