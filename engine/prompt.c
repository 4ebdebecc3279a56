/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/prompt.h"

#include <string.h>

#define ROUND_WEIGHT  1.1
#define SQUARE_WEIGHT (1.0 / 1.1)

#define ESCAPABLE "()[]<>:\\"
#define BREAK     "BREAK"
#define LORA      "<lora:"

#define MAX_NUMBER_CHARACTERS 32
#define MAX_NAME_BYTES        255

/* Two passes: the first finds what is more than text, the second makes the pieces. As only the end of the text tells
 * which brackets have a partner, an opening one is noted as text and made more when its partner is found. */

typedef enum
{
  MARK_TEXT,
  MARK_ESCAPE,
  MARK_OPEN,
  MARK_CLOSE,
  MARK_BREAK,
  MARK_LORA,
} MarkKind;

/**
 * Mark:
 * @start: first byte
 * @end: byte behind the last
 * @weight: of %MARK_OPEN, what the weight is multiplied with up to the partner; of %MARK_LORA, its weight
 * @name: of %MARK_LORA; into the text
 * @name_length: in bytes
 */
typedef struct
{
  MarkKind    kind;
  gsize       start;
  gsize       end;
  double      weight;
  const char *name;
  gsize       name_length;
} Mark;

/**
 * Scan:
 * @text: valid UTF-8
 * @marks: (element-type Mark): in the order of the text
 * @open: (element-type guint): indices of brackets that wait for a partner
 * @n_round: how many of them are round
 * @n_square: how many are square
 * @colon: the last colon if there was no mark since, or -1
 */
typedef struct
{
  const char *text;
  GArray     *marks;
  GArray     *open;
  guint       n_round;
  guint       n_square;
  gssize      colon;
} Scan;

/* --- numbers ------------------------------------------------------------------- */

/* [ws] [+-] digits [. [digits]] [ws] or without digits before the point, with '.' in every locale: the number at
 * @text, clamped, and what comes behind it; NULL if there is none. */
static const char *
read_weight (const char *text,
             double     *weight)
{
  char        number[MAX_NUMBER_CHARACTERS + 1];
  const char *start;
  gsize       length;
  guint       n_digits = 0;
  guint       n_points = 0;

  while (g_ascii_isspace (*text))
    text++;

  start = text;
  if (*text == '+' || *text == '-')
    text++;
  for (; g_ascii_isdigit (*text) || *text == '.'; text++)
    if (*text == '.')
      n_points++;
    else
      n_digits++;
  if (n_digits == 0 || n_points > 1)
    return NULL;

  /* Digits far behind the point are nothing to the weight; so many before it are clamped as are left. */
  length = MIN ((gsize) (text - start), MAX_NUMBER_CHARACTERS);
  memcpy (number, start, length);
  number[length] = '\0';
  *weight = CLAMP (g_ascii_strtod (number, NULL), -HD_PROMPT_MAX_WEIGHT, HD_PROMPT_MAX_WEIGHT);

  while (g_ascii_isspace (*text))
    text++;

  return text;
}

/* --- first pass ---------------------------------------------------------------- */

static gsize
add_mark (Scan     *scan,
          MarkKind  kind,
          gsize     start,
          gsize     end)
{
  const Mark mark = { .kind = kind, .start = start, .end = end, .weight = 1.0 };

  g_array_append_val (scan->marks, mark);
  scan->colon = -1;

  return end;
}

static gsize
open_bracket (Scan  *scan,
              gsize  at)
{
  guint index = scan->marks->len;

  g_array_append_val (scan->open, index);
  if (scan->text[at] == '(')
    scan->n_round++;
  else
    scan->n_square++;

  return add_mark (scan, MARK_TEXT, at, at + 1);
}

/* The nearest bracket of the kind that @closing ends; those that were opened since stay text. NULL if there is none. */
static Mark *
find_partner (Scan *scan,
              char  closing)
{
  char   opening = closing == ')' ? '(' : '[';
  guint *n = closing == ')' ? &scan->n_round : &scan->n_square;

  while (*n > 0)
    {
      guint last = scan->open->len - 1;
      Mark *mark = &g_array_index (scan->marks, Mark, g_array_index (scan->open, guint, last));

      g_array_set_size (scan->open, last);
      if (scan->text[mark->start] == '(')
        scan->n_round--;
      else
        scan->n_square--;
      if (scan->text[mark->start] == opening)
        return mark;
    }

  return NULL;
}

static gsize
close_bracket (Scan  *scan,
               gsize  at)
{
  gboolean    round = scan->text[at] == ')';
  Mark       *partner = find_partner (scan, scan->text[at]);
  gsize       start = at;
  const char *behind;

  if (partner == NULL)
    return add_mark (scan, MARK_TEXT, at, at + 1);

  partner->kind = MARK_OPEN;
  partner->weight = round ? ROUND_WEIGHT : SQUARE_WEIGHT;
  if (round && scan->colon >= 0)
    {
      double weight;

      behind = read_weight (scan->text + scan->colon + 1, &weight);
      if (behind == scan->text + at)
        {
          partner->weight = weight;
          start = (gsize) scan->colon;
        }
    }

  return add_mark (scan, MARK_CLOSE, start, at + 1);
}

/* <lora:NAME> or <lora:NAME:WEIGHT> at @at: a mark; anything else that begins so is text. */
static gsize
scan_lora (Scan  *scan,
           gsize  at)
{
  const char *name = scan->text + at + strlen (LORA);
  const char *end = name;
  double      weight = 1.0;
  gsize       length;
  Mark       *mark;

  if (strncmp (scan->text + at, LORA, strlen (LORA)) != 0)
    return at + 1;

  while ((guchar) *end >= ' ' && strchr (":<>", *end) == NULL && end - name <= MAX_NAME_BYTES)
    end++;
  for (length = (gsize) (end - name); length > 0 && name[length - 1] == ' '; length--)
    ;
  for (; length > 0 && *name == ' '; length--)
    name++;
  if (*end == ':')
    end = read_weight (end + 1, &weight);
  if (length == 0 || length > MAX_NAME_BYTES || end == NULL || *end != '>')
    return at + 1;

  end++;
  add_mark (scan, MARK_LORA, at, (gsize) (end - scan->text));
  mark = &g_array_index (scan->marks, Mark, scan->marks->len - 1);
  mark->weight = weight;
  mark->name = name;
  mark->name_length = length;

  return mark->end;
}

static gboolean
is_word_character (char c)
{
  return g_ascii_isalnum (c) || c == '_' || (guchar) c >= 0x80;
}

/* BREAK, if it is a word of its own. */
static gsize
scan_break (Scan  *scan,
            gsize  at)
{
  gsize end = at + strlen (BREAK);

  if (strncmp (scan->text + at, BREAK, strlen (BREAK)) != 0
      || (at > 0 && is_word_character (scan->text[at - 1]))
      || is_word_character (scan->text[end]))
    return at + 1;

  return add_mark (scan, MARK_BREAK, at, end);
}

static void
scan_text (Scan *scan)
{
  gsize at = 0;

  while (scan->text[at] != '\0')
    switch (scan->text[at])
      {
      case '\\':
        if (scan->text[at + 1] != '\0' && strchr (ESCAPABLE, scan->text[at + 1]) != NULL)
          at = add_mark (scan, MARK_ESCAPE, at, at + 2);
        else
          at++;
        break;
      case '(':
      case '[':
        at = open_bracket (scan, at);
        break;
      case ')':
      case ']':
        at = close_bracket (scan, at);
        break;
      case ':':
        scan->colon = (gssize) at++;
        break;
      case '<':
        at = scan_lora (scan, at);
        break;
      case 'B':
        at = scan_break (scan, at);
        break;
      default:
        at++;
      }
}

/* --- second pass --------------------------------------------------------------- */

static void
piece_free (gpointer data)
{
  HdPromptPiece *piece = data;

  g_free (piece->text);
  g_free (piece);
}

static void
lora_free (gpointer data)
{
  HdPromptLora *lora = data;

  g_free (lora->name);
  g_free (lora);
}

static HdPrompt *
prompt_new (void)
{
  HdPrompt *prompt = g_new (HdPrompt, 1);

  prompt->pieces = g_ptr_array_new_with_free_func (piece_free);
  prompt->loras = g_ptr_array_new_with_free_func (lora_free);

  return prompt;
}

static void
add_piece (HdPrompt   *prompt,
           const char *text,
           gsize       length,
           double      weight,
           gboolean    starts_window)
{
  HdPromptPiece *piece = g_new (HdPromptPiece, 1);

  piece->text = g_strndup (text, length);
  piece->weight = weight;
  piece->starts_window = starts_window;
  g_ptr_array_add (prompt->pieces, piece);
}

static void
add_lora (HdPrompt   *prompt,
          const Mark *mark)
{
  HdPromptLora *lora = g_new (HdPromptLora, 1);

  lora->name = g_strndup (mark->name, mark->name_length);
  lora->weight = mark->weight;
  g_ptr_array_add (prompt->loras, lora);
}

/**
 * Assembly:
 * @run: text of the piece that is being made
 * @run_weight: its weight
 * @starts_window: whether there was a BREAK before it
 * @weight: of the text that comes
 * @outer: (element-type double): weights outside of the brackets that are open
 */
typedef struct
{
  HdPrompt *prompt;
  GString  *run;
  double    run_weight;
  gboolean  starts_window;
  double    weight;
  GArray   *outer;
} Assembly;

static void
end_run (Assembly *assembly)
{
  if (assembly->run->len == 0)
    return;

  add_piece (assembly->prompt, assembly->run->str, assembly->run->len, assembly->run_weight, assembly->starts_window);
  g_string_truncate (assembly->run, 0);
  assembly->starts_window = FALSE;
}

static void
add_text (Assembly   *assembly,
          const char *text,
          gsize       length)
{
  if (length == 0)
    return;

  if (assembly->run_weight != assembly->weight)
    end_run (assembly);
  assembly->run_weight = assembly->weight;
  g_string_append_len (assembly->run, text, (gssize) length);
}

static void
add_marked (Assembly   *assembly,
            const char *text,
            const Mark *mark)
{
  switch (mark->kind)
    {
    case MARK_TEXT:
      add_text (assembly, text + mark->start, mark->end - mark->start);
      break;
    case MARK_ESCAPE:
      add_text (assembly, text + mark->start + 1, 1);
      break;
    case MARK_OPEN:
      g_array_append_val (assembly->outer, assembly->weight);
      assembly->weight = CLAMP (assembly->weight * mark->weight, -HD_PROMPT_MAX_WEIGHT, HD_PROMPT_MAX_WEIGHT);
      break;
    case MARK_CLOSE:
      assembly->weight = g_array_index (assembly->outer, double, assembly->outer->len - 1);
      g_array_set_size (assembly->outer, assembly->outer->len - 1);
      break;
    case MARK_BREAK:
      end_run (assembly);
      assembly->starts_window = TRUE;
      break;
    case MARK_LORA:
      add_lora (assembly->prompt, mark);
      break;
    }
}

static HdPrompt *
assemble (const Scan *scan)
{
  HdPrompt *prompt = prompt_new ();
  Assembly  assembly = {
    .prompt = prompt,
    .run = g_string_new (NULL),
    .weight = 1.0,
    .outer = g_array_new (FALSE, FALSE, sizeof (double)),
  };
  gsize     at = 0;

  for (guint i = 0; i < scan->marks->len; i++)
    {
      const Mark *mark = &g_array_index (scan->marks, Mark, i);

      add_text (&assembly, scan->text + at, mark->start - at);
      add_marked (&assembly, scan->text, mark);
      at = mark->end;
    }
  add_text (&assembly, scan->text + at, strlen (scan->text + at));
  end_run (&assembly);
  g_string_free (assembly.run, TRUE);
  g_array_unref (assembly.outer);

  return prompt;
}

/* --- public --------------------------------------------------------------------- */

HdPrompt *
hd_prompt_parse (const char *text)
{
  g_autofree char    *valid = g_utf8_make_valid (text, -1);
  g_autoptr (GArray)  marks = g_array_new (FALSE, FALSE, sizeof (Mark));
  g_autoptr (GArray)  open = g_array_new (FALSE, FALSE, sizeof (guint));
  Scan                scan = { .text = valid, .marks = marks, .open = open, .colon = -1 };

  scan_text (&scan);

  return assemble (&scan);
}

HdPrompt *
hd_prompt_new_plain (const char *text)
{
  HdPrompt *prompt = prompt_new ();

  add_piece (prompt, text, strlen (text), 1.0, FALSE);

  return prompt;
}

void
hd_prompt_free (HdPrompt *prompt)
{
  if (prompt == NULL)
    return;

  g_ptr_array_unref (prompt->pieces);
  g_ptr_array_unref (prompt->loras);
  g_free (prompt);
}

gboolean
hd_prompt_is_empty (const HdPrompt *prompt)
{
  for (guint i = 0; i < prompt->pieces->len; i++)
    {
      const HdPromptPiece *piece = g_ptr_array_index (prompt->pieces, i);

      for (const char *p = piece->text; *p != '\0'; p++)
        if (!g_ascii_isspace (*p))
          return FALSE;
    }

  return TRUE;
}
