/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/noise.h"

#include <math.h>

/* Philox 4x32-10: J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#define PHILOX_ROUNDS      10
#define PHILOX_MULTIPLIER0 0xD2511F53u
#define PHILOX_MULTIPLIER1 0xCD9E8D57u
#define PHILOX_WEYL0       0x9E3779B9u
#define PHILOX_WEYL1       0xBB67AE85u

/* The fourth counter word keeps the streams apart; noise has 0. */
#define SHIFT_STREAM 1

static void
philox (guint64 seed,
        guint32 counter[4])
{
  guint32 key0 = (guint32) seed;
  guint32 key1 = (guint32) (seed >> 32);

  for (int round = 0; round < PHILOX_ROUNDS; round++)
    {
      guint64 product0 = (guint64) PHILOX_MULTIPLIER0 * counter[0];
      guint64 product1 = (guint64) PHILOX_MULTIPLIER1 * counter[2];

      counter[0] = (guint32) (product1 >> 32) ^ counter[1] ^ key0;
      counter[1] = (guint32) product1;
      counter[2] = (guint32) (product0 >> 32) ^ counter[3] ^ key1;
      counter[3] = (guint32) product0;
      key0 += PHILOX_WEYL0;
      key1 += PHILOX_WEYL1;
    }
}

void
hd_noise_fill (guint64 seed,
               guint32 draw,
               float  *values,
               gsize   count)
{
  const double unit = 0x1p-32;
  const double half = 0x1p-33;

  for (gsize i = 0; i < count; i++)
    {
      guint32 words[4] = { draw, 0, (guint32) i, 0 };
      double  u;
      double  v;

      philox (seed, words);
      u = words[0] * unit + half;
      v = 2.0 * G_PI * (words[1] * unit + half);
      values[i] = (float) (sqrt (-2.0 * log (u)) * sin (v));
    }
}

int
hd_noise_shift (guint64 seed,
                guint64 call)
{
  guint32 words[4] = { (guint32) call, (guint32) (call >> 32), 0, SHIFT_STREAM };

  philox (seed, words);

  return words[0] >> 30;
}
