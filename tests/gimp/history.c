/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <glib/gstdio.h>

#include "ui/history.h"

static char *path;

/* All prompts, the latest first, with their negative prompts behind a bar. */
static char *
list_items (HdHistory *history)
{
  const GPtrArray *items = hd_history_get (history);
  GString         *text = g_string_new (NULL);

  for (guint i = 0; i < items->len; i++)
    {
      const HdHistoryItem *item = items->pdata[i];

      g_string_append_printf (text, "%s%s%s%s", i > 0 ? "; " : "", item->prompt, *item->negative_prompt ? "|" : "",
                              item->negative_prompt);
    }

  return g_string_free (text, FALSE);
}

static void
check (HdHistory  *history,
       const char *expected)
{
  g_autofree char *found = list_items (history);

  g_assert_cmpstr (found, ==, expected);
}

/* What the next session finds. */
static void
check_kept (const char *expected)
{
  g_autoptr (HdHistory) history = hd_history_new (path);

  check (history, expected);
}

static void
add (HdHistory  *history,
     const char *prompt,
     const char *negative_prompt)
{
  GError *error = NULL;

  hd_history_add (history, prompt, negative_prompt, &error);
  g_assert_no_error (error);
}

static void
test_add (void)
{
  g_autoptr (HdHistory) history = hd_history_new (path);
  GStatBuf              status;

  check (history, "");
  add (history, "a fox", "");
  add (history, "a \"wolf\"\nat night \xf0\x9f\x8c\x99", "blurry");
  add (history, " \n", "nothing");
  check (history, "a \"wolf\"\nat night \xf0\x9f\x8c\x99|blurry; a fox");
  check_kept ("a \"wolf\"\nat night \xf0\x9f\x8c\x99|blurry; a fox");

  /* The same once more moves to the top; with another negative prompt it is another one. */
  add (history, "a fox", "");
  add (history, "a fox", "blurry");
  check_kept ("a fox|blurry; a fox; a \"wolf\"\nat night \xf0\x9f\x8c\x99|blurry");

  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0777, ==, 0600);
  g_unlink (path);
}

static void
test_two_dialogs (void)
{
  g_autoptr (HdHistory) one = hd_history_new (path);
  g_autoptr (HdHistory) other = hd_history_new (path);

  add (one, "a", "");
  add (other, "b", "");
  add (one, "c", "");
  check (one, "c; b; a");
  check_kept ("c; b; a");
  g_unlink (path);
}

static void
test_limits (void)
{
  g_autoptr (HdHistory) history = NULL;
  g_autoptr (GString)   text = g_string_new (NULL);
  g_autofree char      *long_prompt = g_strnfill (20 * 1024, 'x');

  for (int i = 0; i < HD_HISTORY_MAX_ITEMS + 50; i++)
    g_string_append_printf (text, "{\"prompt\": \"prompt %d\"}\n", i);
  g_assert_true (g_file_set_contents (path, text->str, -1, NULL));

  history = hd_history_new (path);
  g_assert_cmpuint (hd_history_get (history)->len, ==, HD_HISTORY_MAX_ITEMS);
  g_assert_cmpstr (((HdHistoryItem *) hd_history_get (history)->pdata[0])->prompt, ==, "prompt 549");
  add (history, "one more", "");
  add (history, long_prompt, "");
  g_assert_cmpuint (hd_history_get (history)->len, ==, HD_HISTORY_MAX_ITEMS);
  g_assert_cmpstr (((HdHistoryItem *) hd_history_get (history)->pdata[0])->prompt, ==, "one more");
  g_unlink (path);
}

static void
test_damaged_lines (void)
{
  static const char text[] =
    "{\"prompt\": \"a\"}\n"
    "nonsense\n"
    "\n"
    "[\"b\"]\n"
    "{\"prompt\": 5}\n"
    "{\"prompt\": \"\xff\"}\n"
    "{\"prompt\": \"c\", \"negative_prompt\": []}\n"
    "{\"prompt\": \"   \"}\n"
    "{\"prompt\": \"d\", \"later\": {\"x\": 1}}\n"
    "{\"prompt\": \"torn";

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  check_kept ("d; c; a");
  g_unlink (path);
}

/* What is no history is not written over; the session has one all the same. */
static void
test_strange_files (void)
{
  g_autoptr (HdHistory) history = NULL;
  g_autoptr (GError)    error = NULL;

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  history = hd_history_new (path);
  g_assert_false (hd_history_add (history, "a", "", &error));
  g_assert_nonnull (strstr (error->message, path));
  check (history, "a");
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_DIR));
  g_rmdir (path);
}

static void
test_clear (void)
{
  g_autoptr (HdHistory) history = hd_history_new (path);

  add (history, "a", "");
  add (history, "b", "");
  g_assert_false (hd_history_can_restore (history));
  g_assert_true (hd_history_clear (history, NULL));
  check_kept ("");
  g_assert_true (hd_history_can_restore (history));
  add (history, "c", "");
  add (history, "a", "");
  g_assert_true (hd_history_restore (history, NULL));
  check_kept ("a; c; b");
  g_assert_false (hd_history_can_restore (history));
  g_unlink (path);
}

static void
test_search (void)
{
  const HdHistoryItem item = { (char *) "A red FOX, Größe", (char *) "blurry" };

  g_assert_true (hd_history_item_matches (&item, ""));
  g_assert_true (hd_history_item_matches (&item, "  fox  red "));
  g_assert_true (hd_history_item_matches (&item, "GRÖSSE"));
  g_assert_true (hd_history_item_matches (&item, "blur fox"));
  g_assert_false (hd_history_item_matches (&item, "fox blue"));
}

int
main (int    argc,
      char **argv)
{
  g_autofree char *folder = NULL;
  int              status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("hd-history-XXXXXX", NULL);
  path = g_build_filename (folder, "history.jsonl", NULL);

  g_test_add_func ("/history/add", test_add);
  g_test_add_func ("/history/two-dialogs", test_two_dialogs);
  g_test_add_func ("/history/limits", test_limits);
  g_test_add_func ("/history/damaged-lines", test_damaged_lines);
  g_test_add_func ("/history/strange-files", test_strange_files);
  g_test_add_func ("/history/clear", test_clear);
  g_test_add_func ("/history/search", test_search);

  status = g_test_run ();
  g_rmdir (folder);
  g_free (path);

  return status;
}
