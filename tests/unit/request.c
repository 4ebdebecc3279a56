/* SPDX-License-Identifier: Apache-2.0 */

/* Requests: their ranges, and their JSON form, which comes back from files that anybody may have written. */

#include "engine/request.h"

#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/request_fields.h"
#include "engine/sampler.h"

static HdRequest *
request_new (void)
{
  HdRequest *request = hd_request_new ();

  hd_request_set (&request->model, "/some/model");
  hd_request_set (&request->prompt, "a red star");

  return request;
}

static void
assert_equal (const HdRequest *a,
              const HdRequest *b)
{
  g_assert_cmpint (a->task, ==, b->task);
  for (const HdRequestField *field = hd_request_fields (); field->name != NULL; field++)
    if (field->member != NULL)
      switch (field->kind)
        {
        case HD_FIELD_INT:
          g_assert_cmpint (G_STRUCT_MEMBER (int, a, field->offset), ==, G_STRUCT_MEMBER (int, b, field->offset));
          break;
        case HD_FIELD_INT64:
          g_assert_cmpint (G_STRUCT_MEMBER (gint64, a, field->offset), ==, G_STRUCT_MEMBER (gint64, b, field->offset));
          break;
        case HD_FIELD_DOUBLE:
          g_assert_true (G_STRUCT_MEMBER (double, a, field->offset) == G_STRUCT_MEMBER (double, b, field->offset));
          break;
        case HD_FIELD_TEXT:
        case HD_FIELD_NOTE:
        case HD_FIELD_NAME:
        default:
          g_assert_cmpstr (G_STRUCT_MEMBER (char *, a, field->offset), ==, G_STRUCT_MEMBER (char *, b, field->offset));
        }

  g_assert_cmpuint (a->loras->len, ==, b->loras->len);
  for (guint i = 0; i < a->loras->len; i++)
    {
      const HdLoraUse *x = a->loras->pdata[i];
      const HdLoraUse *y = b->loras->pdata[i];

      g_assert_cmpstr (x->name, ==, y->name);
      g_assert_true (x->weight == y->weight);
    }
}

/* --- ranges --- */

static void
test_defaults (void)
{
  g_autoptr (HdRequest) request = request_new ();
  g_autoptr (GError)    error = NULL;

  g_assert_true (hd_request_check (request, &error));
  g_assert_no_error (error);
  g_assert_cmpint (request->width, ==, 0);
  g_assert_cmpint (request->count, ==, 1);
  g_assert_cmpstr (request->sampler, ==, "auto");
  g_assert_cmpint (request->seed, ==, HD_REQUEST_RANDOM_SEED);
}

static void
check_refused (const HdRequest *request,
               const char      *named)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (hd_request_check (request, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
  g_assert_nonnull (strstr (error->message, named));
}

#define CHECK_FIELD(field, good_value, bad_value, named) \
  G_STMT_START { \
    g_autoptr (HdRequest) request_ = request_new (); \
    request_->field = good_value; \
    g_assert_true (hd_request_check (request_, NULL)); \
    request_->field = bad_value; \
    check_refused (request_, named); \
  } G_STMT_END

static void
test_ranges (void)
{
  CHECK_FIELD (width, 64, 63, "width");
  CHECK_FIELD (width, 8192, 8193, "width");
  CHECK_FIELD (width, 511, -512, "width");
  CHECK_FIELD (height, 0, 1, "height");
  CHECK_FIELD (height, 8192, G_MAXINT, "height");
  CHECK_FIELD (steps, 0, -1, "steps");
  CHECK_FIELD (steps, 1000, 1001, "steps");
  CHECK_FIELD (guidance_scale, 0.0, -0.1, "guidance");
  CHECK_FIELD (guidance_scale, 100.0, 100.1, "guidance");
  CHECK_FIELD (guidance_scale, 1.0, (double) NAN, "guidance");
  CHECK_FIELD (guidance_scale, 1.0, (double) INFINITY, "guidance");
  CHECK_FIELD (guidance_scale, HD_REQUEST_AUTO, -2.0, "guidance");
  CHECK_FIELD (guidance_rescale, 1.0, 1.1, "guidance rescale");
  CHECK_FIELD (eta, 1.0, -0.1, "eta");
  CHECK_FIELD (strength, 0.0, 1.01, "strength");
  CHECK_FIELD (strength, HD_REQUEST_AUTO, (double) NAN, "strength");
  CHECK_FIELD (count, 1, 0, "count");
  CHECK_FIELD (t1, HD_REQUEST_AUTO, 1.5, "T1");
  CHECK_FIELD (t2, 1.0, -0.5, "T2");
  CHECK_FIELD (clip_skip, 12, -1, "clip skip");
  CHECK_FIELD (control.strength, 2.0, -1.0, "ControlNet's strength");
  CHECK_FIELD (control.end, 1.0, 2.0, "ControlNet's end");
  CHECK_FIELD (seed, -1, -2, "seed");
  CHECK_FIELD (seed, G_MAXINT32, (gint64) G_MAXINT32 + 1, "2147483647, found 2147483648");
  CHECK_FIELD (seed, 0, G_MININT64, "seed");
  CHECK_FIELD (threads, 0, -1, "threads");
  CHECK_FIELD (threads, 64, G_MAXINT, "threads");
  CHECK_FIELD (memory_budget, 0, -1, "memory budget");
  CHECK_FIELD (memory_budget, 8192, G_MAXINT, "memory budget");
}

static void
check_string (gsize       offset,
              const char *bad,
              const char *named)
{
  g_autoptr (HdRequest) request = request_new ();
  char                **field = G_STRUCT_MEMBER_P (request, offset);

  g_free (*field);
  *field = g_strdup (bad);
  check_refused (request, named);
}

static void
test_strings (void)
{
  static const gsize names[] = {
    G_STRUCT_OFFSET (HdRequest, sampler), G_STRUCT_OFFSET (HdRequest, hidiffusion),
    G_STRUCT_OFFSET (HdRequest, device), G_STRUCT_OFFSET (HdRequest, precision),
    G_STRUCT_OFFSET (HdRequest, schedule), G_STRUCT_OFFSET (HdRequest, rau_net),
    G_STRUCT_OFFSET (HdRequest, msw_msa), G_STRUCT_OFFSET (HdRequest, prediction),
    G_STRUCT_OFFSET (HdRequest, distillation), G_STRUCT_OFFSET (HdRequest, control.preprocessor),
    G_STRUCT_OFFSET (HdRequest, weights),
  };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      check_string (names[i], NULL, "expected one of");
      check_string (names[i], "", "found \"\"");
      check_string (names[i], "no such", "found \"no such\"");
    }

  check_string (G_STRUCT_OFFSET (HdRequest, model), NULL, "model");
  check_string (G_STRUCT_OFFSET (HdRequest, model), "", "model");
  check_string (G_STRUCT_OFFSET (HdRequest, prompt), NULL, "prompt");
  check_string (G_STRUCT_OFFSET (HdRequest, prompt), "caf\xe9", "UTF-8");
  check_string (G_STRUCT_OFFSET (HdRequest, negative_prompt), "\xff\xfe", "negative prompt");
}

/* What a task starts from is there, in the shape that it needs. */
static void
test_images (void)
{
  g_autoptr (HdRequest) request = request_new ();
  g_autoptr (HdImage)   image = hd_image_new (20, 10, 3, NULL);
  g_autoptr (HdImage)   mask = hd_image_new (20, 10, 1, NULL);
  g_autoptr (HdImage)   other = hd_image_new (10, 20, 1, NULL);

  request->task = HD_TASK_TRANSFORM;
  check_refused (request, "transform: expected a picture");
  hd_request_set_image (&request->image, mask);
  check_refused (request, "transform: expected a picture");
  hd_request_set_image (&request->image, image);
  g_assert_true (hd_request_check (request, NULL));

  request->task = HD_TASK_FILL;
  check_refused (request, "fill: expected a mask");
  hd_request_set_image (&request->mask, other);
  check_refused (request, "fill: expected a mask");
  hd_request_set_image (&request->mask, mask);
  g_assert_true (hd_request_check (request, NULL));

  hd_request_set (&request->control.path, "/a/file");
  check_refused (request, "ControlNet");
  hd_request_set_image (&request->control.image, image);
  g_assert_true (hd_request_check (request, NULL));

  hd_request_add_lora (request, "strong", NULL, 10.5);
  check_refused (request, "LoRA strong");
}

/* Everything that the lists offer is accepted. */
static void
test_names (void)
{
  const char * const *lists[] = {
    hd_sampler_names (), hd_hidiffusion_names (), hd_device_names (), hd_precision_names (),
    hd_schedule_names (), hd_hidiffusion_names (), hd_hidiffusion_names (), hd_prediction_names (),
    hd_distillation_names (), hd_preprocessor_names (), hd_weight_form_names (),
  };
  static const gsize offsets[] = {
    G_STRUCT_OFFSET (HdRequest, sampler), G_STRUCT_OFFSET (HdRequest, hidiffusion),
    G_STRUCT_OFFSET (HdRequest, device), G_STRUCT_OFFSET (HdRequest, precision),
    G_STRUCT_OFFSET (HdRequest, schedule), G_STRUCT_OFFSET (HdRequest, rau_net),
    G_STRUCT_OFFSET (HdRequest, msw_msa), G_STRUCT_OFFSET (HdRequest, prediction),
    G_STRUCT_OFFSET (HdRequest, distillation), G_STRUCT_OFFSET (HdRequest, control.preprocessor),
    G_STRUCT_OFFSET (HdRequest, weights),
  };

  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    for (const char * const *name = lists[i]; *name != NULL; name++)
      {
        g_autoptr (HdRequest) request = request_new ();

        hd_request_set (G_STRUCT_MEMBER_P (request, offsets[i]), *name);
        g_assert_true (hd_request_check (request, NULL));
      }
}

/* Cards have numbers. */
static void
test_numbered_device (void)
{
  static const char * const good[] = { "cuda:0", "cuda:1", "cuda:255" };
  static const char * const bad[] = { "cuda:", "cuda:256", "cuda:-1", "cuda:1x", "cuda: 1", "cuda1", "cpu:1", ":1", "gpu" };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (HdRequest) request = request_new ();

      hd_request_set (&request->device, good[i]);
      g_assert_true (hd_request_check (request, NULL));
    }

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (HdRequest) request = request_new ();

      hd_request_set (&request->device, bad[i]);
      check_refused (request, "device");
    }
}

static void
test_seed (void)
{
  g_autoptr (HdRequest) request = request_new ();
  g_autoptr (HdRequest) other = request_new ();

  hd_request_settle_seed (request);
  hd_request_settle_seed (other);
  g_assert_cmpint (request->seed, >=, 0);
  g_assert_cmpint (request->seed, <=, HD_REQUEST_MAX_SEED);
  /* One chance in two thousand million. */
  g_assert_cmpint (request->seed, !=, other->seed);

  request->seed = 7;
  hd_request_settle_seed (request);
  g_assert_cmpint (request->seed, ==, 7);
}

/* --- JSON --- */

static void
test_copy (void)
{
  g_autoptr (HdRequest) request = request_new ();
  g_autoptr (HdRequest) copy = hd_request_copy (request);

  assert_equal (request, copy);
  g_assert_cmpstr (copy->model, ==, request->model);
  g_assert_true (copy->prompt != request->prompt);

  /* A field may be set to (a part of) itself. */
  hd_request_set (&copy->prompt, copy->prompt + 2);
  g_assert_cmpstr (copy->prompt, ==, "red star");
  hd_request_set (&copy->prompt, NULL);
  g_assert_cmpstr (copy->prompt, ==, "");
}

static void
test_round_trip (void)
{
  g_autoptr (HdRequest) request = request_new ();
  g_autoptr (HdRequest) back = NULL;
  g_autoptr (GError)    error = NULL;
  g_autofree char      *json = NULL;

  hd_request_set (&request->prompt, "Sterne \"über\" 東京 \\ \n\t\x01 <b>{[</b>");
  hd_request_set (&request->negative_prompt, "blur");
  hd_request_set (&request->model_name, "demo");
  hd_request_set (&request->model_hash, "0123abcd");
  hd_request_set (&request->sampler, "euler_a");
  hd_request_set (&request->hidiffusion, "on");
  hd_request_set (&request->device, "cpu");
  hd_request_set (&request->precision, "float32");
  request->width = 1000;
  request->height = 8192;
  request->steps = 1000;
  request->guidance_scale = 7.123456789012345;
  request->seed = HD_REQUEST_MAX_SEED;
  request->task = HD_TASK_UPSCALE;
  request->t2 = 0.25;
  request->control.start = 0.125;
  hd_request_set (&request->control.name, "edges");
  hd_request_set (&request->control.path, "/some/model/edges");
  hd_request_add_lora (request, "ink \"x\"", "/some/model/ink.safetensors", -0.75);
  hd_request_add_lora (request, "wash", NULL, 1.0);

  json = hd_request_to_json (request);
  g_assert_nonnull (strstr (json, "\"schema_version\""));
  /* Other people's folders are nobody's business. */
  g_assert_null (strstr (json, "/some/model"));

  back = hd_request_from_json (json, &error);
  g_assert_no_error (error);
  assert_equal (request, back);
}

static void
test_missing_members (void)
{
  g_autoptr (HdRequest) defaults = hd_request_new ();
  g_autoptr (HdRequest) empty = hd_request_from_json ("{}", NULL);
  g_autoptr (HdRequest) some = hd_request_from_json (" {\"steps\": 10.0, \"seed\": null, \"unknown\": [1]}\n", NULL);

  g_assert_nonnull (empty);
  assert_equal (defaults, empty);

  g_assert_nonnull (some);
  g_assert_cmpint (some->steps, ==, 10);
  some->steps = defaults->steps;
  assert_equal (defaults, some);
}

static void
check_damaged (const char *json)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (hd_request_from_json (json, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
  g_assert_cmpuint (strlen (error->message), >, 0);
}

static void
test_damaged (void)
{
  static const char * const damaged[] = {
    "", " ", "null", "[]", "1", "\"text\"", "{", "}", "{]", "{\"prompt\"}", "{\"prompt\":}", "{\"prompt\": \"a}",
    "{\"prompt\": \"\xff\"}", "{\"a\": 1}}", "{\"a\": 1,, \"b\": 2}", "{a: 1}", "{\"a\": 0x}",
    /* several values */
    "{\"a\": 1} {\"b\": 2}", "{} {}", "1 2", "1 {\"a\": 1}", "\"a\" {\"b\": 1}", "{\"a\": 1} 1", "{\"a\": 1} \"b\"",
    "[1] {\"a\": 1}", "{\"a\": 1} null", "null {\"a\": 1}",
    /* of the wrong kind */
    "{\"prompt\": 1}", "{\"prompt\": [\"a\"]}", "{\"prompt\": {}}", "{\"prompt\": true}",
    "{\"width\": \"512\"}", "{\"width\": []}", "{\"width\": true}", "{\"guidance_scale\": \"7\"}",
    /* no whole numbers of 32 bits */
    "{\"width\": 512.5}", "{\"width\": 1e99}", "{\"seed\": 4294967296}", "{\"seed\": -9223372036854775808}",
    "{\"steps\": 99999999999999999999}",
    /* from elsewhere */
    "{\"schema_version\": 3}", "{\"task\": \"paint\"}", "{\"task\": 1}",
    "{\"loras\": {}}", "{\"loras\": [1]}", "{\"loras\": [{\"weight\": 1}]}", "{\"loras\": [{\"name\": []}]}",
    "{\"schema_version\": 0}", "{\"schema_version\": -1}", "{\"schema_version\": \"1\"}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (damaged); i++)
    {
      g_test_message ("%s", damaged[i]);
      check_damaged (damaged[i]);
    }
}

/* A valid text, cut off at every byte and with every byte changed: a request or an error, never a crash. */
static void
test_mutations (void)
{
  g_autoptr (HdRequest) request = request_new ();
  g_autofree char      *json = NULL;
  gsize                 length;

  hd_request_set (&request->prompt, "ü \"x\"");
  json = hd_request_to_json (request);
  length = strlen (json);

  for (gsize i = 0; i < length; i++)
    {
      static const char bytes[] = "\"{}[]\\,:-9e\x80\n/";
      g_autofree char  *cut = g_strndup (json, i);

      check_damaged (cut);
      for (const char *byte = bytes; *byte != '\0'; byte++)
        {
          g_autofree char      *changed = g_strdup (json);
          g_autoptr (GError)    error = NULL;
          g_autoptr (HdRequest) back = NULL;

          changed[i] = *byte;
          back = hd_request_from_json (changed, &error);
          g_assert_true ((back != NULL) != (error != NULL));
        }
    }
}

/* Too deep for a parser that recurses, whether or not a comment hides it from whoever counts. */
static void
test_depth (void)
{
  const gsize      depth = 400000;
  g_autofree char *deep = g_malloc (depth + 1);
  g_autofree char *hidden = NULL;
  g_autofree char *nested = NULL;

  memset (deep, '[', depth);
  deep[depth] = '\0';
  hidden = g_strconcat ("/*\"*/", deep, NULL);
  nested = g_strconcat ("{\"prompt\": ", deep, NULL);
  check_damaged (deep);
  check_damaged (hidden);
  check_damaged (nested);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/request/defaults", test_defaults);
  g_test_add_func ("/request/ranges", test_ranges);
  g_test_add_func ("/request/strings", test_strings);
  g_test_add_func ("/request/images", test_images);
  g_test_add_func ("/request/names", test_names);
  g_test_add_func ("/request/numbered-device", test_numbered_device);
  g_test_add_func ("/request/seed", test_seed);
  g_test_add_func ("/request/copy", test_copy);
  g_test_add_func ("/request/round-trip", test_round_trip);
  g_test_add_func ("/request/missing-members", test_missing_members);
  g_test_add_func ("/request/damaged", test_damaged);
  g_test_add_func ("/request/mutations", test_mutations);
  g_test_add_func ("/request/depth", test_depth);

  return g_test_run ();
}
