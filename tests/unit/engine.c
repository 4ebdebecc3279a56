/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's tasks as a whole, on the demo model: what a request says is what happens, and everything that is not to
 * change stays. */

#include "engine/engine.h"

#include <math.h>
#include <string.h>

#include "tests/unit/checkpoint.h"

#define SIDE  128
#define STEPS 4

static char *scratch;

static HdRequest *
request_new (HdTask task)
{
  HdRequest       *request = hd_request_new ();
  g_autofree char *model = g_test_build_filename (G_TEST_DIST, "..", "..", "data", "demo-model", NULL);

  request->task = task;
  hd_request_set (&request->model, model);
  hd_request_set (&request->prompt, "a red heart on a white background");
  hd_request_set (&request->precision, "float32");
  request->seed = 7;
  request->steps = STEPS;

  return request;
}

/* A picture with something everywhere. */
static HdImage *
source_new (int width,
            int height)
{
  HdImage *image = hd_image_new (width, height, 3, NULL);

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < 3; c++)
        image->pixels[((gsize) y * width + x) * 3 + c] = (float) (0.5 + 0.3 * sin (x * 0.1 + c) * cos (y * 0.07));

  return image;
}

static HdPicture *
run (HdEngine        *engine,
     const HdRequest *request)
{
  GError    *error = NULL;
  HdPicture *picture = hd_engine_generate (engine, request, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (picture);
  for (gsize i = 0; i < (gsize) picture->width * picture->height * 3; i++)
    g_assert_true (picture->pixels[i] >= 0.0f && picture->pixels[i] <= 1.0f);

  return picture;
}

static gboolean
same_pixels (const HdPicture *a,
             const HdPicture *b)
{
  return a->width == b->width && a->height == b->height
         && memcmp (a->pixels, b->pixels, (gsize) a->width * a->height * 3 * sizeof *a->pixels) == 0;
}

/* Root of the mean square of the differences from @image, which has the same size. */
static double
distance (const HdPicture *picture,
          const HdImage   *image)
{
  gsize  count = (gsize) picture->width * picture->height * 3;
  double sum = 0.0;

  g_assert_cmpint (picture->width, ==, image->width);
  g_assert_cmpint (picture->height, ==, image->height);
  for (gsize i = 0; i < count; i++)
    sum += pow (picture->pixels[i] - image->pixels[i], 2.0);

  return sqrt (sum / count);
}

static void
check_refused (HdEngine        *engine,
               const HdRequest *request,
               const char      *named)
{
  g_autoptr (GError)    error = NULL;
  g_autoptr (HdPicture) picture = hd_engine_generate (engine, request, NULL, NULL, NULL, &error);

  g_assert_null (picture);
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, named));
}

/* --- how weights are kept ------------------------------------------------------ */

/* In 8 bits they take less, the picture is nearly the same, and one engine goes from one form to the other. */
static void
test_weights (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_GENERATE);
  g_autoptr (HdPicture) full = NULL;
  g_autoptr (HdPicture) small = NULL;
  g_autoptr (HdPicture) again = NULL;
  g_autoptr (HdImage)   image = NULL;
  GError               *error = NULL;
  HdEstimate            estimates[2];

  request->steps = 2;
  full = run (engine, request);
  image = hd_image_new (full->width, full->height, 3, NULL);
  memcpy (image->pixels, full->pixels, (gsize) full->width * full->height * 3 * sizeof *full->pixels);
  for (int i = 0; i < 2; i++)
    {
      hd_request_set (&request->weights, i == 0 ? "full" : "int8");
      hd_engine_estimate (engine, request, &estimates[i], &error);
      g_assert_no_error (error);
    }
  g_test_message ("%" G_GSIZE_FORMAT " and %" G_GSIZE_FORMAT " bytes", estimates[0].weight_bytes,
                  estimates[1].weight_bytes);
  g_assert_cmpuint (estimates[1].weight_bytes, <, estimates[0].weight_bytes / 2);
  g_assert_cmpuint (estimates[1].tensor_bytes, ==, estimates[0].tensor_bytes);

  small = run (engine, request);
  g_assert_cmpstr (small->request->weights, ==, "int8");
  g_test_message ("distance %g", distance (small, image));
  g_assert_cmpfloat (distance (small, image), >, 0.0);
  g_assert_cmpfloat (distance (small, image), <, 0.02);

  hd_request_set (&request->weights, "auto");
  again = run (engine, request);
  g_assert_true (same_pixels (again, full));

  for (int i = 0; i < 2; i++)
    hd_estimate_clear (&estimates[i]);
}

/* --- what is left to the model ------------------------------------------------- */

static void
test_settled (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_GENERATE);
  g_autoptr (HdPicture) picture = run (engine, request);
  g_autoptr (HdPicture) again = NULL;

  g_assert_cmpint (picture->width, ==, SIDE);
  g_assert_cmpint (picture->request->width, ==, SIDE);
  g_assert_cmpint (picture->request->steps, ==, STEPS);
  g_assert_cmpfloat (picture->request->guidance_scale, >, 1.0);
  g_assert_cmpstr (picture->request->sampler, !=, "auto");
  g_assert_cmpint (strlen (picture->request->model_hash), ==, 64);

  /* The settled request gives the same picture. */
  hd_request_set (&picture->request->model, request->model);
  again = run (engine, picture->request);
  g_assert_true (same_pixels (picture, again));
}

/* --- several pictures ---------------------------------------------------------- */

typedef struct
{
  GPtrArray *pictures;
  int        limit;
  int        last_picture;
  double     last_fraction;
} Taker;

static gboolean
take (HdPicture  *picture,
      gpointer    user_data,
      GError    **error)
{
  Taker *taker = user_data;

  g_ptr_array_add (taker->pictures, picture);
  if ((int) taker->pictures->len < taker->limit)
    return TRUE;

  g_set_error_literal (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "enough");
  return FALSE;
}

static void
watch (const HdProgress *progress,
       gpointer          user_data)
{
  Taker *taker = user_data;

  g_assert_cmpint (progress->pictures, ==, 3);
  g_assert_cmpint (progress->picture, >=, taker->last_picture);
  g_assert_cmpint (progress->picture, <=, 3);
  g_assert_cmpfloat (progress->fraction, >=, taker->last_fraction);
  g_assert_cmpfloat (progress->fraction, <=, 1.0);
  taker->last_picture = progress->picture;
  taker->last_fraction = progress->fraction;
}

static void
test_count (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_GENERATE);
  g_autoptr (GPtrArray) pictures = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_picture_free);
  g_autoptr (GError)    error = NULL;
  Taker                 taker = { .pictures = pictures, .limit = 100 };
  const gint64          seeds[] = { HD_REQUEST_MAX_SEED, 0, 1 };

  request->count = 3;
  request->seed = HD_REQUEST_MAX_SEED;
  hd_engine_generate_all (engine, request, take, watch, &taker, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pictures->len, ==, 3);
  g_assert_cmpint (taker.last_picture, ==, 3);
  g_assert_cmpfloat (taker.last_fraction, >, 0.66);

  for (int i = 0; i < 3; i++)
    {
      const HdPicture      *picture = pictures->pdata[i];
      g_autoptr (HdPicture) alone = NULL;

      g_assert_cmpint (picture->request->seed, ==, seeds[i]);
      g_assert_cmpint (picture->request->count, ==, 1);
      request->count = 1;
      request->seed = seeds[i];
      alone = run (engine, request);
      g_assert_true (same_pixels (picture, alone));
    }
  g_assert_false (same_pixels (pictures->pdata[0], pictures->pdata[1]));
}

/* What was ready before an error is not lost. */
static void
test_count_ends (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_GENERATE);
  g_autoptr (GPtrArray) pictures = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_picture_free);
  g_autoptr (GError)    error = NULL;
  Taker                 taker = { .pictures = pictures, .limit = 2 };

  request->count = 3;
  g_assert_false (hd_engine_generate_all (engine, request, take, watch, &taker, NULL, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  g_assert_cmpuint (pictures->len, ==, 2);
}

/* --- from a picture ------------------------------------------------------------ */

static void
test_transform (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_TRANSFORM);
  g_autoptr (HdImage)   source = source_new (150, 100);
  const double          strengths[] = { 0.25, 1.0 };
  double                distances[2];

  hd_request_set_image (&request->image, source);
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (HdPicture) picture = NULL;

      request->strength = strengths[i];
      picture = run (engine, request);
      distances[i] = distance (picture, source);
      g_test_message ("strength %g: %g from the source", strengths[i], distances[i]);
    }

  /* A little strength leaves the picture nearer to what it was than much. */
  g_assert_cmpfloat (distances[0], <, 0.5 * distances[1]);
}

static void
test_transform_sizes (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_TRANSFORM);
  g_autoptr (HdImage)   source = source_new (40, 30);
  g_autoptr (HdPicture) same = NULL;
  g_autoptr (HdPicture) larger = NULL;

  /* Smaller than what a model can make: it is padded. */
  hd_request_set_image (&request->image, source);
  same = run (engine, request);
  g_assert_cmpint (same->width, ==, 40);
  g_assert_cmpint (same->height, ==, 30);

  request->width = 80;
  larger = run (engine, request);
  g_assert_cmpint (larger->width, ==, 80);
  g_assert_cmpint (larger->height, ==, 60);
}

static void
test_upscale (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_UPSCALE);
  g_autoptr (HdImage)   source = source_new (96, 64);
  g_autoptr (HdImage)   resized = hd_image_resize (source, 192, 128, NULL);
  g_autoptr (HdPicture) picture = NULL;

  hd_request_set_image (&request->image, source);
  hd_request_set (&request->prompt, "");
  picture = run (engine, request);
  g_assert_cmpfloat (distance (picture, resized), <, 0.2);
}

static void
test_fill (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_FILL);
  g_autoptr (HdImage)   source = source_new (300, 200);
  g_autoptr (HdImage)   mask = hd_image_new (300, 200, 1, NULL);
  g_autoptr (HdPicture) picture = NULL;
  g_autoptr (HdImage)   rectangle = NULL;
  double                kept = 0.0;
  double                filled = 0.0;
  int                   n_kept = 0;
  int                   n_filled = 0;

  for (int y = 150; y < 190; y++)
    for (int x = 200; x < 240; x++)
      mask->pixels[y * 300 + x] = 1.0f;
  hd_request_set_image (&request->image, source);
  hd_request_set_image (&request->mask, mask);

  picture = run (engine, request);
  g_assert_cmpint (picture->x, <=, 200);
  g_assert_cmpint (picture->y, <=, 150);
  g_assert_cmpint (picture->x + picture->width, >=, 240);
  g_assert_cmpint (picture->y + picture->height, >=, 190);
  g_assert_cmpint (picture->x + picture->width, <=, 300);
  g_assert_cmpint (picture->y + picture->height, <=, 200);

  /* The picture around the mask is seen, so it comes back nearly as it was, at its place. */
  rectangle = hd_image_crop (source, picture->x, picture->y, picture->width, picture->height, NULL);
  for (int y = 0; y < picture->height; y++)
    for (int x = 0; x < picture->width; x++)
      {
        gsize    i = ((gsize) y * picture->width + x) * 3;
        double   difference = fabs (picture->pixels[i] - rectangle->pixels[i]);
        int      far = MAX (abs (picture->x + x - 220), abs (picture->y + y - 170));

        if (far < 20)
          {
            filled += difference;
            n_filled++;
          }
        else if (far > 32)
          {
            kept += difference;
            n_kept++;
          }
      }
  g_test_message ("mean difference: %g where it is filled, %g around", filled / n_filled, kept / n_kept);
  g_assert_cmpint (n_kept, >, 1000);
  g_assert_cmpfloat (kept / n_kept, <, 0.5 * filled / n_filled);
}

/* --- previews ------------------------------------------------------------------ */

/* Correlation of the last preview with the picture, in the same small size. */
static void
keep_preview (const HdProgress *progress,
              gpointer          user_data)
{
  HdImage **last = user_data;

  if (progress->preview == NULL || progress->preview == *last)
    return;

  g_clear_pointer (last, hd_image_unref);
  *last = hd_image_ref (progress->preview);
}

static double
correlation (const float *a,
             const float *b,
             gsize        count)
{
  double mean_a = 0.0, mean_b = 0.0, aa = 0.0, bb = 0.0, ab = 0.0;

  for (gsize i = 0; i < count; i++)
    {
      mean_a += a[i] / count;
      mean_b += b[i] / count;
    }
  for (gsize i = 0; i < count; i++)
    {
      aa += (a[i] - mean_a) * (a[i] - mean_a);
      bb += (b[i] - mean_b) * (b[i] - mean_b);
      ab += (a[i] - mean_a) * (b[i] - mean_b);
    }

  return ab / sqrt (aa * bb);
}

static void
test_previews (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_GENERATE);
  g_autoptr (HdImage)   preview = NULL;
  g_autoptr (HdImage)   image = NULL;
  g_autoptr (HdImage)   small = NULL;
  g_autoptr (HdPicture) picture = NULL;
  g_autoptr (HdPicture) without = run (engine, request);

  hd_engine_set_previews (engine, TRUE);
  picture = hd_engine_generate (engine, request, keep_preview, &preview, NULL, NULL);
  g_assert_nonnull (preview);
  g_assert_cmpint (preview->width, ==, SIDE / 8);
  g_assert_cmpint (preview->height, ==, SIDE / 8);
  /* Looking does not change what is seen. */
  g_assert_true (same_pixels (picture, without));

  image = hd_image_new (SIDE, SIDE, 3, NULL);
  memcpy (image->pixels, picture->pixels, 3 * SIDE * SIDE * sizeof (float));
  small = hd_image_resize (image, SIDE / 8, SIDE / 8, NULL);
  g_test_message ("correlation %g", correlation (preview->pixels, small->pixels, 3 * SIDE / 8 * SIDE / 8));
  g_assert_cmpfloat (correlation (preview->pixels, small->pixels, 3 * SIDE / 8 * SIDE / 8), >, 0.6);
}

/* --- other families ------------------------------------------------------------ */

/* A request for a small model with random weights: nothing to look at, but every path is gone. */
static HdRequest *
synthetic_request_new (HdTask      task,
                       const char *manifest)
{
  HdRequest       *request = request_new (task);
  g_autofree char *model = hd_test_make_model (scratch, manifest);

  hd_request_set (&request->model, model);
  request->steps = 2;

  return request;
}

static void
test_inpainting_model (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) fill = synthetic_request_new (HD_TASK_FILL, "sd15-inpaint");
  g_autoptr (HdRequest) generate = synthetic_request_new (HD_TASK_GENERATE, "sd15-inpaint");
  g_autoptr (HdImage)   source = source_new (160, 128);
  g_autoptr (HdImage)   mask = hd_image_new (160, 128, 1, NULL);
  g_autoptr (HdPicture) picture = NULL;
  const double          strengths[] = { 1.0, 0.5 };

  mask->pixels[64 * 160 + 80] = 1.0f;
  hd_request_set_image (&fill->image, source);
  hd_request_set_image (&fill->mask, mask);
  fill->width = SIDE;
  for (gsize i = 0; i < G_N_ELEMENTS (strengths); i++)
    {
      fill->strength = strengths[i];
      g_clear_pointer (&picture, hd_picture_free);
      picture = run (engine, fill);
      g_assert_cmpint (picture->width, ==, 160);
    }

  generate->width = generate->height = SIDE;
  check_refused (engine, generate, "a model for inpainting");
}

static void
test_sdxl (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = synthetic_request_new (HD_TASK_GENERATE, "sdxl");
  g_autoptr (HdPicture) plain = NULL;
  g_autoptr (HdPicture) rau_net = NULL;
  g_autoptr (HdPicture) turbo = NULL;

  request->width = request->height = SIDE;
  hd_request_set (&request->rau_net, "off");
  plain = run (engine, request);
  g_assert_cmpfloat (plain->request->guidance_scale, >, 1.0);

  /* What an expert asks for, happens: T2 is the share of the steps in which maps are pooled. */
  hd_request_set (&request->rau_net, "on");
  request->t1 = 0.0;
  request->t2 = 0.0;
  g_clear_pointer (&rau_net, hd_picture_free);
  rau_net = run (engine, request);
  g_assert_true (same_pixels (plain, rau_net));
  request->t2 = 1.0;
  g_clear_pointer (&rau_net, hd_picture_free);
  rau_net = run (engine, request);
  g_assert_false (same_pixels (plain, rau_net));

  hd_request_set (&request->distillation, "turbo");
  turbo = run (engine, request);
  g_assert_cmpfloat (turbo->request->guidance_scale, <=, 1.0);
  g_assert_cmpstr (turbo->request->schedule, ==, "trailing");
}

static void
test_control_net (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = synthetic_request_new (HD_TASK_GENERATE, "sd15");
  g_autofree char      *folder = hd_test_make_model (scratch, "sd15-controlnet");
  g_autofree char      *path = g_build_filename (folder, "controlnet", NULL);
  g_autoptr (HdImage)   image = source_new (200, 130);
  g_autoptr (HdPicture) without = NULL;
  g_autoptr (HdPicture) with = NULL;
  g_autoptr (HdPicture) edges = NULL;
  g_autoptr (HdPicture) never = NULL;

  request->width = request->height = SIDE;
  without = run (engine, request);

  hd_request_set (&request->control.path, path);
  hd_request_set_image (&request->control.image, image);
  with = run (engine, request);
  g_assert_false (same_pixels (with, without));

  hd_request_set (&request->control.preprocessor, "canny");
  edges = run (engine, request);
  g_assert_false (same_pixels (edges, with));

  /* Of no step, or of no strength, it leaves no trace. */
  request->control.end = 0.0;
  never = run (engine, request);
  g_assert_true (same_pixels (never, without));
}

/* --- what a run takes ----------------------------------------------------------- */

typedef struct
{
  HdEngine   *engine;
  HdRequest  *request;
  HdEstimate  estimates[8];
} Asking;

static gpointer
ask (gpointer data)
{
  Asking *asking = data;

  for (gsize i = 0; i < G_N_ELEMENTS (asking->estimates); i++)
    g_assert_true (hd_engine_estimate (asking->engine, asking->request, &asking->estimates[i], NULL));

  return NULL;
}

/* A thread asks, over and over, what a run would take that another one is at. */
static void
test_estimate_from_a_thread (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_GENERATE);
  g_autoptr (HdPicture) picture = NULL;
  g_autofree char      *device = NULL;
  Asking                asking = { .engine = engine, .request = request };
  HdEstimate            estimate;
  GThread              *thread;
  GError               *error = NULL;

  g_assert_null (hd_engine_get_device (engine));
  g_assert_true (hd_engine_estimate (engine, request, &estimate, NULL));
  g_assert_cmpuint (estimate.free_bytes, >, estimate.weight_bytes + estimate.tensor_bytes);
  g_assert_true (estimate.fits);
  g_assert_cmpuint (estimate.host_bytes, ==, 0);
  g_assert_true (hd_engine_check_memory (engine, request, &estimate, NULL));

  /* Weights that a device has no room for need the host's. */
  estimate.host_bytes = (gsize) 1 << 50;
  g_assert_false (hd_engine_check_memory (engine, request, &estimate, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY);
  g_assert_nonnull (strstr (error->message, "1.0\302\240PiB are needed"));
  g_clear_error (&error);

  thread = g_thread_new ("asking", ask, &asking);
  picture = run (engine, request);
  g_thread_join (thread);

  for (gsize i = 0; i < G_N_ELEMENTS (asking.estimates); i++)
    {
      g_assert_cmpfloat (asking.estimates[i].flops, ==, estimate.flops);
      g_assert_cmpuint (asking.estimates[i].tensor_bytes, ==, estimate.tensor_bytes);
      hd_estimate_clear (&asking.estimates[i]);
    }

  device = hd_engine_get_device (engine);
  g_assert_cmpstr (device, ==, estimate.device);
  hd_estimate_clear (&estimate);
}

static void
note_flops (const HdProgress *progress,
            gpointer          user_data)
{
  *(double *) user_data = progress->flops;
}

static void
test_work_is_told (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_GENERATE);
  g_autoptr (HdPicture) picture = NULL;
  HdEstimate            estimate;
  double                flops = -1.0;

  g_assert_true (hd_engine_estimate (engine, request, &estimate, NULL));
  picture = hd_engine_generate (engine, request, note_flops, &flops, NULL, NULL);
  g_assert_nonnull (picture);
  g_assert_cmpfloat (flops, ==, estimate.flops);
  hd_estimate_clear (&estimate);
}

/* --- errors -------------------------------------------------------------------- */

static void
test_errors (void)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdRequest) request = request_new (HD_TASK_GENERATE);
  g_autoptr (HdRequest) transform = request_new (HD_TASK_TRANSFORM);
  g_autoptr (HdImage)   source = source_new (64, 64);
  g_autoptr (HdPicture) picture = NULL;

  hd_request_set (&request->prompt, "a heart <lora:no such style:0.5>");
  check_refused (engine, request, "no such style");

  hd_request_set (&request->prompt, "a heart");
  hd_request_set (&request->control.path, "/no/such/control.safetensors");
  hd_request_set_image (&request->control.image, source);
  check_refused (engine, request, "/no/such/control.safetensors");
  g_clear_pointer (&request->control.path, g_free);

  check_refused (engine, transform, "transform: expected a picture");
  hd_request_set_image (&transform->image, source);
  transform->strength = 0.0;
  check_refused (engine, transform, "strength");

  /* The engine goes on as before. */
  picture = run (engine, request);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  scratch = g_dir_make_tmp ("hd-engine-XXXXXX", NULL);

  g_test_add_func ("/engine/settled", test_settled);
  g_test_add_func ("/engine/weights", test_weights);
  g_test_add_func ("/engine/count", test_count);
  g_test_add_func ("/engine/count/ends", test_count_ends);
  g_test_add_func ("/engine/transform", test_transform);
  g_test_add_func ("/engine/transform/sizes", test_transform_sizes);
  g_test_add_func ("/engine/upscale", test_upscale);
  g_test_add_func ("/engine/fill", test_fill);
  g_test_add_func ("/engine/previews", test_previews);
  g_test_add_func ("/engine/inpainting-model", test_inpainting_model);
  g_test_add_func ("/engine/sdxl", test_sdxl);
  g_test_add_func ("/engine/control-net", test_control_net);
  g_test_add_func ("/engine/estimate/thread", test_estimate_from_a_thread);
  g_test_add_func ("/engine/telling", test_work_is_told);
  g_test_add_func ("/engine/errors", test_errors);

  status = g_test_run ();
  hd_test_remove (scratch);
  g_free (scratch);

  return status;
}
