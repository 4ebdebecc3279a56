/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config_reader.h"
#include "engine/safetensors.h"

G_BEGIN_DECLS

/* A golden case: what was asked of the reference implementation (NAME.json) and what it answered
 * (NAME.safetensors). README.md has the kinds and the inputs. */

#define HD_GOLDEN_MAX_AT 64

/* The error of a case that the engine is not made for; its message says what that is, as "scheduler:heun". */
#define HD_GOLDEN_UNSUPPORTED hd_golden_unsupported_quark ()
GQuark hd_golden_unsupported_quark (void);

/**
 * HdGoldenCase:
 * @name: of the case, and the first part of its streams' names
 * @kind: "unet", "pipeline", ...
 * @model: (nullable): name of the manifest
 * @models_folder: where the manifests lie, ../models beside the case's folder
 * @reader: for the other members
 * @expected: (nullable): the tensors that the reference gave
 * @error: the largest relative L2 error of a tensor so far; NaN if there was one
 * @compared: (element-type utf8): names of the tensors that were compared
 */
typedef struct
{
  char           *name;
  char           *kind;
  char           *model;
  char           *models_folder;
  HdConfigReader  reader;
  HdSafetensors  *expected;
  double          error;
  HdDtype         dtype;      /* what was computed with, which tells how large the error may be */
  guint           splits;     /* of HdSplit: what is split to save memory */
  GHashTable     *compared;
} HdGoldenCase;

HdGoldenCase *hd_golden_case_open (const char    *path,
                                   GError       **error);
void          hd_golden_case_free (HdGoldenCase  *golden);

/* Stream names: NAME/..., as in the cases' description. (transfer full) */
char         *hd_golden_stream    (const HdGoldenCase *golden,
                                   const char         *format,
                                   ...) G_GNUC_PRINTF (2, 3);

/**
 * hd_golden_compare:
 * @tensor: name of the expected tensor
 * @values: (array length=count): what the engine gave, in the expected tensor's order
 *
 * Notes the relative L2 error ||values - expected|| / ||expected||.
 */
gboolean      hd_golden_compare   (HdGoldenCase       *golden,
                                   const char         *tensor,
                                   const float        *values,
                                   gsize               count,
                                   GError            **error);

/* The same for @planes maps of @height x @width, of which the reference kept each pixel whose row and column are
 * multiples of @stride. */
gboolean      hd_golden_compare_strided (HdGoldenCase  *golden,
                                         const char    *tensor,
                                         const float   *values,
                                         int            planes,
                                         int            height,
                                         int            width,
                                         int            stride,
                                         GError       **error);

/* FALSE if there is an expected tensor that was not compared. */
gboolean      hd_golden_case_check_complete (HdGoldenCase  *golden,
                                             GError       **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdGoldenCase, hd_golden_case_free)

G_END_DECLS
