/* SPDX-License-Identifier: Apache-2.0 */

/* Threads of a block as fibers: see emulator.h. */

/* glibc's checked longjmp() takes a jump between stacks for an error. */
#undef _FORTIFY_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <vector>

#include "tests/cuda-emulation/cuda_runtime.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

#define STACK_BYTES  ((size_t) 128 << 10)
#define EXCHANGE_TIME 16   /* as multiple of a thread's start */
#define MAX_THREADS  1024
#define MAX_SHARED   ((size_t) 99 << 10)    /* what a block of sm_86, sm_89 and sm_120 can have */
#define SHARED_ALIGN 1024

/* An asynchronous copy that has not arrived. */
struct Copy
{
  void       *to;
  const void *from;
  int         bytes;
  unsigned    group;
};

/* What some threads wait for together: they all leave when the last one comes. */
struct Gate
{
  unsigned    generation = 0;
  int         arrived = 0;
  const char *operation = nullptr;
};

struct Thread
{
  ucontext_t        start;
  jmp_buf           place;
  void             *stack = nullptr;
  bool              started = false;
  bool              finished = true;
  const Gate       *gate = nullptr;   /* NULL: can run */
  unsigned          generation = 0;
  uint3             index = { 0, 0, 0 };
  int               number = 0;
  std::vector<Copy> copies;
  unsigned          groups = 0;
#ifdef __SANITIZE_ADDRESS__
  void             *fake_stack = nullptr;
#endif
};

struct Warp
{
  Gate          gate;
  int           lanes = 0;
  unsigned char slots[2][HD_EMULATED_WARP * HD_EMULATED_SLOT];
};

static struct
{
  Thread                       threads[MAX_THREADS];
  Warp                         warps[MAX_THREADS / HD_EMULATED_WARP];
  Gate                         gate;
  int                          n_threads;
  int                          n_alive;
  Thread                      *current;
  const std::function<void ()> *kernel;
  jmp_buf                      scheduler;
  ucontext_t                   scheduler_start;
  unsigned char               *shared;
  unsigned char               *shared_end;   /* the page behind it cannot be touched */
  size_t                       shared_bytes;
  uint64_t                     launches;
  uint64_t                     most_blocks;
  uint64_t                     time;         /* that a device would have taken, in units of no meaning */
#ifdef __SANITIZE_ADDRESS__
  void                        *fake_stack;
  const void                  *stack;
  size_t                       stack_bytes;
#endif
} machine;

const uint3 *hd_emulated_thread_index;
uint3        hd_emulated_block_index;
dim3         hd_emulated_block_size;
dim3         hd_emulated_grid_size;

void
hd_emulated_die (const char *format, ...)
{
  va_list arguments;

  fflush (stdout);
  fputs ("# CUDA emulation: ", stderr);
  va_start (arguments, format);
  vfprintf (stderr, format, arguments);
  va_end (arguments);
  if (machine.current != nullptr)
    fprintf (stderr, " (block %u, %u, %u; thread %d)", hd_emulated_block_index.x, hd_emulated_block_index.y,
             hd_emulated_block_index.z, machine.current->number);
  fputc ('\n', stderr);
  abort ();
}

/* --- switching --- */

#ifdef __SANITIZE_ADDRESS__

/* The sanitizer follows neither jump, but knows swapcontext() when it is told of the stacks. */

static void
to_scheduler (Thread *thread)
{
  __sanitizer_start_switch_fiber (&thread->fake_stack, machine.stack, machine.stack_bytes);
  swapcontext (&thread->start, &machine.scheduler_start);
  __sanitizer_finish_switch_fiber (thread->fake_stack, &machine.stack, &machine.stack_bytes);
}

static void
to_thread (Thread *thread)
{
  thread->started = true;
  __sanitizer_start_switch_fiber (&machine.fake_stack, thread->stack, STACK_BYTES);
  swapcontext (&machine.scheduler_start, &thread->start);
  __sanitizer_finish_switch_fiber (machine.fake_stack, nullptr, nullptr);
}

static void
arrived_on_new_stack (void)
{
  __sanitizer_finish_switch_fiber (nullptr, &machine.stack, &machine.stack_bytes);
}

#else

/* Only the first switch to a fiber needs a context; jumps spare the two system calls of every later one. */

static void
to_scheduler (Thread *thread)
{
  if (_setjmp (thread->place) == 0)
    _longjmp (machine.scheduler, 1);
}

static void
to_thread (Thread *thread)
{
  if (_setjmp (machine.scheduler) != 0)
    return;

  if (thread->started)
    _longjmp (thread->place, 1);
  thread->started = true;
  setcontext (&thread->start);
}

static void
arrived_on_new_stack (void)
{
}

#endif

static void
leave_gate (Gate *gate)
{
  gate->arrived = 0;
  gate->operation = nullptr;
  gate->generation++;
}

/* Waits until @expected threads are at the gate. */
static void
pass_gate (Gate *gate, int expected, const char *operation)
{
  Thread *thread = machine.current;

  if (thread == nullptr)
    hd_emulated_die ("%s outside of a kernel", operation);
  if (gate->operation != nullptr && strcmp (gate->operation, operation) != 0)
    hd_emulated_die ("%s where others of the warp do: %s", operation, gate->operation);

  gate->operation = operation;
  if (++gate->arrived == expected)
    {
      leave_gate (gate);
      return;
    }

  thread->gate = gate;
  thread->generation = gate->generation;
  to_scheduler (thread);
}

/* What every fiber does for ever: a thread's work, then a thread's of a later block. */
static void
fiber_main (void)
{
  arrived_on_new_stack ();

  for (;;)
    {
      Thread *thread = machine.current;

      (*machine.kernel) ();

      thread->finished = true;
      thread->copies.clear ();
      if (--machine.n_alive > 0 && machine.gate.arrived == machine.n_alive)
        leave_gate (&machine.gate);
      to_scheduler (thread);
    }
}

static void
make_fiber (Thread *thread)
{
  thread->stack = mmap (nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (thread->stack == MAP_FAILED)
    hd_emulated_die ("no memory for a stack");
  getcontext (&thread->start);
  thread->start.uc_stack.ss_sp = thread->stack;
  thread->start.uc_stack.ss_size = STACK_BYTES;
  thread->start.uc_link = nullptr;
  makecontext (&thread->start, fiber_main, 0);
}

/* --- blocks --- */

static void
start_block (void)
{
  const dim3 &size = hd_emulated_block_size;

  for (int i = 0; i < machine.n_threads; i++)
    {
      Thread *thread = &machine.threads[i];

      if (thread->stack == nullptr)
        make_fiber (thread);
      thread->finished = false;
      thread->gate = nullptr;
      thread->groups = 0;
      thread->number = i;
      thread->index = { i % size.x, i / size.x % size.y, i / (size.x * size.y) };
    }

  machine.n_alive = machine.n_threads;
  machine.gate = Gate ();
  for (int i = 0; i * HD_EMULATED_WARP < machine.n_threads; i++)
    {
      machine.warps[i].gate = Gate ();
      machine.warps[i].lanes = min (machine.n_threads - i * HD_EMULATED_WARP, HD_EMULATED_WARP);
    }

  /* What nobody has written is not a number. */
  memset (machine.shared, 0xff, machine.shared_bytes);
}

[[noreturn]] static void
report_deadlock (void)
{
  for (int i = 0; i < machine.n_threads; i++)
    if (!machine.threads[i].finished)
      {
        machine.current = &machine.threads[i];
        break;
      }

  hd_emulated_die ("%d of %d threads wait for ever: %s", machine.n_alive, machine.n_threads,
                   machine.current->gate == &machine.gate ? "not all come to the barrier"
                                                          : "not all lanes of a warp come");
}

static void
run_block (bool reverse)
{
  start_block ();

  while (machine.n_alive > 0)
    {
      bool progress = false;

      for (int i = 0; i < machine.n_threads; i++)
        {
          Thread *thread = &machine.threads[reverse ? machine.n_threads - 1 - i : i];

          if (thread->finished || (thread->gate != nullptr && thread->gate->generation == thread->generation))
            continue;

          thread->gate = nullptr;
          machine.current = thread;
          hd_emulated_thread_index = &thread->index;
          to_thread (thread);
          machine.current = nullptr;
          progress = true;
        }

      if (!progress)
        report_deadlock ();
    }
}

/* Dynamic shared memory ends where a page does that cannot be touched, but for its alignment. */
static void
make_shared (size_t bytes)
{
  const size_t page = 4096;

  if (bytes > MAX_SHARED)
    hd_emulated_die ("%zu bytes of shared memory", bytes);

  if (machine.shared_end == nullptr)
    {
      size_t         room = (MAX_SHARED + page - 1) / page * page;
      unsigned char *pages = (unsigned char *) mmap (nullptr, room + page, PROT_READ | PROT_WRITE,
                                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

      if (pages == MAP_FAILED || mprotect (pages + room, page, PROT_NONE) != 0)
        hd_emulated_die ("no shared memory");
      machine.shared_end = pages + room;
    }

  machine.shared_bytes = (bytes + SHARED_ALIGN - 1) / SHARED_ALIGN * SHARED_ALIGN;
  machine.shared = machine.shared_end - machine.shared_bytes;
}

void
hd_emulated_check_launch (dim3 grid, dim3 block)
{
  uint64_t blocks = (uint64_t) grid.x * grid.y * grid.z;
  uint64_t threads = (uint64_t) block.x * block.y * block.z;

  if (machine.current != nullptr)
    hd_emulated_die ("a launch within a kernel");
  if (blocks == 0 || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535
      || threads == 0 || threads > MAX_THREADS || block.z > 64)
    hd_emulated_die ("a launch of %u x %u x %u blocks of %u x %u x %u threads", grid.x, grid.y, grid.z,
                     block.x, block.y, block.z);

  machine.launches++;
  machine.most_blocks = blocks > machine.most_blocks ? blocks : machine.most_blocks;
}

void
hd_emulated_launch (dim3 grid, dim3 block, size_t shared, const std::function<void ()> &kernel)
{
  const uint64_t blocks = (uint64_t) grid.x * grid.y * grid.z;

  make_shared (shared);
  machine.kernel = &kernel;
  machine.n_threads = (int) (block.x * block.y * block.z);
  hd_emulated_block_size = block;
  hd_emulated_grid_size = grid;
  machine.time += blocks * (uint64_t) machine.n_threads;

  for (uint64_t i = 0; i < blocks; i++)
    {
      hd_emulated_block_index = { (unsigned) (i % grid.x), (unsigned) (i / grid.x % grid.y),
                                  (unsigned) (i / ((uint64_t) grid.x * grid.y)) };
      run_block (i % 2 != 0);
    }

  machine.kernel = nullptr;
}

uint64_t
hd_emulated_launches (void)
{
  return machine.launches;
}

uint64_t
hd_emulated_time (void)
{
  return machine.time;
}

uint64_t
hd_emulated_most_blocks (void)
{
  uint64_t most = machine.most_blocks;

  machine.most_blocks = 0;
  return most;
}

void *
hd_emulated_shared (void)
{
  return machine.shared;
}

size_t
hd_emulated_shared_size (void)
{
  return machine.shared_bytes;
}

/* --- together --- */

void
hd_emulated_sync_block (void)
{
  pass_gate (&machine.gate, machine.n_alive, "__syncthreads");
}

int
hd_emulated_lane (void)
{
  return machine.current->number % HD_EMULATED_WARP;
}

int
hd_emulated_lane_down (int step)
{
  int lane = hd_emulated_lane () + step;

  return lane < HD_EMULATED_WARP ? lane : hd_emulated_lane ();
}

int
hd_emulated_lane_up (int step)
{
  int lane = hd_emulated_lane () - step;

  return lane >= 0 ? lane : hd_emulated_lane ();
}

const unsigned char *
hd_emulated_exchange (const char *operation, const void *mine, size_t bytes)
{
  Thread        *thread = machine.current;
  Warp          *warp = &machine.warps[thread->number / HD_EMULATED_WARP];
  unsigned char *slots = warp->slots[warp->gate.generation % 2];

  /* The other half is still being read by lanes that have not run since the last operation. */
  memcpy (slots + hd_emulated_lane () * HD_EMULATED_SLOT, mine, bytes);
  pass_gate (&warp->gate, warp->lanes, operation);
  machine.time += EXCHANGE_TIME;

  return slots;
}

void
hd_emulated_sync_warp (void)
{
  char nothing = 0;

  hd_emulated_exchange ("__syncwarp", &nothing, 1);
}

/* --- asynchronous copies --- */

void
hd_emulated_copy_async (void *to, const void *from, int bytes)
{
  Thread *thread = machine.current;

  if ((uintptr_t) to % 16 != 0 || (bytes != 0 && (uintptr_t) from % 16 != 0))
    hd_emulated_die ("an asynchronous copy between addresses that are no multiples of 16");
  thread->copies.push_back ({ to, from, bytes, thread->groups });
}

void
hd_emulated_copy_commit (void)
{
  machine.current->groups++;
}

void
hd_emulated_copy_wait (int pending)
{
  Thread *thread = machine.current;
  size_t  done = 0;

  for (; done < thread->copies.size (); done++)
    {
      const Copy &copy = thread->copies[done];

      if (copy.group + pending >= thread->groups)
        break;
      memset (copy.to, 0, 16);
      memcpy (copy.to, copy.from, (size_t) copy.bytes);
    }

  thread->copies.erase (thread->copies.begin (), thread->copies.begin () + (ptrdiff_t) done);
}
