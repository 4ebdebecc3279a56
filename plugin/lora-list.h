/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HdLoraItem:
 * @name: a name, or a path
 * @weight: 1 if the text says none
 */
typedef struct
{
  char   *name;
  double  weight;
} HdLoraItem;

/**
 * hd_lora_list_parse:
 * @text: (nullable): "ink:0.8, faces"; what has more than one line has one LoRA on each, whose names may have commas
 *
 * What follows the last colon is a weight if it is a number, and part of the name otherwise.
 *
 * Returns: (transfer full) (element-type HdLoraItem): in the order of the text; empty names are left out.
 */
GPtrArray *hd_lora_list_parse  (const char      *text);

/* (transfer full): the text for a list, which hd_lora_list_parse() reads. */
char      *hd_lora_list_format (const GPtrArray *list);

/* Adds a LoRA at the end. */
void       hd_lora_list_add    (GPtrArray       *list,
                                const char      *name,
                                double           weight);

/* An empty list. */
GPtrArray *hd_lora_list_new    (void);

G_END_DECLS
