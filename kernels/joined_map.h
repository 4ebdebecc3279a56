/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The index map of two inputs that are read as if they were concatenated: a pixel's channels are the C of the first
 * input, then the C2 of the second. No tensor is ever joined for that. */

#include <stdint.h>

#include "kernels/host_device.h"

#define HD_JOINED_ENDLESS 0x40000000

/**
 * HdJoined:
 * @channels: C
 * @channels2: C2; 0 if there is no second input
 */
typedef struct
{
  int channels;
  int channels2;
} HdJoined;

/* Channels of both: C + C2. */
static inline HD_HOST_DEVICE int
hd_joined_total (const HdJoined *joined)
{
  return joined->channels + joined->channels2;
}

/* The input, 0 or 1, that @channel of both comes from. What is beyond both counts to the second one. */
static inline HD_HOST_DEVICE int
hd_joined_input (const HdJoined *joined, int channel)
{
  return channel < joined->channels ? 0 : 1;
}

/* Channels of the @input. */
static inline HD_HOST_DEVICE int
hd_joined_width (const HdJoined *joined, int input)
{
  return input == 0 ? joined->channels : joined->channels2;
}

/* Channel of both that is the first one of the @input. */
static inline HD_HOST_DEVICE int
hd_joined_first (const HdJoined *joined, int input)
{
  return input == 0 ? 0 : joined->channels;
}

/* Offset of the first channel of @pixel, counted over all images, in the @input's memory. */
static inline HD_HOST_DEVICE int64_t
hd_joined_offset (const HdJoined *joined, int input, int64_t pixel)
{
  return pixel * hd_joined_width (joined, input);
}

/* Channels from the first one of the @input to the next input: behind the second there is none. */
static inline HD_HOST_DEVICE int
hd_joined_reach (const HdJoined *joined, int input)
{
  return input == 0 ? joined->channels : HD_JOINED_ENDLESS;
}

/* From the @channel of an @input on by @step. Returns: whether that is another input. A loop, although it turns once:
 * compilers of GPUs take fewer registers for it. */
static inline HD_HOST_DEVICE int
hd_joined_advance (const HdJoined *joined, int step, int *input, int *channel)
{
  *channel += step;
  if (*channel < hd_joined_reach (joined, *input))
    return 0;

  do
    *channel -= hd_joined_reach (joined, (*input)++);
  while (*channel >= hd_joined_reach (joined, *input));

  return 1;
}
