/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/task_options.h"

#include <math.h>

#include "metadata/picture_settings.h"
#include "tools/hidiffusion/command.h"

#define MAX_SCALE 4.0

void
hd_task_options_init (HdTaskOptions *task_options,
                      HdTask         task)
{
  *task_options = (HdTaskOptions) { .task = task, .options = hd_request_options_new (), .scale = NAN };
}

void
hd_task_options_clear (HdTaskOptions *task_options)
{
  g_clear_pointer (&task_options->options, hd_request_options_free);
  g_clear_pointer (&task_options->mask, g_free);
  hd_task_input_clear (&task_options->input);
}

gboolean
hd_task_options_parse (HdTaskOptions       *task_options,
                       GStrv               *arguments,
                       gboolean             with_inputs,
                       const GOptionEntry  *others,
                       const char          *parameters,
                       const char          *description,
                       int                  min_parameters,
                       int                  max_parameters)
{
  const GOptionEntry mask = {
    "mask", 0, 0, G_OPTION_ARG_FILENAME, &task_options->mask,
    "white where the picture is to be filled, black where it stays, grays blend (auto: its transparent part)", "FILE.png"
  };
  const GOptionEntry scale = {
    "scale", 'x', 0, G_OPTION_ARG_DOUBLE, &task_options->scale, "how many times larger, 1 to 4 (2)", "FACTOR"
  };
  g_autoptr (GOptionContext) context = g_option_context_new (parameters);
  g_autoptr (GArray)         entries = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));

  if (with_inputs || task_options->task == HD_TASK_FILL)
    g_array_append_val (entries, mask);
  if (with_inputs || task_options->task == HD_TASK_UPSCALE)
    g_array_append_val (entries, scale);
  for (const GOptionEntry *entry = others; entry != NULL && entry->long_name != NULL; entry++)
    g_array_append_vals (entries, entry, 1);

  hd_request_options_add_groups (task_options->options, context, with_inputs || task_options->task != HD_TASK_GENERATE,
                                 (const GOptionEntry *) (gpointer) entries->data);
  g_option_context_set_description (context, description);

  return hd_command_parse_context (arguments, context, parameters, min_parameters, max_parameters);
}

/* --- usage ---------------------------------------------------------------------- */

static gboolean
check_usage (const HdTaskOptions  *task_options,
             const char           *input,
             GError              **error)
{
  const HdRequestOptions *options = task_options->options;
  HdTask                  task = task_options->task;
  gboolean                scaled = !isnan (task_options->scale);
  const char             *message = NULL;

  if ((task == HD_TASK_GENERATE || task == HD_TASK_TRANSFORM) && !options->has_prompt && options->again == NULL)
    message = "expected --prompt TEXT";
  else if (task != HD_TASK_GENERATE && input == NULL)
    message = "expected the name of the picture to start from";
  else if (task_options->mask != NULL && task != HD_TASK_FILL)
    message = "--mask: expected only to fill";
  else if (scaled && task != HD_TASK_UPSCALE)
    message = "--scale: expected only to upscale";
  else if (scaled && options->has_size)
    message = "expected one of --scale and --size, found both";
  else if (scaled && !(task_options->scale >= 1.0 && task_options->scale <= MAX_SCALE))
    message = "--scale: expected a number from 1 to 4";

  if (message != NULL)
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);

  return message == NULL;
}

/* --- what an earlier picture was made from --------------------------------------- */

/* What other programs write does not tell for sure which task it was; what they know more of is told. */
static gboolean
check_again (const HdTaskOptions      *task_options,
             const HdPictureSettings  *earlier,
             GError                  **error)
{
  const char      *path = task_options->options->again;
  g_autofree char *left_out = hd_picture_settings_describe_left_out (earlier);
  g_autofree char *message = NULL;

  if (earlier->complete && earlier->request->task != task_options->task)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   "%s: expected a picture by \"%s\", found one by \"%s\": that command repeats it", path,
                   hd_task_names ()[task_options->task], hd_task_names ()[earlier->request->task]);
      return FALSE;
    }

  if (left_out != NULL)
    {
      message = g_strdup_printf ("%s: not taken over: %s", path, left_out);
      hd_command_complain (message);
    }

  return TRUE;
}

static gboolean
read_again (HdTaskOptions  *task_options,
            GError        **error)
{
  const char                   *path = task_options->options->again;
  g_autoptr (HdPictureSettings) earlier = path != NULL ? hd_picture_settings_read (path, error) : NULL;

  if (path == NULL)
    return TRUE;

  if (earlier == NULL || !check_again (task_options, earlier, error))
    return FALSE;

  hd_request_options_repeat (task_options->options, g_steal_pointer (&earlier->request));

  return TRUE;
}

/* --- pictures --------------------------------------------------------------------- */

/* The sides at --scale; hd_request_check() knows which are possible. */
static void
set_scaled_size (HdRequest     *request,
                 const HdImage *image,
                 double         scale)
{
  request->width = (int) lround (image->width * scale);
  request->height = (int) lround (image->height * scale);
}

static gboolean
read_input (HdTaskOptions  *task_options,
            const char     *path,
            GError        **error)
{
  HdRequest   *request = task_options->options->request;
  HdTaskInput *input = &task_options->input;

  if (task_options->task == HD_TASK_GENERATE)
    return TRUE;

  input->png = hd_png_file_read (path, error);
  if (input->png == NULL)
    return FALSE;

  hd_request_set_image (&request->image, input->png->image);
  if (!isnan (task_options->scale))
    set_scaled_size (request, input->png->image, task_options->scale);
  if (task_options->task != HD_TASK_FILL)
    return TRUE;

  if (task_options->mask == NULL && input->png->alpha == NULL)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                   "%s: expected a picture with a transparent part to fill, or --mask FILE.png", path);
      return FALSE;
    }

  if (!hd_task_input_read_mask (input, task_options->mask, error))
    return FALSE;
  hd_request_set_image (&request->mask, input->mask);

  return TRUE;
}

static gboolean
read_control_image (HdRequestOptions  *options,
                    GError           **error)
{
  g_autoptr (HdPngImage) png = NULL;

  if (options->control_image == NULL)
    return TRUE;

  png = hd_png_file_read (options->control_image, error);
  if (png == NULL)
    return FALSE;
  hd_request_set_image (&options->request->control.image, png->image);

  return TRUE;
}

gboolean
hd_task_options_complete (HdTaskOptions  *task_options,
                          const char     *input,
                          GError        **error)
{
  HdRequestOptions   *options = task_options->options;
  g_autoptr (GError)  problem = NULL;

  if (!check_usage (task_options, input, error) || !read_again (task_options, error))
    return FALSE;

  options->request->task = task_options->task;
  if (!hd_request_options_resolve (options, error)
      || !read_input (task_options, input, error) || !read_control_image (options, error))
    return FALSE;

  if (hd_request_check (options->request, &problem))
    return TRUE;

  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, problem->message);

  return FALSE;
}
