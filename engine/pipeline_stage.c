/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/pipeline_stage.h"

#include <string.h>

#define STAGE(name) (1u << HD_STAGE_ ## name)

/* Which networks a stage needs, and under which splits they leave the memory in the others. */
static const struct
{
  guint       stages;
  guint       leaves;
  gboolean (* load) (HdPipeline *pipeline, GError **error);
  void     (* drop) (HdPipeline *pipeline);
} networks[] = {
  { STAGE (TEXT), HD_SPLIT_TEXT | HD_SPLIT_NETWORKS, hd_pipeline_load_text, hd_pipeline_drop_text },
  { STAGE (DENOISE), HD_SPLIT_NETWORKS, hd_pipeline_load_unet, hd_pipeline_drop_unet },
  { STAGE (DENOISE), HD_SPLIT_NETWORKS, hd_pipeline_load_control_net, hd_pipeline_drop_control_net },
  { STAGE (IMAGE) | STAGE (DECODE), HD_SPLIT_NETWORKS, hd_pipeline_load_vae, hd_pipeline_drop_vae },
};

/* First what goes, then what comes: there may not be room for both. */
static void
drop_networks (HdPipeline *pipeline,
               HdStage     stage)
{
  const HdMemoryPlan *plan = &pipeline->plan;

  /* What an earlier run has left to the host, or not. */
  if (memcmp (&plan->streaming, &pipeline->streaming, sizeof plan->streaming) != 0)
    {
      hd_pipeline_drop_unet (pipeline);
      hd_pipeline_drop_control_net (pipeline);
      pipeline->streaming = plan->streaming;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (networks); i++)
    if ((networks[i].stages & 1u << stage) == 0 && (networks[i].leaves & pipeline->plan.splits) != 0)
      networks[i].drop (pipeline);
}

static gboolean
load_networks (HdPipeline  *pipeline,
               HdStage      stage,
               GError     **error)
{
  hd_context_set_streaming (pipeline->context,
                            (pipeline->plan.splits & HD_SPLIT_WEIGHTS) != 0 ? &pipeline->plan.streaming : NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (networks); i++)
    if (((networks[i].stages & 1u << stage) != 0 || (networks[i].leaves & pipeline->plan.splits) == 0)
        && !networks[i].load (pipeline, error))
      return FALSE;

  return TRUE;
}

static void
note_need (HdPipeline *pipeline)
{
  HdMemoryNeed *need = pipeline->need;
  HdContext    *context = pipeline->context;

  if (need == NULL || pipeline->stage == HD_N_STAGES)
    return;

  need->weight_bytes[pipeline->stage] = MAX (need->weight_bytes[pipeline->stage],
                                             hd_context_get_weight_bytes (context));
  need->streamable_bytes = MAX (need->streamable_bytes, hd_context_get_streamable_bytes (context));
  need->tensor_bytes[pipeline->stage] = MAX (need->tensor_bytes[pipeline->stage], hd_context_get_peak_bytes (context));
}

void
hd_pipeline_leave (HdPipeline *pipeline)
{
  note_need (pipeline);
  if (pipeline->need != NULL)
    hd_context_reset_peak_bytes (pipeline->context);
  pipeline->stage = HD_N_STAGES;
}

gboolean
hd_pipeline_enter (HdPipeline  *pipeline,
                   HdStage      stage,
                   GError     **error)
{
  HdContext *context = pipeline->context;
  gsize      room = pipeline->plan.tensor_bytes[stage];
  gboolean   other_room = room > 0 && room != hd_context_get_reserved_bytes (context);

  hd_pipeline_leave (pipeline);
  pipeline->stage = stage;

  if (other_room && !hd_context_reserve (context, 0, error))
    return FALSE;
  drop_networks (pipeline, stage);
  if (!load_networks (pipeline, stage, error))
    return FALSE;

  return !other_room || hd_context_reserve (context, room, error);
}
