/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/error.h"
#include "engine/image.h"
#include "engine/memory_plan.h"
#include "engine/request.h"

G_BEGIN_DECLS

/* The engine's one door: a request goes in, a picture comes out. It holds the model that it used last, so
 * that the next picture starts warm. Any thread may call; calls of several wait for each other. */

typedef struct _HdEngine HdEngine;

typedef enum
{
  HD_PHASE_LOADING,
  HD_PHASE_ENCODING,   /* the prompt, and the picture to start from */
  HD_PHASE_DENOISING,
  HD_PHASE_DECODING,
} HdPhase;

/**
 * HdProgress:
 * @picture: the picture it is at, from 1
 * @pictures: how many there will be
 * @phase: what the engine is at
 * @step: the step it is in, from 1; 0 before the first
 * @steps: steps of this run (UNet evaluations)
 * @fraction: of the arithmetic of all pictures that is done, 0 to 1
 * @seconds_left: expected, for all pictures; negative while not known
 * @flops: arithmetic of all pictures, two per multiply-add; 0 while not known
 * @preview: (nullable): what the picture will look like, as far as it can be guessed, one pixel for 8 x 8; a new one
 *   after each step. %NULL unless hd_engine_set_previews() has asked for them
 */
typedef struct
{
  int     picture;
  int     pictures;
  HdPhase phase;
  int     step;
  int     steps;
  double  fraction;
  double  seconds_left;
  double  flops;
  HdImage *preview;
} HdProgress;

/* Called in the engine's thread, at most some ten times a second and at every change of phase or step. */
typedef void (* HdProgressFunc) (const HdProgress *progress,
                                 gpointer          user_data);

/**
 * HdPicture:
 * @width: pixels
 * @height: pixels
 * @x: where its left edge lies in the picture that it was made from; 0 but for %HD_TASK_FILL
 * @y: where its top edge lies
 * @pixels: (H, W, 3) sRGB-encoded float32, 0 to 1
 * @request: the request as it was run: seed drawn, model named, all that was left to the model or the task settled; for
 *   one picture
 */
typedef struct
{
  int        x;
  int        y;
  int        width;
  int        height;
  float     *pixels;
  HdRequest *request;
} HdPicture;

void       hd_picture_free (HdPicture *picture);

/**
 * HdEstimate:
 * @width: of the picture, in pixels, where the request left it to the model or the task
 * @height: of it
 * @steps: of the schedule, likewise
 * @weight_bytes: of the networks that are in memory when the run takes most
 * @tensor_bytes: of the activations then: together with @weight_bytes what the run takes in all
 * @whole_bytes: what it would take in all if nothing were split
 * @free_bytes: what there is for both: free memory of the device, and what weights from an earlier run take of it; the
 *   request's budget if that is less; G_MAXSIZE where neither is known
 * @host_bytes: of weights that the device has no room for, and that the host is to keep
 * @splits: of #HdSplit: what is split so that @free_bytes suffice; hd_split_describe() has words for users
 * @fits: they do, and the host has @host_bytes; if not, @weight_bytes and @tensor_bytes are the least that the run can take
 * @flops: arithmetic of the whole run, two per multiply-add
 * @step_flops_first: of the first step
 * @step_flops_last: of the last step
 * @seconds: expected on this machine for one picture; negative while its speed is not known, from a run or a measurement
 * @device: (owned): the device's name
 */
typedef struct
{
  int       width;
  int       height;
  int       steps;
  gsize     weight_bytes;
  gsize     tensor_bytes;
  gsize     whole_bytes;
  gsize     free_bytes;
  gsize     host_bytes;
  guint     splits;
  gboolean  fits;
  double    flops;
  double    step_flops_first;
  double    step_flops_last;
  double    seconds;
  char     *device;
} HdEstimate;

void       hd_estimate_clear (HdEstimate *estimate);

HdEngine  *hd_engine_new  (void);
void       hd_engine_free (HdEngine *engine);

/* Whether progress comes with previews. They take a fraction of a second for each model that is loaded, then nothing to
 * speak of. */
void       hd_engine_set_previews (HdEngine *engine,
                                   gboolean  previews);

/**
 * hd_engine_generate:
 * @request: what to make; of its count, one
 * @progress: (nullable) (scope call): told how far it is
 * @cancellable: (nullable): may be cancelled from any thread; the call then returns within a second
 *
 * Makes a picture:
 *
 * - %HD_TASK_GENERATE: from the prompt
 * - %HD_TASK_TRANSFORM: from the request's picture, which is resized where the request asks for another size
 * - %HD_TASK_UPSCALE: likewise; the request's size is the picture's, several times
 * - %HD_TASK_FILL: the part of the request's picture that the mask marks. The result is a rectangle of that picture
 *   that holds all of the mask's ones (hd_fill_plan_init()); it is to be laid over the picture through the mask. The
 *   request's size, if it has one, is that at which the model works on the rectangle.
 *
 * Returns: (transfer full): the picture; %NULL with @error set from %HD_ENGINE_ERROR, %HD_KERNEL_ERROR or
 *   %G_IO_ERROR_CANCELLED. After an error the engine is as usable as before.
 */
HdPicture *hd_engine_generate (HdEngine         *engine,
                               const HdRequest  *request,
                               HdProgressFunc    progress,
                               gpointer          user_data,
                               GCancellable     *cancellable,
                               GError          **error);

/**
 * HdPictureFunc:
 * @picture: (transfer full)
 *
 * Takes a picture that is ready; called in the engine's thread.
 *
 * Returns: %FALSE with @error set to end the work.
 */
typedef gboolean (* HdPictureFunc) (HdPicture  *picture,
                                    gpointer    user_data,
                                    GError    **error);

/**
 * hd_engine_generate_all:
 * @request: what to make
 * @take: (scope call): gets each picture as soon as it is ready
 *
 * Makes all the pictures that the request counts, with consecutive seeds (after the largest comes 0); the model is
 * loaded once. Pictures that were ready before an error have been taken.
 */
gboolean   hd_engine_generate_all (HdEngine         *engine,
                                   const HdRequest  *request,
                                   HdPictureFunc     take,
                                   HdProgressFunc    progress,
                                   gpointer          user_data,
                                   GCancellable     *cancellable,
                                   GError          **error);

/**
 * hd_engine_estimate:
 *
 * Runs @request on the dry device: what hd_engine_generate() would need. Takes milliseconds, reads only the
 * headers of the model's files, allocates nothing of size.
 */
gboolean   hd_engine_estimate (HdEngine         *engine,
                               const HdRequest  *request,
                               HdEstimate       *estimate,
                               GError          **error);

/**
 * hd_engine_check_memory:
 * @request: what @estimate is of
 *
 * Returns: whether the device has room for the run now; %FALSE with %HD_ENGINE_ERROR_NO_MEMORY, naming what is needed,
 *   what there is and which size would fit.
 */
gboolean   hd_engine_check_memory (HdEngine         *engine,
                                   const HdRequest  *request,
                                   const HdEstimate *estimate,
                                   GError          **error);

/* (transfer full) (nullable): the name of the device that it used last, as in estimates; %NULL if it has used none. */
char      *hd_engine_get_device (HdEngine *engine);

/**
 * hd_engine_measure_speed:
 * @request: names the device
 *
 * Measures the device for about half a second, so that hd_engine_estimate() can tell the time before anything
 * has been generated on it.
 */
gboolean   hd_engine_measure_speed (HdEngine         *engine,
                                    const HdRequest  *request,
                                    GError          **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdEngine, hd_engine_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdPicture, hd_picture_free)

G_END_DECLS
