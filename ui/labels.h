/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a value of an argument is called in the user's language; one that is not known is shown as it is: later
 * engines know more. */
const char *hd_describe_value  (const char *name);

/* "Automatic (DPM++ 2M)": what is chosen where the user leaves it to the model; owned by the caller. */
char       *hd_describe_choice (const char *name);

G_END_DECLS
