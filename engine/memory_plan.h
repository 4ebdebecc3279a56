/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/context.h"

G_BEGIN_DECLS

/* What of a run is split so that it takes less memory. A plan is chosen by dry runs, before anything is allocated
 * (memory_budget.h); pipeline_stage.c and the networks follow it. */

/**
 * HdStage:
 * @HD_STAGE_IMAGE: the VAE's encoder makes latents of the picture that a run starts from
 * @HD_STAGE_TEXT: the text encoders read the prompts
 * @HD_STAGE_DENOISE: ControlNet and U-Net
 * @HD_STAGE_DECODE: the VAE's decoder makes a picture of the latents
 *
 * The stages of a run. From one to the next nothing is handed on in the device's memory, so that each needs no more than
 * its own tensors, its own networks, and those that stay.
 */
typedef enum
{
  HD_STAGE_IMAGE,
  HD_STAGE_TEXT,
  HD_STAGE_DENOISE,
  HD_STAGE_DECODE,
  HD_N_STAGES
} HdStage;

/**
 * HdSplit:
 * @HD_SPLIT_GUIDANCE: the halves of classifier-free guidance are evaluated one after the other
 * @HD_SPLIT_FEED_FORWARD: the feed-forward layers of transformers work on some rows of the map at a time
 * @HD_SPLIT_VAE: the VAE works on maps in bands, exactly (bands.h)
 * @HD_SPLIT_RESNETS: the U-Net's resnets on its two largest sizes of maps do so, too
 * @HD_SPLIT_TEXT: the text encoders are in memory while they read, and not else
 * @HD_SPLIT_NETWORKS: so are all networks: one kind at a time
 * @HD_SPLIT_VAE_AGAIN: the VAE computes twice what lies within its resnets, instead of keeping it
 * @HD_SPLIT_WEIGHTS: of the U-Net's weights, and a ControlNet's, only as many as fit stay on the device; the others come
 *   from the host's memory in every step. Of no use on devices that cannot do that
 */
typedef enum
{
  HD_SPLIT_GUIDANCE = 1 << 0,
  HD_SPLIT_FEED_FORWARD = 1 << 1,
  HD_SPLIT_VAE = 1 << 2,
  HD_SPLIT_RESNETS = 1 << 3,
  HD_SPLIT_TEXT = 1 << 4,
  HD_SPLIT_NETWORKS = 1 << 5,
  HD_SPLIT_VAE_AGAIN = 1 << 6,
  HD_SPLIT_WEIGHTS = 1 << 7,
} HdSplit;

#define HD_N_SPLITS 8

/**
 * HdMemoryNeed:
 * @weight_bytes: of the networks that are there in each stage
 * @tensor_bytes: the peak of each stage
 * @streamable_bytes: of the weights that %HD_SPLIT_WEIGHTS may leave to the host
 *
 * What a run takes.
 */
typedef struct
{
  gsize weight_bytes[HD_N_STAGES];
  gsize tensor_bytes[HD_N_STAGES];
  gsize streamable_bytes;
} HdMemoryNeed;

/* The stage that takes most. */
HdStage hd_memory_need_peak  (const HdMemoryNeed *need);

/* What it takes: the least memory with which the run is possible. */
gsize       hd_memory_need_bytes (const HdMemoryNeed *need);

/**
 * HdMemoryPlan:
 * @splits: of #HdSplit
 * @streaming: for %HD_SPLIT_WEIGHTS
 * @tensor_bytes: room for the tensors of each stage; 0: there is room enough already
 *
 * How a run is carried out.
 */
typedef struct
{
  guint       splits;
  HdStreaming streaming;
  gsize       tensor_bytes[HD_N_STAGES];
} HdMemoryPlan;

/**
 * hd_memory_plan_next:
 * @splits: what is split already
 * @stage: the one that is to take less
 *
 * Returns: the cheapest #HdSplit that is not among @splits and that makes @stage smaller; 0 if there is none.
 */
guint       hd_memory_plan_next  (guint               splits,
                                  HdStage         stage);

/**
 * HdMeasureFunc:
 * @splits: of #HdSplit
 * @need: filled
 *
 * Says what a run takes with @splits.
 */
typedef gboolean (* HdMeasureFunc) (guint          splits,
                                    HdMemoryNeed  *need,
                                    gpointer       user_data,
                                    GError       **error);

/**
 * hd_memory_plan_choose:
 * @limit: bytes that there are
 * @splits: (inout): what is to be split in any case; with what has to be split so that @limit is enough, and no more
 * @need: (inout): what the run takes so
 *
 * Splits the stage that takes most, in the cheapest way that is left, until @limit is enough or there is no such way.
 *
 * Returns: %FALSE with @error set by @measure.
 */
gboolean    hd_memory_plan_choose (gsize           limit,
                                   guint          *splits,
                                   HdMemoryNeed   *need,
                                   HdMeasureFunc   measure,
                                   gpointer        user_data,
                                   GError        **error);

/* All splits together: the least that a run can take. */
guint       hd_split_all         (void);

/* A plan to do with @splits what takes @need; @streaming is read for HD_SPLIT_WEIGHTS alone. */
void        hd_memory_plan_init  (HdMemoryPlan       *plan,
                                  guint               splits,
                                  const HdStreaming  *streaming,
                                  const HdMemoryNeed *need);

/**
 * hd_split_describe:
 * @split: one of #HdSplit
 *
 * Returns: what it does, for users, translated, as "guidance in two halves".
 */
const char *hd_split_describe    (guint               split);

/* Splits in the order in which they are made, for loops over all of them: @i from 0 to HD_N_SPLITS - 1. */
guint       hd_split_at          (int                 i);

G_END_DECLS
