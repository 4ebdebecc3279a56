/* SPDX-License-Identifier: Apache-2.0 */

#include "plugin/lora-list.h"

static void
check (const char *text,
       const char *expected)
{
  g_autoptr (GPtrArray) list = hd_lora_list_parse (text);
  g_autofree char      *found = hd_lora_list_format (list);
  g_autoptr (GPtrArray) again = NULL;
  g_autofree char      *found_again = NULL;

  g_assert_cmpstr (found, ==, expected);

  /* What is written is read as the same. */
  again = hd_lora_list_parse (found);
  found_again = hd_lora_list_format (again);
  g_assert_cmpstr (found_again, ==, expected);
}

static void
test_texts (void)
{
  check (NULL, "");
  check ("", "");
  check (" , ,\t", "");
  check ("ink", "ink:1\n");
  check ("ink:0.8, faces", "ink:0.8\nfaces:1\n");
  check ("ink : 0.8\nfaces:-2", "ink:0.8\nfaces:-2\n");
  check ("/models/a,b.safetensors:0.5\n", "/models/a,b.safetensors:0.5\n");
  check ("folder/ink:1.5", "folder/ink:1.5\n");
}

/* What follows a colon and is no number belongs to the name. */
static void
test_colons (void)
{
  check ("ink:", "ink::1\n");
  check ("ink:v2", "ink:v2:1\n");
  check ("ink:v2:0.3", "ink:v2:0.3\n");
  check ("ink:nan", "ink:nan:1\n");
  check ("ink:inf", "ink:inf:1\n");
  check ("ink:1e400", "ink:1e400:1\n");
  check (":0.5", "");
}

static void
test_weights (void)
{
  g_autoptr (GPtrArray)  list = hd_lora_list_parse ("a:0.25,b");
  const HdLoraItem      *first = list->pdata[0];
  const HdLoraItem      *second = list->pdata[1];

  g_assert_cmpuint (list->len, ==, 2);
  g_assert_cmpstr (first->name, ==, "a");
  g_assert_cmpfloat (first->weight, ==, 0.25);
  g_assert_cmpstr (second->name, ==, "b");
  g_assert_cmpfloat (second->weight, ==, 1.0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/lora-list/texts", test_texts);
  g_test_add_func ("/lora-list/colons", test_colons);
  g_test_add_func ("/lora-list/weights", test_weights);

  return g_test_run ();
}
