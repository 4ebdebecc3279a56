/* SPDX-License-Identifier: Apache-2.0 */

/* ControlNets: the layouts of their files, what is refused, and how they meet a UNet. That they compute what they should,
 * the golden cases tell. */

#include <string.h>

#include "engine/control_net.h"
#include "engine/json.h"
#include "engine/original_names.h"
#include "engine/unet.h"
#include "kernels/cpu/cpu.h"
#include "tests/golden/synth.h"
#include "tests/unit/folder.h"

#define MAX_MANIFEST (8 << 20)
#define WEIGHTS      "controlnet/diffusion_pytorch_model.safetensors"

enum { BATCH = 2, HEIGHT = 8, WIDTH = 12, FACTOR = 8, TOKENS = 77, MEMORY = 256 << 20 };

/* Folders with synthesised models, made once. */
static char *scratch;

static char *
manifest_of (const char *model)
{
  g_autofree char *file = g_strconcat (model, ".json", NULL);

  return g_test_build_filename (G_TEST_DIST, "..", "golden", "models", file, NULL);
}

/* (transfer full): the folder of the synthesised @model. */
static char *
make_model (const char *model)
{
  char            *folder = g_build_filename (scratch, model, NULL);
  g_autofree char *manifest = manifest_of (model);
  GError          *error = NULL;

  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    hd_synth_write_model (manifest, folder, &error);
  g_assert_no_error (error);

  return folder;
}

/* (transfer full): a file of the synthesised @model. */
static char *
file_of (const char *model,
         const char *file)
{
  g_autofree char *folder = make_model (model);

  return g_build_filename (folder, file, NULL);
}

static HdUnetConfig
unet_config_of (const char *model)
{
  g_autofree char *path = file_of (model, "unet/config.json");
  GError          *error = NULL;
  HdUnetConfig     config;

  hd_unet_config_read (path, &config, &error);
  g_assert_no_error (error);

  return config;
}

/* --- evaluating --------------------------------------------------------------- */

static HdTensor *
noise (HdContext  *context,
       const char *stream,
       int         height,
       int         width,
       int         channels)
{
  gsize             count = (gsize) BATCH * height * width * channels;
  g_autofree float *values = g_new (float, count);

  hd_synth_normal (stream, count, values);

  return hd_upload (context, hd_context_get_dtype (context), BATCH, height, width, channels, values);
}

/* What @net tells the UNet. */
static void
evaluate (HdControlNet       *net,
          double              strength,
          HdControlResiduals *residuals)
{
  HdContext                      *context = net->context;
  g_autoptr (HdTensor)            picture = noise (context, "picture", HEIGHT * FACTOR, WIDTH * FACTOR, 3);
  g_autoptr (HdTensor)            text = noise (context, "text", 1, TOKENS, net->config.cross_attention_dim);
  g_autoptr (HdTensor)            latent = noise (context, "latent", HEIGHT, WIDTH, net->config.in_channels);
  g_autoptr (HdControlCondition)  condition = hd_control_net_encode (net, picture, text, NULL, NULL);

  hd_control_net (net, latent, 801.0, condition, strength, 0, residuals);
}

static void
finish (HdContext *context)
{
  GError *error = NULL;

  hd_context_check (context, &error);
  g_assert_no_error (error);
}

static HdContext *
open_context (void)
{
  GError    *error = NULL;
  HdContext *context = hd_cpu_context_new (HD_PRECISION_F32, 2, &error);

  g_assert_no_error (error);
  hd_context_reserve (context, MEMORY, &error);
  g_assert_no_error (error);

  return context;
}

static HdControlNet *
load (HdContext  *context,
      const char *path,
      const char *model)
{
  HdUnetConfig  config = unet_config_of (model);
  GError       *error = NULL;
  HdControlNet *net = hd_control_net_load (context, path, &config, FACTOR, &error);

  g_assert_no_error (error);
  g_assert_true (hd_control_net_check_files (net, &error));
  g_assert_no_error (error);

  return net;
}

/* (transfer full): all that the ControlNet at @path says to sd15, one after the other. */
static GArray *
read_residuals (const char *path)
{
  g_autoptr (HdContext)    context = open_context ();
  g_autoptr (HdControlNet) net = load (context, path, "sd15");
  GArray                  *values = g_array_new (FALSE, FALSE, sizeof (float));
  HdControlResiduals       residuals;

  evaluate (net, 1.0, &residuals);
  for (guint i = 0; i <= residuals.skips->len; i++)
    {
      const HdTensor *x = i < residuals.skips->len ? residuals.skips->pdata[i] : residuals.middle;
      guint           start = values->len;

      g_array_set_size (values, start + (guint) hd_tensor_elements (x));
      hd_download (context, x, &g_array_index (values, float, start));
    }
  hd_control_residuals_clear (&residuals);
  finish (context);

  return values;
}

/* --- layouts ------------------------------------------------------------------ */

/* What the original code calls the tensor @name. */
static char *
original_name (const char *name)
{
  static const struct { const char *name; const char *original; } hint[] = {
    { "controlnet_cond_embedding.conv_in.", "input_hint_block.0." },
    { "controlnet_cond_embedding.blocks.0.", "input_hint_block.2." },
    { "controlnet_cond_embedding.blocks.1.", "input_hint_block.4." },
    { "controlnet_cond_embedding.blocks.2.", "input_hint_block.6." },
    { "controlnet_cond_embedding.blocks.3.", "input_hint_block.8." },
    { "controlnet_cond_embedding.blocks.4.", "input_hint_block.10." },
    { "controlnet_cond_embedding.blocks.5.", "input_hint_block.12." },
    { "controlnet_cond_embedding.conv_out.", "input_hint_block.14." },
    { "controlnet_mid_block.", "middle_block_out.0." },
  };
  HdNames          names = { .naming = HD_NAMING_UNET, .prefix = "control_model.", .n_levels = 4, .layers_per_block = 2 };
  HdOriginalTensor spellings[HD_ORIGINAL_TENSOR_MAX];
  char            *result;
  int              zero;
  int              n;

  for (gsize i = 0; i < G_N_ELEMENTS (hint); i++)
    if (g_str_has_prefix (name, hint[i].name))
      return g_strconcat ("control_model.", hint[i].original, name + strlen (hint[i].name), NULL);
  if (sscanf (name, "controlnet_down_blocks.%d.", &zero) == 1)
    return g_strdup_printf ("control_model.zero_convs.%d.0%s", zero, strrchr (name, '.'));

  n = hd_names_translate (&names, name, spellings);
  g_assert_cmpint (n, >, 0);
  result = g_strdup (spellings[0].name);
  for (int i = 0; i < n; i++)
    hd_original_tensor_clear (&spellings[i]);

  return result;
}

/* Writes the same ControlNet under its original names; (transfer full): the file. */
static char *
make_original (void)
{
  g_autofree char        *from = manifest_of ("sd15-controlnet");
  g_autofree char        *to = g_build_filename (scratch, "original.json", NULL);
  g_autofree char        *text = NULL;
  g_autoptr (JsonObject)  manifest = hd_json_read_file (from, MAX_MANIFEST, NULL);
  g_autoptr (JsonNode)    node = json_node_new (JSON_NODE_OBJECT);
  JsonObject             *file;
  JsonObject             *tensors;
  JsonObject             *renamed = json_object_new ();
  GError                 *error = NULL;

  file = json_object_get_object_member (json_object_get_object_member (manifest, "files"), WEIGHTS);
  tensors = json_object_get_object_member (file, "tensors");
  for (GList *names = json_object_get_members (tensors), *i = names; i != NULL || (g_list_free (names), FALSE); i = i->next)
    {
      g_autofree char *name = original_name (i->data);

      json_object_set_member (renamed, name, json_node_copy (json_object_get_member (tensors, i->data)));
    }
  json_object_set_object_member (file, "tensors", renamed);

  json_node_set_object (node, manifest);
  text = json_to_string (node, FALSE);
  g_assert_true (g_file_set_contents (to, text, -1, NULL));
  hd_synth_write_model (to, scratch, &error);
  g_assert_no_error (error);

  return g_build_filename (scratch, WEIGHTS, NULL);
}

static void
test_layouts (void)
{
  g_autofree char   *folder = file_of ("sd15-controlnet", "controlnet");
  g_autofree char   *file = file_of ("sd15-controlnet", WEIGHTS);
  g_autofree char   *original = make_original ();
  g_autoptr (GArray) from_folder = read_residuals (folder);
  g_autoptr (GArray) from_file = read_residuals (file);
  g_autoptr (GArray) from_original = read_residuals (original);
  gsize              bytes = from_folder->len * sizeof (float);

  g_assert_cmpuint (from_folder->len, >, 0);
  g_assert_cmpmem (from_file->data, from_file->len * sizeof (float), from_folder->data, bytes);
  g_assert_cmpmem (from_original->data, from_original->len * sizeof (float), from_folder->data, bytes);
}

/* --- what is refused ---------------------------------------------------------- */

static void
assert_refused (const char *path,
                const char *model,
                int         factor,
                const char *reason)
{
  g_autoptr (HdContext) context = open_context ();
  g_autoptr (GError)    error = NULL;
  HdUnetConfig          config = unet_config_of (model);

  g_assert_null (hd_control_net_load (context, path, &config, factor, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, reason));
}

static void
test_families (void)
{
  g_autofree char *sd15 = file_of ("sd15-controlnet", WEIGHTS);
  g_autofree char *sdxl = file_of ("sdxl-controlnet", "controlnet");

  assert_refused (sd15, "sdxl", FACTOR, "expected a ControlNet for Stable Diffusion XL");
  assert_refused (sdxl, "sd15", FACTOR, "expected a ControlNet for Stable Diffusion 1");
  assert_refused (sd15, "sd15", 4, "4 times the latents' size, found 6 convolutions");
}

static void
test_others (void)
{
  g_autofree char *unet = file_of ("sd15", "unet/diffusion_pytorch_model.safetensors");
  g_autofree char *vae = file_of ("sd15", "vae/diffusion_pytorch_model.safetensors");
  g_autofree char *folder = file_of ("sd15", "unet");
  g_autofree char *empty = make_model ("sd15");
  g_autofree char *none = g_build_filename (scratch, "none.safetensors", NULL);

  assert_refused (unet, "sd15", FACTOR, "expected a ControlNet, found");
  assert_refused (vae, "sd15", FACTOR, "expected a ControlNet, found");
  assert_refused (folder, "sd15", FACTOR, "ControlNetModel");
  assert_refused (empty, "sd15", FACTOR, "expected the file config.json, found none");
  assert_refused (none, "sd15", FACTOR, "");
}

/* Each tensor of a ControlNet's own is missed by its name. */
static void
test_missing (void)
{
  static const char * const missing[] = {
    "controlnet_cond_embedding.blocks.1.weight", "controlnet_cond_embedding.conv_out.bias",
    "controlnet_down_blocks.11.weight", "controlnet_mid_block.bias", "down_blocks.2.resnets.1.conv1.weight",
    "mid_block.attentions.0.norm.weight", "mid_block.attentions.0.transformer_blocks.0.norm1.weight",
    "down_blocks.1.attentions.0.transformer_blocks.0.norm1.weight",
  };
  g_autofree char *path = file_of ("sd15-controlnet", WEIGHTS);
  g_autofree char *damaged = g_build_filename (scratch, "damaged.safetensors", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (missing); i++)
    {
      g_autofree char *data = NULL;
      g_autofree char *quoted = g_strdup_printf ("\"%s\"", missing[i]);
      char            *place;
      gsize            length;

      g_assert_true (g_file_get_contents (path, &data, &length, NULL));
      place = memmem (data, length, quoted, strlen (quoted));
      g_assert_nonnull (place);
      place[1] = '#';
      g_assert_true (g_file_set_contents (damaged, data, length, NULL));
      assert_refused (damaged, "sd15", FACTOR, i == 0 ? "found 1 convolutions" : missing[i]);
    }
}

/* --- with a UNet -------------------------------------------------------------- */

static HdUnet *
load_unet (HdContext *context)
{
  g_autofree char           *path = file_of ("sd15", "unet/diffusion_pytorch_model.safetensors");
  g_autoptr (HdSafetensors)  file = hd_safetensors_open (path, NULL);
  g_autoptr (HdWeights)      weights = hd_weights_new (context, hd_context_get_dtype (context), &file, 1);
  HdUnetConfig               config = unet_config_of ("sd15");
  GError                    *error = NULL;
  HdUnet                    *unet = hd_unet_load (context, &config, weights, &error);

  g_assert_no_error (error);

  return unet;
}

/* The UNet's answer with a ControlNet's residuals at @strength; @strength < 0: without. */
static void
predict (HdUnet              *unet,
         HdControlNet        *net,
         double               strength,
         const HdRauNetTools *tools,
         float               *prediction)
{
  HdContext                   *context = unet->context;
  g_autoptr (HdTensor)         text = noise (context, "text", 1, TOKENS, unet->config.cross_attention_dim);
  g_autoptr (HdTensor)         latent = noise (context, "latent", HEIGHT, WIDTH, unet->config.in_channels);
  g_autoptr (HdUnetCondition)  condition = hd_unet_encode_condition (unet, text, NULL, NULL, 1.0);
  g_autoptr (HdTensor)         y = NULL;
  HdControlResiduals           residuals = { 0 };
  HdUnetInputs                 inputs = { .condition = condition, .rau_net = tools };

  if (strength >= 0.0)
    {
      evaluate (net, strength, &residuals);
      inputs.control = &residuals;
    }
  y = hd_unet (unet, latent, 801.0, &inputs);
  hd_control_residuals_clear (&residuals);
  hd_download (context, y, prediction);
  finish (context);
}

/* At strength 0 nothing changes, at more it does; under RAU-Net the residuals are resized. */
static void
test_strength (void)
{
  static const HdRauNetTools tools[] = { { HD_NO_BLOCK, HD_NO_BLOCK }, { 0, HD_NO_BLOCK }, { 0, 1 } };
  g_autofree char           *path = file_of ("sd15-controlnet", WEIGHTS);
  g_autoptr (HdContext)      context = open_context ();
  g_autoptr (HdControlNet)   net = load (context, path, "sd15");
  g_autoptr (HdUnet)         unet = load_unet (context);
  enum { COUNT = BATCH * HEIGHT * WIDTH * 4 };
  float                      plain[COUNT];
  float                      zero[COUNT];
  float                      half[COUNT];
  float                      whole[COUNT];

  for (gsize i = 0; i < G_N_ELEMENTS (tools); i++)
    {
      predict (unet, net, -1.0, &tools[i], plain);
      predict (unet, net, 0.0, &tools[i], zero);
      predict (unet, net, 0.5, &tools[i], half);
      predict (unet, net, 1.0, &tools[i], whole);
      g_assert_cmpmem (zero, sizeof zero, plain, sizeof plain);
      g_assert_cmpint (memcmp (half, plain, sizeof plain), !=, 0);
      g_assert_cmpint (memcmp (half, whole, sizeof whole), !=, 0);
    }
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  scratch = g_dir_make_tmp ("hidiffusion-control-net-XXXXXX", NULL);
  g_assert_nonnull (scratch);

  g_test_add_func ("/control-net/layouts", test_layouts);
  g_test_add_func ("/control-net/families", test_families);
  g_test_add_func ("/control-net/others", test_others);
  g_test_add_func ("/control-net/missing", test_missing);
  g_test_add_func ("/control-net/strength", test_strength);

  status = g_test_run ();
  test_remove_folder (scratch);
  g_free (scratch);

  return status;
}
