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

  hd_request_set (&request->prompt, "a (heart:1.2), \"red\"\nSteps in the sand, Seed: none");
  hd_request_set (&request->negative_prompt, "blurry: yes\nand more");
  hd_request_set (&request->sampler, "dpmpp_2m_sde");
  hd_request_set (&request->schedule, "karras");
  hd_request_set (&request->model_name, "my, model: \"best\"");
  hd_request_set (&request->hidiffusion, "on");
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
  back = hd_infotext_read (text, NULL);
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
}

/* As Automatic1111 writes it, of two ages. */
static void
test_foreign (void)
{
  g_autoptr (HdRequest) old = hd_infotext_read (
    "masterpiece, lighthouse\nby the sea\nNegative prompt: lowres, bad hands\n"
    "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1234, Size: 512x768, Model hash: 6ce0161689, "
    "Model: v1-5-pruned, Denoising strength: 0.7, Version: v1.6.0", NULL);
  g_autoptr (HdRequest) new = hd_infotext_read (
    "Negative prompt: x\nSteps: 8, Sampler: Euler a, Schedule type: SGM Uniform, CFG scale: 1.5, Seed: 99999999999, "
    "Size: 1024x1024, Lora hashes: \"ink: 1a2b, wash: 3c4d\", Model: xl, TI hashes: \"a\\\"b: 1\", Version: f2\r\n", NULL);

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
      g_autoptr (HdRequest) request = hd_infotext_read (texts[i], &error);

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
  g_test_add_func ("/infotext/loras", test_loras);
  g_test_add_func ("/infotext/damaged", test_damaged);

  return g_test_run ();
}
