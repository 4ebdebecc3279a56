/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/golden/golden_networks.h"
#include "tests/golden/synth.h"

void
hd_golden_shifts_init (HdGoldenShifts     *shifts,
                       const HdGoldenCase *golden,
                       gsize               count)
{
  g_autofree char *stream = hd_golden_stream (golden, "shift");

  shifts->u = g_new (float, MAX (count, 1));
  shifts->count = count;
  hd_synth_uniform (stream, count, shifts->u);
}

void
hd_golden_shifts_clear (HdGoldenShifts *shifts)
{
  g_clear_pointer (&shifts->u, g_free);
}

int
hd_golden_shift (guint64  call,
                 gpointer user_data)
{
  HdGoldenShifts *shifts = user_data;

  /* More calls than the reference made: the answer will not match, whatever they get. */
  if (call >= shifts->count)
    return 0;

  return shifts->u[call] <= 0.25f ? 0 : shifts->u[call] <= 0.5f ? 1 : shifts->u[call] <= 0.75f ? 2 : 3;
}

gboolean
hd_golden_hidiffusion (HdGoldenCase *golden,
                       const char   *name)
{
  JsonNode *node = json_object_get_member (golden->reader.object, "hidiffusion");

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node)
         && json_object_get_boolean_member_with_default (json_node_get_object (node), name, FALSE);
}

HdFamily
hd_golden_family (HdGoldenCase *golden,
                  HdFamily      otherwise)
{
  static const char * const names[] = { "sd15", "sdxl", "sdxl_turbo", NULL };
  static const HdFamily     families[] = { HD_FAMILY_SD1, HD_FAMILY_SDXL, HD_FAMILY_SDXL_TURBO };
  JsonNode                 *node = json_object_get_member (golden->reader.object, "hidiffusion");
  const char               *profile;

  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return otherwise;

  profile = json_object_get_string_member_with_default (json_node_get_object (node), "profile", "");
  for (int i = 0; names[i] != NULL; i++)
    if (g_str_equal (names[i], profile))
      return families[i];

  hd_config_fail (&golden->reader, "hidiffusion", "a known \"profile\"");

  return otherwise;
}
