/* SPDX-License-Identifier: Apache-2.0 */

/* Requests as other programs write them beside pictures. */

#include "engine/infotext.h"

#include <string.h>

#include "engine/error.h"

static void
test_round_trip (void)
{
  g_autoptr (HdRequest) request = hd_request_new ();
  g_autoptr (HdRequest) back = NULL;
  g_autofree char      *text = NULL;
  g_auto (GStrv)        left_out = NULL;

  hd_request_set (&request->prompt, "a (heart:1.2), \"red\"\nSteps in the sand, Seed: none");
  hd_request_set (&request->negative_prompt, "blurry: yes\nand more");
  hd_request_set (&request->sampler, "dpmpp_2m_sde");
  hd_request_set (&request->schedule, "karras");
  hd_request_set (&request->model_name, "my, model: \"best\"");
  hd_request_set (&request->hidiffusion, "on");
  hd_request_set (&request->rau_net, "off");
  hd_request_set (&request->prediction, "v");
  hd_request_set (&request->control.preprocessor, "canny");
  request->control.name = g_strdup ("edges, \"soft\"");
  request->model_hash = g_strdup ("0123456789abcdef");
  request->control.strength = 0.5;
  request->control.end = 0.75;
  request->task = HD_TASK_TRANSFORM;
  request->steps = 30;
  request->guidance_scale = 6.5;
  request->guidance_rescale = 0.25;
  request->strength = 0.625;
  request->seed = 2147483647;
  request->width = 1024;
  request->height = 768;
  request->clip_skip = 2;

  text = hd_infotext_write (request);
  back = hd_infotext_read (text, &left_out, NULL);
  g_assert_cmpstr (back->prompt, ==, request->prompt);
  g_assert_cmpstr (back->negative_prompt, ==, request->negative_prompt);
  g_assert_cmpstr (back->sampler, ==, "dpmpp_2m_sde");
  g_assert_cmpstr (back->schedule, ==, "karras");
  g_assert_cmpstr (back->model_name, ==, request->model_name);
  g_assert_cmpstr (back->hidiffusion, ==, "on");
  g_assert_cmpint (back->steps, ==, 30);
  g_assert_true (back->guidance_scale == 6.5);
  g_assert_true (back->guidance_rescale == 0.25);
  g_assert_true (back->strength == 0.625);
  g_assert_cmpint (back->seed, ==, 2147483647);
  g_assert_cmpint (back->width, ==, 1024);
  g_assert_cmpint (back->height, ==, 768);
  g_assert_cmpint (back->clip_skip, ==, 2);
  g_assert_cmpint (back->task, ==, HD_TASK_TRANSFORM);
  g_assert_cmpstr (back->rau_net, ==, "off");
  g_assert_cmpstr (back->msw_msa, ==, "auto");
  g_assert_cmpstr (back->prediction, ==, "v");
  g_assert_cmpstr (back->model_hash, ==, "0123456789abcdef");
  g_assert_cmpstr (back->control.name, ==, "edges, \"soft\"");
  g_assert_cmpstr (back->control.preprocessor, ==, "canny");
  g_assert_true (back->control.strength == 0.5);
  g_assert_true (back->control.start == 0.0);
  g_assert_true (back->control.end == 0.75);
  g_assert_true (back->t1 == HD_REQUEST_AUTO);
  g_assert_cmpuint (g_strv_length (left_out), ==, 0);
  g_assert_true (hd_infotext_is_ours (text));
}

/* As Automatic1111 writes it, of two ages. */
static void
test_foreign (void)
{
  g_autoptr (HdRequest) old = hd_infotext_read (
    "masterpiece, lighthouse\nby the sea\nNegative prompt: lowres, bad hands\n"
    "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1234, Size: 512x768, Model hash: 6ce0161689, "
    "Model: v1-5-pruned, Denoising strength: 0.7, Version: v1.6.0", NULL, NULL);
  g_autoptr (HdRequest) new = hd_infotext_read (
    "Negative prompt: x\nSteps: 8, Sampler: Euler a, Schedule type: SGM Uniform, CFG scale: 1.5, Seed: 99999999999, "
    "Size: 1024x1024, Lora hashes: \"ink: 1a2b, wash: 3c4d\", Model: xl, TI hashes: \"a\\\"b: 1\", Version: f2\r\n", NULL, NULL);

  g_assert_cmpstr (old->prompt, ==, "masterpiece, lighthouse\nby the sea");
  g_assert_cmpstr (old->negative_prompt, ==, "lowres, bad hands");
  g_assert_cmpstr (old->sampler, ==, "dpmpp_2m");
  g_assert_cmpstr (old->schedule, ==, "karras");
  g_assert_cmpint (old->steps, ==, 20);
  g_assert_cmpint (old->seed, ==, 1234);
  g_assert_cmpint (old->width, ==, 512);
  g_assert_cmpint (old->height, ==, 768);
  g_assert_cmpstr (old->model_name, ==, "v1-5-pruned");
  g_assert_true (old->strength == 0.7);

  g_assert_cmpstr (new->prompt, ==, "");
  g_assert_cmpstr (new->negative_prompt, ==, "x");
  g_assert_cmpstr (new->sampler, ==, "euler_a");
  g_assert_cmpstr (new->schedule, ==, "trailing");
  g_assert_cmpstr (new->model_name, ==, "xl");
  /* Larger than our seeds: there is no such picture here. */
  g_assert_cmpint (new->seed, ==, HD_REQUEST_RANDOM_SEED);
}

/* What is not taken over is told, in the text's order; what says nothing of the picture is not. */
static void
test_left_out (void)
{
  g_auto (GStrv)        left_out = NULL;
  g_autoptr (HdRequest) request = hd_infotext_read (
    "a hut\nSteps: 20, Sampler: DPM++ SDE, Schedule type: Beta, CFG scale: 7, Seed: 4294967295, Size: 512x512, "
    "Model hash: 6ce0161689, Model: v1-5, VAE: \"kl, f8\", Denoising strength: 0.5, Hires upscale: 2, Hires steps: 5, "
    "Lora hashes: \"a: b\", ControlNet 0: \"Module: openpose, Model: pose [1a2b3c4d], Weight: 1\", Version: v1.10.1",
    &left_out, NULL);
  g_autofree char      *told = g_strjoinv (" | ", left_out);

  g_assert_cmpstr (told, ==,
                   "Sampler: DPM++ SDE | Schedule type: Beta | Seed: 4294967295 | VAE: kl, f8 | Denoising strength: 0.5 | "
                   "Hires upscale: 2 | Hires steps: 5 | ControlNet 0: Module: openpose, Model: pose [1a2b3c4d], Weight: 1");
  g_assert_cmpstr (request->sampler, ==, "auto");
  g_assert_cmpstr (request->schedule, ==, "auto");
  g_assert_true (request->strength == HD_REQUEST_AUTO);
  g_assert_null (request->control.name);
  g_assert_cmpstr (request->model_name, ==, "v1-5");
}

static void
test_control (void)
{
  g_autoptr (HdRequest) request = hd_infotext_read (
    "a hut\nSteps: 20, ControlNet 0: \"Module: canny, Model: control_canny [d14c016b], Weight: 0.8, Resize Mode: Crop, "
    "Guidance Start: 0.1, Guidance End: 7\"", NULL, NULL);

  g_assert_cmpstr (request->control.name, ==, "control_canny");
  g_assert_cmpstr (request->control.preprocessor, ==, "canny");
  g_assert_true (request->control.strength == 0.8);
  g_assert_true (request->control.start == 0.1);
  g_assert_true (request->control.end == HD_REQUEST_AUTO);
}

/* Only what hd_infotext_write() has made may be replaced by another of its texts. */
static void
test_ours (void)
{
  static const char * const others[] = {
    "", "Created with GIMP", "Steps: 5, Version: v1.6.0", "Version: HiDiffusion for GIMP 0.1.0",
    "Steps: 5, Comment: \"Version: HiDiffusion for GIMP\"",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (hd_infotext_is_ours (others[i]));
  g_assert_true (hd_infotext_is_ours ("a\nSteps: 5, Version: HiDiffusion for GIMP 9.9\n"));
}

static void
test_loras (void)
{
  g_autoptr (HdRequest) request = hd_request_new ();
  g_autofree char      *text = NULL;

  hd_request_set (&request->prompt, "a hut");
  hd_request_add_lora (request, "ink", NULL, 0.75);
  text = hd_infotext_write (request);
  g_assert_true (g_str_has_prefix (text, "a hut <lora:ink:0.75>\nSteps: "));
}

/* Anything is a request that can be checked, or an error. */
static void
test_damaged (void)
{
  static const char * const texts[] = {
    "", "a prompt", "Steps", "Steps:", "Steps: ", "Steps: ,,,,:::", "Steps: nan, CFG scale: inf, Size: 1x1, Seed: -5",
    "Steps: 20, Model: \"unfinished", "Steps: 20, Model: \"\\", "\xff\xfe\nSteps: 1e400, Sampler: \xff",
    "Steps: 99999999999999999999, Size: x, Clip skip: 1000000", "Negative prompt:\nSteps: 5", "Steps: 5\nSteps: 6",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError)    error = NULL;
      g_autoptr (HdRequest) request = hd_infotext_read (texts[i], NULL, &error);

      g_assert_true ((request != NULL) == (strstr (texts[i], "Steps:") != NULL));
      if (request == NULL)
        {
          g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
          continue;
        }
      hd_request_set (&request->model, "/a/model");
      g_assert_true (hd_request_check (request, &error));
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/infotext/round-trip", test_round_trip);
  g_test_add_func ("/infotext/foreign", test_foreign);
  g_test_add_func ("/infotext/left-out", test_left_out);
  g_test_add_func ("/infotext/control", test_control);
  g_test_add_func ("/infotext/ours", test_ours);
  g_test_add_func ("/infotext/loras", test_loras);
  g_test_add_func ("/infotext/damaged", test_damaged);

  return g_test_run ();
}
