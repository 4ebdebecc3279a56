/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <glib/gstdio.h>

#include "engine/error.h"
#include "plugin/styles.h"
#include "ui/style-names.h"

static char *path;

static void
write_file (const char *text)
{
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static GPtrArray *
read_text (const char *text)
{
  GError    *error = NULL;
  GPtrArray *styles;

  write_file (text);
  styles = hd_styles_read (path, &error);
  g_assert_no_error (error);
  return styles;
}

/* --- prompts -------------------------------------------------------------------- */

static void
check_expanded (const char *piece,
                const char *text,
                const char *expected)
{
  g_autofree char *found = hd_style_expand (piece, text);

  g_assert_cmpstr (found, ==, expected);
}

static void
test_expand (void)
{
  check_expanded ("", "a fox", "a fox");
  check_expanded (" \n", "a fox", "a fox");
  check_expanded ("in ink", "a fox", "a fox, in ink");
  check_expanded ("in ink", "", "in ink");
  check_expanded ("ink of {prompt}, paper", "a fox", "ink of a fox, paper");
  check_expanded ("{prompt}", "", "");
  check_expanded ("{prompt} and {prompt}", "a {prompt}", "a {prompt} and a {prompt}");
  check_expanded ("{Prompt}", "a", "a, {Prompt}");
}

static void
check_names (const char *names,
             const char *expected)
{
  g_auto (GStrv)   list = hd_style_names_split (names);
  g_autofree char *found = g_strjoinv ("|", list);

  g_assert_cmpstr (found, ==, expected);
}

static void
test_names (void)
{
  check_names (NULL, "");
  check_names ("", "");
  check_names (" , \n,", "");
  check_names ("Ink, Oil painting\nTintenstrich", "Ink|Oil painting|Tintenstrich");
  g_assert_true (hd_style_check_name ("Öl auf Leinwand"));
  g_assert_false (hd_style_check_name (""));
  g_assert_false (hd_style_check_name (" Ink"));
  g_assert_false (hd_style_check_name ("Ink "));
  g_assert_false (hd_style_check_name ("Ink, Oil"));
  g_assert_false (hd_style_check_name ("Ink\nOil"));
}

/* --- applying ------------------------------------------------------------------- */

#define SOME_STYLES                                                                                   \
  "{\"version\": 1, \"styles\": [\n"                                                                  \
  "  {\"name\": \"Ink\", \"prompt\": \"ink of {prompt}\", \"negative_prompt\": \"colour\",\n"          \
  "   \"steps\": 12, \"sampler\": \"euler\", \"width\": 640, \"height\": 960},\n"                      \
  "  {\"name\": \"Night\", \"prompt\": \"at night\", \"steps\": 9, \"guidance_scale\": 4.5, \"eta\": 1}\n" \
  "]}"

static void
test_apply (void)
{
  g_autoptr (GPtrArray) styles = read_text (SOME_STYLES);
  g_autoptr (HdRequest) request = hd_request_new ();
  g_autoptr (GError)    error = NULL;

  hd_request_set (&request->prompt, "a fox");
  hd_request_set (&request->negative_prompt, "blurry");
  request->guidance_scale = 7.0;
  g_assert_true (hd_styles_apply (styles, "Ink, Night", request, NULL));
  g_assert_cmpstr (request->prompt, ==, "ink of a fox, at night");
  g_assert_cmpstr (request->negative_prompt, ==, "blurry, colour");
  /* The last one that says something; what the user has chosen stays, and so does the size. */
  g_assert_cmpint (request->steps, ==, 9);
  g_assert_cmpstr (request->sampler, ==, "euler");
  g_assert_cmpfloat (request->guidance_scale, ==, 7.0);
  g_assert_cmpfloat (request->eta, ==, 1.0);
  g_assert_cmpint (request->width, ==, 0);

  g_assert_true (hd_styles_apply (styles, NULL, request, NULL));
  g_assert_cmpstr (request->prompt, ==, "ink of a fox, at night");

  g_assert_false (hd_styles_apply (styles, "Night, Oil", request, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
  g_assert_nonnull (strstr (error->message, "'Oil'"));
}

/* Styles that double the prompt, over and over. */
static void
test_bomb (void)
{
  g_autoptr (GPtrArray) styles = NULL;
  g_autoptr (HdRequest) request = hd_request_new ();
  g_autoptr (GError)    error = NULL;

  styles = read_text ("{\"version\":1,\"styles\":[{\"name\":\"a\",\"prompt\":\"{prompt}{prompt}{prompt}{prompt}\"}]}");
  hd_request_set (&request->prompt, "a long prompt");
  g_assert_false (hd_styles_apply (styles, "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", request, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
}

/* One style that would make terabytes of a long prompt: that is told before they are asked for. */
static void
test_large_bomb (void)
{
  g_autoptr (GString)   text = g_string_new ("{\"version\":1,\"styles\":[{\"name\":\"a\",\"prompt\":\"");
  g_autofree char      *prompt = g_strnfill (1000 * 1000, 'x');
  g_autoptr (GPtrArray) styles = NULL;
  g_autoptr (HdRequest) request = hd_request_new ();
  g_autoptr (GError)    error = NULL;

  for (int i = 0; i < 500 * 1000; i++)
    g_string_append (text, "{prompt}");
  g_string_append (text, "\"}]}");
  styles = read_text (text->str);
  hd_request_set (&request->prompt, prompt);
  g_assert_false (hd_styles_apply (styles, "a", request, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
  g_assert_nonnull (strstr (error->message, "500000000000"));
  g_assert_cmpstr (request->prompt, ==, prompt);
}

/* --- files ---------------------------------------------------------------------- */

static void
test_read (void)
{
  g_autoptr (GPtrArray)  styles = read_text (SOME_STYLES);
  const HdStyle         *ink = hd_styles_find (styles, "Ink");

  g_assert_cmpuint (styles->len, ==, 2);
  g_assert_cmpstr (ink->prompt, ==, "ink of {prompt}");
  g_assert_cmpint (ink->settings->width, ==, 640);
  g_assert_cmpint (ink->settings->height, ==, 960);
  g_assert_null (hd_styles_find (styles, "ink"));
}

static void
test_no_file (void)
{
  g_autoptr (GPtrArray) styles = hd_styles_read ("/nonexistent/styles.json", NULL);

  g_assert_cmpuint (styles->len, ==, 0);
}

static void
test_bad_files (void)
{
  static const struct
  {
    const char *text;
    const char *found;     /* in the message */
  } files[] = {
    { "", "expected" },
    { "nonsense", "expected" },
    { "{\n  \"version\": 1,\n  \"styles\": [\n    ]]\n}", "line 4, column 6" },
    { "{\n  \"version\": 1,\n  'styles': []\n}", "line 3, column 3" },
    { "{\n  \"version\": 1,\n  \"styles\": [,]\n}", ":3:" },
    { "[]", "expected a JSON object" },
    { "{}", "version: expected 1, found nothing" },
    { "{\"version\": 2, \"styles\": []}", "version: expected 1, found 2" },
    { "{\"version\": 1}", "styles: expected a list of styles in brackets, found nothing" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"a\"}, 5]}", "style 2: {}: expected a style in braces, found 5" },
    { "{\"version\": 1, \"styles\": [{}]}", "style 1: name: expected a name" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"a,b\"}]}", "found \"a,b\"" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}", "style 2 (\"a\"): name: expected each name once" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"a\", \"prompt\": 5}]}",
      "style 1 (\"a\"): prompt: expected a text in quotes, found 5" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"a\", \"steps\": \"many\"}]}",
      "style 1 (\"a\"): steps: expected a number, found \"many\"" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"a\", \"steps\": 2.5}]}", "steps: expected a whole number, found 2.5" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"a\", \"steps\": 1e300}]}", "steps: expected a whole number" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"a\", \"steps\": -3}]}", "steps: expected 1 to 1000, or 0 for what suits, found -3" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"a\", \"sampler\": \"best\"}]}", "found \"best\"" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"a\", \"speed\": 5}]}", "found \"speed\"" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"a\", \"seed\": 5}]}", "found \"seed\"" },
    { "{\"version\": 1, \"styles\": [{\"name\": \"\xff\"}]}", "not UTF-8" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GError) error = NULL;

      write_file (files[i].text);
      g_assert_null (hd_styles_read (path, &error));
      g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
      if (! strstr (error->message, files[i].found) || ! strstr (error->message, path))
        g_error ("expected '%s' and the path in '%s'", files[i].found, error->message);
    }
}

/* --- writing -------------------------------------------------------------------- */

static HdStyle *
make_style (void)
{
  HdStyle *style = hd_style_new ("Öl");

  hd_request_set (&style->prompt, "oil \"painting\" of\n{prompt}");
  hd_request_set (&style->negative_prompt, "photo");
  hd_request_set (&style->settings->sampler, "heun");
  style->settings->steps = 33;
  style->settings->guidance_scale = 5.25;

  return style;
}

static void
check_written (const HdStyle *style)
{
  g_autoptr (GPtrArray)  styles = hd_styles_read (path, NULL);
  const HdStyle         *found;

  g_assert_nonnull (styles);
  found = hd_styles_find (styles, style->name);
  g_assert_nonnull (found);
  g_assert_cmpstr (found->prompt, ==, style->prompt);
  g_assert_cmpstr (found->negative_prompt, ==, style->negative_prompt);
  g_assert_cmpstr (found->settings->sampler, ==, style->settings->sampler);
  g_assert_cmpint (found->settings->steps, ==, style->settings->steps);
  g_assert_cmpfloat (found->settings->guidance_scale, ==, style->settings->guidance_scale);
  g_assert_cmpint (found->settings->width, ==, 0);
}

static void
test_write (void)
{
  g_autoptr (HdStyle)   style = make_style ();
  g_autoptr (GPtrArray) styles = NULL;
  g_autofree char      *text = NULL;

  g_unlink (path);
  g_assert_true (hd_styles_write (path, style, NULL));
  check_written (style);

  /* Another one of its name takes its place; others, and what is not known here, stay. */
  write_file ("{\"version\": 1, \"note\": \"mine\", \"styles\": [{\"name\": \"Öl\", \"steps\": 1}, {\"name\": \"b\"}]}");
  g_assert_true (hd_styles_write (path, style, NULL));
  check_written (style);
  styles = hd_styles_read (path, NULL);
  g_assert_cmpuint (styles->len, ==, 2);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "\"mine\""));
}

/* A file that its user has not finished yet is not thrown away. */
static void
test_write_to_bad_file (void)
{
  g_autoptr (HdStyle) style = make_style ();
  g_autoptr (GError)  error = NULL;
  g_autofree char    *text = NULL;

  write_file ("{\"version\": 1, \"styles\": [");
  g_assert_false (hd_styles_write (path, style, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "{\"version\": 1, \"styles\": [");
}

/* Those that come along. */
static void
test_installed (void)
{
  g_autofree char       *installed = g_test_build_filename (G_TEST_DIST, "..", "..", "data", "styles", "styles.json", NULL);
  g_autoptr (GError)     error = NULL;
  g_autoptr (GPtrArray)  styles = hd_styles_read (installed, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (styles->len, >=, 6);
  for (guint i = 0; i < styles->len; i++)
    {
      HdStyle *style = styles->pdata[i];

      g_assert_cmpstr (style->description, !=, "");
      g_assert_true (g_strv_contains (hd_style_translated_texts (), style->name));
      g_assert_true (g_strv_contains (hd_style_translated_texts (), style->description));
      style->installed = TRUE;
      g_assert_cmpstr (hd_style_get_title (style), ==, style->name);
    }
  g_assert_cmpuint (g_strv_length ((char **) hd_style_translated_texts ()), ==, 2 * styles->len);
}

int
main (int    argc,
      char **argv)
{
  g_autofree char *folder = NULL;
  int              status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("hd-styles-XXXXXX", NULL);
  path = g_build_filename (folder, "styles.json", NULL);

  g_test_add_func ("/styles/expand", test_expand);
  g_test_add_func ("/styles/names", test_names);
  g_test_add_func ("/styles/apply", test_apply);
  g_test_add_func ("/styles/bomb", test_bomb);
  g_test_add_func ("/styles/large-bomb", test_large_bomb);
  g_test_add_func ("/styles/read", test_read);
  g_test_add_func ("/styles/no-file", test_no_file);
  g_test_add_func ("/styles/bad-files", test_bad_files);
  g_test_add_func ("/styles/write", test_write);
  g_test_add_func ("/styles/write-to-bad-file", test_write_to_bad_file);
  g_test_add_func ("/styles/installed", test_installed);

  status = g_test_run ();
  g_unlink (path);
  g_rmdir (folder);
  g_free (path);

  return status;
}
