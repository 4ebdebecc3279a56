/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/request_options.h"

#include <string.h>

#include "engine/request_fields.h"
#include "engine/sampler.h"

#define LORA_ENDING ".safetensors"

/* --- the table ------------------------------------------------------------------ */

typedef struct _Option Option;

/* Takes @value into @options. */
typedef gboolean (* TakeFunc) (HdRequestOptions  *options,
                               const Option      *option,
                               const char        *value,
                               GError           **error);

/* Of a help text, "%s" becomes the names of the field's list. */
struct _Option
{
  const char *name;
  char        letter;
  TakeFunc    take;
  gsize       offset;    /* of the request's field */
  const char *argument;
  const char *help;
};

static gboolean take_field   (HdRequestOptions *, const Option *, const char *, GError **);
static gboolean take_prompt  (HdRequestOptions *, const Option *, const char *, GError **);
static gboolean take_size    (HdRequestOptions *, const Option *, const char *, GError **);
static gboolean take_path    (HdRequestOptions *, const Option *, const char *, GError **);
static gboolean take_lora    (HdRequestOptions *, const Option *, const char *, GError **);
static gboolean take_folder  (HdRequestOptions *, const Option *, const char *, GError **);
static gboolean take_again   (HdRequestOptions *, const Option *, const char *, GError **);
static gboolean take_budget  (HdRequestOptions *, const Option *, const char *, GError **);
static gboolean take_control_image (HdRequestOptions *, const Option *, const char *, GError **);

#define FIELD(field)       take_field, G_STRUCT_OFFSET (HdRequest, field)
#define PATH(field)        take_path, G_STRUCT_OFFSET (HdRequest, field)

static const Option usual_options[] = {
  { "model", 'm', PATH (model), "NAME|PATH",
    "a model that \"hidiffusion models\" lists, or the path of a folder or file" },
  { "prompt", 'p', take_prompt, 0, "TEXT", "what the picture is to show" },
  { "negative", 'n', FIELD (negative_prompt), "TEXT", "what it is not to show" },
  { "size", 's', take_size, 0, "WIDTHxHEIGHT", "pixels (auto: the model's, or the picture's that it starts from)" },
  { "steps", 0, FIELD (steps), "N", "denoising steps (auto: what suits the model)" },
  { "guidance", 'g', FIELD (guidance_scale), "SCALE",
    "weight of the prompt; 1: no guidance (auto: what suits the model)" },
  { "sampler", 0, FIELD (sampler), "NAME", "%s (auto: what suits the model)" },
  { "seed", 0, FIELD (seed), "N", "the same seed gives the same picture; -1: random (-1)" },
  { "count", 'c', FIELD (count), "N", "of pictures, with consecutive seeds (1)" },
  { "lora", 'l', take_lora, 0, "NAME|FILE[:WEIGHT]",
    "a LoRA that is added to the model; can be given several times (weight 1)" },
  { "hidiffusion", 0, FIELD (hidiffusion), "WHEN", "%s (auto: where the picture is larger than what the model knows)" },
  { "again", 0, take_again, 0, "FILE.png", "with the settings that made this picture, but for what is given here" },
  { NULL },
};

/* Of tasks that start from a picture. */
static const Option picture_options[] = {
  { "strength", 0, FIELD (strength), "SHARE",
    "of the picture that is made anew, 0 to 1 (auto: transform 0.75, fill 1, upscale 0.35)" },
  { NULL },
};

static const Option sampling_options[] = {
  { "schedule", 0, FIELD (schedule), "NAME", "of the noise levels: %s (auto: what suits the model)" },
  { "eta", 0, FIELD (eta), "SHARE", "of fresh noise in ddim's steps, 0 to 1 (0)" },
  { "guidance-rescale", 0, FIELD (guidance_rescale), "SHARE",
    "by which guidance is taken back to the contrast without it, 0 to 1 (0)" },
  { NULL },
};

static const Option model_options[] = {
  { "folder", 'f', take_folder, 0, "FOLDER",
    "look for models, LoRAs, ControlNets and embeddings here, too; can be given several times" },
  { "clip-skip", 0, FIELD (clip_skip), "N", "layers from the text encoder's end that is read; 0: as the model was trained (0)" },
  { "prediction", 0, FIELD (prediction), "WHAT", "what the UNet predicts: %s (auto)" },
  { "distillation", 0, FIELD (distillation), "WHAT", "what makes the model draw in a few steps: %s (auto)" },
  { NULL },
};

static const Option control_options[] = {
  { "control-net", 0, PATH (control.name), "NAME|PATH", "a ControlNet for this kind of model" },
  { "control-image", 0, take_control_image, 0, "FILE.png", "the picture that it reads" },
  { "control-preprocessor", 0, FIELD (control.preprocessor), "NAME",
    "%s; none: the picture is a map of the ControlNet's kind; canny: its edges are found first (none)" },
  { "control-strength", 0, FIELD (control.strength), "WEIGHT", "how much it counts (1)" },
  { "control-start", 0, FIELD (control.start), "SHARE", "of the steps before it begins, 0 to 1 (0)" },
  { "control-end", 0, FIELD (control.end), "SHARE",
    "of the steps after which it ends, 0 to 1 (auto: 1; 0.6 for SDXL with HiDiffusion)" },
  { NULL },
};

static const Option hidiffusion_options[] = {
  { "rau-net", 0, FIELD (rau_net), "WHEN", "%s (auto: as --hidiffusion)" },
  { "msw-msa", 0, FIELD (msw_msa), "WHEN", "%s (auto: as --hidiffusion)" },
  { "t1", 0, FIELD (t1), "SHARE", "of the steps with RAU-Net's larger change, 0 to 1 (auto: the model's)" },
  { "t2", 0, FIELD (t2), "SHARE", "of the steps with its smaller one, 0 to 1 (auto: the model's)" },
  { NULL },
};

static const Option device_options[] = {
  { "device", 'd', FIELD (device), "NAME",
    "%s; cuda:1 is the second card, as `hidiffusion devices` counts them (auto)" },
  { "precision", 0, FIELD (precision), "TYPE", "%s (auto: the fastest that the device has)" },
  { "weights", 0, FIELD (weights), "FORM",
    "%s (auto: full; int8: half of the memory for weights, and a little another picture)" },
  { "threads", 't', FIELD (threads), "N", "the most threads; 0: one a processor (0)" },
  { "memory-budget", 0, take_budget, 0, "SIZE",
    "memory that model and picture may take together, as 8G or 6000M; what does not fit is split; 0: what is free (0)" },
  { NULL },
};

static const struct
{
  const char   *name;
  const char   *title;
  const char   *summary;
  const Option *options;
} groups[] = {
  { NULL, NULL, NULL, picture_options },
  { NULL, NULL, NULL, usual_options },
  { "sampling", "Sampling:", "How noise is taken away", sampling_options },
  { "model", "The model:", "What a model's files do not tell, and where they are looked for", model_options },
  { "control", "ControlNet:", "Pictures by the outlines of others", control_options },
  { "hidiffusion", "HiDiffusion:", "Its two parts, for experts", hidiffusion_options },
  { "device", "The device:", "What computes", device_options },
};

static const HdRequestField *
find_field (const Option *option)
{
  if (option->take != take_field)
    return NULL;

  for (const HdRequestField *field = hd_request_fields (); field->name != NULL; field++)
    if (field->offset == option->offset)
      return field;

  g_return_val_if_reached (NULL);
}

/* --- values --------------------------------------------------------------------- */

static gboolean
refuse (const Option  *option,
        const char    *expected,
        const char    *value,
        GError       **error)
{
  g_autofree char *shown = g_filename_display_name (value);

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--%s: expected %s, found \"%s\"",
               option->name, expected, shown);

  return FALSE;
}

/* Text comes in the locale's encoding, or in UTF-8 whatever the locale says. */
static gboolean
take_text (const Option  *option,
           const char    *value,
           char         **field,
           GError       **error)
{
  g_autofree char *text = g_utf8_validate (value, -1, NULL) ? g_strdup (value)
                                                            : g_locale_to_utf8 (value, -1, NULL, NULL, NULL);

  if (text == NULL)
    return refuse (option, "text in UTF-8", value, error);
  hd_request_set (field, text);

  return TRUE;
}

/* "auto", ..., each once; (transfer full). */
static char *
list_names (const HdRequestField *field)
{
  const char * const *names = field->names ();
  g_autofree char    *list = g_strjoinv (", ", (char **) names);

  return field->has_automatic && !g_strv_contains (names, "auto") ? g_strconcat ("auto, ", list, NULL)
                                                                  : g_steal_pointer (&list);
}

static gboolean
take_name (const Option          *option,
           const HdRequestField  *field,
           const char            *value,
           char                 **name,
           GError               **error)
{
  g_autofree char *list = NULL;
  g_autofree char *expected = NULL;

  if (hd_request_field_has_name (field, value))
    {
      hd_request_set (name, value);
      return TRUE;
    }

  list = list_names (field);
  expected = g_strdup_printf ("one of %s", list);

  return refuse (option, expected, value, error);
}

static gboolean
take_number (const Option          *option,
             const HdRequestField  *field,
             const char            *value,
             double                *number,
             GError               **error)
{
  gboolean         whole = field->kind != HD_FIELD_DOUBLE;
  g_autofree char *expected = NULL;
  char            *end;

  if (field->has_automatic && g_str_equal (value, "auto"))
    {
      *number = field->automatic;
      return TRUE;
    }

  *number = whole ? (double) g_ascii_strtoll (value, &end, 10) : g_ascii_strtod (value, &end);
  if (end != value && *end == '\0' && *number >= field->min && *number <= field->max)
    return TRUE;

  expected = g_strdup_printf ("a%s number from %.10g to %.10g%s", whole ? " whole" : "", field->min, field->max,
                              field->has_automatic ? ", or auto" : "");

  return refuse (option, expected, value, error);
}

static gboolean
take_field (HdRequestOptions  *options,
            const Option      *option,
            const char        *value,
            GError           **error)
{
  const HdRequestField *field = find_field (option);
  gpointer              member = G_STRUCT_MEMBER_P (options->request, option->offset);
  double                number;

  if (field->kind == HD_FIELD_TEXT || field->kind == HD_FIELD_NOTE)
    return take_text (option, value, member, error);
  if (field->kind == HD_FIELD_NAME)
    return take_name (option, field, value, member, error);
  if (!take_number (option, field, value, &number, error))
    return FALSE;

  if (field->kind == HD_FIELD_INT)
    *(int *) member = (int) number;
  else if (field->kind == HD_FIELD_INT64)
    *(gint64 *) member = (gint64) number;
  else
    *(double *) member = number;

  return TRUE;
}

static gboolean
take_prompt (HdRequestOptions  *options,
             const Option      *option,
             const char        *value,
             GError           **error)
{
  options->has_prompt = TRUE;

  return take_text (option, value, &options->request->prompt, error);
}

static gboolean
take_size (HdRequestOptions  *options,
           const Option      *option,
           const char        *value,
           GError           **error)
{
  g_auto (GStrv)   sides = g_strsplit (value, "x", 3);
  gint64           width = 0;
  gint64           height = 0;
  g_autofree char *expected = NULL;

  if (!g_str_equal (value, "auto")
      && (g_strv_length (sides) != 2
          || !g_ascii_string_to_signed (sides[0], 10, HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, &width, NULL)
          || !g_ascii_string_to_signed (sides[1], 10, HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, &height, NULL)))
    {
      expected = g_strdup_printf ("WIDTHxHEIGHT, each from %d to %d, or auto", HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE);
      return refuse (option, expected, value, error);
    }
  options->request->width = (int) width;
  options->request->height = (int) height;
  options->has_size = width > 0;

  return TRUE;
}

/* MiB, or with a letter: 6000, 6000M, 6G, 7.5G. */
static gboolean
take_budget (HdRequestOptions  *options,
             const Option      *option,
             const char        *value,
             GError           **error)
{
  char   *end;
  double  mebibytes = g_ascii_strtod (value, &end);

  if (end != value && (*end == 'G' || *end == 'g'))
    mebibytes *= 1024.0;
  if (end != value && *end != '\0' && strchr ("GgMm", *end) != NULL)
    end++;
  if (end == value || *end != '\0' || !(mebibytes == 0.0 || (mebibytes >= 1.0 && mebibytes <= HD_REQUEST_MAX_BUDGET)))
    return refuse (option, "a size as 8G or 6000M, or 0", value, error);

  options->request->memory_budget = (int) mebibytes;

  return TRUE;
}

/* A path has the file system's bytes. */
static gboolean
take_path (HdRequestOptions  *options,
           const Option      *option,
           const char        *value,
           GError           **error)
{
  hd_request_set (G_STRUCT_MEMBER_P (options->request, option->offset), value);

  return TRUE;
}

static gboolean
take_again (HdRequestOptions  *options,
            const Option      *option,
            const char        *value,
            GError           **error)
{
  hd_request_set (&options->again, value);

  return TRUE;
}

static gboolean
take_control_image (HdRequestOptions  *options,
                    const Option      *option,
                    const char        *value,
                    GError           **error)
{
  hd_request_set (&options->control_image, value);

  return TRUE;
}

static gboolean
take_folder (HdRequestOptions  *options,
             const Option      *option,
             const char        *value,
             GError           **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  char                   **folders = options->request->search_folders;

  if (folders != NULL)
    g_strv_builder_addv (builder, (const char **) folders);
  g_strv_builder_add (builder, value);
  options->request->search_folders = g_strv_builder_end (builder);
  g_strfreev (folders);

  return TRUE;
}

/* NAME, NAME:WEIGHT, or the same with a file that exists, whose name may have colons, too. */
static gboolean
take_lora (HdRequestOptions  *options,
           const Option      *option,
           const char        *value,
           GError           **error)
{
  const char      *colon = g_file_test (value, G_FILE_TEST_EXISTS) ? NULL : strrchr (value, ':');
  g_autofree char *file = colon != NULL ? g_strndup (value, colon - value) : g_strdup (value);
  gboolean         exists = g_file_test (file, G_FILE_TEST_EXISTS);
  g_autofree char *name = exists ? g_path_get_basename (file) : g_strdup (file);
  g_autofree char *shown = NULL;
  g_autofree char *expected = NULL;
  double           weight = 1.0;
  char            *end = NULL;

  if (colon != NULL)
    weight = g_ascii_strtod (colon + 1, &end);
  if (file[0] == '\0' || (colon != NULL && (end == colon + 1 || *end != '\0'))
      || !(weight >= -HD_REQUEST_MAX_WEIGHT && weight <= HD_REQUEST_MAX_WEIGHT))
    {
      expected = g_strdup_printf ("%s with a weight from %g to %g", option->argument, -HD_REQUEST_MAX_WEIGHT,
                                  HD_REQUEST_MAX_WEIGHT);
      return refuse (option, expected, value, error);
    }

  if (exists && g_str_has_suffix (name, LORA_ENDING))
    name[strlen (name) - strlen (LORA_ENDING)] = '\0';
  shown = g_filename_display_name (name);
  hd_request_add_lora (options->request, shown, exists ? file : NULL, weight);

  return TRUE;
}

/* --- the options ---------------------------------------------------------------- */

/* What was given, to be taken again. */
typedef struct
{
  const Option *option;
  char         *value;
} Given;

static void
given_free (gpointer data)
{
  g_free (((Given *) data)->value);
  g_free (data);
}

HdRequestOptions *
hd_request_options_new (void)
{
  HdRequestOptions *options = g_new0 (HdRequestOptions, 1);

  options->request = hd_request_new ();
  options->given = g_ptr_array_new_with_free_func (given_free);
  options->texts = g_ptr_array_new_with_free_func (g_free);

  return options;
}

void
hd_request_options_free (HdRequestOptions *options)
{
  if (options == NULL)
    return;

  hd_request_free (options->request);
  g_free (options->again);
  g_free (options->control_image);
  g_ptr_array_unref (options->given);
  g_ptr_array_unref (options->texts);
  g_free (options);
}

/* @name as GLib tells it: "--size" or "-s". */
static const Option *
find_option (const char *name)
{
  gboolean is_long = name[0] == '-' && name[1] == '-';

  for (gsize i = 0; i < G_N_ELEMENTS (groups); i++)
    for (const Option *option = groups[i].options; option->name != NULL; option++)
      if (is_long ? g_strcmp0 (name + 2, option->name) == 0 : option->letter != 0 && name[1] == option->letter)
        return option;

  g_return_val_if_reached (NULL);
}

static gboolean
on_option (const char  *name,
           const char  *value,
           gpointer     data,
           GError     **error)
{
  HdRequestOptions *options = data;
  const Option     *option = find_option (name);
  Given            *given;

  if (!option->take (options, option, value, error))
    return FALSE;

  given = g_new (Given, 1);
  *given = (Given) { option, g_strdup (value) };
  g_ptr_array_add (options->given, given);

  return TRUE;
}

static const char *
write_help (HdRequestOptions *options,
            const Option     *option)
{
  const char       *place = strstr (option->help, "%s");
  g_autofree char  *names = place != NULL ? list_names (find_field (option)) : NULL;
  char             *text;

  if (place == NULL)
    return option->help;

  text = g_strdup_printf ("%.*s%s%s", (int) (place - option->help), option->help, names, place + 2);
  g_ptr_array_add (options->texts, text);

  return text;
}

static void
add_entries (HdRequestOptions *options,
             GOptionGroup     *group,
             const Option     *table)
{
  for (const Option *option = table; option->name != NULL; option++)
    {
      const GOptionEntry entries[] = {
        /* Raw bytes: not all of it is text for GLib to convert. */
        { option->name, option->letter, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, on_option,
          write_help (options, option), option->argument },
        { NULL },
      };

      g_option_group_add_entries (group, entries);
    }
}

void
hd_request_options_add_groups (HdRequestOptions   *options,
                               GOptionContext     *context,
                               gboolean            from_picture,
                               const GOptionEntry *others)
{
  GOptionGroup *main_group = g_option_group_new ("picture", "", "", options, NULL);

  if (others != NULL)
    g_option_group_add_entries (main_group, others);
  for (gsize i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      GOptionGroup *group = main_group;

      if (groups[i].options == picture_options && !from_picture)
        continue;
      if (groups[i].name != NULL)
        {
          group = g_option_group_new (groups[i].name, groups[i].title, groups[i].summary, options, NULL);
          g_option_context_add_group (context, group);
        }
      add_entries (options, group, groups[i].options);
    }
  g_option_context_set_main_group (context, main_group);
}

void
hd_request_options_repeat (HdRequestOptions *options,
                           HdRequest        *earlier)
{
  gboolean other_loras = FALSE;

  hd_request_free (options->request);
  options->request = earlier;

  for (guint i = 0; i < options->given->len; i++)
    {
      const Given *given = g_ptr_array_index (options->given, i);

      if (given->option->take == take_lora && !other_loras)
        {
          g_ptr_array_set_size (earlier->loras, 0);
          other_loras = TRUE;
        }
      /* It was taken before. */
      if (!given->option->take (options, given->option, given->value, NULL))
        g_warn_if_reached ();
    }
}
