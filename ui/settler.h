/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/request.h"

G_BEGIN_DECLS

/* Tells what a model makes of what a request leaves to it. Keeps the model's description, which takes reading the
 * headers of its files, until another one is asked for. */
typedef struct _HdSettler HdSettler;

HdSettler *hd_settler_new    (void);
void       hd_settler_free   (HdSettler        *settler);

/* (transfer full): @request with everything filled in; NULL if the model cannot be opened. */
HdRequest *hd_settler_settle (HdSettler        *settler,
                              const HdRequest  *request,
                              GError          **error);

/* Side in pixels of the pictures that the last request's model was trained on; 0 if it could not be opened. */
int        hd_settler_get_native_size (HdSettler *settler);

G_END_DECLS
