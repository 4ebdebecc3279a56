/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>

#include "plugin/arguments.h"

/* --- what the picture is made from ---------------------------------------------- */

static void
add_text_arguments (GimpProcedure *procedure)
{
  gimp_procedure_add_string_argument (procedure, "model",
                                      _("M_odel"),
                                      _("The name of an installed model, or the path of a model's folder or file. "
                                        "Empty: the first of the installed models."),
                                      "", G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "prompt",
                                      _("_Prompt"),
                                      _("What the picture is to show"),
                                      "", G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "negative-prompt",
                                      _("_Negative prompt"),
                                      _("What the picture is not to show. May be empty."),
                                      "", G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "styles",
                                      _("Styles"),
                                      _("Names of styles, which add to the prompts and set what is left to the model: "
                                        "'Photograph, Poster'. One a line, or with commas between."),
                                      "", G_PARAM_READWRITE);
}

static void
add_size_arguments (GimpProcedure *procedure)
{
  gimp_procedure_add_int_argument (procedure, "width",
                                   _("_Width"),
                                   _("Width of the layer in pixels. 0: the width of the image, or, if none is open, "
                                     "that of the pictures that the model has learnt from."),
                                   0, HD_REQUEST_MAX_SIZE, 0, G_PARAM_READWRITE);
  gimp_procedure_add_int_argument (procedure, "height",
                                   _("H_eight"),
                                   _("Height of the layer in pixels. 0: the height of the image, or, if none is "
                                     "open, that of the pictures that the model has learnt from."),
                                   0, HD_REQUEST_MAX_SIZE, 0, G_PARAM_READWRITE);
}

static void
add_factor_argument (GimpProcedure *procedure)
{
  gimp_procedure_add_double_argument (procedure, "factor",
                                      _("Enlarge b_y"),
                                      _("How many times wider and higher the result is than the layer"),
                                      HD_MIN_FACTOR, HD_MAX_FACTOR, HD_DEFAULT_FACTOR, G_PARAM_READWRITE);
}

static void
add_strength_argument (GimpProcedure *procedure)
{
  gimp_procedure_add_double_argument (procedure, "strength",
                                      _("Stren_gth"),
                                      _("How much is drawn anew: 0 leaves the picture as it is, 1 takes nothing "
                                        "over from it. -1: what suits the task."),
                                      HD_REQUEST_AUTO, 1.0, HD_REQUEST_AUTO, G_PARAM_READWRITE);
}

/* --- how it is made ------------------------------------------------------------- */

static void
add_sampling_arguments (GimpProcedure *procedure)
{
  gimp_procedure_add_int_argument (procedure, "steps",
                                   _("S_teps"),
                                   _("How often the picture is refined. More steps take longer "
                                     "and show finer detail. 0: as many as suit the model."),
                                   0, HD_REQUEST_MAX_STEPS, 0, G_PARAM_READWRITE);
  gimp_procedure_add_double_argument (procedure, "guidance-scale",
                                      _("G_uidance"),
                                      _("How closely the picture follows the prompt. Low values leave more to "
                                        "chance, very high ones make colours harsh; 1 switches guidance off. "
                                        "-1: what suits the model."),
                                      HD_REQUEST_AUTO, HD_REQUEST_MAX_GUIDANCE, HD_REQUEST_AUTO, G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "sampler",
                                      _("S_ampler"),
                                      _("How noise is turned into a picture, step by step: auto (what suits the "
                                        "model), ddim, euler, euler_a, heun, dpmpp_2m, dpmpp_2m_sde, unipc or lcm"),
                                      "auto", G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "schedule",
                                      _("Schedule"),
                                      _("How the steps lie between noise and picture: auto (what suits the sampler), "
                                        "leading, linspace, trailing or karras"),
                                      "auto", G_PARAM_READWRITE);
  gimp_procedure_add_int_argument (procedure, "seed",
                                   _("See_d"),
                                   _("Where chance begins: the same seed with the same settings makes the same "
                                     "picture. -1: another one each time."),
                                   HD_REQUEST_RANDOM_SEED, HD_REQUEST_MAX_SEED, HD_REQUEST_RANDOM_SEED,
                                   G_PARAM_READWRITE);
  gimp_procedure_add_int_argument (procedure, "count",
                                   _("Pictures"),
                                   _("How many pictures to make, each a layer of its own. Their seeds follow one "
                                     "after the other."),
                                   1, HD_REQUEST_MAX_COUNT, 1, G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "hidiffusion",
                                      _("H_iDiffusion"),
                                      _("Keeps pictures that are larger than those the model has learnt from free "
                                        "of repeated objects, and makes them faster: auto, on or off. "
                                        "auto: on where the picture is large enough."),
                                      "auto", G_PARAM_READWRITE);
}

static void
add_lora_argument (GimpProcedure *procedure)
{
  gimp_procedure_add_string_argument (procedure, "loras",
                                      _("LoRAs"),
                                      _("What changes the model: names of installed LoRAs or paths of their files, "
                                        "each with a weight if that is not 1: 'ink:0.8, faces'. One a line, or "
                                        "with commas between."),
                                      "", G_PARAM_READWRITE);
}

static void
add_control_arguments (GimpProcedure *procedure)
{
  gimp_procedure_add_string_argument (procedure, "control-net",
                                      _("ControlNet"),
                                      _("What takes the composition from another layer: the name of an installed "
                                        "ControlNet, or the path of its folder or file. Empty: none."),
                                      "", G_PARAM_READWRITE);
  gimp_procedure_add_drawable_argument (procedure, "control-layer",
                                        _("Layer to follow"),
                                        _("The layer that the ControlNet reads: edges, depths, a pose, whatever it "
                                          "was trained for"),
                                        TRUE, G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "control-preprocessor",
                                      _("Made from it"),
                                      _("What is made of that layer first: none (it is what the ControlNet reads) or "
                                        "canny (its edges)"),
                                      "none", G_PARAM_READWRITE);
  gimp_procedure_add_double_argument (procedure, "control-strength",
                                      _("Influence"),
                                      _("How closely the picture follows the layer; 1 as the ControlNet was trained"),
                                      0.0, HD_REQUEST_MAX_WEIGHT, 1.0, G_PARAM_READWRITE);
  gimp_procedure_add_double_argument (procedure, "control-start",
                                      _("Begin"),
                                      _("The share of the steps before the ControlNet is applied"),
                                      0.0, 1.0, 0.0, G_PARAM_READWRITE);
  gimp_procedure_add_double_argument (procedure, "control-end",
                                      _("End"),
                                      _("The share of the steps after which the ControlNet is not applied any more. "
                                        "-1: what suits the model."),
                                      HD_REQUEST_AUTO, 1.0, HD_REQUEST_AUTO, G_PARAM_READWRITE);
}

/* --- what only experts change ---------------------------------------------------- */

static void
add_hidiffusion_arguments (GimpProcedure *procedure)
{
  gimp_procedure_add_string_argument (procedure, "rau-net",
                                      "RAU-Net",
                                      _("The part of HiDiffusion that keeps pictures free of repeated objects: "
                                        "auto (as HiDiffusion), on or off"),
                                      "auto", G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "msw-msa",
                                      "MSW-MSA",
                                      _("The part of HiDiffusion that makes large pictures faster, attention in "
                                        "windows: auto (as HiDiffusion), on or off"),
                                      "auto", G_PARAM_READWRITE);
  gimp_procedure_add_double_argument (procedure, "t1",
                                      "T1",
                                      _("The share of the steps in which RAU-Net works with downsampling by four. "
                                        "-1: the model's."),
                                      HD_REQUEST_AUTO, 1.0, HD_REQUEST_AUTO, G_PARAM_READWRITE);
  gimp_procedure_add_double_argument (procedure, "t2",
                                      "T2",
                                      _("The share of the steps in which RAU-Net also pools: for very large "
                                        "pictures. -1: the model's."),
                                      HD_REQUEST_AUTO, 1.0, HD_REQUEST_AUTO, G_PARAM_READWRITE);
}

static void
add_model_arguments (GimpProcedure *procedure)
{
  gimp_procedure_add_double_argument (procedure, "guidance-rescale",
                                      _("Guidance rescale"),
                                      _("How far guidance is taken back to the contrast that the picture would have "
                                        "without it"),
                                      0.0, 1.0, 0.0, G_PARAM_READWRITE);
  gimp_procedure_add_double_argument (procedure, "eta",
                                      _("Eta"),
                                      _("The share of fresh noise in each step of the sampler DDIM"),
                                      0.0, 1.0, 0.0, G_PARAM_READWRITE);
  gimp_procedure_add_int_argument (procedure, "clip-skip",
                                   _("Clip skip"),
                                   _("Which layer of the text encoder is read, counted from the last: 2 is the last "
                                     "but one. 0: as the model was trained."),
                                   0, 64, 0, G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "prediction",
                                      _("Prediction"),
                                      _("What the model predicts, where its files do not say it: auto, epsilon, v "
                                        "or sample"),
                                      "auto", G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "distillation",
                                      _("Distillation"),
                                      _("How the model came to draw in a few steps, where its files do not say it: "
                                        "auto, none, turbo, lcm or lightning"),
                                      "auto", G_PARAM_READWRITE);
}

static void
add_machine_arguments (GimpProcedure *procedure)
{
  gimp_procedure_add_string_argument (procedure, "device",
                                      _("De_vice"),
                                      _("What the picture is computed on. auto: the fastest there is."),
                                      "auto", G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "precision",
                                      _("Precision"),
                                      _("What is computed with: auto (the fastest that the device has), float32, "
                                        "bfloat16 or float16"),
                                      "auto", G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "weights",
                                      _("Weights"),
                                      _("How the model's numbers are kept: full (as they are computed with), int8 (in "
                                        "half of that memory; the picture changes a little) or auto (full)"),
                                      "auto", G_PARAM_READWRITE);
  gimp_procedure_add_int_argument (procedure, "threads",
                                   _("Threads"),
                                   _("How many threads compute at most. 0: one a processor."),
                                   0, 4096, 0, G_PARAM_READWRITE);
  gimp_procedure_add_int_argument (procedure, "memory-budget",
                                   _("Memory budget"),
                                   _("MiB that the model and the picture may take together on the device; what does "
                                     "not fit is split. 0: what is free there."),
                                   0, HD_REQUEST_MAX_BUDGET, 0, G_PARAM_READWRITE);
}

static void
add_metadata_argument (GimpProcedure *procedure)
{
  gimp_procedure_add_string_argument (procedure, "metadata",
                                      _("Settings in the image"),
                                      _("Whether exported files tell how the picture was made, prompt and seed included, as "
                                        "Automatic1111 and its kin read it: none (only the layer knows it), exif (the "
                                        "comment of the Exif data) or comment (that and the image's comment)"),
                                      "none", G_PARAM_READWRITE);
}

void
hd_arguments_add (GimpProcedure *procedure,
                  HdTask         task)
{
  add_text_arguments (procedure);
  if (task == HD_TASK_GENERATE)
    add_size_arguments (procedure);
  if (task == HD_TASK_UPSCALE)
    add_factor_argument (procedure);
  if (task != HD_TASK_GENERATE)
    add_strength_argument (procedure);
  add_sampling_arguments (procedure);
  add_lora_argument (procedure);
  add_control_arguments (procedure);
  add_hidiffusion_arguments (procedure);
  add_model_arguments (procedure);
  add_machine_arguments (procedure);
  add_metadata_argument (procedure);
}
