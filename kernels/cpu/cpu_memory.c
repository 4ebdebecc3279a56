/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sys/mman.h>

#include "kernels/cpu/cpu_machine.h"
#include "kernels/cpu/cpu_private.h"
#include "kernels/i18n.h"

#define HUGE_PAGE ((gsize) 2 << 20)

static void
set_no_memory (GError    **error,
               gsize       bytes,
               const char *what,
               gsize       available)
{
  g_autofree char *asked = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *left = g_format_size_full (available, G_FORMAT_SIZE_IEC_UNITS);

  g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY,
               _("Not enough memory for %s: %s are needed, %s are available"), what, asked, left);
}

/* Huge pages need addresses in their own multiples: maps more than that and gives back the ends. */
static char *
map_aligned (gsize bytes)
{
  gsize alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : 0;
  gsize length = bytes + alignment;
  char *memory = mmap (NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  gsize head;

  if (memory == MAP_FAILED)
    return NULL;
  if (alignment == 0)
    return memory;

  head = (alignment - (guintptr) memory % alignment) % alignment;
  if (head > 0)
    munmap (memory, head);
  if (alignment > head)
    munmap (memory + head + bytes, alignment - head);
  madvise (memory + head, bytes, MADV_HUGEPAGE);

  return memory + head;
}

/* The whole pages that hold @bytes; 0 if there is no such number. */
static gsize
round_to_pages (gsize bytes)
{
  const gsize page = 4096;

  return bytes <= G_MAXSSIZE - HUGE_PAGE - page ? (bytes + page - 1) / page * page : 0;
}

void *
hd_cpu_pages_new (gsize       bytes,
                  const char *what,
                  GError    **error)
{
  gsize length = round_to_pages (bytes);
  char *memory = NULL;

  /* Pages are granted when they are touched, and a process that touches too many is killed: ask beforehand, but
   * not for every small vector, as that takes longer than to fill it. */
  if (length > 0 && (length < HUGE_PAGE || length <= hd_cpu_machine_memory ()))
    memory = map_aligned (length);
  if (memory == NULL)
    set_no_memory (error, bytes, what, hd_cpu_machine_memory ());

  return memory;
}

void
hd_cpu_pages_free (void  *pages,
                   gsize  bytes)
{
  if (pages != NULL)
    munmap (pages, round_to_pages (bytes));
}

gboolean
hd_cpu_reserve (HdContext *context,
                gsize      bytes,
                void     **memory,
                GError   **error)
{
  HdCpuContext *cpu = (HdCpuContext *) context;

  /* First, as there may not be room for both. */
  hd_cpu_pages_free (*memory, cpu->memory_bytes);
  *memory = NULL;
  cpu->memory_bytes = 0;

  if (bytes == 0)
    return TRUE;

  *memory = hd_cpu_pages_new (bytes, _("this picture"), error);
  if (*memory == NULL)
    return FALSE;

  cpu->memory_bytes = bytes;
  return TRUE;
}

void *
hd_cpu_scratch (HdCpuContext *cpu,
                gsize         bytes,
                GError      **error)
{
  if (cpu->scratch == NULL || cpu->scratch_bytes < bytes)
    {
      hd_cpu_pages_free (cpu->scratch, cpu->scratch_bytes);
      cpu->scratch_bytes = 0;
      cpu->scratch = hd_cpu_pages_new (MAX (bytes, 1), "intermediate results", error);
      if (cpu->scratch == NULL)
        return NULL;
      cpu->scratch_bytes = bytes;
    }

  hd_poison (cpu->scratch, bytes);
  return cpu->scratch;
}
