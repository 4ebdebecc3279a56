/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>

#include "plugin/tasks.h"

static const HdTaskTexts texts[] = {
  [HD_TASK_GENERATE] = {
    .procedure = HD_GENERATE_PROCEDURE,
    .menu_label = N_("_Generate..."),
    .title = N_("Generate a Layer"),
    .ok_label = N_("_Generate"),
    .progress = N_("Generating a picture"),
    .blurb = N_("Make a layer from a description"),
    .help = N_("Makes a picture from a description in words with a Stable Diffusion model, "
               "and adds it to the image as a layer, or opens it as a new image where none "
               "is open. The settings are kept with the layer, in the parasite "
               "'hidiffusion-request'."),
  },
  [HD_TASK_TRANSFORM] = {
    .procedure = HD_TRANSFORM_PROCEDURE,
    .menu_label = N_("_Transform..."),
    .title = N_("Transform a Layer"),
    .ok_label = N_("Trans_form"),
    .progress = N_("Transforming the layer"),
    .blurb = N_("Make another picture from a layer and a description"),
    .help = N_("Draws the selected layer anew after a description in words, as far from it as the strength says. "
               "The result is a layer of the same size, above it and as transparent as it is. The settings are "
               "kept with the new layer, in the parasite 'hidiffusion-request'."),
  },
  [HD_TASK_FILL] = {
    .procedure = HD_FILL_PROCEDURE,
    .menu_label = N_("_Fill Selection..."),
    .title = N_("Fill a Selection"),
    .ok_label = N_("_Fill"),
    .progress = N_("Filling the selection"),
    .blurb = N_("Fill the selected or the transparent part of a layer after a description"),
    .help = N_("Fills the selected part of the selected layer so that it fits to what is around it. Where nothing "
               "is selected, the transparent part of the layer is filled: so a picture grows beyond its edges. "
               "The result is a layer of its own with a mask, which has the feathering of the selection; "
               "all other pixels stay as they are. The settings are kept with the new layer, in the parasite "
               "'hidiffusion-request'."),
  },
  [HD_TASK_UPSCALE] = {
    .procedure = HD_UPSCALE_PROCEDURE,
    .menu_label = N_("_Upscale..."),
    .title = N_("Upscale a Layer"),
    .ok_label = N_("Upscal_e"),
    .progress = N_("Upscaling the layer"),
    .blurb = N_("Make a larger picture of a layer, with finer detail"),
    .help = N_("Enlarges the selected layer and draws finer detail into it. The result opens as a new image, with "
               "the layer that it was made from below it, hidden. The image itself stays as it is. The settings "
               "are kept with the new layer, in the parasite 'hidiffusion-request'."),
  },
};

const HdTaskTexts *
hd_task_get_texts (HdTask task)
{
  return &texts[task];
}

gboolean
hd_task_find (const char *procedure,
              HdTask     *task)
{
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    if (g_str_equal (texts[i].procedure, procedure))
      {
        *task = i;
        return TRUE;
      }

  return FALSE;
}
