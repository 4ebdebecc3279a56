/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define HD_REQUEST_SCHEMA_VERSION 1

#define HD_REQUEST_MIN_SIZE     64
#define HD_REQUEST_MAX_SIZE     8192
#define HD_REQUEST_MAX_STEPS    1000
#define HD_REQUEST_MAX_GUIDANCE 100.0
#define HD_REQUEST_MAX_SEED     G_MAXINT32
#define HD_REQUEST_RANDOM_SEED  (-1)

/**
 * HdRequest:
 * @model: folder of the model; not part of the JSON form
 * @model_name: (nullable): the model's name for users, filled in by the engine
 * @model_hash: (nullable): the model's fingerprint, filled in by the engine
 * @prompt: what the picture is to show
 * @negative_prompt: what it is not to show; "" for nothing
 * @width: pixels
 * @height: pixels
 * @steps: evaluations of the sampler's schedule
 * @guidance_scale: classifier-free guidance; <= 1 switches it off
 * @sampler: a name from hd_sampler_names(): "ddim", "euler_a"
 * @seed: 0 to %HD_REQUEST_MAX_SEED, or %HD_REQUEST_RANDOM_SEED
 * @hidiffusion: "auto", "on" or "off"
 * @device: "auto", or a name from hd_device_names(): "cpu"
 * @precision: "auto", "float32", "bfloat16" or "float16"
 * @threads: the most threads on the CPU; 0: one per processor
 *
 * What a picture is made from. All strings are owned.
 */
typedef struct
{
  char   *model;
  char   *model_name;
  char   *model_hash;
  char   *prompt;
  char   *negative_prompt;
  int     width;
  int     height;
  int     steps;
  double  guidance_scale;
  char   *sampler;
  gint64  seed;
  char   *hidiffusion;
  char   *device;
  char   *precision;
  int     threads;
} HdRequest;

/* A request with the defaults of the field: 512 x 512, 25 steps of DDIM, guidance 7.5, a random seed. */
HdRequest *hd_request_new  (void);
HdRequest *hd_request_copy (const HdRequest *request);
void       hd_request_free (HdRequest *request);

/* Replaces a string field: hd_request_set (&request->prompt, text); NULL becomes "". */
void       hd_request_set  (char **field, const char *value);

/**
 * hd_request_check:
 *
 * Returns: %FALSE with %HD_ENGINE_ERROR_REQUEST, naming the argument, the range and the value found, if the
 *   request cannot be run by any model.
 */
gboolean   hd_request_check (const HdRequest *request, GError **error);

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
 * Returns: (transfer full): the request that hd_request_to_json() wrote; missing members have their defaults.
 *   %NULL with %HD_ENGINE_ERROR_REQUEST if @json is damaged or of a newer schema.
 */
HdRequest *hd_request_from_json (const char *json, GError **error);

/* NULL-terminated lists (owned by the engine) of what the string fields may hold. */
const char * const *hd_sampler_names     (void);
const char * const *hd_device_names      (void);
const char * const *hd_precision_names   (void);
const char * const *hd_hidiffusion_names (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdRequest, hd_request_free)

G_END_DECLS
