/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

/* Marks of gettext for the messages that users meet in the dialog. They are looked up in the plug-in's catalogs where a
 * program has set them up, and stay English elsewhere. What names tensors, fields of JSON or shapes stays English
 * everywhere: it is for bug reports and searches. */
#define _(text)  g_dgettext ("hidiffusion", text)
#define N_(text) text
