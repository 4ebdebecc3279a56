/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/request.h"

G_BEGIN_DECLS

#define HD_GENERATE_PROCEDURE  "plug-in-hidiffusion-generate"
#define HD_TRANSFORM_PROCEDURE "plug-in-hidiffusion-transform"
#define HD_FILL_PROCEDURE      "plug-in-hidiffusion-fill"
#define HD_UPSCALE_PROCEDURE   "plug-in-hidiffusion-upscale"
#define HD_AGAIN_PROCEDURE     "plug-in-hidiffusion-again"

/* Where all procedures are in the menus. */
#define HD_MENU_PATH "<Image>/Filters/Render/HiDiffusion"

/**
 * HdTaskTexts:
 * @procedure: its name
 * @menu_label: in the menu; untranslated, as all that follow
 * @title: of the dialog
 * @ok_label: of the button that begins the work
 * @progress: while it works
 * @blurb: what the procedure does, in a line
 * @help: what it does, in sentences
 *
 * What a task is called.
 */
typedef struct
{
  const char *procedure;
  const char *menu_label;
  const char *title;
  const char *ok_label;
  const char *progress;
  const char *blurb;
  const char *help;
} HdTaskTexts;

const HdTaskTexts *hd_task_get_texts (HdTask task);

/* FALSE if no task's procedure has that name. */
gboolean           hd_task_find      (const char *procedure,
                                      HdTask     *task);

G_END_DECLS
