/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/rau_net.h"

/* Sizes from this multiple of the training size on have ratios of their own. */
#define LARGE_FACTOR 4

/* The authors give SDXL's first phase as 8 of 50 steps. */
#define SDXL_D4_RATIO (8.0 / 50.0)

/* T(r): the number of steps that the share @ratio of a run is, truncated. */
static int
steps_of (const HdRauNetCase *run,
          double              ratio)
{
  return (int) (run->steps * ratio);
}

/* T1 and T2: the number of steps for D4 and P2, by the user's ratios or else @usual. */
static int
t1 (const HdRauNetCase       *run,
    const HdHiDiffusionRatio *usual)
{
  return steps_of (run, run->own != NULL && run->own->d4 >= 0.0 ? run->own->d4 : usual->d4);
}

static int
t2 (const HdRauNetCase       *run,
    const HdHiDiffusionRatio *usual)
{
  return steps_of (run, run->own != NULL && run->own->p2 >= 0.0 ? run->own->p2 : usual->p2);
}

static gboolean
is_large (const HdRauNetCase *run,
          int                 usual_sample_size)
{
  int side = LARGE_FACTOR * MIN (run->sample_size, usual_sample_size);

  return run->latent_height >= side && run->latent_width >= side;
}

static void
init_sd (HdRauNet           *rau_net,
         const HdRauNetCase *run)
{
  HdHiDiffusionRatios usual = {
    .normal = { .d4 = 0.4, .p2 = 0.0 },
    .large = { .d4 = 0.7, .p2 = 0.3 },
  };
  const HdHiDiffusionRatios *ratios = run->ratios != NULL ? run->ratios : &usual;
  const HdHiDiffusionRatio  *ratio = is_large (run, 64) ? &ratios->large : &ratios->normal;

  rau_net->d4_block = 0;
  rau_net->d4_until = t1 (run, ratio);
  rau_net->p2_block = 1;
  rau_net->p2_from = 0;
  rau_net->p2_until = t2 (run, ratio);
}

static void
init_sdxl (HdRauNet           *rau_net,
           const HdRauNetCase *run)
{
  HdHiDiffusionRatios usual = {
    .normal = { .d4 = run->inpainting ? 0.0 : SDXL_D4_RATIO, .p2 = run->control_net ? 0.5 : 0.4 },
    .large = { .d4 = 0.3, .p2 = 0.7 },
  };
  const HdHiDiffusionRatios *ratios = run->ratios != NULL ? run->ratios : &usual;
  gboolean                   large = is_large (run, 128);
  const HdHiDiffusionRatio  *ratio = large ? &ratios->large : &ratios->normal;

  rau_net->d4_block = 1;
  rau_net->d4_until = t1 (run, ratio);
  rau_net->p2_block = 1;
  /* At ordinary sizes the two tools follow each other, at large ones they overlap. */
  rau_net->p2_from = large ? 0 : rau_net->d4_until;
  rau_net->p2_until = t2 (run, ratio);
}

static void
init_sdxl_turbo (HdRauNet           *rau_net,
                 const HdRauNetCase *run)
{
  HdHiDiffusionRatio ratio = run->ratios != NULL ? run->ratios->normal : (HdHiDiffusionRatio) { .p2 = 0.5 };

  hd_rau_net_init_off (rau_net);
  rau_net->p2_block = 1;
  rau_net->p2_until = t2 (run, &ratio);
}

void
hd_rau_net_init (HdRauNet           *rau_net,
                 const HdRauNetCase *run)
{
  switch (run->family)
    {
    case HD_FAMILY_SD1:
    case HD_FAMILY_SD2:
      init_sd (rau_net, run);
      break;
    case HD_FAMILY_SDXL:
      init_sdxl (rau_net, run);
      break;
    case HD_FAMILY_SDXL_TURBO:
      init_sdxl_turbo (rau_net, run);
      break;
    }
}

void
hd_rau_net_init_off (HdRauNet *rau_net)
{
  *rau_net = (HdRauNet) { .d4_block = HD_NO_BLOCK, .p2_block = HD_NO_BLOCK };
}

HdRauNetTools
hd_rau_net_at (const HdRauNet *rau_net,
               int             step)
{
  gboolean d4 = step < rau_net->d4_until;
  gboolean p2 = rau_net->p2_from <= step && step < rau_net->p2_until;

  return (HdRauNetTools) {
    .d4_block = d4 ? rau_net->d4_block : HD_NO_BLOCK,
    .p2_block = p2 ? rau_net->p2_block : HD_NO_BLOCK,
  };
}

guint64
hd_rau_net_key (const HdRauNetTools *tools,
                gboolean             control)
{
  return (guint64) (guint16) tools->d4_block << 32 | (guint64) (guint16) tools->p2_block << 16 | (control != FALSE);
}
