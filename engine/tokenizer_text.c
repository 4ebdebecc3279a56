/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/tokenizer_text.h"

#define MAX_MARKS 256

/* --- which characters stay ---------------------------------------------------- */

static gboolean
is_white (gunichar c)
{
  GUnicodeType type = g_unichar_type (c);

  return c == '\t' || c == '\n' || c == '\r'
         || type == G_UNICODE_SPACE_SEPARATOR || type == G_UNICODE_LINE_SEPARATOR
         || type == G_UNICODE_PARAGRAPH_SEPARATOR;
}

/* Every category that begins with C; U+FFFD stands for what was not UTF-8. */
static gboolean
is_removed (gunichar c)
{
  switch (g_unichar_type (c))
    {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_UNASSIGNED:
      return TRUE;
    default:
      return c == 0xfffd;
    }
}

static gboolean
is_ideograph (gunichar c)
{
  static const struct { gunichar first; gunichar last; } blocks[] = {
    { 0x3400, 0x4dbf },   { 0x4e00, 0x9fff },   { 0xf900, 0xfaff },   { 0x20000, 0x2a6df },
    { 0x2a700, 0x2b73f }, { 0x2b740, 0x2b81f }, { 0x2b820, 0x2ceaf }, { 0x2f800, 0x2fa1f },
  };

  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    if (c >= blocks[i].first && c <= blocks[i].last)
      return TRUE;

  return FALSE;
}

static GString *
filter (const char *text,
        gsize       length)
{
  GString    *kept = g_string_sized_new (length);
  const char *end = text + length;

  for (const char *p = text; p < end; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (is_white (c))
        g_string_append_c (kept, ' ');
      else if (is_removed (c))
        continue;
      else if (is_ideograph (c))
        {
          g_string_append_c (kept, ' ');
          g_string_append_unichar (kept, c);
          g_string_append_c (kept, ' ');
        }
      else
        g_string_append_unichar (kept, c);
    }

  return kept;
}

/* --- composition -------------------------------------------------------------- */

static void
append_composed (GString    *composed,
                 const char *text,
                 gsize       length)
{
  g_autofree char *piece = g_utf8_normalize (text, (gssize) length, G_NORMALIZE_DEFAULT_COMPOSE);

  if (piece != NULL)
    g_string_append (composed, piece);
}

/* Sorting the combining marks of a letter takes GLib quadratic time: more of them than any text has are taken in
 * pieces. */
static GString *
compose (const GString *text)
{
  GString    *composed = g_string_sized_new (text->len);
  const char *start = text->str;
  int         marks = 0;

  for (const char *p = start; *p != '\0'; p = g_utf8_next_char (p))
    {
      marks = g_unichar_combining_class (g_utf8_get_char (p)) != 0 ? marks + 1 : 0;
      if (marks > MAX_MARKS)
        {
          append_composed (composed, start, (gsize) (p - start));
          start = p;
          marks = 0;
        }
    }
  append_composed (composed, start, text->len - (gsize) (start - text->str));

  return composed;
}

/* --- lower case --------------------------------------------------------------- */

/* Unicode's properties Cased and Case_Ignorable, as far as GLib's categories and the few further ranges go. */
static gboolean
is_cased (gunichar c)
{
  GUnicodeType type = g_unichar_type (c);

  return type == G_UNICODE_UPPERCASE_LETTER || type == G_UNICODE_LOWERCASE_LETTER
         || type == G_UNICODE_TITLECASE_LETTER
         || c == 0xaa || c == 0xba || (c >= 0x2160 && c <= 0x217f) || (c >= 0x24b6 && c <= 0x24e9)
         || (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
}

static gboolean
is_case_ignorable (gunichar c)
{
  static const gunichar within_words[] = {
    0x27, 0x2e, 0x3a, 0xb7, 0x387, 0x55f, 0x5f4, 0x2018, 0x2019, 0x2024, 0x2027, 0xfe13, 0xfe52, 0xfe55, 0xff07,
    0xff0e, 0xff1a,
  };

  switch (g_unichar_type (c))
    {
    case G_UNICODE_NON_SPACING_MARK:
    case G_UNICODE_ENCLOSING_MARK:
    case G_UNICODE_FORMAT:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_MODIFIER_SYMBOL:
      return TRUE;
    default:
      break;
    }
  for (guint i = 0; i < G_N_ELEMENTS (within_words); i++)
    if (c == within_words[i])
      return TRUE;

  return FALSE;
}

/* Whether the capital sigma at @i ends its word, looking from there; @before: the last character before it that is
 * not ignorable, 0 if there is none. */
static gboolean
is_final_sigma (const gunichar *word,
                glong           length,
                glong           i,
                gunichar        before)
{
  if (!is_cased (before))
    return FALSE;
  for (i++; i < length; i++)
    if (!is_case_ignorable (word[i]))
      return !is_cased (word[i]);

  return TRUE;
}

/* Unicode's simple mapping. GLib's stops at letters; Roman numerals and circled letters have one too. */
static gunichar
to_lower (gunichar c)
{
  if (c >= 0x2160 && c <= 0x216f)
    return c + 0x10;
  if (c >= 0x24b6 && c <= 0x24cf)
    return c + 0x1a;
  return g_unichar_tolower (c);
}

/* g_utf8_strdown() asks the locale: in a Turkish one, "I" would not become "i". */
static void
append_lower (GString        *lower,
              const gunichar *word,
              glong           length)
{
  gunichar before = 0;

  for (glong i = 0; i < length; i++)
    {
      gunichar c = word[i];

      if (c == 0x3a3)
        g_string_append_unichar (lower, is_final_sigma (word, length, i, before) ? 0x3c2 : 0x3c3);
      else if (c == 0x130)
        g_string_append (lower, "i\xcc\x87");
      else
        g_string_append_unichar (lower, to_lower (c));

      if (!is_case_ignorable (c))
        before = c;
    }
}

char *
hd_tokenizer_clean_text (const char *text,
                         gsize       length)
{
  GString              *kept = filter (text, length);
  GString              *composed = compose (kept);
  GString              *lower = g_string_sized_new (composed->len);
  g_autofree gunichar  *characters = NULL;
  glong                 n;

  characters = g_utf8_to_ucs4_fast (composed->str, (glong) composed->len, &n);
  for (glong i = 0; i < n;)
    {
      glong end = i;

      while (end < n && !is_white (characters[end]))
        end++;
      if (end > i && lower->len > 0)
        g_string_append_c (lower, ' ');
      append_lower (lower, characters + i, end - i);
      i = end + 1;
    }

  g_string_free (kept, TRUE);
  g_string_free (composed, TRUE);
  return g_string_free (lower, FALSE);
}

/* --- words -------------------------------------------------------------------- */

/* By hand, for a text of any length: without its just-in-time compiler, which not every system allows, GRegex
 * checks the rest of the text anew at each word. */

typedef enum
{
  CLASS_SPACE,
  CLASS_LETTER,
  CLASS_NUMBER,
  CLASS_OTHER,
} CharacterClass;

static CharacterClass
classify (gunichar c)
{
  /* A mark whose upper case is a letter: without regard to case it is neither in [\p{L}] nor outside of it. */
  if (c == 0x345)
    return CLASS_SPACE;

  switch (g_unichar_type (c))
    {
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_OTHER_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
    case G_UNICODE_UPPERCASE_LETTER:
      return CLASS_LETTER;
    case G_UNICODE_DECIMAL_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
    case G_UNICODE_OTHER_NUMBER:
      return CLASS_NUMBER;
    default:
      return is_white (c) ? CLASS_SPACE : CLASS_OTHER;
    }
}

/* Length of @fixed at the start of @text, 0 if it is not there. The text is in lower case; without regard to case,
 * the long s is still another s. */
static gsize
match_fixed (const char *text,
             const char *fixed)
{
  const char *p = text;

  for (; *fixed != '\0'; fixed++, p = g_utf8_next_char (p))
    if (*p != *fixed && !(*fixed == 's' && g_utf8_get_char (p) == 0x17f))
      return 0;

  return (gsize) (p - text);
}

static gsize
match_any_fixed (const char *text)
{
  static const char * const fixed[] = {
    "<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d",
  };

  if (*text != '<' && *text != '\'')
    return 0;
  for (guint i = 0; i < G_N_ELEMENTS (fixed); i++)
    {
      gsize length = match_fixed (text, fixed[i]);

      if (length > 0)
        return length;
    }

  return 0;
}

const char *
hd_tokenizer_next_word (const char *text,
                        gsize      *length)
{
  const char     *end;
  CharacterClass  class;

  while (*text != '\0' && classify (g_utf8_get_char (text)) == CLASS_SPACE)
    text = g_utf8_next_char (text);
  if (*text == '\0')
    return NULL;

  *length = match_any_fixed (text);
  if (*length > 0)
    return text;

  class = classify (g_utf8_get_char (text));
  end = g_utf8_next_char (text);
  while (class != CLASS_NUMBER && *end != '\0' && classify (g_utf8_get_char (end)) == class)
    end = g_utf8_next_char (end);
  *length = (gsize) (end - text);

  return text;
}
