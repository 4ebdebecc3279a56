/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/resnet.h"

void
hd_resnet_load (HdResnet            *resnet,
                HdWeights           *weights,
                const HdResnetShape *shape,
                const char          *name)
{
  hd_weights_norm (weights, &resnet->norm1, shape->in, shape->groups, shape->epsilon, "%s.norm1", name);
  hd_weights_conv (weights, &resnet->conv1, shape->out, shape->in, 3, TRUE, "%s.conv1", name);
  if (shape->time_embedding > 0)
    hd_weights_linear (weights, &resnet->time_emb_proj, shape->out, shape->time_embedding, TRUE,
                       "%s.time_emb_proj", name);
  hd_weights_norm (weights, &resnet->norm2, shape->out, shape->groups, shape->epsilon, "%s.norm2", name);
  hd_weights_conv (weights, &resnet->conv2, shape->out, shape->out, 3, TRUE, "%s.conv2", name);
  if (shape->in != shape->out)
    hd_weights_linear (weights, &resnet->conv_shortcut, shape->out, shape->in, TRUE, "%s.conv_shortcut", name);
}

void
hd_resnet_clear (HdResnet *resnet)
{
  hd_norm_clear (&resnet->norm1);
  hd_conv_clear (&resnet->conv1);
  hd_linear_clear (&resnet->time_emb_proj);
  hd_norm_clear (&resnet->norm2);
  hd_conv_clear (&resnet->conv2);
  hd_linear_clear (&resnet->conv_shortcut);
}

HdTensor *
hd_resnet (HdContext      *context,
           const HdResnet *resnet,
           const HdTensor *x,
           const HdTensor *skip,
           const HdTensor *time_embedding)
{
  g_autoptr (HdTensor) h = NULL;
  g_autoptr (HdTensor) emb = NULL;
  g_autoptr (HdTensor) shortcut = NULL;

  if (time_embedding != NULL)
    emb = hd_linear (context, time_embedding, &resnet->time_emb_proj, NULL);

  h = hd_group_norm (context, x, skip, &resnet->norm1, HD_ACTIVATION_SILU);
  hd_tensor_take (&h, hd_conv2d (context, h, &resnet->conv1,
                                 &(HdConvOptions) { .padding = 1, .channel_bias = emb }));
  hd_tensor_take (&h, hd_group_norm (context, h, NULL, &resnet->norm2, HD_ACTIVATION_SILU));

  if (resnet->conv_shortcut.weight != NULL)
    shortcut = hd_linear (context, x, &resnet->conv_shortcut, &(HdLinearOptions) { .x2 = skip });

  return hd_conv2d (context, h, &resnet->conv2,
                    &(HdConvOptions) { .padding = 1, .residual = shortcut != NULL ? shortcut : x });
}
