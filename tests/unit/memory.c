/* SPDX-License-Identifier: Apache-2.0 */

/* The memory budget: how a plan is chosen, that models of true size keep to what is promised, and that what is made under
 * a tight budget is what is made without. */

#include "engine/engine.h"

#include <math.h>
#include <string.h>

#include "engine/job.h"
#include "engine/pipeline_stage.h"
#include "kernels/dry/dry.h"
#include "tests/unit/checkpoint.h"

#define GB ((gsize) 1000 * 1000 * 1000)

static char *scratch;

/* --- the choice ------------------------------------------------------------------ */

/* A run of which each split takes 10 bytes off the stages that it is for; weights are 30 in each stage. */
static gboolean
pretend (guint          splits,
         HdMemoryNeed  *need,
         gpointer       user_data,
         GError       **error)
{
  int *calls = user_data;

  (*calls)++;
  *need = (HdMemoryNeed) {
    .weight_bytes = { 30, 30, 30, 30 },
    .tensor_bytes = { 0, 10, 100, 80 },
  };
  if (splits & HD_SPLIT_GUIDANCE)
    need->tensor_bytes[HD_STAGE_DENOISE] -= 40;
  if (splits & HD_SPLIT_RESNETS)
    need->tensor_bytes[HD_STAGE_DENOISE] -= 10;
  if (splits & HD_SPLIT_VAE)
    need->tensor_bytes[HD_STAGE_DECODE] -= 40;
  for (int stage = 0; stage < HD_N_STAGES; stage++)
    {
      if ((splits & HD_SPLIT_TEXT) && stage != HD_STAGE_TEXT)
        need->weight_bytes[stage] -= 5;
      if (splits & HD_SPLIT_NETWORKS)
        need->weight_bytes[stage] -= 10;
    }

  return TRUE;
}

static void
test_choice (void)
{
  static const struct
  {
    gsize limit;
    guint splits;
    gsize needed;
  } cases[] = {
    { 1000, 0, 130 },
    { 130, 0, 130 },
    /* Denoising takes most; then decoding. */
    { 129, HD_SPLIT_GUIDANCE, 110 },
    { 109, HD_SPLIT_GUIDANCE | HD_SPLIT_VAE, 90 },
    /* Feed-forward layers are tried on the way, and left whole. */
    { 89, HD_SPLIT_GUIDANCE | HD_SPLIT_RESNETS | HD_SPLIT_VAE, 80 },
    { 79, HD_SPLIT_GUIDANCE | HD_SPLIT_RESNETS | HD_SPLIT_VAE | HD_SPLIT_TEXT, 75 },
    { 70, HD_SPLIT_GUIDANCE | HD_SPLIT_RESNETS | HD_SPLIT_VAE | HD_SPLIT_TEXT | HD_SPLIT_NETWORKS, 65 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      HdMemoryNeed need;
      guint        splits = 0;
      int          calls = 0;

      pretend (0, &need, &calls, NULL);
      g_assert_true (hd_memory_plan_choose (cases[i].limit, &splits, &need, pretend, &calls, NULL));
      g_assert_cmphex (splits, ==, cases[i].splits);
      g_assert_cmpuint (hd_memory_need_bytes (&need), ==, cases[i].needed);
      g_assert_cmpint (calls, <=, 2 * HD_N_SPLITS + 1);
    }
}

static void
test_choice_fails (void)
{
  HdMemoryNeed need;
  guint        splits = 0;
  int          calls = 0;

  pretend (0, &need, &calls, NULL);
  g_assert_true (hd_memory_plan_choose (10, &splits, &need, pretend, &calls, NULL));
  g_assert_cmpuint (hd_memory_need_bytes (&need), ==, 65);
}

static void
test_room (void)
{
  const HdMemoryNeed need = { .weight_bytes = { 1, 2, 3, 4 }, .tensor_bytes = { 5, 6, 8, 7 } };
  HdMemoryPlan       plan;

  g_assert_cmpint (hd_memory_need_peak (&need), ==, HD_STAGE_DENOISE);
  g_assert_cmpuint (hd_memory_need_bytes (&need), ==, 11);

  /* Where nothing leaves, room is taken once. */
  hd_memory_plan_init (&plan, HD_SPLIT_VAE, NULL, &need);
  for (int stage = 0; stage < HD_N_STAGES; stage++)
    g_assert_cmpuint (plan.tensor_bytes[stage], ==, 8);
  hd_memory_plan_init (&plan, HD_SPLIT_TEXT, NULL, &need);
  for (int stage = 0; stage < HD_N_STAGES; stage++)
    g_assert_cmpuint (plan.tensor_bytes[stage], ==, need.tensor_bytes[stage]);

  for (int i = 0; i < HD_N_SPLITS; i++)
    g_assert_cmpint (strlen (hd_split_describe (hd_split_at (i))), >, 0);
}

/* --- true sizes ------------------------------------------------------------------ */

/* A run of the model of true size @name on the dry device, in 16 bits as on a GPU. */
typedef struct
{
  HdPipeline *pipeline;
  HdJob      *job;
  HdStreaming streaming;
} TrueSize;

static void
draw_nothing (float    *values,
              gsize     count,
              gpointer  user_data)
{
  memset (values, 0, count * sizeof *values);
}

static int
shift_nothing (guint64  call,
               gpointer user_data)
{
  return 0;
}

static void
true_size_init (TrueSize   *run,
                const char *name,
                int         side)
{
  g_autoptr (GError)    error = NULL;
  g_autofree char      *file = g_strconcat (name, "-real.json", NULL);
  g_autofree char      *manifest = g_test_build_filename (G_TEST_DIST, "..", "golden", "models", file, NULL);
  g_autofree char      *folder = g_build_filename (scratch, "real", name, NULL);
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F16);
  g_autoptr (HdModel)   model = NULL;
  g_autoptr (HdRequest) request = hd_request_new ();

  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    hd_synth_write_hollow_model (manifest, folder, &error);
  g_assert_no_error (error);
  model = hd_model_open (folder, NULL, &error);
  g_assert_no_error (error);

  hd_request_set (&request->model, folder);
  hd_request_set (&request->prompt, "a lighthouse on a rock, with a long prompt");
  request->width = request->height = side;
  request->steps = 4;
  request->seed = 0;
  run->job = hd_job_new (model, request, TRUE, &error);
  g_assert_no_error (error);
  run->job->run.noise = draw_nothing;
  run->job->run.shift = shift_nothing;
  run->pipeline = hd_pipeline_new (context, model, NULL);
  run->streaming = (HdStreaming) { 0 };
}

static void
true_size_clear (TrueSize *run)
{
  hd_job_free (run->job);
  hd_pipeline_free (run->pipeline);
}

static gboolean
true_size_run (TrueSize  *run,
               GError   **error)
{
  const HdRun      *settings = &run->job->run;
  gsize             pixels = (gsize) settings->latent_width * settings->latent_height;
  g_autofree float *latents = g_new0 (float, pixels * 4);
  g_autofree float *planes = g_new (float, pixels * 64 * 3);
  gboolean          success = hd_pipeline_denoise (run->pipeline, settings, latents, error)
                              && hd_pipeline_decode (run->pipeline, latents, settings->latent_height,
                                                     settings->latent_width, planes, error);

  hd_pipeline_leave (run->pipeline);

  return success;
}

static gboolean
true_size_measure (guint          splits,
                   HdMemoryNeed  *need,
                   gpointer       user_data,
                   GError       **error)
{
  TrueSize *run = user_data;
  gboolean  success;

  *need = (HdMemoryNeed) { 0 };
  run->pipeline->plan = (HdMemoryPlan) { .splits = splits };
  if (splits & HD_SPLIT_WEIGHTS)
    run->pipeline->plan.streaming = run->streaming;
  run->pipeline->need = need;
  hd_context_reset_statistics (run->pipeline->context);
  success = true_size_run (run, error);
  run->pipeline->need = NULL;

  return success;
}

/* What a card of @limit bytes has room for: the arena's own end says so, beside the weights that are there. */
static void
check_ceiling (const char *name,
               int         side,
               gsize       limit)
{
  g_autoptr (GError) error = NULL;
  TrueSize           run;
  HdMemoryNeed       need;
  guint              splits = 0;

  true_size_init (&run, name, side);
  true_size_measure (0, &need, &run, &error);
  g_assert_no_error (error);
  g_test_message ("%s, %d x %d: %.2f GB whole", name, side, side, hd_memory_need_bytes (&need) / (double) GB);
  hd_memory_plan_choose (limit, &splits, &need, true_size_measure, &run, &error);
  g_assert_no_error (error);
  g_test_message ("%.2f GB with the splits %#x", hd_memory_need_bytes (&need) / (double) GB, splits);
  g_assert_cmpuint (hd_memory_need_bytes (&need), <=, limit);

  run.pipeline->plan = (HdMemoryPlan) { .splits = splits };
  for (int stage = 0; stage < HD_N_STAGES; stage++)
    run.pipeline->plan.tensor_bytes[stage] = limit - need.weight_bytes[stage];
  true_size_run (&run, &error);
  g_assert_no_error (error);

  /* The end is one: with the peak less a byte there is no room. */
  run.pipeline->plan.tensor_bytes[HD_STAGE_DENOISE] = need.tensor_bytes[HD_STAGE_DENOISE] - 1;
  g_assert_false (true_size_run (&run, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY);

  true_size_clear (&run);
}

static void
test_sdxl (void)
{
  check_ceiling ("sdxl", 2048, 8 * GB);
  check_ceiling ("sdxl", 4096, 12 * GB);
  check_ceiling ("sdxl", 4096, 8 * GB);
}

/* Where the UNet's weights alone are too many. */
static void
test_streamed (void)
{
  TrueSize     run;
  HdMemoryNeed need;
  HdMemoryNeed kept;

  true_size_init (&run, "sdxl", 1024);
  true_size_measure (0, &need, &run, NULL);
  g_assert_cmpuint (need.streamable_bytes, >, 4 * GB);
  g_assert_cmpuint (need.streamable_bytes, <, need.weight_bytes[HD_STAGE_DENOISE]);

  run.streaming.total = need.streamable_bytes;
  true_size_measure (hd_split_all (), &need, &run, NULL);
  g_test_message ("%.2f GB without the weights", hd_memory_need_bytes (&need) / (double) GB);
  g_assert_cmpuint (hd_memory_need_bytes (&need), <=, 3 * GB);

  run.streaming.resident = 2 * GB;
  true_size_measure (hd_split_all (), &kept, &run, NULL);
  g_assert_cmpuint (kept.weight_bytes[HD_STAGE_DENOISE], >, need.weight_bytes[HD_STAGE_DENOISE] + GB);
  g_assert_cmpuint (kept.weight_bytes[HD_STAGE_DENOISE], <=, need.weight_bytes[HD_STAGE_DENOISE] + 2 * GB);
  true_size_clear (&run);
}

static void
test_sd15 (void)
{
  check_ceiling ("sd15", 2048, 4 * GB);
}

/* No split makes any stage larger. Returns the splits that made one smaller. */
static guint
check_order (const char *name,
             int         side)
{
  TrueSize     run;
  HdMemoryNeed need;
  guint        splits = 0;
  guint        useful = 0;

  true_size_init (&run, name, side);
  true_size_measure (0, &need, &run, NULL);
  run.streaming.total = need.streamable_bytes;
  for (int i = 0; i < HD_N_SPLITS; i++)
    {
      HdMemoryNeed less;

      splits |= hd_split_at (i);
      true_size_measure (splits, &less, &run, NULL);
      for (int stage = 0; stage < HD_N_STAGES; stage++)
        {
          gsize before = need.weight_bytes[stage] + need.tensor_bytes[stage];
          gsize after = less.weight_bytes[stage] + less.tensor_bytes[stage];

          g_assert_cmpuint (after, <=, before);
          if (after < before)
            useful |= hd_split_at (i);
        }
      g_test_message ("%s: denoising %.2f GB, decoding %.2f GB", hd_split_describe (hd_split_at (i)),
                      (less.weight_bytes[HD_STAGE_DENOISE] + less.tensor_bytes[HD_STAGE_DENOISE]) / (double) GB,
                      (less.weight_bytes[HD_STAGE_DECODE] + less.tensor_bytes[HD_STAGE_DECODE]) / (double) GB);
      need = less;
    }
  g_assert_cmphex (splits, ==, hd_split_all ());
  true_size_clear (&run);

  return useful;
}

static void
test_order (void)
{
  guint useful = check_order ("sdxl", 2048) | check_order ("sdxl", 4096) | check_order ("sd15", 2048);

  g_assert_cmphex (useful, ==, hd_split_all ());
}

/* --- pictures -------------------------------------------------------------------- */

static HdRequest *
request_new (HdTask      task,
             const char *model)
{
  HdRequest       *request = hd_request_new ();
  g_autofree char *demo = g_test_build_filename (G_TEST_DIST, "..", "..", "data", "demo-model", NULL);
  g_autofree char *folder = model != NULL ? hd_test_make_model (scratch, model) : g_strdup (demo);

  request->task = task;
  hd_request_set (&request->model, folder);
  hd_request_set (&request->prompt, "a red heart on a white background");
  hd_request_set (&request->negative_prompt, "blue");
  hd_request_set (&request->device, "cpu");
  hd_request_set (&request->precision, "float32");
  /* Small operators by the thousand: threads that wait for each other would take most of the time. */
  request->threads = 1;
  request->seed = 7;
  request->steps = 3;
  request->width = 160;
  request->height = 192;

  if (task != HD_TASK_GENERATE)
    {
      g_autoptr (HdImage) image = hd_image_new (160, 192, 3, NULL);

      for (gsize i = 0; i < 160 * 192 * 3; i++)
        image->pixels[i] = (float) (0.5 + 0.4 * sin (i * 0.01));
      hd_request_set_image (&request->image, image);
    }
  if (task == HD_TASK_FILL)
    {
      g_autoptr (HdImage) mask = hd_image_new (160, 192, 1, NULL);

      for (int i = 0; i < 160 * 60; i++)
        mask->pixels[i] = 1.0f;
      hd_request_set_image (&request->mask, mask);
    }

  return request;
}

static HdPicture *
run (HdEngine        *engine,
     const HdRequest *request)
{
  GError    *error = NULL;
  HdPicture *picture = hd_engine_generate (engine, request, NULL, NULL, NULL, &error);

  g_assert_no_error (error);

  return picture;
}

static void
estimate (HdEngine        *engine,
          const HdRequest *request,
          HdEstimate      *told)
{
  GError *error = NULL;

  hd_engine_estimate (engine, request, told, &error);
  g_assert_no_error (error);
  hd_estimate_clear (told);
}

static void
check_same (const HdPicture *found,
            const HdPicture *expected)
{
  gsize  count = (gsize) expected->width * expected->height * 3;
  double errors = 0.0;
  double squares = 0.0;

  g_assert_cmpint (found->width, ==, expected->width);
  g_assert_cmpint (found->height, ==, expected->height);
  for (gsize i = 0; i < count; i++)
    {
      errors += pow ((double) found->pixels[i] - expected->pixels[i], 2.0);
      squares += pow (expected->pixels[i], 2.0);
    }
  g_test_message ("relative error %g", sqrt (errors / squares));
  g_assert_true (sqrt (errors / squares) <= 1e-5);
}

/* The least budget in MiB that @request can be run with. */
static int
find_least (HdEngine  *engine,
            HdRequest *request)
{
  HdEstimate told;

  request->memory_budget = 1;
  estimate (engine, request, &told);
  g_assert_false (told.fits);

  return (int) ((told.weight_bytes + told.tensor_bytes + (1 << 20) - 1) >> 20);
}

static void
check_budgets (HdRequest *request)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdPicture) whole = run (engine, request);
  HdEstimate            told;
  int                   most;
  int                   least = find_least (engine, request);
  guint                 seen = 0;

  request->memory_budget = 0;
  estimate (engine, request, &told);
  g_assert_true (told.fits);
  g_assert_cmphex (told.splits, ==, 0);
  g_assert_cmpuint (told.whole_bytes, ==, told.weight_bytes + told.tensor_bytes);
  most = (int) (told.whole_bytes >> 20);
  g_assert_cmpint (least, <, most);

  for (int i = 0; i < 3; i++)
    {
      g_autoptr (HdPicture) split = NULL;

      request->memory_budget = most - (most - least) * i / 2;
      estimate (engine, request, &told);
      g_test_message ("%d MiB: %" G_GSIZE_FORMAT " bytes with the splits %#x", request->memory_budget,
                      told.weight_bytes + told.tensor_bytes, told.splits);
      g_assert_true (told.fits);
      g_assert_cmpuint (told.weight_bytes + told.tensor_bytes, <=, (gsize) request->memory_budget << 20);
      g_assert_cmphex (told.splits, !=, 0);
      seen |= told.splits;
      split = run (engine, request);
      check_same (split, whole);
    }
  g_assert_true ((seen & HD_SPLIT_NETWORKS) != 0);

  /* The engine is none the worse for it. */
  request->memory_budget = 0;
  {
    g_autoptr (HdPicture) again = run (engine, request);

    g_assert_cmpmem (again->pixels, (gsize) again->width * again->height * 3 * sizeof (float),
                     whole->pixels, (gsize) whole->width * whole->height * 3 * sizeof (float));
  }
}

static void
test_demo (void)
{
  static const HdTask tasks[] = { HD_TASK_GENERATE, HD_TASK_TRANSFORM };

  for (guint i = 0; i < G_N_ELEMENTS (tasks); i++)
    {
      g_autoptr (HdRequest) request = request_new (tasks[i], NULL);

      check_budgets (request);
    }
}

static void
test_families (void)
{
  g_autoptr (HdRequest) sdxl = request_new (HD_TASK_GENERATE, "sdxl");
  g_autoptr (HdRequest) inpainting = request_new (HD_TASK_FILL, "sd15-inpaint");
  g_autoptr (HdRequest) controlled = request_new (HD_TASK_GENERATE, "sd15");
  g_autofree char      *folder = hd_test_make_model (scratch, "sd15-controlnet");
  g_autofree char      *path = g_build_filename (folder, "controlnet", NULL);
  g_autoptr (HdImage)   image = hd_image_new (160, 192, 3, NULL);

  check_budgets (sdxl);
  check_budgets (inpainting);
  hd_request_set (&controlled->control.path, path);
  hd_request_set_image (&controlled->control.image, image);
  check_budgets (controlled);
}

static gboolean
take (HdPicture  *picture,
      gpointer    user_data,
      GError    **error)
{
  g_ptr_array_add (user_data, picture);

  return TRUE;
}

/* Cancels when the networks have been loaded and dropped a few times. */
static void
cancel_late (const HdProgress *progress,
             gpointer          user_data)
{
  if (progress->phase == HD_PHASE_DECODING)
    g_cancellable_cancel (user_data);
}

/* Networks come and go for each of several pictures, and after a run that was cancelled. */
static void
test_several (void)
{
  g_autoptr (HdEngine)     engine = hd_engine_new ();
  g_autoptr (HdRequest)    request = request_new (HD_TASK_GENERATE, NULL);
  g_autoptr (GPtrArray)    pictures = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_picture_free);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error = NULL;

  request->memory_budget = find_least (engine, request);
  g_assert_null (hd_engine_generate (engine, request, cancel_late, cancellable, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  request->count = 2;
  hd_engine_generate_all (engine, request, take, NULL, pictures, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pictures->len, ==, 2);

  request->memory_budget = 0;
  request->count = 1;
  for (guint i = 0; i < pictures->len; i++)
    {
      g_autoptr (HdPicture) whole = NULL;

      request->seed = 7 + i;
      whole = run (engine, request);
      check_same (pictures->pdata[i], whole);
    }
}

static void
test_too_small (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_GENERATE, NULL);
  g_autoptr (HdPicture) picture = NULL;
  g_autoptr (GError)    error = NULL;
  int                   least = find_least (engine, request);

  /* Just too little: a smaller picture is proposed. */
  request->memory_budget = least - 1;
  picture = hd_engine_generate (engine, request, NULL, NULL, NULL, &error);
  g_assert_null (picture);
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "160 x 192"));
  g_assert_nonnull (strstr (error->message, "the budget is"));
  g_assert_nonnull (strstr (error->message, "would fit"));
  g_clear_error (&error);

  request->memory_budget = 1;
  picture = hd_engine_generate (engine, request, NULL, NULL, NULL, &error);
  g_assert_null (picture);
  g_assert_nonnull (strstr (error->message, "no smaller one"));

  request->memory_budget = least;
  picture = run (engine, request);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  scratch = g_dir_make_tmp ("hd-memory-XXXXXX", NULL);

  g_test_add_func ("/memory/choice", test_choice);
  g_test_add_func ("/memory/choice/fails", test_choice_fails);
  g_test_add_func ("/memory/room", test_room);
  g_test_add_func ("/memory/true-size/sdxl", test_sdxl);
  g_test_add_func ("/memory/true-size/streamed", test_streamed);
  g_test_add_func ("/memory/true-size/sd15", test_sd15);
  g_test_add_func ("/memory/true-size/order", test_order);
  g_test_add_func ("/memory/pictures/demo", test_demo);
  g_test_add_func ("/memory/pictures/families", test_families);
  g_test_add_func ("/memory/pictures/several", test_several);
  g_test_add_func ("/memory/pictures/too-small", test_too_small);

  status = g_test_run ();
  hd_test_remove (scratch);
  g_free (scratch);

  return status;
}
