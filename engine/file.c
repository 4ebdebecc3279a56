/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gio/gio.h>

#include "engine/file.h"
#include "kernels/i18n.h"

static const char *
kind_name (mode_t mode)
{
  switch (mode & S_IFMT)
    {
    case S_IFDIR:  return "a folder";
    case S_IFIFO:  return "a pipe";
    case S_IFSOCK: return "a socket";
    default:       return "a device";
    }
}

int
hd_file_open (const char  *path,
              guint64     *size,
              GError     **error)
{
  struct stat info;
  int         fd;

  /* O_NONBLOCK: a pipe without a writer would hold us here. It means nothing to a regular file. */
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0 || fstat (fd, &info) != 0)
    {
      int code = errno;

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, _("%s: cannot be opened: %s"), path, g_strerror (code));
      if (fd >= 0)
        close (fd);
      return -1;
    }

  if (!S_ISREG (info.st_mode))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   _("%s: expected a file, found %s"), path, kind_name (info.st_mode));
      close (fd);
      return -1;
    }

  *size = (guint64) info.st_size;
  return fd;
}

gboolean
hd_file_read_at (int          fd,
                 const char  *path,
                 guint64      offset,
                 void        *buffer,
                 gsize        length,
                 GError     **error)
{
  char *bytes = buffer;

  while (length > 0)
    {
      ssize_t n = pread (fd, bytes, MIN (length, 1 << 30), (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          int code = errno;

          g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, _("%s: cannot be read: %s"), path, g_strerror (code));
          return FALSE;
        }
      if (n == 0)
        {
          g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                       "%s: expected %" G_GSIZE_FORMAT " more bytes at %" G_GUINT64_FORMAT ", found the end of the file",
                       path, length, offset);
          return FALSE;
        }
      bytes += n;
      offset += (guint64) n;
      length -= (gsize) n;
    }

  return TRUE;
}

char *
hd_file_contents (const char  *path,
                  gsize        limit,
                  gsize       *length,
                  GError     **error)
{
  g_autofree char *contents = NULL;
  guint64          size;
  int              fd;
  gboolean         ok;

  fd = hd_file_open (path, &size, error);
  if (fd < 0)
    return NULL;

  if (size > limit)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected at most %" G_GSIZE_FORMAT " bytes, found %" G_GUINT64_FORMAT, path, limit, size);
      close (fd);
      return NULL;
    }

  contents = g_malloc (size + 1);
  ok = hd_file_read_at (fd, path, 0, contents, size, error);
  close (fd);
  if (!ok)
    return NULL;

  contents[size] = '\0';
  if (length != NULL)
    *length = size;
  return g_steal_pointer (&contents);
}

char *
hd_file_contents_gzip (const char  *path,
                       gsize        limit,
                       gsize       *length,
                       GError     **error)
{
  g_autofree char         *packed = NULL;
  g_autofree char         *contents = NULL;
  g_autoptr (GInputStream) source = NULL;
  g_autoptr (GConverter)   unpacker = NULL;
  g_autoptr (GInputStream) stream = NULL;
  g_autoptr (GError)       read_error = NULL;
  gsize                    packed_length;
  gsize                    n;

  packed = hd_file_contents (path, limit, &packed_length, error);
  if (packed == NULL)
    return NULL;

  source = g_memory_input_stream_new_from_data (packed, (gssize) packed_length, NULL);
  unpacker = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  stream = g_converter_input_stream_new (source, unpacker);
  contents = g_malloc (limit + 2);
  if (!g_input_stream_read_all (stream, contents, limit + 1, &n, NULL, &read_error))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected a file packed by gzip, found damage: %s", path, read_error->message);
      return NULL;
    }
  if (n > limit)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected at most %" G_GSIZE_FORMAT " bytes when it is unpacked, found more", path, limit);
      return NULL;
    }

  contents[n] = '\0';
  if (length != NULL)
    *length = n;
  return g_steal_pointer (&contents);
}
