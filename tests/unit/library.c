/* SPDX-License-Identifier: Apache-2.0 */

/* Models and what belongs to them are found where programs keep them, and nothing that lies there does any harm. */

#include <sys/stat.h>
#include <unistd.h>

#include "engine/error.h"
#include "engine/model_library.h"
#include "tests/unit/checkpoint.h"

static char *scratch;

typedef struct
{
  char     *home;
  char     *data;
  HdPlaces  places;
  char     *environment[3];
} Fixture;

static void
set_up (Fixture    *fixture,
        const void *data)
{
  fixture->home = g_build_filename (scratch, "home", NULL);
  fixture->data = g_build_filename (fixture->home, ".local", "share", NULL);
  fixture->environment[0] = NULL;
  fixture->places = (HdPlaces) {
    .home = fixture->home, .data_home = fixture->data,
    .environment = (const char * const *) fixture->environment,
  };
  g_assert_cmpint (g_mkdir_with_parents (fixture->home, 0700), ==, 0);
}

static void
tear_down (Fixture    *fixture,
           const void *data)
{
  hd_test_remove (fixture->home);
  g_free (fixture->home);
  g_free (fixture->data);
  for (int i = 0; fixture->environment[i] != NULL; i++)
    g_free (fixture->environment[i]);
}

/* --- things to be found ---------------------------------------------------------- */

/* A link to the synthetic single file FAMILY as HOME/@name. */
static void
add_checkpoint (Fixture    *fixture,
                const char *family,
                const char *name)
{
  g_autofree char *manifest = g_strconcat (family, "-single-file", NULL);
  g_autofree char *folder = hd_test_make_model (scratch, manifest);
  g_autofree char *source_name = g_strconcat (family, ".safetensors", NULL);
  g_autofree char *source = g_build_filename (folder, source_name, NULL);
  g_autofree char *path = g_build_filename (fixture->home, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  g_assert_cmpint (symlink (source, path), ==, 0);
}

/* The same for the synthetic folder. */
static void
add_folder (Fixture    *fixture,
            const char *manifest,
            const char *name)
{
  g_autofree char *folder = hd_test_make_model (scratch, manifest);
  g_autofree char *path = g_build_filename (fixture->home, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  g_assert_cmpint (symlink (folder, path), ==, 0);
}

/* A file of one or two empty tensors. */
static void
add_tensors (Fixture    *fixture,
             const char *name,
             const char *header)
{
  g_autofree char *path = g_build_filename (fixture->home, name, NULL);

  hd_test_write_tensors (path, header, "", 0);
}

#define TENSOR(name, shape) "\"" name "\":{\"dtype\":\"F16\",\"shape\":" shape ",\"data_offsets\":[0,0]}"

#define LORA_SD1   "{" TENSOR ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight", "[0,768]") "}"
#define LORA_XL    "{" TENSOR ("lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", "[0,8]") "}"
#define LORA_META  "{\"__metadata__\":{\"ss_base_model_version\":\"sd_v2_768\"}," TENSOR ("lora_unet_x.lora_up.weight", "[0]") "}"
#define EMBEDDING  "{" TENSOR ("emb_params", "[0,1024]") "}"
#define EMBEDDING2 "{" TENSOR ("clip_g", "[0,1280]") "," TENSOR ("clip_l", "[0,768]") "}"
#define CONTROL    "{" TENSOR ("control_model.input_hint_block.0.weight", "[0]") "," \
                   TENSOR ("control_model.input_blocks.1.0.in_layers.2.weight", "[0]") "," \
                   TENSOR ("control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", "[0,768]") "}"

static void
assert_listed (Fixture       *fixture,
               HdLibraryKind  kind,
               const char    *expected)
{
  g_autoptr (GPtrArray) entries = hd_library_list (&fixture->places, kind, NULL);
  g_autoptr (GString)   list = g_string_new (NULL);

  for (guint i = 0; i < entries->len; i++)
    {
      const HdLibraryEntry *entry = g_ptr_array_index (entries, i);
      static const char    *families[] = { "1", "2", "XL", "turbo" };

      g_assert_cmpint (entry->kind, ==, kind);
      g_assert_true (g_file_test (entry->path, G_FILE_TEST_EXISTS));
      g_assert_cmpuint (entry->size, >, 0);
      g_string_append_printf (list, "%s%s %s%s", i > 0 ? "|" : "", entry->name,
                              entry->family_known ? families[entry->family] : "?", entry->inpainting ? " inpainting" : "");
    }
  g_assert_cmpstr (list->str, ==, expected);
}

/* --- places ---------------------------------------------------------------------- */

static void
test_nothing (Fixture    *fixture,
              const void *data)
{
  for (int kind = 0; kind < HD_LIBRARY_N_KINDS; kind++)
    assert_listed (fixture, kind, "");
}

static void
test_models (Fixture    *fixture,
             const void *data)
{
  add_folder (fixture, "sd15", ".local/share/hidiffusion/models/mine");
  add_folder (fixture, "sd15-inpaint", ".local/share/hidiffusion/models/fill");
  add_checkpoint (fixture, "sd15", ".local/share/hidiffusion/models/one.safetensors");
  add_checkpoint (fixture, "sdxl", "ComfyUI/models/checkpoints/xl/base.safetensors");
  add_folder (fixture, "sdxl", "ComfyUI/models/diffusers/folder");
  add_checkpoint (fixture, "sd21", "stable-diffusion-webui-forge/models/Stable-diffusion/two.safetensors");
  add_checkpoint (fixture, "sdxl", "stable-diffusion-webui/models/Stable-diffusion/xl_turbo.safetensors");
  /* a second one of that name */
  add_checkpoint (fixture, "sdxl", "stable-diffusion-webui/models/Stable-diffusion/mine.safetensors");
  assert_listed (fixture, HD_LIBRARY_MODEL,
                 "fill 1 inpainting|mine 1|one 1|xl/base XL|folder XL|xl_turbo turbo|two 2");
  assert_listed (fixture, HD_LIBRARY_LORA, "");
}

static void
test_hub (Fixture    *fixture,
          const void *data)
{
  add_folder (fixture, "sdxl", ".cache/huggingface/hub/models--org--sdxl-turbo/snapshots/0123abcd");
  add_folder (fixture, "sd15", ".cache/huggingface/hub/models--org--old/snapshots/1111");
  add_folder (fixture, "sd15", ".cache/huggingface/hub/models--org--old/snapshots/2222");
  hd_test_write_text (fixture->home, ".cache/huggingface/hub/models--org--old/refs/main", "2222");
  add_checkpoint (fixture, "sdxl", ".cache/huggingface/hub/models--org--files/snapshots/0123/lightning_4step.safetensors");
  hd_test_write_text (fixture->home, ".cache/huggingface/hub/models--org--part/snapshots/77/model_index.json",
                      "{\"_class_name\":\"StableDiffusionPipeline\"}");
  hd_test_write_text (fixture->home, ".cache/huggingface/hub/models--org--llm/snapshots/77/config.json",
                      "{\"architectures\":[\"LlamaForCausalLM\"]}");
  assert_listed (fixture, HD_LIBRARY_MODEL, "org/files/lightning_4step XL|org/old 1|org/sdxl-turbo turbo");
}

/* Where the variables of the hub's own programs say. */
static void
test_hub_elsewhere (Fixture    *fixture,
                    const void *data)
{
  static const char * const variables[] = { "HF_HOME", "HF_HUB_CACHE" };

  add_folder (fixture, "sd15", "disk/hub/models--a--b/snapshots/1");
  add_folder (fixture, "sd15", "cache/models--c--d/snapshots/1");
  for (guint i = 0; i < G_N_ELEMENTS (variables); i++)
    {
      fixture->environment[i] = g_strdup_printf ("%s=%s/%s", variables[i], fixture->home, i == 0 ? "disk" : "cache");
      fixture->environment[i + 1] = NULL;
      assert_listed (fixture, HD_LIBRARY_MODEL, i == 0 ? "a/b 1" : "c/d 1");
    }
}

static void
test_additions (Fixture    *fixture,
                const void *data)
{
  static const char controlnet[] = "{\"_class_name\":\"ControlNetModel\",\"cross_attention_dim\":2048,"
                                   "\"addition_embed_type\":\"text_time\"}";

  add_tensors (fixture, ".local/share/hidiffusion/loras/a.safetensors", LORA_SD1);
  add_tensors (fixture, "ComfyUI/models/loras/deep/b.safetensors", LORA_XL);
  add_tensors (fixture, "stable-diffusion-webui/models/Lora/c.safetensors", LORA_META);
  add_tensors (fixture, "ComfyUI/models/loras/not-one.safetensors", EMBEDDING);
  add_tensors (fixture, "stable-diffusion-webui/embeddings/bad-hands.safetensors", EMBEDDING);
  add_tensors (fixture, "ComfyUI/models/embeddings/xl.safetensors", EMBEDDING2);
  add_tensors (fixture, "ComfyUI/models/controlnet/canny.safetensors", CONTROL);
  hd_test_write_text (fixture->home, "ComfyUI/models/controlnet/xl-depth/config.json", controlnet);
  add_tensors (fixture, "ComfyUI/models/controlnet/xl-depth/diffusion_pytorch_model.fp16.safetensors", CONTROL);
  add_tensors (fixture, ".cache/huggingface/hub/models--lcm--lora/snapshots/0/pytorch_lora_weights.safetensors", LORA_SD1);

  assert_listed (fixture, HD_LIBRARY_LORA, "a 1|deep/b XL|c 2|lcm/lora/pytorch_lora_weights 1");
  assert_listed (fixture, HD_LIBRARY_EMBEDDING, "xl XL|bad-hands 2");
  assert_listed (fixture, HD_LIBRARY_CONTROL_NET, "canny 1|xl-depth XL");
  assert_listed (fixture, HD_LIBRARY_MODEL, "");
}

static void
test_own_folders (Fixture    *fixture,
                  const void *data)
{
  g_autofree char *first = g_build_filename (fixture->home, "stuff", NULL);
  g_autofree char *second = g_build_filename (fixture->home, "model itself", NULL);
  g_autofree char *nowhere = g_build_filename (fixture->home, "nowhere", NULL);
  const char      *folders[] = { nowhere, first, first, second, NULL };

  add_checkpoint (fixture, "sd15", "stuff/any/model.safetensors");
  add_tensors (fixture, "stuff/any/lora.safetensors", LORA_SD1);
  add_folder (fixture, "sd21", "model itself");
  fixture->places.folders = folders;
  assert_listed (fixture, HD_LIBRARY_MODEL, "any/model 1|model itself 2");
  assert_listed (fixture, HD_LIBRARY_LORA, "any/lora 1");
}

static void
test_own_files (Fixture    *fixture,
                const void *data)
{
  g_autofree char *model = g_build_filename (fixture->home, "downloads/model.safetensors", NULL);
  g_autofree char *lora = g_build_filename (fixture->home, "downloads/lora.safetensors", NULL);
  const char      *files[] = { model, lora, NULL };

  add_checkpoint (fixture, "sd15", "downloads/model.safetensors");
  add_checkpoint (fixture, "sd15", "downloads/another.safetensors");
  add_tensors (fixture, "downloads/lora.safetensors", LORA_SD1);
  fixture->places.folders = files;
  assert_listed (fixture, HD_LIBRARY_MODEL, "model 1");
  assert_listed (fixture, HD_LIBRARY_LORA, "lora 1");
}

static void
test_find (Fixture    *fixture,
           const void *data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char   *by_name = NULL;
  g_autofree char   *by_end = NULL;

  add_checkpoint (fixture, "sdxl", "ComfyUI/models/checkpoints/xl/base.safetensors");
  by_name = hd_library_find (&fixture->places, HD_LIBRARY_MODEL, "xl/base", &error);
  g_assert_no_error (error);
  by_end = hd_library_find (&fixture->places, HD_LIBRARY_MODEL, "base", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (by_name, ==, by_end);
  g_assert_true (g_str_has_suffix (by_name, "/xl/base.safetensors"));
  g_assert_null (hd_library_find (&fixture->places, HD_LIBRARY_MODEL, "bas", &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
}

/* --- what does not belong there ---------------------------------------------------- */

static void
test_rubbish (Fixture    *fixture,
              const void *data)
{
  g_autofree char *folder = g_build_filename (fixture->data, "hidiffusion", "models", NULL);
  g_autofree char *loop = g_build_filename (folder, "loop", NULL);
  g_autofree char *self = g_build_filename (folder, "self.safetensors", NULL);
  g_autofree char *dangling = g_build_filename (folder, "dangling.safetensors", NULL);
  g_autofree char *pipe_path = g_build_filename (folder, "pipe.safetensors", NULL);
  g_autofree char *odd = g_build_filename (folder, "odd\xff\xfename.safetensors", NULL);
  g_autofree char *deep = g_build_filename (folder, "1/2/3/4/5/6/7/8/9", NULL);
  g_autofree char *large = g_build_filename (folder, "large.safetensors", NULL);
  g_autofree char *target = NULL;
  guint64          length = GUINT64_TO_LE ((guint64) 1 << 30);
  gint64           started;

  add_checkpoint (fixture, "sd15", ".local/share/hidiffusion/models/good.safetensors");
  g_assert_cmpint (symlink (folder, loop), ==, 0);
  g_assert_cmpint (symlink (self, self), ==, 0);
  g_assert_cmpint (symlink ("nothing", dangling), ==, 0);
  g_assert_cmpint (mkfifo (pipe_path, 0600), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (deep, 0700), ==, 0);
  add_checkpoint (fixture, "sd15", ".local/share/hidiffusion/models/1/2/3/4/5/6/7/8/9/deep.safetensors");
  hd_test_write_text (folder, "text.safetensors", "not what it says");
  hd_test_write_text (folder, "empty.safetensors", "");
  hd_test_write_text (folder, "old.ckpt", "PK");
  hd_test_write_text (folder, "broken/model_index.json", "{");
  add_tensors (fixture, ".local/share/hidiffusion/models/lora.safetensors", LORA_SD1);
  /* a header of a gigabyte, which the file has room for */
  g_assert_true (g_file_set_contents (large, (const char *) &length, sizeof length, NULL));
  g_assert_cmpint (truncate (large, ((gint64) 1 << 30) + 100), ==, 0);
  target = hd_test_make_model (scratch, "sd15-single-file");
  g_clear_pointer (&target, g_free);
  target = g_build_filename (scratch, "sd15-single-file", "sd15.safetensors", NULL);
  g_assert_cmpint (symlink (target, odd), ==, 0);

  started = g_get_monotonic_time ();
  {
    g_autoptr (GPtrArray) entries = hd_library_list (&fixture->places, HD_LIBRARY_MODEL, NULL);

    g_assert_cmpuint (entries->len, ==, 2);
    for (guint i = 0; i < entries->len; i++)
      g_assert_true (g_utf8_validate (((HdLibraryEntry *) g_ptr_array_index (entries, i))->name, -1, NULL));
    g_assert_cmpstr (((HdLibraryEntry *) g_ptr_array_index (entries, 0))->name, ==, "good");
  }
  g_assert_cmpint (g_get_monotonic_time () - started, <, G_USEC_PER_SEC);
}

static void
test_cancelled (Fixture    *fixture,
                const void *data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GPtrArray)    entries = NULL;

  add_checkpoint (fixture, "sd15", ".local/share/hidiffusion/models/good.safetensors");
  g_cancellable_cancel (cancellable);
  entries = hd_library_list (&fixture->places, HD_LIBRARY_MODEL, cancellable);
  g_assert_cmpuint (entries->len, ==, 0);
}

#define ADD(path, test) g_test_add ("/library/" path, Fixture, NULL, set_up, test, tear_down)

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  scratch = g_dir_make_tmp ("hd-library-XXXXXX", NULL);

  ADD ("nothing", test_nothing);
  ADD ("models", test_models);
  ADD ("hub", test_hub);
  ADD ("hub-elsewhere", test_hub_elsewhere);
  ADD ("additions", test_additions);
  ADD ("own-folders", test_own_folders);
  ADD ("own-files", test_own_files);
  ADD ("find", test_find);
  ADD ("rubbish", test_rubbish);
  ADD ("cancelled", test_cancelled);

  status = g_test_run ();
  hd_test_remove (scratch);
  g_free (scratch);

  return status;
}
