/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/batch_claim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether the file that is locked is still the one of that name: who had it before may have deleted it. */
static gboolean
is_current (const HdClaim *claim)
{
  struct stat locked, named;

  return fstat (claim->descriptor, &locked) == 0 && stat (claim->path, &named) == 0
         && locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

static int
lock (int descriptor)
{
  int result;

  do
    result = flock (descriptor, LOCK_EX | LOCK_NB);
  while (result != 0 && errno == EINTR);

  return result == 0 ? 0 : errno;
}

HdClaimState
hd_claim_take (HdClaim     *claim,
               const char  *output,
               GError     **error)
{
  g_autofree char *folder = g_path_get_dirname (output);
  g_autofree char *name = g_path_get_basename (output);
  g_autofree char *path = g_strdup_printf ("%s/.%s.lock", folder, name);
  int              problem;

  *claim = (HdClaim) { g_steal_pointer (&path), -1 };
  while (TRUE)
    {
      claim->descriptor = open (claim->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
      if (claim->descriptor < 0)
        {
          problem = errno;
          g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (problem), "%s: %s", claim->path, g_strerror (problem));
          g_clear_pointer (&claim->path, g_free);
          return HD_CLAIM_FAILED;
        }

      problem = lock (claim->descriptor);
      if (problem == 0 && is_current (claim))
        return HD_CLAIM_OURS;

      if (problem == EOPNOTSUPP || problem == ENOSYS || problem == ENOLCK)
        return HD_CLAIM_OURS;

      close (claim->descriptor);
      claim->descriptor = -1;
      if (problem != 0)
        {
          g_clear_pointer (&claim->path, g_free);
          return HD_CLAIM_OTHERS;
        }
    }
}

void
hd_claim_release (HdClaim *claim)
{
  /* While it is locked, so that nobody's lock is deleted but ours. */
  unlink (claim->path);
  close (claim->descriptor);
  g_clear_pointer (&claim->path, g_free);
  claim->descriptor = -1;
}
