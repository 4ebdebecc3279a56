/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/image.h"

G_BEGIN_DECLS

#define HD_REQUEST_SCHEMA_VERSION 2

#define HD_REQUEST_MIN_SIZE     64
#define HD_REQUEST_MAX_SIZE     8192
#define HD_REQUEST_MAX_STEPS    1000
#define HD_REQUEST_MAX_GUIDANCE 100.0
#define HD_REQUEST_MAX_COUNT    1000
#define HD_REQUEST_MAX_LORAS    64
#define HD_REQUEST_MAX_WEIGHT   10.0
#define HD_REQUEST_MAX_BUDGET   (64 * 1024 * 1024)   /* MiB: more than any machine has */
#define HD_REQUEST_MAX_SEED     G_MAXINT32
#define HD_REQUEST_RANDOM_SEED  (-1)
#define HD_REQUEST_AUTO         (-1)   /* of a number: what suits the model or the task */

typedef enum
{
  HD_TASK_GENERATE,   /* from a prompt */
  HD_TASK_TRANSFORM,  /* from a picture and a prompt */
  HD_TASK_FILL,       /* the masked part of a picture, and what lies beyond its edges */
  HD_TASK_UPSCALE,    /* a picture, larger and with finer detail */
} HdTask;

/**
 * HdLoraUse:
 * @name: the file's name for users, without folder and ending
 * @path: (nullable): where the file is; %NULL: it is looked for by name; not part of the JSON form
 * @weight: how strongly it is applied, 1 as it was trained
 */
typedef struct
{
  char   *name;
  char   *path;
  double  weight;
} HdLoraUse;

/**
 * HdControlUse:
 * @name: (nullable): the ControlNet's name for users; neither @name nor @path: none is used
 * @path: (nullable): folder or file of the ControlNet; %NULL: it is looked for by name; not part of the JSON form
 * @preprocessor: "none": @image is the map that the ControlNet reads; "canny": its edges are
 * @strength: what the residuals are multiplied with
 * @start: share of the steps before the ControlNet is applied, 0 to 1
 * @end: share of the steps after which it is not applied any more; %HD_REQUEST_AUTO: all steps, and the first 60 % for
 *   SDXL with RAU-Net
 * @image: (nullable): the map, or the picture that it is made from; not part of the JSON form
 */
typedef struct
{
  char    *name;
  char    *path;
  char    *preprocessor;
  double   strength;
  double   start;
  double   end;
  HdImage *image;
} HdControlUse;

/**
 * HdRequest:
 * @task: what is to be done
 * @model: folder or file of the model; not part of the JSON form
 * @model_name: (nullable): the model's name for users, filled in by the engine
 * @model_hash: (nullable): the model's fingerprint, filled in by the engine
 * @prompt: what the picture is to show; its grammar is in docs/prompts.md
 * @negative_prompt: what it is not to show; "" for nothing
 * @width: pixels; 0: those of @image, or those the model was trained on
 * @height: pixels; as @width
 * @steps: of the sampler's schedule; 0: what suits the model
 * @guidance_scale: classifier-free guidance; <= 1 switches it off; %HD_REQUEST_AUTO: what suits the model
 * @guidance_rescale: how far guidance is taken back to the contrast without it, 0 to 1
 * @sampler: "auto" or a name from hd_sampler_names()
 * @schedule: "auto" or a name from hd_schedule_names()
 * @eta: DDIM's share of fresh noise, 0 to 1
 * @strength: how much of @image is made anew, 0 to 1; %HD_REQUEST_AUTO: what suits the task. Not for generating
 * @seed: 0 to %HD_REQUEST_MAX_SEED, or %HD_REQUEST_RANDOM_SEED
 * @count: number of pictures, with consecutive seeds
 * @hidiffusion: "auto", "on" or "off"
 * @rau_net: "auto" (as @hidiffusion says), "on" or "off"
 * @msw_msa: the same
 * @t1: share of the steps that RAU-Net's D4 is active for; %HD_REQUEST_AUTO: the model's
 * @t2: the same of its P2
 * @prediction: "auto", "epsilon", "v" or "sample": what the UNet predicts, where the model's files do not say it
 * @distillation: "auto", "none", "turbo", "lcm" or "lightning": how the model was distilled to few steps, likewise
 * @clip_skip: 0: as the model was trained; 2: the text encoder's last layer but one, and so on
 * @loras: (element-type HdLoraUse): applied to the model; prompts can name more
 * @control: the ControlNet
 * @search_folders: (nullable) (array zero-terminated=1): the user's folders, which LoRAs and embeddings are looked for
 *   in, beside the usual ones; not part of the JSON form
 * @image: (nullable): the picture to start from, RGB; not part of the JSON form
 * @mask: (nullable): of @image's size, 1 where it is to be filled, 0 where it stays; not part of the JSON form
 * @device: "auto", or a name from hd_device_names(): "cpu"; "cuda": the card with the most free memory; or "cuda:1": the
 *   card of that number, as hd_device_list_gpus() counts
 * @precision: "auto", "float32", "bfloat16" or "float16"
 * @weights: how the networks' weights are kept: "full": in the type that is computed with; "int8": in 8 bits, which is
 *   half of that and changes the picture a little; "auto": "full"
 * @threads: the most threads on the CPU; 0: one per processor; not part of the JSON form
 * @memory_budget: MiB that the model and the work may take together on the device; 0: what is free there; not part of
 *   the JSON form
 *
 * What a picture is made from. All members are owned.
 */
typedef struct
{
  HdTask        task;
  char         *model;
  char         *model_name;
  char         *model_hash;
  char         *prompt;
  char         *negative_prompt;
  int           width;
  int           height;
  int           steps;
  double        guidance_scale;
  double        guidance_rescale;
  char         *sampler;
  char         *schedule;
  double        eta;
  double        strength;
  gint64        seed;
  int           count;
  char         *hidiffusion;
  char         *rau_net;
  char         *msw_msa;
  double        t1;
  double        t2;
  char         *prediction;
  char         *distillation;
  int           clip_skip;
  GPtrArray    *loras;
  HdControlUse  control;
  char        **search_folders;
  HdImage      *image;
  HdImage      *mask;
  char         *device;
  char         *precision;
  char         *weights;
  int           threads;
  int           memory_budget;
} HdRequest;

/* A request to generate one picture with all settings as suits the model, and a random seed. */
HdRequest *hd_request_new  (void);
HdRequest *hd_request_copy (const HdRequest *request);
void       hd_request_free (HdRequest *request);

/* Replaces a string field: hd_request_set (&request->prompt, text); NULL becomes "". */
void       hd_request_set  (char **field, const char *value);

/* Replaces an image field: hd_request_set_image (&request->image, image); NULL for none. */
void       hd_request_set_image (HdImage **field, HdImage *image);

/* Adds a LoRA; @path may be NULL. */
void       hd_request_add_lora  (HdRequest  *request,
                                 const char *name,
                                 const char *path,
                                 double      weight);

/**
 * hd_request_check:
 *
 * Returns: %FALSE with %HD_ENGINE_ERROR_REQUEST, naming the argument, the range and the value found, if the
 *   request cannot be run by any model.
 */
gboolean   hd_request_check (const HdRequest *request, GError **error);

/* The same without the model and the pictures, which a request that was read has not found yet. */
gboolean   hd_request_check_settings (const HdRequest *request, GError **error);

/* Whether a ControlNet is asked for. */
gboolean   hd_request_has_control (const HdRequest *request);

/* Draws a seed if the request asks for a random one. */
void       hd_request_settle_seed (HdRequest *request);

/**
 * hd_request_to_json:
 *
 * Returns: (transfer full): the request as a JSON object with the member "schema_version"; the model by name
 *   and hash, never by path.
 */
char      *hd_request_to_json (const HdRequest *request);

/**
 * hd_request_from_json:
 *
 * Returns: (transfer full): the request that hd_request_to_json() wrote, now or in an earlier schema; missing members have
 *   their defaults.
 *   %NULL with %HD_ENGINE_ERROR_REQUEST if @json is damaged or of a newer schema.
 */
HdRequest *hd_request_from_json (const char *json, GError **error);

/* NULL-terminated lists (owned by the engine) of what the string fields may hold. */
const char * const *hd_sampler_names     (void);
const char * const *hd_device_names      (void);
const char * const *hd_precision_names   (void);
const char * const *hd_weight_form_names (void);
const char * const *hd_hidiffusion_names (void);
const char * const *hd_prediction_names   (void);
const char * const *hd_distillation_names (void);
const char * const *hd_preprocessor_names (void);

/* "generate", "transform", "fill", "upscale" */
const char * const *hd_task_names        (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdRequest, hd_request_free)

G_END_DECLS
