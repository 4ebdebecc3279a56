/* SPDX-License-Identifier: Apache-2.0 */

#include <sys/mman.h>
#include <unistd.h>

#include <glib.h>

#include "tests/fuzz/fuzz.h"

const char *
fuzz_file (const uint8_t *data,
           size_t         size)
{
  static int  fd = -1;
  static char path[32];

  if (fd < 0)
    {
      fd = memfd_create ("fuzz", MFD_CLOEXEC);
      g_assert_cmpint (fd, >=, 0);
      g_snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
    }
  g_assert_cmpint (ftruncate (fd, 0), ==, 0);
  g_assert_cmpint (pwrite (fd, data, size, 0), ==, (ssize_t) size);

  return path;
}
