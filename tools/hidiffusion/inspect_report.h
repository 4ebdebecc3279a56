/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/model.h"

G_BEGIN_DECLS

/* What `hidiffusion inspect` tells about a model or a lone file. */

/**
 * HdContents:
 * @files: (element-type HdSafetensors) (owned): where the tensors are
 * @bytes: of all tensors
 * @parameters: their elements
 * @n_tensors: how many there are
 * @dtypes: a set of the names of their types
 */
typedef struct
{
  GPtrArray  *files;
  guint64     bytes;
  guint64     parameters;
  guint       n_tensors;
  GHashTable *dtypes;
} HdContents;

void hd_contents_init  (HdContents *contents);
void hd_contents_clear (HdContents *contents);

/* Counts the tensors of @file whose names begin with @prefix (nullable). */
void hd_contents_add   (HdContents    *contents,
                        HdSafetensors *file,
                        const char    *prefix);

/**
 * HdInspection:
 * @model: the model
 * @parts: what each of its parts has
 * @fingerprint: its own
 */
typedef struct
{
  HdModel    *model;
  HdContents  parts[HD_MODEL_N_PARTS];
  char       *fingerprint;
} HdInspection;

void hd_inspection_print      (const HdInspection *inspection);
void hd_inspection_print_json (const HdInspection *inspection);

/* The same for a file that is no model but belongs to one: a LoRA, a ControlNet, a VAE, ... */
void hd_inspection_print_file      (HdSafetensors *file, const HdSingleFile *contents);
void hd_inspection_print_file_json (HdSafetensors *file, const HdSingleFile *contents);

G_END_DECLS
