/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "kernels/error.h"
#include "kernels/weight.h"

G_BEGIN_DECLS

/* A context is one device with its memory, as one thread uses it: the first argument of every operator.
 *
 * Errors are sticky: the first operator that fails (or finds the run cancelled) records its error in the
 * context; from then on every operator returns NULL at once and takes NULL for any tensor. A network is
 * therefore written as plain expressions, and whoever started it asks once, with hd_context_check(), whether
 * it went well.
 */

typedef enum
{
  HD_OP_CONV,
  HD_OP_LINEAR,
  HD_OP_ATTENTION,
  HD_OP_GROUP_NORM,
  HD_OP_LAYER_NORM,
  HD_OP_RESIZE,
  HD_OP_ELEMENTWISE,
  HD_OP_TRANSFER,
  HD_N_OPS
} HdOpKind;

const char *hd_op_kind_name (HdOpKind kind);

/**
 * HdOpStatistics:
 * @calls: how often operators of the kind ran
 * @flops: arithmetic asked for, two per multiply-add
 * @bytes: bytes of operands and results, each counted once
 * @seconds: time spent (0 on the dry device)
 */
typedef struct
{
  gint64 calls;
  double flops;
  double bytes;
  double seconds;
} HdOpStatistics;

/**
 * HdPrecision:
 * @HD_PRECISION_AUTO: the fastest type that the device has
 *
 * The type of activations and weights that a run computes with; sums are float32 always.
 */
typedef enum
{
  HD_PRECISION_AUTO,
  HD_PRECISION_F32,
  HD_PRECISION_BF16,
  HD_PRECISION_F16,
} HdPrecision;

/**
 * HdContextFunc:
 * @flops: arithmetic done since hd_context_reset_statistics()
 *
 * Called in the computing thread after operators, at most some ten times a second.
 */
typedef void (* HdContextFunc) (HdContext *context,
                                double     flops,
                                gpointer   user_data);

HdContext *hd_context_ref   (HdContext *context);
void       hd_context_unref (HdContext *context);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdContext, hd_context_unref)

/* The device's name for users, as "CPU (2 threads, bf16)". */
const char *hd_context_get_name        (HdContext *context);

/* TRUE if operators only count and tensors have no data. */
gboolean    hd_context_is_dry          (HdContext *context);

/* The type of activations that the device is fastest with while it meets the engine's limits of error,
 * or the one asked for when the context was made. */
HdDtype     hd_context_get_dtype       (HdContext *context);

/**
 * hd_context_reserve:
 *
 * Gives the context an arena of @bytes for tensors, in place of the one it has; no tensor may be alive. The dry device
 * begins with one that has no end, and has it again with 0.
 *
 * Returns: %FALSE with %HD_KERNEL_ERROR_NO_MEMORY, naming both figures, if the device has less.
 */
gboolean    hd_context_reserve         (HdContext  *context,
                                        gsize       bytes,
                                        GError    **error);

/* The most bytes of tensors that were alive at once since the last reset, with the arena's alignment. */
gsize       hd_context_get_peak_bytes  (HdContext *context);

/* Begins that anew. */
void        hd_context_reset_peak_bytes (HdContext *context);

/* Bytes of the arena that hd_context_reserve() has made; 0 without one, and on the dry device. */
gsize       hd_context_get_reserved_bytes (HdContext *context);

/* Bytes of weights on the device, in the form that the device keeps, with the room through which others are streamed
 * and in which those of 8 bits are unpacked. */
gsize       hd_context_get_weight_bytes (HdContext *context);

/* How weights that allow it are kept, which are made from now on; in full at first. */
void        hd_context_set_weight_form  (HdContext    *context,
                                         HdWeightForm  form);

/**
 * HdStreaming:
 * @total: bytes of all weights that may be streamed, as hd_context_get_streamable_bytes() tells when they are made
 * @resident: how many of these at most are to stay on the device
 *
 * Where weights do not fit on the device, the others stay in the host's memory and come to the device while operators
 * before theirs compute. They are spread evenly over the network, in the order in which its weights are made.
 */
typedef struct
{
  gsize total;
  gsize resident;
} HdStreaming;

/* Whether the device can. */
gboolean    hd_context_can_stream       (HdContext         *context);

/* For the weights that are made from now on; %NULL, and where the device cannot: none is streamed. Results are the
 * same, bit for bit. */
void        hd_context_set_streaming    (HdContext         *context,
                                         const HdStreaming *streaming);

/* Bytes of the weights that allow to be streamed, whether they are or not. */
gsize       hd_context_get_streamable_bytes (HdContext *context);

/* Bytes of the host's memory that streamed weights may take, those that are there already among them: the system and
 * other programs are left some, as what is pinned cannot be swapped. G_MAXSIZE where that is not known. */
gsize       hd_context_get_host_bytes   (HdContext *context);

/* Bytes that the device has left for tensors and weights; G_MAXSIZE where that is not known. */
gsize       hd_context_get_available_bytes (HdContext *context);

/* From now on operators stop, within 100 ms, once @cancellable is cancelled. NULL: never. */
void        hd_context_set_cancellable (HdContext    *context,
                                        GCancellable *cancellable);

void        hd_context_set_progress    (HdContext     *context,
                                        HdContextFunc  func,
                                        gpointer       user_data);

/**
 * hd_context_check:
 *
 * Ends a run of operators: waits for the device, and clears the sticky error.
 *
 * Returns: %FALSE with the first error since the last call (%G_IO_ERROR_CANCELLED for a cancelled run).
 */
gboolean    hd_context_check           (HdContext  *context,
                                        GError    **error);

/**
 * HdRepeatFunc:
 *
 * Calls operators: for one key the same ones each time, in the same order, on tensors of the same shapes. What differs
 * may be what hd_upload() brings and where windows are shifted to. It neither downloads nor asks for errors, and it may
 * be called twice for one result, so it changes nothing but its own result.
 *
 * Returns: (transfer full) (nullable): the last operator's result.
 */
typedef HdTensor *(* HdRepeatFunc) (HdContext *context,
                                    gpointer   user_data);

/**
 * hd_context_repeat:
 * @key: of what @func does
 *
 * Calls @func. A device on which it takes long to start operators may record what it is asked for, and do it as a whole
 * when it is asked for the same again.
 *
 * Returns: (transfer full) (nullable): the result of @func.
 */
HdTensor   *hd_context_repeat          (HdContext    *context,
                                        guint64       key,
                                        HdRepeatFunc  func,
                                        gpointer      user_data);

void        hd_context_reset_statistics (HdContext *context);
HdOpStatistics
            hd_context_get_statistics  (HdContext *context,
                                        HdOpKind   kind);

/* With @timed, the context waits for the device after every operator, so that the seconds of statistics are each
 * operator's own. A device that returns before the work is done otherwise tells how long it took to ask for it. */
void        hd_context_set_timed        (HdContext *context,
                                         gboolean   timed);

/* Whether the seconds of statistics are each operator's own. */
gboolean    hd_context_is_timed         (HdContext *context);

G_END_DECLS
