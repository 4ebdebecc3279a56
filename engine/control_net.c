/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/control_net.h"

void
hd_control_net_free (HdControlNet *net)
{
  if (net == NULL)
    return;

  hd_unet_encoder_clear (&net->encoder);
  hd_conv_clear (&net->hint_in);
  for (int i = 0; i < net->n_hint_blocks; i++)
    hd_conv_clear (&net->hint_blocks[i]);
  hd_conv_clear (&net->hint_out);
  for (int i = 0; i < net->n_skips; i++)
    hd_linear_clear (&net->skips_out[i]);
  g_free (net->skips_out);
  hd_linear_clear (&net->middle_out);
  g_clear_pointer (&net->source, hd_tensor_source_unref);
  hd_context_unref (net->context);
  g_free (net);
}

gboolean
hd_control_net_check_files (HdControlNet  *net,
                            GError       **error)
{
  for (guint i = 0; i < hd_tensor_source_get_n_files (net->source); i++)
    if (!hd_safetensors_check (hd_tensor_source_get_file (net->source, i), error))
      return FALSE;

  return TRUE;
}

void
hd_control_condition_free (HdControlCondition *condition)
{
  if (condition == NULL)
    return;

  g_clear_pointer (&condition->condition, hd_unet_condition_free);
  g_clear_pointer (&condition->hint, hd_tensor_unref);
  g_free (condition);
}

/* The picture comes down to the size of the latents: every second of the convolutions between the first and the last
 * halves it. */
static HdTensor *
encode_picture (HdControlNet   *net,
                const HdTensor *picture)
{
  HdContext            *context = net->context;
  g_autoptr (HdTensor)  h = hd_conv2d (context, picture, &net->hint_in, &(HdConvOptions) { .padding = 1 });

  hd_tensor_take (&h, hd_activate (context, h, HD_ACTIVATION_SILU));
  for (int i = 0; i < net->n_hint_blocks; i++)
    {
      hd_tensor_take (&h, hd_conv2d (context, h, &net->hint_blocks[i],
                                     &(HdConvOptions) { .padding = 1, .stride = 1 + i % 2 }));
      hd_tensor_take (&h, hd_activate (context, h, HD_ACTIVATION_SILU));
    }

  return hd_conv2d (context, h, &net->hint_out, &(HdConvOptions) { .padding = 1 });
}

HdControlCondition *
hd_control_net_encode (HdControlNet   *net,
                       const HdTensor *picture,
                       const HdTensor *text,
                       const HdTensor *pooled,
                       const double   *time_ids)
{
  HdControlCondition *condition = g_new0 (HdControlCondition, 1);

  condition->hint = encode_picture (net, picture);
  condition->condition = hd_unet_encoder_encode (net->context, &net->encoder, text, pooled, time_ids, 1.0);

  return condition;
}

void
hd_control_net (HdControlNet             *net,
                const HdTensor           *latent,
                double                    timestep,
                const HdControlCondition *condition,
                double                    strength,
                guint                     splits,
                HdControlResiduals       *residuals)
{
  HdContext            *context = net->context;
  g_autoptr (HdTensor)  x = NULL;
  HdUnetPass            pass;

  hd_unet_pass_init (&pass, context, NULL, NULL, NULL, splits);
  x = hd_unet_encoder (&net->encoder, &pass, latent, timestep, condition->condition, condition->hint);

  for (int i = 0; i < net->n_skips; i++)
    hd_tensor_take ((HdTensor **) &pass.skips->pdata[i],
                    hd_linear (context, pass.skips->pdata[i], &net->skips_out[i], NULL));

  *residuals = (HdControlResiduals) {
    .skips = g_steal_pointer (&pass.skips), .middle = hd_linear (context, x, &net->middle_out, NULL),
    .strength = strength,
  };
  hd_unet_pass_clear (&pass);
}
