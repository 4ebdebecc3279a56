/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/memory_plan.h"

#include "kernels/i18n.h"

#define STAGE(name) (1u << HD_STAGE_ ## name)

typedef struct
{
  guint       split;
  guint       needs;    /* another split without which this one is of no use */
  guint       stages;   /* that it makes smaller */
  const char *description;
} Row;

/* In the order of their cost in time. The first few cost next to nothing on large pictures, the only ones that need them;
 * networks that leave are read from the file, or the system's cache of it, again for each picture. */
static const Row table[HD_N_SPLITS] = {
  { HD_SPLIT_GUIDANCE, 0, STAGE (DENOISE), N_("guidance in two halves") },
  { HD_SPLIT_VAE, 0, STAGE (IMAGE) | STAGE (DECODE), N_("the VAE in bands") },
  { HD_SPLIT_RESNETS, HD_SPLIT_GUIDANCE, STAGE (DENOISE), N_("the UNet's largest maps in bands") },
  { HD_SPLIT_FEED_FORWARD, 0, STAGE (DENOISE), N_("feed-forward layers by rows") },
  { HD_SPLIT_TEXT, 0, STAGE (IMAGE) | STAGE (DENOISE) | STAGE (DECODE),
    N_("text encoders leave the memory once they have read the prompt") },
  { HD_SPLIT_NETWORKS, HD_SPLIT_TEXT, STAGE (IMAGE) | STAGE (TEXT) | STAGE (DENOISE) | STAGE (DECODE),
    N_("one network at a time") },
  { HD_SPLIT_VAE_AGAIN, HD_SPLIT_VAE, STAGE (IMAGE) | STAGE (DECODE), N_("the VAE computes parts of it twice") },
  { HD_SPLIT_WEIGHTS, 0, STAGE (DENOISE), N_("weights of the UNet come from the host's memory in every step") },
};

HdStage
hd_memory_need_peak (const HdMemoryNeed *need)
{
  int peak = 0;

  for (int stage = 1; stage < HD_N_STAGES; stage++)
    if (need->weight_bytes[stage] + need->tensor_bytes[stage] > need->weight_bytes[peak] + need->tensor_bytes[peak])
      peak = stage;

  return peak;
}

gsize
hd_memory_need_bytes (const HdMemoryNeed *need)
{
  HdStage peak = hd_memory_need_peak (need);

  return need->weight_bytes[peak] + need->tensor_bytes[peak];
}

guint
hd_memory_plan_next (guint       splits,
                     HdStage stage)
{
  for (int i = 0; i < HD_N_SPLITS; i++)
    if ((table[i].stages & 1u << stage) != 0 && (splits & table[i].split) == 0
        && (splits & table[i].needs) == table[i].needs)
      return table[i].split;

  return 0;
}

static gboolean
is_needed (guint splits,
           guint split)
{
  for (int i = 0; i < HD_N_SPLITS; i++)
    if ((splits & table[i].split) != 0 && (table[i].needs & split) != 0)
      return TRUE;

  return FALSE;
}

/* What was split on the way to the last split, but is of no use beside it, is left whole; all but @kept. */
static gboolean
prune (gsize           limit,
       guint           kept,
       guint          *splits,
       HdMemoryNeed   *need,
       HdMeasureFunc   measure,
       gpointer        user_data,
       GError        **error)
{
  for (int i = HD_N_SPLITS - 1; i >= 0; i--)
    {
      guint        split = table[i].split;
      HdMemoryNeed without;

      if ((*splits & split) == 0 || (kept & split) != 0 || is_needed (*splits, split))
        continue;
      if (!measure (*splits & ~split, &without, user_data, error))
        return FALSE;

      if (hd_memory_need_bytes (&without) <= limit)
        {
          *splits &= ~split;
          *need = without;
        }
    }

  return TRUE;
}

gboolean
hd_memory_plan_choose (gsize           limit,
                       guint          *splits,
                       HdMemoryNeed   *need,
                       HdMeasureFunc   measure,
                       gpointer        user_data,
                       GError        **error)
{
  guint kept = *splits;
  guint next = 0;

  while (hd_memory_need_bytes (need) > limit)
    {
      next = hd_memory_plan_next (*splits, hd_memory_need_peak (need));
      if (next == 0)
        return TRUE;

      *splits |= next;
      if (!measure (*splits, need, user_data, error))
        return FALSE;
    }

  return prune (limit, kept | next, splits, need, measure, user_data, error);
}

guint
hd_split_all (void)
{
  return (1u << HD_N_SPLITS) - 1;
}

void
hd_memory_plan_init (HdMemoryPlan       *plan,
                     guint               splits,
                     const HdStreaming  *streaming,
                     const HdMemoryNeed *need)
{
  gsize most = 0;

  *plan = (HdMemoryPlan) { .splits = splits };
  if ((splits & HD_SPLIT_WEIGHTS) != 0)
    plan->streaming = *streaming;
  for (int stage = 0; stage < HD_N_STAGES; stage++)
    most = MAX (most, need->tensor_bytes[stage]);

  /* Room that is given back is of use only to networks that come and go. */
  for (int stage = 0; stage < HD_N_STAGES; stage++)
    plan->tensor_bytes[stage] = (splits & (HD_SPLIT_TEXT | HD_SPLIT_NETWORKS)) != 0 ? need->tensor_bytes[stage] : most;
}

const char *
hd_split_describe (guint split)
{
  for (int i = 0; i < HD_N_SPLITS; i++)
    if (table[i].split == split)
      return _(table[i].description);

  return "";
}

guint
hd_split_at (int i)
{
  return table[i].split;
}
