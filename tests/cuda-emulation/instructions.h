/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The instructions of kernels/cuda/device.cuh, as the PTX manual describes them. Included from there alone. */

template <typename T> static inline uint32_t
hd_pack (float low, float high)
{
  T        pair[2] = { hd_from_float<T> (low), hd_from_float<T> (high) };
  uint32_t bits;

  memcpy (&bits, pair, sizeof bits);
  return bits;
}

/* Row @lane % 8 of matrix @lane / 8 is where that lane's pointer shows to, 16 bytes. */
static inline void
hd_emulated_ldmatrix (uint32_t *to, int matrices, const void *row, bool transposed)
{
  const unsigned char *slots;
  int                  lane = hd_emulated_lane ();

  if ((uintptr_t) row % 16 != 0 && lane < 8 * matrices)
    hd_emulated_die ("ldmatrix from an address that is no multiple of 16");
  slots = hd_emulated_exchange (transposed ? "ldmatrix.trans" : "ldmatrix", &row, sizeof row);

  for (int i = 0; i < matrices; i++)
    for (int half = 0; half < 2; half++)
      {
        int             y = transposed ? lane % 4 * 2 + half : lane / 4;
        int             x = transposed ? lane / 4 : lane % 4 * 2 + half;
        const uint16_t *from;

        memcpy (&from, slots + (8 * i + y) * HD_EMULATED_SLOT, sizeof from);
        memcpy ((char *) &to[i] + 2 * half, from + x, 2);
      }
}

struct HdEmulatedFragments
{
  uint32_t a[4];
  uint32_t b[2];
};

/* Element @column of row @row of a fragment's 16 x 16 matrix A. */
template <typename T> static inline float
hd_emulated_mma_a (const unsigned char *slots, int row, int column)
{
  int  lane = row % 8 * 4 + column % 8 / 2;
  int  word = row / 8 + column / 8 * 2;
  T    element;

  memcpy (&element, slots + lane * HD_EMULATED_SLOT + offsetof (HdEmulatedFragments, a) + 4 * word + column % 2 * 2, 2);
  return hd_to_float (element);
}

template <typename T> static inline float
hd_emulated_mma_b (const unsigned char *slots, int row, int column)
{
  int  lane = column * 4 + row % 8 / 2;
  int  word = row / 8;
  T    element;

  memcpy (&element, slots + lane * HD_EMULATED_SLOT + offsetof (HdEmulatedFragments, b) + 4 * word + row % 2 * 2, 2);
  return hd_to_float (element);
}

template <typename T> static inline void
hd_mma (float d[4], const uint32_t a[4], const uint32_t b[2])
{
  HdEmulatedFragments  mine;
  const unsigned char *slots;
  int                  lane = hd_emulated_lane ();

  memcpy (mine.a, a, sizeof mine.a);
  memcpy (mine.b, b, sizeof mine.b);
  slots = hd_emulated_exchange ("mma.m16n8k16", &mine, sizeof mine);

  for (int i = 0; i < 4; i++)
    {
      float sum = 0.0f;

      for (int k = 0; k < 16; k++)
        sum += hd_emulated_mma_a<T> (slots, lane / 4 + i / 2 * 8, k)
               * hd_emulated_mma_b<T> (slots, k, lane % 4 * 2 + i % 2);
      d[i] += sum;
    }
}

static inline void
hd_ldmatrix_x4 (uint32_t to[4], const void *row)
{
  hd_emulated_ldmatrix (to, 4, row, false);
}

static inline void
hd_ldmatrix_x2 (uint32_t to[2], const void *row)
{
  hd_emulated_ldmatrix (to, 2, row, false);
}

static inline void
hd_ldmatrix_x4_trans (uint32_t to[4], const void *row)
{
  hd_emulated_ldmatrix (to, 4, row, true);
}

static inline void
hd_ldmatrix_x2_trans (uint32_t to[2], const void *row)
{
  hd_emulated_ldmatrix (to, 2, row, true);
}

static inline void
hd_copy_async (void *to, const void *from, bool valid)
{
  hd_emulated_copy_async (to, from, valid ? 16 : 0);
}

static inline void
hd_copy_commit (void)
{
  hd_emulated_copy_commit ();
}

template <int pending> static inline void
hd_copy_wait (void)
{
  hd_emulated_copy_wait (pending);
}

static inline float
hd_exp2 (float x)
{
  return exp2f (x);
}

static inline float
hd_tanh (float x)
{
  return tanhf (x);
}
