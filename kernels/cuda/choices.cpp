/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>
#include <string.h>

#include "config.h"

#include "kernels/cuda/choices.h"
#include "kernels/cuda/cuda_repeat.h"

/* To be raised when kernels change, so that they are measured again. */
#define REVISION 3

#define MEASURE_SECONDS  2e-3   /* of a candidate, by the card's estimate */
#define MEASURE_RUNS     3
#define MEASURE_TILES    4.0    /* for each processor, of 128 x 128 */
#define CLEARLY_FASTER   0.97
#define MOST_FILE_BYTES  (1 << 20)

typedef struct
{
  HdLt       *library;
  gboolean    library_tried;
  gboolean    file_tried;
  gboolean    unmeasured;
  GHashTable *choices;        /* key -> HdChoice */
  char       *file;           /* NULL: nothing is kept */
  char       *machine;        /* the file's first line */
  cudaEvent_t events[2];
} Choices;

static Choices *
get_choices (HdCudaContext *cuda)
{
  Choices *choices = (Choices *) cuda->products;

  if (choices == NULL)
    {
      choices = g_new0 (Choices, 1);
      choices->choices = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
#ifdef HD_CUDA_EMULATION
      /* What is fast there is not what is fast on a card; tests of measuring say so. */
      choices->unmeasured = TRUE;
#endif
      cuda->products = choices;
    }

  return choices;
}

void
hd_cuda_products_free (gpointer products)
{
  Choices *choices = (Choices *) products;

  if (choices == NULL)
    return;

  for (guint i = 0; i < G_N_ELEMENTS (choices->events); i++)
    if (choices->events[i] != NULL)
      cudaEventDestroy (choices->events[i]);
  hd_lt_close (choices->library);
  g_hash_table_unref (choices->choices);
  g_free (choices->file);
  g_free (choices->machine);
  g_free (choices);
}

HdLt *
hd_choices_library (HdCudaContext *cuda)
{
  Choices *choices = get_choices (cuda);

  if (!choices->library_tried)
    {
      choices->library_tried = TRUE;
      choices->library = hd_lt_open (cuda);
    }

  return choices->library;
}

void
hd_choices_set_measuring (HdCudaContext *cuda,
                          gboolean       measuring)
{
  get_choices (cuda)->unmeasured = !measuring;
}

/* --- the file --- */

/* A line: "key = tiles shape parts" or "key = library" and eight words. */
static char *
write_choice (const HdChoice *choice)
{
  GString *text;

  if (choice->kind == HD_CHOICE_TILES)
    return g_strdup_printf ("tiles %d %d", (int) choice->plan.shape, choice->plan.parts);

  text = g_string_new ("library");
  for (guint i = 0; i < G_N_ELEMENTS (choice->algorithm.words); i++)
    g_string_append_printf (text, " %" G_GINT64_MODIFIER "x", choice->algorithm.words[i]);

  return g_string_free (text, FALSE);
}

static gboolean
read_choice (const char *text,
             HdChoice   *choice)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  guint          n = g_strv_length (words);
  guint64        shape, parts;

  *choice = { };
  if (n == 3 && strcmp (words[0], "tiles") == 0)
    {
      choice->kind = HD_CHOICE_TILES;
      if (!g_ascii_string_to_unsigned (words[1], 10, 0, HD_N_TILES - 1, &shape, NULL)
          || !g_ascii_string_to_unsigned (words[2], 10, 1, HD_TILE_MAX_PARTS, &parts, NULL))
        return FALSE;
      choice->plan.shape = (HdTileKind) shape;
      choice->plan.parts = (int) parts;
      return TRUE;
    }

  if (n != 1 + G_N_ELEMENTS (choice->algorithm.words) || strcmp (words[0], "library") != 0)
    return FALSE;

  choice->kind = HD_CHOICE_LIBRARY;
  for (guint i = 0; i < G_N_ELEMENTS (choice->algorithm.words); i++)
    if (!g_ascii_string_to_unsigned (words[1 + i], 16, 0, G_MAXUINT64, &choice->algorithm.words[i], NULL))
      return FALSE;

  return TRUE;
}

/* What measurements hold for: another card, driver, library or build is measured anew. */
static void
name_file (HdCudaContext *cuda,
           Choices       *choices)
{
  g_autofree char *sum = NULL;
  g_autofree char *name = NULL;
  cudaDeviceProp   properties;
  int              driver = 0;

  if (cudaGetDeviceProperties (&properties, cuda->device) != cudaSuccess
      || cudaDriverGetVersion (&driver) != cudaSuccess)
    {
      cudaGetLastError ();
      return;
    }

  choices->machine = g_strdup_printf ("# %s, %d.%d, %d processors; driver %d; cuBLASLt %" G_GSIZE_FORMAT
                                      "; HiDiffusion %s, kernels %d", properties.name, cuda->major, cuda->minor,
                                      cuda->processors, driver, hd_lt_version (hd_choices_library (cuda)),
                                      HD_VERSION, REVISION);
  sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, choices->machine, -1);
  name = g_strdup_printf ("products-%.16s.txt", sum);
  choices->file = g_build_filename (g_get_user_cache_dir (), "hidiffusion", name, NULL);
}

static void
read_file (HdCudaContext *cuda,
           Choices       *choices)
{
  g_autofree char *text = NULL;
  g_auto (GStrv)   lines = NULL;
  gsize            bytes;

  if (choices->file_tried)
    return;
  choices->file_tried = TRUE;
  name_file (cuda, choices);
  if (choices->file == NULL || !g_file_get_contents (choices->file, &text, &bytes, NULL) || bytes > MOST_FILE_BYTES)
    return;

  lines = g_strsplit (text, "\n", -1);
  if (lines[0] == NULL || strcmp (lines[0], choices->machine) != 0)
    return;

  for (char **line = lines + 1; *line != NULL; line++)
    {
      char    *equals = strstr (*line, " = ");
      HdChoice choice;

      if (equals == NULL || !read_choice (equals + 3, &choice))
        continue;
      *equals = '\0';
      g_hash_table_insert (choices->choices, g_strdup (*line), g_memdup2 (&choice, sizeof choice));
    }
}

/* After every measurement: nobody is told when GIMP ends a plug-in. A file that cannot be written is none. */
static void
write_file (Choices *choices)
{
  g_autofree char   *folder = NULL;
  g_autoptr (GString) text = NULL;
  g_autoptr (GList)   keys = NULL;

  if (choices->file == NULL)
    return;

  text = g_string_new (choices->machine);
  g_string_append_c (text, '\n');
  keys = g_list_sort (g_hash_table_get_keys (choices->choices), (GCompareFunc) strcmp);
  for (GList *key = keys; key != NULL; key = key->next)
    {
      g_autofree char *choice = write_choice ((const HdChoice *) g_hash_table_lookup (choices->choices, key->data));

      g_string_append_printf (text, "%s = %s\n", (const char *) key->data, choice);
    }

  folder = g_path_get_dirname (choices->file);
  if (g_mkdir_with_parents (folder, 0700) == 0)
    g_file_set_contents (choices->file, text->str, (gssize) text->len, NULL);
}

/* --- measuring --- */

int
hd_choices_rows (const HdCudaContext *cuda,
                 int                  rows,
                 int                  outputs,
                 double               row_flops)
{
  const double enough = MAX (MEASURE_SECONDS * cuda->flops / row_flops,
                             MEASURE_TILES * cuda->processors * 128.0 * 128.0 / outputs);

  if (enough >= rows)
    return rows;

  return (int) MIN ((double) rows, MAX (ceil (enough / 128.0), 1.0) * 128.0);
}

HdChoice *
hd_choices_lookup (HdCudaContext *cuda,
                   const char    *key)
{
  Choices *choices = get_choices (cuda);

  if (!choices->unmeasured)
    read_file (cuda, choices);

  return (HdChoice *) g_hash_table_lookup (choices->choices, key);
}

static gboolean
make_events (HdCudaContext *cuda,
             Choices       *choices,
             GError       **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (choices->events); i++)
    if (choices->events[i] == NULL
        && !hd_cuda_check (cuda, cudaEventCreateWithFlags (&choices->events[i], cudaEventDefault), "measuring", error))
      return FALSE;

  return TRUE;
}

/* Milliseconds of the fastest of some runs. Before each another one is queued that nobody counts: while the card is at
 * work with that, the host has time to queue what is measured, which so begins at once. */
static gboolean
measure (HdCudaContext   *cuda,
         Choices         *choices,
         const HdChoice  *candidate,
         HdChoiceRun      run,
         gpointer         data,
         float           *best,
         GError         **error)
{
  *best = G_MAXFLOAT;
  for (int i = 0; i < MEASURE_RUNS; i++)
    {
      float milliseconds;

      if (!run (cuda, candidate, data, error)
          || !hd_cuda_check (cuda, cudaEventRecord (choices->events[0], cuda->stream), "measuring", error)
          || !run (cuda, candidate, data, error)
          || !hd_cuda_check (cuda, cudaEventRecord (choices->events[1], cuda->stream), "measuring", error)
          || !hd_cuda_wait (cuda, choices->events[1], error)
          || !hd_cuda_check (cuda, cudaEventElapsedTime (&milliseconds, choices->events[0], choices->events[1]),
                             "measuring", error))
        return FALSE;
      *best = MIN (*best, milliseconds);
    }

  return TRUE;
}

gboolean
hd_choices_measure (HdCudaContext   *cuda,
                    const char      *key,
                    const HdChoice  *candidates,
                    int              n,
                    HdChoiceRun      run,
                    gpointer         data,
                    HdChoice        *choice,
                    GError         **error)
{
  Choices      *choices = get_choices (cuda);
  const double  planned = cuda->planned_seconds;
  float         best = G_MAXFLOAT;
  gboolean      found = FALSE;

  *choice = candidates[0];
  if (choices->unmeasured || n == 1)
    return TRUE;
  if (cuda->capturing)
    return hd_cuda_repeat_refuse (cuda, "a measurement", error);
  if (!make_events (cuda, choices, error))
    return FALSE;

  for (int i = 0; i < n; i++)
    {
      g_autoptr (GError) failure = NULL;
      float              milliseconds;

      if (!measure (cuda, choices, &candidates[i], run, data, &milliseconds, &failure))
        {
          /* What the library cannot do is not chosen; without the card, or cancelled, there is nothing to choose. */
          if (cuda->lost || hd_context_is_cancelled (&cuda->parent) || (i == n - 1 && !found))
            {
              g_propagate_error (error, g_steal_pointer (&failure));
              return FALSE;
            }
          continue;
        }

      if (!found || milliseconds < best * CLEARLY_FASTER)
        {
          *choice = candidates[i];
          best = milliseconds;
          found = TRUE;
        }
    }

  cuda->planned_seconds = planned;
  choice->checked = TRUE;
  g_hash_table_insert (choices->choices, g_strdup (key), g_memdup2 (choice, sizeof *choice));
  write_file (choices);

  return TRUE;
}

int
hd_choices_add_plans (const HdCudaContext *cuda,
                      int                  rows,
                      gboolean             whole,
                      int                  outputs,
                      int                  depth,
                      gboolean             gated,
                      HdChoice            *candidates)
{
  HdTilePlan plans[HD_TILE_MAX_PLANS];
  int        n_plans = hd_tile_plans (cuda, rows, outputs, depth, gated, plans);
  int        n = 0;

  /* Of each shape there is one of a single part. */
  for (int i = 0; i < n_plans; i++)
    if (whole || plans[i].parts == 1)
      {
        candidates[n] = { };
        candidates[n].kind = HD_CHOICE_TILES;
        candidates[n].plan = plans[i];
        n++;
      }

  return n;
}
