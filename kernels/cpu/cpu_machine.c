/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_machine.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

/* The number that follows @name at the beginning of a line of @text. */
static gboolean
find_number (const char *text,
             const char *name,
             guint64    *number)
{
  gsize length = strlen (name);

  for (const char *line = text; line != NULL; line = strchr (line, '\n'))
    {
      if (*line == '\n')
        line++;
      if (g_ascii_strncasecmp (line, name, length) == 0 && !g_ascii_isalnum (line[length]))
        {
          const char *digits = line + length + strspn (line + length, ": \t");
          char       *end = NULL;

          *number = g_ascii_strtoull (digits, &end, 10);
          return end != digits;
        }
    }

  return FALSE;
}

static char *
read_text (const char *folder,
           const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char            *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? text : NULL;
}

static gboolean
read_number (const char *folder,
             const char *name,
             guint64    *number)
{
  g_autofree char *text = read_text (folder, name);
  char            *end = NULL;

  if (text == NULL)
    return FALSE;

  *number = g_ascii_strtoull (text, &end, 10);
  return end != text;
}

/* The folder of this process's control group (version 2); NULL if there is none. */
static char *
get_cgroup (void)
{
  g_autofree char *text = read_text ("/proc/self", "cgroup");
  const char      *line = text != NULL ? strstr (text, "0::/") : NULL;
  g_autofree char *path = NULL;

  if (line == NULL)
    return NULL;

  path = g_strndup (line + strlen ("0::"), strcspn (line + strlen ("0::"), "\n"));
  return g_build_filename (CGROUP_ROOT, path, NULL);
}

/* *@folder becomes the control group that contains it; FALSE (and NULL) at the root. */
static gboolean
ascend (char **folder)
{
  char *parent = strlen (*folder) > strlen (CGROUP_ROOT) ? g_path_get_dirname (*folder) : NULL;

  g_free (*folder);
  *folder = parent;
  return parent != NULL;
}

/* What is left of one control group's limit; pages of files count as free, as they are in MemAvailable. */
static gsize
cgroup_memory (const char *folder)
{
  guint64          limit, used;
  guint64          files = 0;
  g_autofree char *statistics = NULL;

  if (!read_number (folder, "memory.max", &limit) || !read_number (folder, "memory.current", &used))
    return G_MAXSIZE;

  statistics = read_text (folder, "memory.stat");
  if (statistics != NULL)
    find_number (statistics, "file", &files);
  used -= MIN (used, files);

  return limit - MIN (limit, used);
}

gsize
hd_cpu_machine_memory (void)
{
  g_autofree char *text = read_text ("/proc", "meminfo");
  g_autofree char *folder = get_cgroup ();
  gsize            available = G_MAXSIZE;
  guint64          kibibytes;

  if (text != NULL && find_number (text, "MemAvailable", &kibibytes))
    available = kibibytes * 1024;

  for (gboolean more = folder != NULL; more; more = ascend (&folder))
    available = MIN (available, cgroup_memory (folder));

  return available;
}

/* Cores among the processors that this process may be scheduled on. */
static int
count_cores (void)
{
  cpu_set_t set;
  int       cores = 0;

  CPU_ZERO (&set);
  if (sched_getaffinity (0, sizeof set, &set) != 0)
    return (int) CLAMP (sysconf (_SC_NPROCESSORS_ONLN), 1, G_MAXINT);

  for (int i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET (i, &set))
      {
        g_autofree char *folder = g_strdup_printf ("/sys/devices/system/cpu/cpu%d/topology", i);
        guint64          first = i;

        /* The list of the core's threads begins with the lowest. */
        if (!read_number (folder, "thread_siblings_list", &first)
            || first == (guint64) i || first >= CPU_SETSIZE || !CPU_ISSET (first, &set))
          cores++;
      }

  return MAX (cores, 1);
}

/* Processors' worth of time that the control group grants, rounded up. */
static int
cgroup_processors (const char *folder)
{
  g_autofree char *text = read_text (folder, "cpu.max");
  char            *end = NULL;
  guint64          quota, period;

  if (text == NULL)
    return G_MAXINT;

  quota = g_ascii_strtoull (text, &end, 10);
  if (end == text)      /* "max" */
    return G_MAXINT;
  period = g_ascii_strtoull (end, NULL, 10);
  if (quota == 0 || period == 0)
    return G_MAXINT;

  return (int) MIN ((quota - 1) / period + 1, G_MAXINT);
}

int
hd_cpu_machine_processors (void)
{
  g_autofree char *folder = get_cgroup ();
  int              processors = count_cores ();

  for (gboolean more = folder != NULL; more; more = ascend (&folder))
    processors = MIN (processors, cgroup_processors (folder));

  return processors;
}
