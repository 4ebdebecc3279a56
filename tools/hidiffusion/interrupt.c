/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/interrupt.h"

#include <pthread.h>
#include <signal.h>

#define SIGNAL_KEY "hd-signal"

/* Nothing that a signal handler may call can cancel a GCancellable: the signals are blocked in every thread, and
 * one thread waits for them. */

static const int watched[] = { SIGINT, SIGTERM, SIGHUP };

static void
fill_set (sigset_t *set)
{
  sigemptyset (set);
  for (gsize i = 0; i < G_N_ELEMENTS (watched); i++)
    {
      struct sigaction action;

      if (sigaction (watched[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
        sigaddset (set, watched[i]);
    }
}

static void
die_of (int number)
{
  sigset_t set;

  signal (number, SIG_DFL);
  sigemptyset (&set);
  sigaddset (&set, number);
  raise (number);
  pthread_sigmask (SIG_UNBLOCK, &set, NULL);
}

static gpointer
wait_for_signals (gpointer data)
{
  GCancellable *cancellable = data;
  sigset_t      set;
  int           number;

  fill_set (&set);
  while (sigwait (&set, &number) == 0)
    {
      if (g_cancellable_is_cancelled (cancellable))
        die_of (number);

      g_object_set_data (G_OBJECT (cancellable), SIGNAL_KEY, GINT_TO_POINTER (number));
      g_cancellable_cancel (cancellable);
    }

  return NULL;
}

void
hd_interrupt_watch (GCancellable *cancellable)
{
  sigset_t set;

  fill_set (&set);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  g_thread_unref (g_thread_new ("signals", wait_for_signals, g_object_ref (cancellable)));
}

void
hd_interrupt_finish (GCancellable *cancellable)
{
  int number = GPOINTER_TO_INT (g_object_get_data (G_OBJECT (cancellable), SIGNAL_KEY));

  if (number != 0)
    die_of (number);
}
