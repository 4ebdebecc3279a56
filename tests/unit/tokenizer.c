/* SPDX-License-Identifier: Apache-2.0 */

/* The tokenizer against the reference's answers, and against damaged files and hostile texts. */

#include <locale.h>
#include <string.h>
#include <time.h>

#include <glib/gstdio.h>

#include "engine/json.h"
#include "engine/tokenizer.h"
#include "tests/golden/synth.h"

static char *
merges_path (void)
{
  return g_test_build_filename (G_TEST_DIST, "..", "..", "data", "clip", "merges.txt.gz", NULL);
}

static HdTokenizer *
new_clip (const char *pad)
{
  g_autofree char    *merges = merges_path ();
  g_autoptr (GError)  error = NULL;
  HdTokenizer        *tokenizer = hd_tokenizer_new_clip (merges, pad, &error);

  g_assert_no_error (error);
  return tokenizer;
}

/* --- golden ------------------------------------------------------------------- */

static void
check_golden (HdTokenizer *tokenizer,
              JsonObject  *object)
{
  JsonArray *prompts = json_object_get_array_member (object, "prompts");
  JsonArray *ids = json_object_get_array_member (object, "ids");
  JsonArray *lengths = json_object_get_array_member (object, "untruncated_length");
  guint      n = json_array_get_length (prompts);

  g_assert_cmpuint (n, >, 0);
  for (guint i = 0; i < n; i++)
    {
      const char *prompt = json_array_get_string_element (prompts, i);
      JsonArray  *expected = json_array_get_array_element (ids, i);
      gint32      found[HD_TOKENIZER_LENGTH];
      gint64      length = hd_tokenizer_encode (tokenizer, prompt, found);

      g_test_message ("%s", prompt);
      g_assert_cmpint (length, ==, json_array_get_int_element (lengths, i));
      g_assert_cmpuint (json_array_get_length (expected), ==, HD_TOKENIZER_LENGTH);
      for (guint j = 0; j < HD_TOKENIZER_LENGTH; j++)
        g_assert_cmpint (found[j], ==, json_array_get_int_element (expected, j));
    }
}

static void
test_golden (const void *data)
{
  const char              *name = data;
  g_autofree char         *file = g_strconcat (name, ".json", NULL);
  g_autofree char         *path = g_test_build_filename (G_TEST_DIST, "..", "golden", "cases", file, NULL);
  g_autofree char         *merges = merges_path ();
  g_autoptr (GError)       error = NULL;
  g_autoptr (JsonObject)   object = hd_json_read_file (path, 1 << 20, &error);
  g_autoptr (HdTokenizer)  built_in = NULL;
  g_autoptr (HdTokenizer)  from_files = NULL;
  g_autofree char         *folder = g_dir_make_tmp ("hd-tokenizer-XXXXXX", NULL);
  const char              *pad;

  g_assert_no_error (error);
  pad = json_object_get_string_member_with_default (object, "pad", "<|endoftext|>");
  built_in = new_clip (pad);
  check_golden (built_in, object);

  hd_synth_write_tokenizer (merges, folder, pad, &error);
  g_assert_no_error (error);
  from_files = hd_tokenizer_new (folder, &error);
  g_assert_no_error (error);
  check_golden (from_files, object);

  g_assert_cmpint (hd_tokenizer_get_vocabulary_size (built_in), ==, 49408);
  g_assert_cmpint (hd_tokenizer_get_vocabulary_size (from_files), ==, 49408);
  g_assert_cmpint (hd_tokenizer_get_end_token (built_in), ==, 49407);
  g_assert_cmpint (hd_tokenizer_get_end_token (from_files), ==, 49407);

  for (const char * const *p = (const char * const []) { "vocab.json", "merges.txt", "special_tokens_map.json", NULL };
       *p != NULL; p++)
    {
      g_autofree char *written = g_build_filename (folder, *p, NULL);

      g_unlink (written);
    }
  g_rmdir (folder);
}

/* --- texts -------------------------------------------------------------------- */

static void
assert_same (HdTokenizer *tokenizer,
             const char  *text,
             const char  *other)
{
  g_autoptr (GArray) a = hd_tokenizer_split (tokenizer, text);
  g_autoptr (GArray) b = hd_tokenizer_split (tokenizer, other);

  g_assert_cmpmem (a->data, a->len * sizeof (gint32), b->data, b->len * sizeof (gint32));
}

static void
assert_differ (HdTokenizer *tokenizer,
               const char  *text,
               const char  *other)
{
  g_autoptr (GArray) a = hd_tokenizer_split (tokenizer, text);
  g_autoptr (GArray) b = hd_tokenizer_split (tokenizer, other);

  g_assert_false (a->len == b->len && memcmp (a->data, b->data, a->len * sizeof (gint32)) == 0);
}

/* What BasicTokenizer makes equal, checked pair by pair. */
static void
test_cleaning (const void *data)
{
  static const char * const same[][2] = {
    { "caf\xc3\xa9", "cafe\xcc\x81" },                      /* NFC */
    { "ab", "a\xe2\x80\x8b" "b" },                          /* zero width space: a format character */
    { "ab", "a\x01" "b" },
    { "ab", "a\xee\x80\x80" "b" },                          /* private use */
    { "ab", "a\xef\xbf\xbd" "b" },                          /* U+FFFD */
    { "a b", "a\xe2\x80\xa8" "b" },                         /* line separator */
    { "a b", "a\xe3\x80\x80" "b" },                         /* ideographic space */
    { "\xe5\xb1\xb1\xe6\xb5\xb7", "\xe5\xb1\xb1 \xe6\xb5\xb7" },
    { "\xce\xbf\xce\xb4\xcf\x8c\xcf\x82", "\xce\x9f\xce\x94\xce\x8c\xce\xa3" },   /* sigma at the end of a word */
    { "\xcf\x83\xce\xb1", "\xce\xa3\xce\x91" },             /* and at its beginning */
    { "\xe2\x85\xb7 \xe2\x93\x90", "\xe2\x85\xa7 \xe2\x92\xb6" },    /* Roman eight, circled a */
    { "i\xcc\x87x", "\xc4\xb0X" },                          /* I with a dot above */
    { "<|endoftext|>", "<|ENDOFTEXT|>" },
    { "it's", "IT'S" },
  };
  static const char * const different[][2] = {
    { "ab", "a b" },
    { "\xce\xbf\xce\xb4\xcf\x8c\xcf\x83", "\xce\x9f\xce\x94\xce\x8c\xce\xa3" },
    { "1", "2" },
  };
  HdTokenizer *tokenizer = (HdTokenizer *) data;

  for (guint i = 0; i < G_N_ELEMENTS (same); i++)
    assert_same (tokenizer, same[i][0], same[i][1]);
  for (guint i = 0; i < G_N_ELEMENTS (different); i++)
    assert_differ (tokenizer, different[i][0], different[i][1]);
}

/* In a Turkish locale "I" is not the capital of "i"; tokens must not follow that. */
static void
test_locale (const void *data)
{
  HdTokenizer     *tokenizer = (HdTokenizer *) data;
  g_autofree char *before = g_strdup (setlocale (LC_ALL, NULL));

  if (setlocale (LC_ALL, "tr_TR.UTF-8") == NULL)
    {
      g_test_skip ("there is no locale tr_TR.UTF-8 here");
      return;
    }
  assert_same (tokenizer, "ISTANBUL IN WINTER", "istanbul in winter");
  setlocale (LC_ALL, before);
}

/* Any bytes give ids of the vocabulary. */
static void
test_random_bytes (const void *data)
{
  HdTokenizer      *tokenizer = (HdTokenizer *) data;
  g_autoptr (GRand) random = g_rand_new_with_seed (1);

  for (int run = 0; run < 500; run++)
    {
      char   text[400];
      gint32 ids[HD_TOKENIZER_LENGTH];
      int    n = g_rand_int_range (random, 0, sizeof text);

      for (int i = 0; i < n; i++)
        text[i] = (char) g_rand_int_range (random, 1, 256);
      text[n] = '\0';
      g_assert_cmpint (hd_tokenizer_encode (tokenizer, text, ids), >=, 2);
      for (int i = 0; i < HD_TOKENIZER_LENGTH; i++)
        g_assert_true (ids[i] >= 0 && ids[i] < 49408);
    }
}

/* A long text, whatever it consists of, takes seconds even in a sanitizer's build. */
static void
check_long_text (HdTokenizer *tokenizer,
                 const char  *unit,
                 gsize        length_of_text)
{
  GString *text = g_string_new (NULL);
  gint32   ids[HD_TOKENIZER_LENGTH];
  gint64   length;
  clock_t  start;
  double   seconds;

  while (text->len < length_of_text)
    g_string_append (text, unit);
  start = clock ();
  length = hd_tokenizer_encode (tokenizer, text->str, ids);
  seconds = (double) (clock () - start) / CLOCKS_PER_SEC;
  g_test_message ("%" G_GINT64_FORMAT " tokens in %.2f s", length, seconds);
  g_assert_cmpint (length, >, HD_TOKENIZER_LENGTH);
  g_assert_cmpfloat (seconds, <=, 20.0);   /* of this processor; what is quadratic takes hours */
  g_assert_cmpint (ids[HD_TOKENIZER_LENGTH - 1], ==, 49407);
  g_string_free (text, TRUE);
}

static void
test_long_texts (const void *data)
{
  static const char * const units[] = {
    "a castle on a hill, ",
    "x",                          /* one word */
    "thequickbrownfox",           /* one word of many merges */
    "\xcc\x81\xcc\xa7",           /* marks of classes 230 and 202: to be sorted */
    "<|startoftext|>",
    "<|startoftext|",
    "'",
    "\xce\xa3'",                  /* sigmas: is each the last letter of its word? */
    "\xff" "a",
    "\xe5\xb1\xb1",
  };

  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    check_long_text ((HdTokenizer *) data, units[i], i == 0 ? 1 << 20 : 1 << 18);
}

/* --- files -------------------------------------------------------------------- */

#define VOCABULARY "{\"a\":0,\"b\":1,\"a</w>\":2,\"b</w>\":3,\"ab</w>\":4,\"<|startoftext|>\":5,\"<|endoftext|>\":6,\"!\":7}"
#define MERGES     "#version: 0.2\na b</w>\n"

typedef struct
{
  const char *name;
  const char *vocabulary;
  const char *merges;
  const char *special;   /* special_tokens_map.json */
  const char *reason;    /* NULL: they are sound */
  int         pad;
} Files;

static const Files files[] = {
  { "plain", VOCABULARY, MERGES, NULL, NULL, 6 },
  { "pad-string", VOCABULARY, MERGES, "{\"pad_token\":\"!\"}", NULL, 7 },
  { "pad-object", VOCABULARY, MERGES, "{\"pad_token\":{\"content\":\"!\",\"lstrip\":false}}", NULL, 7 },
  { "pad-null", VOCABULARY, MERGES, "{\"pad_token\":null}", NULL, 6 },
  { "windows-lines", VOCABULARY, "#version: 0.2\r\na b</w>\r\n\r\n", NULL, NULL, 6 },
  { "pad-unknown", VOCABULARY, MERGES, "{\"pad_token\":\"?\"}", "expected the token \"?\"", 0 },
  { "pad-number", VOCABULARY, MERGES, "{\"pad_token\":3}", "expected a string as \"pad_token\", found 3", 0 },
  { "pad-empty-object", VOCABULARY, MERGES, "{\"pad_token\":{}}", "expected the padding token as \"content\"", 0 },
  { "special-damaged", VOCABULARY, MERGES, "{", "expected JSON", 0 },
  { "no-vocabulary", NULL, MERGES, NULL, "vocab.json: cannot be opened", 0 },
  { "no-merges", VOCABULARY, NULL, NULL, "merges.txt: cannot be opened", 0 },
  { "vocabulary-list", "[]", MERGES, NULL, "vocab.json: expected a JSON object", 0 },
  { "vocabulary-string", "{\"a\":\"0\"}", MERGES, NULL, "token \"a\": expected an id from 0 to", 0 },
  { "vocabulary-negative", "{\"a\":-1}", MERGES, NULL, "token \"a\": expected an id from 0 to", 0 },
  { "vocabulary-huge", "{\"a\":4294967296}", MERGES, NULL, "token \"a\": expected an id from 0 to", 0 },
  { "vocabulary-float", "{\"a\":1.5}", MERGES, NULL, "token \"a\": expected an id from 0 to", 0 },
  { "vocabulary-object", "{\"a\":{}}", MERGES, NULL, "token \"a\": expected an id from 0 to", 0 },
  { "vocabulary-twice", "{\"a\":0,\"a\":1}", MERGES, NULL, "expected each name once", 0 },
  { "vocabulary-empty", "{}", MERGES, NULL, "expected the token \"<|startoftext|>\"", 0 },
  { "no-end-token", "{\"<|startoftext|>\":0}", MERGES, NULL, "expected the token \"<|endoftext|>\"", 0 },
  { "merge-of-one", VOCABULARY, "#version: 0.2\nab\n", NULL, "merges.txt: line 2: expected two symbols", 0 },
  { "merge-of-three", VOCABULARY, "#version: 0.2\na b</w>\na b c\n", NULL, "merges.txt: line 3: expected two symbols", 0 },
  { "merge-empty-line", VOCABULARY, "#version: 0.2\n\na b</w>\n", NULL, "merges.txt: line 2: expected two symbols", 0 },
  { "merge-half", VOCABULARY, "#version: 0.2\n b</w>\n", NULL, "merges.txt: line 2: expected two symbols", 0 },
  { "merges-not-utf8", VOCABULARY, "#version: 0.2\n\xff b\n", NULL, "not UTF-8", 0 },
};

static void
write_or_not (const char *folder,
              const char *name,
              const char *content)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  if (content != NULL)
    g_assert_true (g_file_set_contents (path, content, -1, NULL));
}

static void
test_files (const void *data)
{
  const Files             *f = data;
  g_autofree char         *folder = g_dir_make_tmp ("hd-tokenizer-XXXXXX", NULL);
  g_autoptr (GError)       error = NULL;
  g_autoptr (HdTokenizer)  tokenizer = NULL;

  write_or_not (folder, "vocab.json", f->vocabulary);
  write_or_not (folder, "merges.txt", f->merges);
  write_or_not (folder, "special_tokens_map.json", f->special);
  tokenizer = hd_tokenizer_new (folder, &error);

  if (f->reason == NULL)
    {
      gint32 ids[HD_TOKENIZER_LENGTH];

      g_assert_no_error (error);
      g_assert_cmpint (hd_tokenizer_get_vocabulary_size (tokenizer), ==, 8);
      /* "ab" is one token, "ba" two, "c" is none that the vocabulary has. */
      g_assert_cmpint (hd_tokenizer_encode (tokenizer, "AB ba c", ids), ==, 6);
      g_assert_cmpint (ids[0], ==, 5);
      g_assert_cmpint (ids[1], ==, 4);
      g_assert_cmpint (ids[2], ==, 1);
      g_assert_cmpint (ids[3], ==, 2);
      g_assert_cmpint (ids[4], ==, 6);
      g_assert_cmpint (ids[5], ==, 6);
      g_assert_cmpint (ids[6], ==, f->pad);
    }
  else
    {
      g_assert_null (tokenizer);
      g_assert_nonnull (error);
      g_assert_true (error->domain == HD_ENGINE_ERROR);
      if (strstr (error->message, f->reason) == NULL)
        g_error ("expected \"%s\", found: %s", f->reason, error->message);
    }

  for (const char * const *p = (const char * const []) { "vocab.json", "merges.txt", "special_tokens_map.json", NULL };
       *p != NULL; p++)
    {
      g_autofree char *path = g_build_filename (folder, *p, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

/* The packed merges damaged at any place: an error or other merges, no crash. */
static void
test_packed_damage (void)
{
  g_autofree char    *merges = merges_path ();
  g_autofree char    *folder = g_dir_make_tmp ("hd-tokenizer-XXXXXX", NULL);
  g_autofree char    *path = g_build_filename (folder, "merges.txt.gz", NULL);
  g_autofree char    *content = NULL;
  g_autoptr (GError)  error = NULL;
  gsize               length;

  g_assert_true (g_file_get_contents (merges, &content, &length, NULL));
  for (gsize cut = 0; cut < length; cut += length / 7)
    {
      HdTokenizer *tokenizer;

      g_assert_true (g_file_set_contents (path, content, (gssize) cut, NULL));
      tokenizer = hd_tokenizer_new_clip (path, NULL, &error);
      g_assert_null (tokenizer);
      g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
      g_assert_true (g_str_has_prefix (error->message, path));
      g_clear_error (&error);
    }
  content[length / 2] ^= 1;
  g_assert_true (g_file_set_contents (path, content, (gssize) length, NULL));
  g_assert_null (hd_tokenizer_new_clip (path, NULL, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  g_unlink (path);
  g_rmdir (folder);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (HdTokenizer) clip = NULL;

  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/tokenizer/golden/end-token-padding", "tokenizer", test_golden);
  g_test_add_data_func ("/tokenizer/golden/other-padding", "tokenizer-pad", test_golden);
  clip = new_clip (NULL);
  g_test_add_data_func ("/tokenizer/cleaning", clip, test_cleaning);
  g_test_add_data_func ("/tokenizer/locale", clip, test_locale);
  g_test_add_data_func ("/tokenizer/random-bytes", clip, test_random_bytes);
  g_test_add_data_func ("/tokenizer/long-texts", clip, test_long_texts);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *name = g_strconcat ("/tokenizer/files/", files[i].name, NULL);

      g_test_add_data_func (name, &files[i], test_files);
    }
  g_test_add_func ("/tokenizer/packed-damage", test_packed_damage);

  return g_test_run ();
}
