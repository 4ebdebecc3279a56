/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>
#include <string.h>

#include "kernels/backend.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/cpu_convert.h"
#include "kernels/cpu/cpu_private.h"
#include "kernels/ops.h"

/* What tests of operators share: seeded random numbers as tensors and weights, and errors against references that
 * are computed in double from the very numbers that the tensors hold. */

#define TEST_GUARD 0xa5

/* The type of 16 bits that is tested, and the device: the CPU, or with TEST_CUDA the CUDA device (or its emulation). */
#ifndef TEST_DTYPE_16
#define TEST_DTYPE_16 HD_DTYPE_BF16
#endif

#ifdef TEST_CUDA
#include "kernels/cuda/cuda.h"

static inline HdContext *
test_device_open (HdDtype   dtype,
                  GError  **error)
{
  return hd_cuda_context_new (-1, dtype == HD_DTYPE_BF16 ? HD_PRECISION_BF16 : HD_PRECISION_F16, error);
}
#else
static inline HdContext *
test_device_open (HdDtype   dtype,
                  GError  **error)
{
  return hd_cpu_context_new (dtype == HD_DTYPE_BF16 ? HD_PRECISION_BF16 : HD_PRECISION_F32, 2, error);
}
#endif

/* Skips the test, and returns TRUE, if this processor does not compute in @dtype. */
static inline gboolean
test_skip_dtype (HdDtype dtype)
{
  g_autoptr (GError)    error = NULL;
  g_autoptr (HdContext) context = test_device_open (dtype, &error);

  if (context != NULL)
    return FALSE;

  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED);
  g_test_skip (error->message);
  return TRUE;
}

/* All of the device's memory for tensors, as one. */
static inline HdTensor
test_whole_memory (HdContext *context)
{
  gsize    bytes = hd_arena_get_capacity (context->arena);
  HdTensor whole = {
    .dtype = HD_DTYPE_F32, .batch = 1, .height = 1, .width = bytes / sizeof (float), .channels = 1, .pixel_stride = 1,
    .data = context->memory, .context = context,
  };

  g_assert_cmpuint (bytes % sizeof (float), ==, 0);
  return whole;
}

/* Gives @context an arena that is filled with TEST_GUARD. */
static inline void
test_reserve (HdContext *context,
              gsize      bytes)
{
  GError            *error = NULL;
  g_autofree float  *guards = g_malloc (bytes);
  HdTensor           whole;

  hd_context_reserve (context, bytes, &error);
  g_assert_no_error (error);

  memset (guards, TEST_GUARD, bytes);
  whole = test_whole_memory (context);
  context->backend->upload (context, &whole, NULL, guards, &error);
  g_assert_no_error (error);
}

/* A context with such an arena. */
static inline HdContext *
test_context_new (HdDtype dtype,
                  gsize   bytes)
{
  GError    *error = NULL;
  HdContext *context = test_device_open (dtype, &error);

  g_assert_no_error (error);
  test_reserve (context, bytes);

  return context;
}

static inline guint16
test_f16_from_float (float value)
{
  guint32 bits = hd_bits_from_float (value);
  int     exponent = (int) ((bits >> 23) & 0xffu) - 127;

  /* Cut off, and numbers below the normal range to zero: enough for numbers of our own. */
  if (exponent < -14)
    return 0;

  g_assert_cmpint (exponent, <=, 15);
  return (guint16) ((bits >> 16 & 0x8000u) | (guint32) (exponent + 15) << 10 | (bits >> 13 & 0x3ffu));
}

static inline float
test_round (float   value,
            HdDtype dtype)
{
  switch (dtype)
    {
    case HD_DTYPE_F16:
      return hd_float_from_f16 (test_f16_from_float (value));
    case HD_DTYPE_BF16:
      return hd_float_from_bf16 (hd_bf16_from_float (value));
    case HD_DTYPE_F32:
      break;
    }

  return value;
}

/* @n numbers of [-1, 1) that @dtype has exactly. */
static inline float *
test_random (GRand  *rand,
             gsize   n,
             HdDtype dtype)
{
  float *values = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    values[i] = test_round ((float) g_rand_double_range (rand, -1.0, 1.0), dtype);

  return values;
}

static inline HdTensor *
test_tensor_new (HdContext   *context,
                 HdDtype      dtype,
                 int          batch,
                 int          height,
                 int          width,
                 int          channels,
                 const float *rows)
{
  HdTensor *tensor = hd_upload_rows (context, dtype, batch, height, width, channels, rows);

  g_assert_nonnull (tensor);
  return tensor;
}

static inline float *
test_tensor_read (HdContext      *context,
                  const HdTensor *tensor)
{
  float *rows = g_new (float, hd_tensor_elements (tensor));

  hd_download_rows (context, tensor, rows);
  return rows;
}

static inline GBytes *
test_bytes_new (const float *values,
                gsize        n,
                HdDtype      dtype)
{
  guint16 *halves;

  if (dtype == HD_DTYPE_F32)
    return g_bytes_new (values, n * sizeof *values);

  halves = g_new (guint16, n);
  for (gsize i = 0; i < n; i++)
    halves[i] = dtype == HD_DTYPE_F16 ? test_f16_from_float (values[i]) : hd_bf16_from_float (values[i]);

  return g_bytes_new_take (halves, n * sizeof *halves);
}

/* A weight of one part; its file has @stored. */
static inline HdWeight *
test_weight_new (HdContext   *context,
                 HdWeightKind kind,
                 HdDtype      dtype,
                 HdDtype      stored,
                 int          out_channels,
                 int          in_channels,
                 int          kernel,
                 const float *values)
{
  gsize              n = (gsize) out_channels * in_channels * kernel * kernel;
  g_autoptr (GBytes) bytes = test_bytes_new (values, n, stored);
  HdWeightPart       part = { stored, out_channels, bytes };
  GError            *error = NULL;
  HdWeight          *weight = hd_weight_new (context, kind, dtype, &part, 1, in_channels, kernel, kernel, &error);

  g_assert_no_error (error);
  return weight;
}

/* |found - expected| / |expected|; NaN if anything is. */
static inline double
test_relative_error (const float  *found,
                     const double *expected,
                     gsize         n)
{
  double error = 0.0;
  double norm = 0.0;

  for (gsize i = 0; i < n; i++)
    {
      error += (found[i] - expected[i]) * (found[i] - expected[i]);
      norm += expected[i] * expected[i];
    }

  return sqrt (error / norm);
}

/* Written so that NaN fails. */
#define test_assert_error(error, limit) \
  G_STMT_START { \
    double test_error_ = (error); \
    if (!(test_error_ <= (limit))) \
      { \
        g_test_message ("relative error %g, limit %g", test_error_, (double) (limit)); \
        g_assert_cmpfloat (test_error_, <=, (limit)); \
        g_assert_not_reached (); \
      } \
  } G_STMT_END

static inline double
test_limit (HdDtype dtype)
{
  return dtype == HD_DTYPE_F32 ? 1e-5 : 1e-2;
}

/* Nothing but the tensors of @tensors (NULL-terminated) was ever written in the arena. */
static inline void
test_assert_guards (HdContext        *context,
                    const HdTensor  **tensors)
{
  gsize               size = hd_arena_get_capacity (context->arena);
  HdTensor            whole = test_whole_memory (context);
  g_autofree guint8  *copy = g_malloc (size);
  GError             *error = NULL;

  context->backend->download (context, &whole, NULL, (float *) copy, &error);
  g_assert_no_error (error);

  for (; *tensors != NULL; tensors++)
    memset (copy + ((const char *) (*tensors)->data - context->memory), TEST_GUARD,
            hd_tensor_elements (*tensors) * hd_dtype_size ((*tensors)->dtype));

  for (gsize i = 0; i < size; i++)
    if (copy[i] != TEST_GUARD)
      g_error ("Byte %" G_GSIZE_FORMAT " of the arena belongs to no tensor, but was written", i);
}

static inline void
test_assert_finished (HdContext *context)
{
  GError *error = NULL;

  hd_context_check (context, &error);
  g_assert_no_error (error);
  g_assert_cmpint (context->n_tensors, ==, 0);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 0);
}
