/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "engine/engine.h"

G_BEGIN_DECLS

/**
 * HdTerminalProgress:
 *
 * Shows a run's progress: as a bar in a terminal, else as a line at every phase and step.
 */
typedef struct
{
  FILE     *stream;
  gboolean  terminal;
  gboolean  shown;   /* the cursor is in a bar's line */
  int       picture; /* of the last line */
  HdPhase   phase;   /* of the last line */
  int       step;    /* of the last line; -1 before the first */
} HdTerminalProgress;

void  hd_terminal_progress_init   (HdTerminalProgress *progress,
                                   FILE               *stream);

/* An HdProgressFunc; @user_data is the HdTerminalProgress. */
void  hd_terminal_progress_report (const HdProgress   *report,
                                   gpointer            user_data);

/* Takes the bar away. */
void  hd_terminal_progress_finish (HdTerminalProgress *progress);

/* (transfer full): "0:07", "12:30", "1:02:03". */
char *hd_format_duration          (double              seconds);

G_END_DECLS
