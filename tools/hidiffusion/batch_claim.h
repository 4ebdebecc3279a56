/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  HD_CLAIM_OURS,
  HD_CLAIM_OTHERS,   /* another process makes it now */
  HD_CLAIM_FAILED,
} HdClaimState;

/**
 * HdClaim:
 * @path: (owned): of the lock's file
 * @descriptor: of the open file
 *
 * A process's word to all others that look into the same folder that it makes a picture. It ends with the process, however
 * that ends.
 */
typedef struct
{
  char *path;
  int   descriptor;
} HdClaim;

/**
 * hd_claim_take:
 * @output: path of the picture; the lock is a hidden file beside it
 *
 * Where the file system knows no locks all claims are granted: only shards keep processes apart then.
 *
 * Returns: %HD_CLAIM_FAILED with an error of %G_FILE_ERROR.
 */
HdClaimState hd_claim_take    (HdClaim     *claim,
                               const char  *output,
                               GError     **error);

/* Gives up a claim that is %HD_CLAIM_OURS. */
void         hd_claim_release (HdClaim     *claim);

G_END_DECLS
