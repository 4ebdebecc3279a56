/* SPDX-License-Identifier: Apache-2.0 */

/* The input is a configuration: each reader takes it or gives an error. */

#include "engine/config.h"
#include "tests/fuzz/fuzz.h"

static void
check (gboolean  ok,
       GError   *error)
{
  g_assert_true (ok == (error == NULL));
  if (error != NULL)
    g_assert_true (error->domain == HD_ENGINE_ERROR && g_utf8_validate (error->message, -1, NULL));
  g_clear_error (&error);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  const char          *path = fuzz_file (data, size);
  HdUnetConfig         unet;
  HdVaeConfig          vae;
  HdTextConfig         text;
  HdSchedulerConfig    scheduler;
  HdHiDiffusionRatios  ratios;
  GError              *error = NULL;
  gboolean             ok;

  ok = hd_unet_config_read (path, &unet, &error);
  if (ok)
    {
      g_assert_true (unet.n_levels >= 1 && unet.n_levels <= HD_UNET_MAX_LEVELS);
      for (int i = 0; i < unet.n_levels; i++)
        g_assert_true (unet.heads[i] >= 1 && unet.transformer_layers[i] >= 1
                       && unet.block_out_channels[i] % unet.norm_groups == 0);
    }
  check (ok, g_steal_pointer (&error));
  ok = hd_vae_config_read (path, &vae, &error);
  check (ok, g_steal_pointer (&error));
  ok = hd_text_config_read (path, &text, &error);
  if (ok)
    g_assert_true (text.hidden_size % text.heads == 0);
  check (ok, g_steal_pointer (&error));
  ok = hd_scheduler_config_read (path, &scheduler, &error);
  check (ok, g_steal_pointer (&error));
  ok = hd_hidiffusion_ratios_read (path, &ratios, &error);
  check (ok, g_steal_pointer (&error));

  return 0;
}
