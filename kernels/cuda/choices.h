/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/tile_plan.h"

G_BEGIN_DECLS

/* Which of several ways of computing a product is the fastest on this card is measured when a shape first comes up, and
 * kept: in the context, and in a file of the user's cache folder, so that the next run of the program computes as this
 * one did, bit for bit. */

typedef enum
{
  HD_CHOICE_TILES,
  HD_CHOICE_LIBRARY,   /* cuBLASLt */
} HdChoiceKind;

/**
 * HdChoice:
 * @plan: of %HD_CHOICE_TILES
 * @algorithm: of %HD_CHOICE_LIBRARY
 * @checked: %FALSE if the algorithm comes from a file, which may say anything
 */
typedef struct
{
  HdChoiceKind  kind;
  HdTilePlan    plan;
  HdLtAlgorithm algorithm;
  gboolean      checked;
} HdChoice;

/* The most choices for one shape. */
#define HD_CHOICES_MOST 16

/* Queues the work of @data as @choice says. */
typedef gboolean (* HdChoiceRun) (HdCudaContext   *cuda,
                                  const HdChoice  *choice,
                                  gpointer         data,
                                  GError         **error);

/* cuBLASLt, or NULL where there is none. */
HdLt    *hd_choices_library (HdCudaContext *cuda);

/* Rows of products that take long enough to be measured, and that give all processors several tiles: larger ones are
 * measured with so many. */
int      hd_choices_rows    (const HdCudaContext *cuda,
                             int                  rows,
                             int                  outputs,
                             double               row_flops);

/* What was chosen for @key, until the next measurement; NULL if nothing was. */
HdChoice *hd_choices_lookup (HdCudaContext *cuda,
                             const char    *key);

/**
 * hd_choices_measure:
 * @key: the shape, in words without "=" and line breaks
 * @candidates: (array length=n): ways to compute it, of which the first is taken unless another one is clearly faster
 * @run: called several times with each; what fails is not chosen
 *
 * Returns: %FALSE if the run is cancelled, the card is lost, or no candidate works.
 */
gboolean hd_choices_measure (HdCudaContext   *cuda,
                             const char      *key,
                             const HdChoice  *candidates,
                             int              n,
                             HdChoiceRun      run,
                             gpointer         data,
                             HdChoice        *choice,
                             GError         **error);

/* Not @measuring: the first candidate is taken for whatever was not chosen yet, and nothing is read or written. For
 * tests. */
void     hd_choices_set_measuring (HdCudaContext *cuda,
                                   gboolean       measuring);

/* Tile plans for a product, the one that should be fastest first. Not @whole: @rows stand for any larger number, which
 * is enough for all processors without sharing the depth. Returns how many, up to HD_CHOICES_MOST. */
int      hd_choices_add_plans (const HdCudaContext *cuda,
                               int                  rows,
                               gboolean             whole,
                               int                  outputs,
                               int                  depth,
                               gboolean             gated,
                               HdChoice            *candidates);

G_END_DECLS
