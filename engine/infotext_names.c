/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/infotext_names.h"

#define AT(field) G_STRUCT_OFFSET (HdRequest, field)

const HdInfotextName hd_infotext_samplers[] = {
  { "ddim", "DDIM" }, { "euler", "Euler" }, { "euler_a", "Euler a" }, { "heun", "Heun" }, { "dpmpp_2m", "DPM++ 2M" },
  { "dpmpp_2m_sde", "DPM++ 2M SDE" }, { "unipc", "UniPC" }, { "lcm", "LCM" }, { NULL },
};

const HdInfotextName hd_infotext_schedules[] = {
  { "auto", "Automatic" }, { "karras", "Karras" }, { "linspace", "Uniform" }, { "leading", "DDIM" },
  { "trailing", "SGM Uniform" }, { NULL },
};

const HdInfotextNumber hd_infotext_numbers[] = {
  { "Steps", AT (steps), TRUE }, { "CFG scale", AT (guidance_scale) }, { "Seed", AT (seed), TRUE },
  { "Clip skip", AT (clip_skip) }, { "CFG Rescale Phi", AT (guidance_rescale) }, { "Eta", AT (eta) },
  { "T1", AT (t1) }, { "T2", AT (t2) }, { NULL },
};

const HdInfotextName hd_infotext_choices[] = {
  { "hidiffusion", "HiDiffusion" }, { "rau_net", "RAU-Net" }, { "msw_msa", "MSW-MSA" }, { "prediction", "Prediction" },
  { "distillation", "Distillation" }, { NULL },
};

const HdRequestField *
hd_infotext_find_field (gsize       offset,
                        const char *member)
{
  for (const HdRequestField *field = hd_request_fields (); field->name != NULL; field++)
    if (member != NULL ? g_strcmp0 (field->member, member) == 0 : field->offset == offset)
      return field;

  g_return_val_if_reached (NULL);
}

const char *
hd_infotext_find_theirs (const HdInfotextName *names,
                         const char           *ours)
{
  for (; names->ours != NULL; names++)
    if (g_str_equal (names->ours, ours))
      return names->theirs;

  return NULL;
}

const char *
hd_infotext_find_ours (const HdInfotextName *names,
                       const char           *theirs)
{
  for (; names->ours != NULL; names++)
    if (g_ascii_strcasecmp (names->theirs, theirs) == 0)
      return names->ours;

  return NULL;
}
