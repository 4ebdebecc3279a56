/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/mapping.h"

#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

/* File systems whose files nobody else shrinks while we have them open, apart from this machine's own users. A
 * mapped file that shrinks kills the process; read ones give an error. */
static gboolean
is_on_local_file_system (int fd)
{
  static const guint32 local[] = {
    0xef53,      /* ext2, ext3, ext4 */
    0x9123683e,  /* btrfs */
    0x58465342,  /* XFS */
    0xf2f52010,  /* F2FS */
    0x2fc12fc1,  /* ZFS */
    0xca451a4e,  /* bcachefs */
    0x3153464a,  /* JFS */
    0x52654973,  /* ReiserFS */
    0x3434,      /* NILFS */
    0x01021994,  /* tmpfs */
    0x858458f6,  /* ramfs */
    0x794c7630,  /* overlayfs */
    0x7366746e,  /* NTFS (ntfs3) */
    0x2011bab0,  /* exFAT */
    0x4d44,      /* FAT */
    0x482b,      /* HFS+ */
    0x73717368,  /* SquashFS */
    0xe0f5e1e2,  /* EROFS */
    0x9660,      /* ISO 9660 */
    0x15013346,  /* UDF */
  };
  struct statfs info;

  if (fstatfs (fd, &info) != 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (local); i++)
    if ((guint32) info.f_type == local[i])
      return TRUE;

  return FALSE;
}

GBytes *
hd_mapping_new (int     fd,
                guint64 size)
{
  g_autoptr (GMappedFile) mapped = NULL;

  if (!is_on_local_file_system (fd))
    return NULL;

  /* There may be no room for it in the address space. */
  mapped = g_mapped_file_new_from_fd (fd, FALSE, NULL);
  if (mapped == NULL || g_mapped_file_get_length (mapped) < size)
    return NULL;

  return g_mapped_file_get_bytes (mapped);
}

typedef struct
{
  GBytes *mapping;
  gsize   offset;
  gsize   length;
} Slice;

/* What was read once, to be laid out for the device, would stay in the process's memory for as long as the file
 * is open: as much again as the weights themselves. */
static void
release_slice (gpointer data)
{
  Slice      *slice = data;
  const char *start = g_bytes_get_data (slice->mapping, NULL);
  gsize       page = (gsize) sysconf (_SC_PAGESIZE);
  gsize       first = slice->offset / page * page;

  /* A mapping begins on a page; a neighbour that shares the first or the last one finds it in the cache. */
  madvise ((char *) start + first, slice->offset + slice->length - first, MADV_DONTNEED);
  g_bytes_unref (slice->mapping);
  g_free (slice);
}

GBytes *
hd_mapping_slice (GBytes *mapping,
                  gsize   offset,
                  gsize   length)
{
  Slice *slice = g_new (Slice, 1);

  slice->mapping = g_bytes_ref (mapping);
  slice->offset = offset;
  slice->length = length;

  return g_bytes_new_with_free_func ((const char *) g_bytes_get_data (mapping, NULL) + offset, length,
                                     release_slice, slice);
}
