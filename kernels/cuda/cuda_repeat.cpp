/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "kernels/cuda/cuda_repeat.h"

#define ENVIRONMENT "HIDIFFUSION_CUDA_GRAPHS"

/* Longer phases are not recorded: starting their operators is nothing beside computing them. By the careful estimate of
 * hd_cuda_pace(), which is some three times what they take: 0.3 s. */
#define MOST_SECONDS  0.9
/* Phases that are kept; there are two or three in a run. */
#define MOST_PHASES   8
/* Replays that found other calls, after which a phase is not recorded any more. */
#define MOST_MISSES   2
#define ALIGNMENT     ((gsize) 256)

/* Graphs that are launched one after the other. */
typedef struct
{
  cudaGraphExec_t graph;
  double          seconds;   /* estimated */
} Piece;

typedef struct
{
  guint64   key;
  gboolean  observed;        /* it may be captured */
  gboolean  plain;           /* it will never be */
  int       misses;
  int       shifts;          /* windowed attentions */
  gsize     upload_bytes;
  GArray   *calls;           /* of guint64, of the capture */
  GArray   *pieces;          /* of Piece; empty: not captured */
  void     *host;            /* parameters, pinned */
  void     *device;
} Phase;

typedef struct
{
  gboolean          off;
  GPtrArray        *phases;
  Phase            *phase;            /* of the pass */
  HdCudaRepeatPass  pass;
  double            planned_before;   /* cuda->planned_seconds when the pass began */
  double            piece_seconds;    /* of the piece that is being captured */
  gboolean          broken;           /* capturing has failed */
  gboolean          drop_later;
  cudaEvent_t       copied;           /* the latest parameters are on the device */
} Repeat;

/* --- phases --------------------------------------------------------------------- */

static void
piece_clear (gpointer data)
{
  Piece *piece = (Piece *) data;

  if (piece->graph != NULL)
    cudaGraphExecDestroy (piece->graph);
}

static void
phase_free (gpointer data)
{
  Phase *phase = (Phase *) data;

  g_array_unref (phase->pieces);
  g_array_unref (phase->calls);
  cudaFree (phase->device);
  cudaFreeHost (phase->host);
  cudaGetLastError ();
  g_free (phase);
}

static Repeat *
get_repeat (HdCudaContext *cuda)
{
  Repeat *repeat = (Repeat *) cuda->repeat;

  if (repeat == NULL)
    {
      repeat = g_new0 (Repeat, 1);
      repeat->off = g_strcmp0 (g_getenv (ENVIRONMENT), "0") == 0;
      repeat->phases = g_ptr_array_new_with_free_func (phase_free);
      repeat->pass.calls = g_array_new (FALSE, FALSE, sizeof (guint64));
      cuda->repeat = repeat;
    }

  return repeat;
}

static Phase *
find_phase (Repeat  *repeat,
            guint64  key)
{
  Phase *phase;

  for (guint i = 0; i < repeat->phases->len; i++)
    {
      phase = (Phase *) g_ptr_array_index (repeat->phases, i);
      if (phase->key == key)
        return phase;
    }

  if (repeat->phases->len == MOST_PHASES)
    return NULL;

  phase = g_new0 (Phase, 1);
  phase->key = key;
  phase->calls = g_array_new (FALSE, FALSE, sizeof (guint64));
  phase->pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  g_array_set_clear_func (phase->pieces, piece_clear);
  g_ptr_array_add (repeat->phases, phase);

  return phase;
}

/* Back to where nothing is known of it. */
static void
forget_capture (Phase *phase)
{
  g_array_set_size (phase->pieces, 0);
  phase->observed = FALSE;
}

void
hd_cuda_repeat_drop (HdCudaContext *cuda)
{
  Repeat *repeat = (Repeat *) cuda->repeat;

  if (repeat == NULL || repeat->phases->len == 0)
    return;

  if (repeat->phase != NULL && repeat->pass.mode != HD_CUDA_REPEAT_OBSERVE)
    {
      repeat->pass.refused = TRUE;
      repeat->drop_later = TRUE;
      return;
    }

  /* What is queued may still be using them. */
  cudaStreamSynchronize (cuda->stream);
  cudaGetLastError ();
  if (repeat->phase == NULL)
    g_ptr_array_set_size (repeat->phases, 0);
  for (guint i = 0; i < repeat->phases->len; i++)
    forget_capture ((Phase *) g_ptr_array_index (repeat->phases, i));
}

void
hd_cuda_repeat_free (HdCudaContext *cuda)
{
  Repeat *repeat = (Repeat *) cuda->repeat;

  if (repeat == NULL)
    return;

  hd_cuda_repeat_drop (cuda);
  g_ptr_array_unref (repeat->phases);
  g_array_unref (repeat->pass.calls);
  if (repeat->copied != NULL)
    cudaEventDestroy (repeat->copied);
  cudaGetLastError ();
  g_clear_pointer (&cuda->repeat, g_free);
}

guint
hd_cuda_repeat_get_captured (HdCudaContext *cuda,
                             guint         *pieces)
{
  const Repeat *repeat = (const Repeat *) cuda->repeat;
  guint         captured = 0;

  *pieces = 0;
  for (guint i = 0; repeat != NULL && i < repeat->phases->len; i++)
    {
      const Phase *phase = (const Phase *) g_ptr_array_index (repeat->phases, i);

      captured += phase->pieces->len > 0;
      *pieces += phase->pieces->len;
    }

  return captured;
}

/* --- the pass, for operators ---------------------------------------------------- */

HdCudaRepeatPass *
hd_cuda_repeat_pass (HdCudaContext *cuda)
{
  Repeat *repeat = (Repeat *) cuda->repeat;

  return repeat != NULL && repeat->phase != NULL ? &repeat->pass : NULL;
}

void
hd_cuda_repeat_forbid (HdCudaContext *cuda)
{
  HdCudaRepeatPass *pass = hd_cuda_repeat_pass (cuda);

  if (pass != NULL)
    pass->refused = TRUE;
}

gboolean
hd_cuda_repeat_refuse (HdCudaContext  *cuda,
                       const char     *what,
                       GError        **error)
{
  hd_cuda_repeat_pass (cuda)->refused = TRUE;
  g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED, "%s: %s cannot be part of a recorded step",
               cuda->parent.name, what);

  return FALSE;
}

gsize
hd_cuda_repeat_shift_bytes (int shifts)
{
  return (2 * sizeof (int) * shifts + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* --- capturing ------------------------------------------------------------------ */

/* Other threads may do as they like meanwhile. */
static gboolean
begin_piece (HdCudaContext  *cuda,
             Repeat         *repeat,
             GError        **error)
{
  repeat->piece_seconds = 0.0;
  cuda->capturing = hd_cuda_check (cuda, cudaStreamBeginCapture (cuda->stream, cudaStreamCaptureModeThreadLocal),
                                   "recording a step", error);

  return cuda->capturing;
}

static gboolean
end_piece (HdCudaContext  *cuda,
           Repeat         *repeat,
           GError        **error)
{
  Piece       piece = { NULL, repeat->piece_seconds };
  cudaGraph_t graph = NULL;
  gboolean    success;

  cuda->capturing = FALSE;
  success = hd_cuda_check (cuda, cudaStreamEndCapture (cuda->stream, &graph), "recording a step", error)
            && hd_cuda_check (cuda, cudaGraphInstantiate (&piece.graph, graph, 0), "recording a step", error);
  if (graph != NULL)
    cudaGraphDestroy (graph);
  if (success)
    g_array_append_val (repeat->phase->pieces, piece);
  cudaGetLastError ();

  return success;
}

gboolean
hd_cuda_repeat_count (HdCudaContext  *cuda,
                      double          seconds,
                      GError        **error)
{
  Repeat *repeat = get_repeat (cuda);

  if (repeat->piece_seconds > 0.0 && repeat->piece_seconds + seconds > cuda->launch_seconds
      && !(end_piece (cuda, repeat, error) && begin_piece (cuda, repeat, error)))
    {
      repeat->broken = TRUE;
      return FALSE;
    }
  repeat->piece_seconds += seconds;

  return TRUE;
}

/* Room for the phase's parameters. */
static gboolean
make_parameters (HdCudaContext  *cuda,
                 Repeat         *repeat,
                 Phase          *phase,
                 GError        **error)
{
  const gsize bytes = hd_cuda_repeat_shift_bytes (phase->shifts) + phase->upload_bytes + ALIGNMENT;

  if (repeat->copied == NULL
      && !hd_cuda_check (cuda, cudaEventCreateWithFlags (&repeat->copied, cudaEventDisableTiming), "starting", error))
    return FALSE;

  return phase->host != NULL
         || (hd_cuda_allocate (cuda, bytes, "a recorded step", &phase->device, error)
             && hd_cuda_check (cuda, cudaHostAlloc (&phase->host, bytes, cudaHostAllocDefault),
                               "recording a step: taking memory of the system", error));
}

static void
forget_parameters (Phase *phase)
{
  cudaFree (phase->device);
  cudaFreeHost (phase->host);
  cudaGetLastError ();
  phase->device = NULL;
  phase->host = NULL;
}

/* --- the pass ------------------------------------------------------------------- */

static void
set_parameters (HdCudaContext *cuda,
                Repeat        *repeat,
                Phase         *phase)
{
  repeat->pass.host = (char *) phase->host;
  repeat->pass.device = (char *) phase->device;
  repeat->pass.most_shifts = phase->shifts;
  repeat->pass.most_upload_bytes = phase->upload_bytes;
  cuda->window_shifts = (const int *) phase->device;
  cuda->window_calls = 0;
}

/* FALSE: the phase cannot be captured. */
static gboolean
begin_capture (HdCudaContext *cuda,
               Repeat        *repeat,
               Phase         *phase)
{
  g_autoptr (GError) error = NULL;

  if (make_parameters (cuda, repeat, phase, &error) && begin_piece (cuda, repeat, &error))
    {
      set_parameters (cuda, repeat, phase);
      repeat->pass.mode = HD_CUDA_REPEAT_CAPTURE;
      return TRUE;
    }

  g_debug ("%s", error->message);
  forget_parameters (phase);
  phase->plain = TRUE;

  return FALSE;
}

/* The parameters must not be changed before they have been copied for the last time. */
static gboolean
begin_replay (HdCudaContext *cuda,
              Repeat        *repeat,
              Phase         *phase)
{
  GError *error = NULL;

  if (!hd_cuda_wait (cuda, repeat->copied, &error))
    {
      hd_context_fail (&cuda->parent, error);
      return FALSE;
    }

  set_parameters (cuda, repeat, phase);
  repeat->pass.mode = HD_CUDA_REPEAT_REPLAY;

  return TRUE;
}

void
hd_cuda_repeat_begin (HdContext *context,
                      guint64    key)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  Repeat        *repeat = get_repeat (cuda);
  GArray        *calls = repeat->pass.calls;
  Phase         *phase;

  if (repeat->off || cuda->lost || context->timed)
    return;
  phase = find_phase (repeat, key);
  if (phase == NULL || phase->plain)
    return;

  g_array_set_size (calls, 0);
  repeat->pass = HdCudaRepeatPass {};
  repeat->pass.calls = calls;
  repeat->broken = FALSE;
  repeat->planned_before = cuda->planned_seconds;

  if (phase->pieces->len > 0)
    {
      if (!begin_replay (cuda, repeat, phase))
        return;
    }
  else if (phase->observed && !begin_capture (cuda, repeat, phase))
    {
      return;
    }

  repeat->phase = phase;
  context->backend = &hd_cuda_repeat_backend;
}

static gboolean
launch (HdCudaContext  *cuda,
        Repeat         *repeat,
        Phase          *phase,
        GError        **error)
{
  const gsize bytes = hd_cuda_repeat_shift_bytes (phase->shifts) + phase->upload_bytes;

  if (!hd_cuda_pace_seconds (cuda, 0.0, error)
      || (bytes > 0
          && !hd_cuda_check (cuda, cudaMemcpyAsync (phase->device, phase->host, bytes, cudaMemcpyHostToDevice,
                                                    cuda->stream), "copying", error))
      || !hd_cuda_check (cuda, cudaEventRecord (repeat->copied, cuda->stream), "copying", error))
    return FALSE;

  for (guint i = 0; i < phase->pieces->len; i++)
    {
      const Piece *piece = &g_array_index (phase->pieces, Piece, i);

      if (!hd_cuda_pace_seconds (cuda, piece->seconds, error)
          || !hd_cuda_check (cuda, cudaGraphLaunch (piece->graph, cuda->stream), "computing", error))
        return FALSE;
    }

  return TRUE;
}

static void
end_observation (HdCudaContext *cuda,
                 Repeat        *repeat,
                 Phase         *phase)
{
  if (cuda->parent.error != NULL)
    return;

  phase->plain = repeat->pass.refused || cuda->planned_seconds - repeat->planned_before > MOST_SECONDS;
  phase->observed = !phase->plain;
  phase->shifts = repeat->pass.shifts;
  phase->upload_bytes = repeat->pass.upload_bytes;
  forget_parameters (phase);
}

/* FALSE: not captured, and not to be tried again. */
static gboolean
end_capture (HdCudaContext *cuda,
             Repeat        *repeat,
             Phase         *phase)
{
  g_autoptr (GError) error = NULL;
  gboolean           success = !cuda->capturing || end_piece (cuda, repeat, &error);

  if (success && !repeat->broken && !repeat->pass.refused && cuda->parent.error == NULL)
    {
      g_array_set_size (phase->calls, 0);
      g_array_append_vals (phase->calls, repeat->pass.calls->data, repeat->pass.calls->len);
      return TRUE;
    }

  g_array_set_size (phase->pieces, 0);
  phase->plain = !hd_context_is_cancelled (&cuda->parent);

  return FALSE;
}

static gboolean
is_same (const GArray *a,
         const GArray *b)
{
  return a->len == b->len && memcmp (a->data, b->data, a->len * sizeof (guint64)) == 0;
}

/* FALSE: it was asked for something else than was captured. */
static gboolean
end_replay (HdCudaContext *cuda,
            Repeat        *repeat,
            Phase         *phase)
{
  if (!repeat->pass.refused && cuda->parent.error == NULL && is_same (phase->calls, repeat->pass.calls))
    return TRUE;

  if (!hd_context_is_cancelled (&cuda->parent))
    {
      forget_capture (phase);
      phase->plain = ++phase->misses >= MOST_MISSES;
    }

  return FALSE;
}

/* What was captured is to be computed now. FALSE: it has to be done as always. */
static gboolean
compute (HdCudaContext *cuda,
         Repeat        *repeat,
         Phase         *phase)
{
  GError *error = NULL;

  if (launch (cuda, repeat, phase, &error))
    return TRUE;

  /* Perhaps the driver has no memory for it. */
  forget_capture (phase);
  phase->plain = TRUE;
  if (cuda->lost || hd_context_is_cancelled (&cuda->parent))
    hd_context_fail (&cuda->parent, error);
  else
    g_error_free (error);

  return FALSE;
}

gboolean
hd_cuda_repeat_end (HdContext *context)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  Repeat        *repeat = get_repeat (cuda);
  Phase         *phase = repeat->phase;
  gboolean       done = TRUE;

  if (phase == NULL)
    return TRUE;

  context->backend = &hd_cuda_backend;
  cuda->window_shifts = NULL;

  switch (repeat->pass.mode)
    {
    case HD_CUDA_REPEAT_OBSERVE:
      end_observation (cuda, repeat, phase);
      break;

    case HD_CUDA_REPEAT_CAPTURE:
      done = end_capture (cuda, repeat, phase) && compute (cuda, repeat, phase);
      break;

    case HD_CUDA_REPEAT_REPLAY:
      done = end_replay (cuda, repeat, phase) && compute (cuda, repeat, phase);
      break;
    }

  repeat->phase = NULL;
  if (repeat->drop_later)
    {
      repeat->drop_later = FALSE;
      hd_cuda_repeat_drop (cuda);
    }

  /* A run that is over is not to be done again. */
  return done || cuda->lost || hd_context_is_cancelled (context);
}
