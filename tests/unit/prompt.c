/* SPDX-License-Identifier: Apache-2.0 */

/* The grammar of prompts: what is more than text, and that everything else is text. */

#include <locale.h>
#include <string.h>
#include <time.h>

#include "engine/prompt.h"

typedef struct
{
  const char *text;
  const char *pieces;   /* TEXT@WEIGHT, with a bar between them and a # before one that a BREAK precedes */
  const char *loras;    /* NAME@WEIGHT */
} Case;

static const Case cases[] = {
  { "", "", "" },
  { "a castle", "a castle@1", "" },

  /* weights */
  { "(word)", "word@1.1", "" },
  { "(word:1.2)", "word@1.2", "" },
  { "[word]", "word@0.9091", "" },
  { "a (b) c", "a @1|b@1.1| c@1", "" },
  { "((word))", "word@1.21", "" },
  { "[[word]]", "word@0.8264", "" },
  { "([word])", "word@1", "" },
  { "(a (b:2) c:1.5)", "a @1.5|b@3| c@1.5", "" },
  { "((a:1.2):1.3)", "a@1.56", "" },
  { "(word: 1.2 )", "word@1.2", "" },
  { "(word:+1.2)", "word@1.2", "" },
  { "(word:-0.5)", "word@-0.5", "" },
  { "(word:.5)", "word@0.5", "" },
  { "(word:2.)", "word@2", "" },
  { "(word:0)", "word@0", "" },
  { "(a:b:1.2)", "a:b@1.2", "" },
  { "(a:1.2:1.3)", "a:1.2@1.3", "" },
  { "(word:1)", "word@1", "" },
  { "un(believ:1)able", "unbelievable@1", "" },
  { "(a)(b)", "ab@1.1", "" },
  { "()", "", "" },
  { "(:1.2)", "", "" },
  { "(word:99)", "word@10", "" },
  { "(word:-1e9)", "word:-1e9@1.1", "" },
  { "(word:-11)", "word@-10", "" },
  { "(((word:5):5):5)", "word@10", "" },
  { "(word:11111111111111111111111111111111111111111111)", "word@10", "" },

  /* what is no number is text */
  { "(word:big)", "word:big@1.1", "" },
  { "(word:)", "word:@1.1", "" },
  { "(word:1.2.3)", "word:1.2.3@1.1", "" },
  { "(word:1,2)", "word:1,2@1.1", "" },
  { "(word:nan)", "word:nan@1.1", "" },
  { "(word:inf)", "word:inf@1.1", "" },
  { "(word:0x10)", "word:0x10@1.1", "" },
  { "(word:.)", "word:.@1.1", "" },
  { "(word:--1)", "word:--1@1.1", "" },
  { "(word:1.2 x)", "word:1.2 x@1.1", "" },
  { "[word:1.2]", "word:1.2@0.9091", "" },
  { "word:1.2", "word:1.2@1", "" },

  /* brackets without a partner */
  { "(word", "(word@1", "" },
  { "word)", "word)@1", "" },
  { "[word", "[word@1", "" },
  { "word]", "word]@1", "" },
  { ":( :) :[ :]", ":@1| :@1.1| :@1|" " :@0.9091", NULL },
  { "(a]", "(a]@1", "" },
  { "(a [b) c", "a [b@1.1| c@1", "" },
  { "(a [b) c]", "a [b@1.1| c]@1", "" },
  { "((a)", "(@1|a@1.1", "" },
  { "(a))", "a@1.1|)@1", "" },
  { "(a:1.2", "(a:1.2@1", "" },
  { "a:1.2)", "a:1.2)@1", "" },

  /* escapes */
  { "\\(word\\)", "(word)@1", "" },
  { "\\[word\\]", "[word]@1", "" },
  { "\\\\", "\\@1", "" },
  { "\\\\(word)", "\\@1|word@1.1", "" },
  { "(artist \\(style\\):1.3)", "artist (style)@1.3", "" },
  { "(a\\:1.2)", "a:1.2@1.1", "" },
  { "a \\ b", "a \\ b@1", "" },
  { "a\\", "a\\@1", "" },
  { "\\n", "\\n@1", "" },
  { "\\<lora:a:1>", "<lora:a:1>@1", "" },

  /* BREAK */
  { "a BREAK b", "a @1|# b@1", "" },
  { "a,BREAK,b", "a,@1|#,b@1", "" },
  { "BREAKFAST", "BREAKFAST@1", "" },
  { "OUTBREAK", "OUTBREAK@1", "" },
  { "BREAK_", "BREAK_@1", "" },
  { "\xc3\xa9" "BREAK", "\xc3\xa9" "BREAK@1", "" },
  { "break", "break@1", "" },
  { "a BREAK", "a @1", "" },
  { "BREAK a", "# a@1", "" },
  { "(a BREAK b:1.5)", "a @1.5|# b@1.5", "" },
  { "a BREAK BREAK b", "a @1|# @1|# b@1", "" },

  /* LoRAs */
  { "<lora:name>", "", "name@1" },
  { "a <lora:name:0.8> b", "a  b@1", "name@0.8" },
  { "<lora:name:-0.5>", "", "name@-0.5" },
  { "<lora: a name : 0.8 >", "", "a name@0.8" },
  { "<lora:a (b):0.5>", "", "a (b)@0.5" },
  { "<lora:a:1><lora:b:2><lora:a:3>", "", "a@1|b@2|a@3" },
  { "(a <lora:x:1> b:1.2)", "a  b@1.2", "x@1" },
  { "(a:<lora:x:1>1.2)", "a:1.2@1.1", "x@1" },
  { "<lora:name:99>", "", "name@10" },
  { "<lora:>", "<lora:>@1", "" },
  { "<lora: :1>", "<lora: :1>@1", "" },
  { "<lora:name:big>", "<lora:name:big>@1", "" },
  { "<lora:name:1:2>", "<lora:name:1:2>@1", "" },
  { "<lora:name", "<lora:name@1", "" },
  { "<lora:na<lora:b>", "<lora:na@1", "b@1" },
  { "<lora:a\nb>", "<lora:a\nb>@1", "" },
  { "<LORA:name>", "<LORA:name>@1", "" },
  { "<other:name>", "<other:name>@1", "" },
  { "<lora", "<lora@1", "" },

  /* the examples of docs/prompts.md */
  { "a (red:1.4) fox", "a @1|red@1.4| fox@1", "" },
  { "((fur)), [snow]", "fur@1.21|, @1|snow@0.9091", "" },
  { "a (house (on fire:1.2) at night:0.8)", "a @1|house @0.8|on fire@0.96| at night@0.8", "" },
  { "fox \\(animal\\)", "fox (animal)@1", "" },
  { "(fox \\(animal\\):1.2)", "fox (animal)@1.2", "" },
  { "a fox BREAK a forest <lora:ink:0.7>", "a fox @1|# a forest @1", "ink@0.7" },
  { "(fox:1,2)", "fox:1,2@1.1", "" },
  { "(ratio 4:3 photograph)", "ratio 4:3 photograph@1.1", "" },
  { "un(believ:1.2)able", "un@1|believ@1.2|able@1", "" },
  { "[from:to:0.5]", "from:to:0.5@0.9091", "" },

  /* bytes */
  { "\xff(a)", "\xef\xbf\xbd@1|a@1.1", "" },
  { "(\xe5\xb1\xb1:1.5)", "\xe5\xb1\xb1@1.5", "" },
};

static char *
describe_pieces (const HdPrompt *prompt)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < prompt->pieces->len; i++)
    {
      const HdPromptPiece *piece = g_ptr_array_index (prompt->pieces, i);
      char                 weight[G_ASCII_DTOSTR_BUF_SIZE];

      g_ascii_formatd (weight, sizeof weight, "%.4g", piece->weight);
      g_string_append_printf (text, "%s%s%s@%s", i > 0 ? "|" : "", piece->starts_window ? "#" : "", piece->text, weight);
    }

  return g_string_free (text, FALSE);
}

static char *
describe_loras (const HdPrompt *prompt)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < prompt->loras->len; i++)
    {
      const HdPromptLora *lora = g_ptr_array_index (prompt->loras, i);
      char                weight[G_ASCII_DTOSTR_BUF_SIZE];

      g_ascii_formatd (weight, sizeof weight, "%.4g", lora->weight);
      g_string_append_printf (text, "%s%s@%s", i > 0 ? "|" : "", lora->name, weight);
    }

  return g_string_free (text, FALSE);
}

static void
check_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HdPrompt) prompt = hd_prompt_parse (cases[i].text);
      g_autofree char     *pieces = describe_pieces (prompt);
      g_autofree char     *loras = describe_loras (prompt);

      g_test_message ("%s", cases[i].text);
      g_assert_cmpstr (pieces, ==, cases[i].pieces);
      g_assert_cmpstr (loras, ==, cases[i].loras != NULL ? cases[i].loras : "");
    }
}

static void
test_grammar (void)
{
  check_cases ();
}

/* Where the decimal point is a comma. */
static void
test_locale (void)
{
  g_autofree char *before = g_strdup (setlocale (LC_ALL, NULL));

  if (setlocale (LC_ALL, "de_DE.UTF-8") == NULL && setlocale (LC_ALL, "tr_TR.UTF-8") == NULL)
    {
      g_test_skip ("there is no locale with a decimal comma here");
      return;
    }
  check_cases ();
  setlocale (LC_ALL, before);
}

static void
test_plain (void)
{
  static const char * const texts[] = { "", "(a:1.2) [b] BREAK <lora:c:1> \\(", "word" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (HdPrompt) prompt = hd_prompt_new_plain (texts[i]);
      HdPromptPiece       *piece;

      g_assert_cmpuint (prompt->pieces->len, ==, 1);
      g_assert_cmpuint (prompt->loras->len, ==, 0);
      piece = g_ptr_array_index (prompt->pieces, 0);
      g_assert_cmpstr (piece->text, ==, texts[i]);
      g_assert_cmpfloat (piece->weight, ==, 1.0);
      g_assert_false (piece->starts_window);
    }
}

static void
test_empty (void)
{
  static const struct { const char *text; gboolean empty; } texts[] = {
    { "", TRUE }, { " \t\n", TRUE }, { "()", TRUE }, { "<lora:a:1>", TRUE }, { " BREAK ", TRUE }, { "( :1.2)", TRUE },
    { "a", FALSE }, { "(a)", FALSE }, { "(", FALSE }, { "0", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (HdPrompt) prompt = hd_prompt_parse (texts[i].text);

      g_assert_true (hd_prompt_is_empty (prompt) == texts[i].empty);
    }
}

/* A text of a megabyte, whatever it consists of, takes moments even in a sanitizer's build. */
static void
test_long (void)
{
  static const char * const units[] = {
    "(", ")", "[", "]", "()", "[]", "(a", "a)", "[(", ")]", "(a:1", ":1", "1", ":", "\\", "\\(", "BREAK ", "B", "<",
    "<lora:", "<lora:a", "<lora:a:1>", "<lora:a:1", "(a:1.1)", "a castle on a hill, ", "\xff",
  };

  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    {
      g_autoptr (GString)  text = g_string_new (units[i]);
      g_autoptr (HdPrompt) prompt = NULL;
      clock_t              start;
      double               seconds;

      while (text->len < 1 << 20)
        g_string_append (text, units[i]);
      start = clock ();
      prompt = hd_prompt_parse (text->str);
      seconds = (double) (clock () - start) / CLOCKS_PER_SEC;
      g_test_message ("%s: %.2f s", units[i], seconds);
      g_assert_cmpfloat (seconds, <=, 3.0);   /* of this processor; linear ones take less than a tenth */
    }
}

/* Half a million brackets and their partners. */
static void
test_deep (void)
{
  const gsize          n = 1 << 19;
  g_autofree char     *text = g_malloc (2 * n + 9);
  g_autoptr (HdPrompt) prompt = NULL;
  HdPromptPiece       *piece;

  memset (text, '(', n);
  strcpy (text + n, "word:1.2");
  memset (text + n + 8, ')', n);
  text[2 * n + 8] = '\0';
  prompt = hd_prompt_parse (text);
  g_assert_cmpuint (prompt->pieces->len, ==, 1);
  piece = g_ptr_array_index (prompt->pieces, 0);
  g_assert_cmpstr (piece->text, ==, "word");
  g_assert_cmpfloat (piece->weight, ==, HD_PROMPT_MAX_WEIGHT);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/prompt/grammar", test_grammar);
  g_test_add_func ("/prompt/locale", test_locale);
  g_test_add_func ("/prompt/plain", test_plain);
  g_test_add_func ("/prompt/empty", test_empty);
  g_test_add_func ("/prompt/long", test_long);
  g_test_add_func ("/prompt/deep", test_deep);

  return g_test_run ();
}
