/* SPDX-License-Identifier: Apache-2.0 */

/* Streams and events of CUDA's runtime library on the host: see cuda_runtime.h.
 *
 * What is queued in a stream is done when the host waits for it, directly or by an event, and no sooner: whoever reads
 * a result, or writes to memory that a copy is still to be made from, without having waited finds that out. A stream
 * that waits for another one's event has that one run up to there. Eager copies are made at once, with what they wait
 * for: so it is found out, too, if they do not wait for who still reads what they overwrite. */

#include <deque>
#include <memory>
#include <set>
#include <string>

#include "tests/cuda-emulation/runtime.h"

namespace
{

struct Queue
{
  std::deque<std::function<void ()>> work;
  uint64_t queued = 0;
  uint64_t done = 0;
};

/* A moment in a stream: when so much of it is done. */
struct Moment
{
  std::shared_ptr<Queue> queue;
  uint64_t               place = 0;
};

std::set<Queue *> queues;
uint64_t          waits;
uint64_t          unpinned_copies;
bool              eager;
uint64_t          works;

void
run_until (Queue *queue, uint64_t place)
{
  while (queue->done < place)
    {
      std::function<void ()> work = std::move (queue->work.front ());

      queue->work.pop_front ();
      queue->done++;
      works++;
      if (!hd_emulated_is_broken ())
        work ();
    }
}

/* By the host. */
void
wait_until (Queue *queue, uint64_t place)
{
  waits += queue->done < place;
  run_until (queue, place);
}

/* By what was done, not by the host's clock: what is measured is the same in each run. What a library does is no launch
 * and takes next to no time. */
double
now (void)
{
  return (double) (works + hd_emulated_time ()) * 1e-9;
}

}

struct HdEmulatedStream
{
  std::shared_ptr<Queue> queue = std::make_shared<Queue> ();
};

struct HdEmulatedEvent
{
  Moment                  moment;
  bool                    asked = false;
  std::shared_ptr<double> seconds = std::make_shared<double> (0.0);
};

void
hd_emulated_queue (cudaStream_t stream, std::function<void ()> work)
{
  if (hd_emulated_capture (stream, work))
    return;

  stream->queue->work.push_back (std::move (work));
  stream->queue->queued++;
}

uint64_t
hd_emulated_waits (void)
{
  return waits;
}

uint64_t
hd_emulated_unpinned_copies (void)
{
  return unpinned_copies;
}

void
hd_emulated_set_eager (int on)
{
  eager = on != 0;
}

void
hd_emulated_finish (void)
{
  for (Queue *queue : queues)
    run_until (queue, queue->queued);
}

size_t
hd_emulated_queued (void)
{
  size_t queued = 0;

  for (const Queue *queue : queues)
    queued += queue->work.size ();

  return queued;
}

/* --- streams --- */

cudaError_t
cudaStreamCreateWithFlags (cudaStream_t *stream, unsigned flags)
{
  (void) flags;
  *stream = new HdEmulatedStream ();
  queues.insert ((*stream)->queue.get ());
  hd_emulated_count_objects (1);
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaStreamDestroy (cudaStream_t stream)
{
  run_until (stream->queue.get (), stream->queue->queued);
  queues.erase (stream->queue.get ());
  delete stream;
  hd_emulated_count_objects (-1);
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaStreamSynchronize (cudaStream_t stream)
{
  if (hd_emulated_spoils_capture ())
    return hd_emulated_report (cudaErrorStreamCaptureUnsupported);

  wait_until (stream->queue.get (), stream->queue->queued);
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaStreamWaitEvent (cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
  Moment moment = event->moment;

  (void) flags;
  /* Nothing here is recorded in a stream that is captured, so it is from outside. */
  if (hd_emulated_is_captured (stream))
    {
      hd_emulated_spoils_capture ();
      return hd_emulated_report (cudaErrorStreamCaptureIsolation);
    }
  if (moment.queue != nullptr)
    hd_emulated_queue (stream, [moment] () { run_until (moment.queue.get (), moment.place); });
  return hd_emulated_report (cudaSuccess);
}

/* --- events --- */

cudaError_t
cudaEventCreateWithFlags (cudaEvent_t *event, unsigned flags)
{
  (void) flags;
  *event = new HdEmulatedEvent ();
  hd_emulated_count_objects (1);
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaEventDestroy (cudaEvent_t event)
{
  delete event;
  hd_emulated_count_objects (-1);
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaEventRecord (cudaEvent_t event, cudaStream_t stream)
{
  std::shared_ptr<double> seconds = event->seconds;
  Queue                  *queue = stream->queue.get ();
  const bool              idle = queue->done == queue->queued;

  /* Nobody here waits for a moment within a graph. */
  if (hd_emulated_spoils_capture ())
    return hd_emulated_report (cudaErrorStreamCaptureUnsupported);

  hd_emulated_queue (stream, [seconds] () { *seconds = now (); });
  event->moment = { stream->queue, queue->queued };
  event->asked = false;
  if (idle)
    run_until (queue, queue->queued);
  return hd_emulated_report (cudaSuccess);
}

/* Not at once: the first answer is no. */
cudaError_t
cudaEventQuery (cudaEvent_t event)
{
  const Moment &moment = event->moment;

  if (hd_emulated_spoils_capture ())
    return hd_emulated_report (cudaErrorStreamCaptureUnsupported);
  if (moment.queue == nullptr || moment.queue->done >= moment.place)
    return hd_emulated_report (cudaSuccess);
  if (!event->asked)
    {
      event->asked = true;
      return hd_emulated_report (cudaErrorNotReady);
    }

  wait_until (moment.queue.get (), moment.place);
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaEventSynchronize (cudaEvent_t event)
{
  if (hd_emulated_spoils_capture ())
    return hd_emulated_report (cudaErrorStreamCaptureUnsupported);
  if (event->moment.queue != nullptr)
    wait_until (event->moment.queue.get (), event->moment.place);
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaEventElapsedTime (float *milliseconds, cudaEvent_t from, cudaEvent_t to)
{
  *milliseconds = (float) ((*to->seconds - *from->seconds) * 1e3);
  return hd_emulated_report (cudaSuccess);
}

/* --- copies --- */

/* Memory of the host that is not pinned is free when the call returns: what is to be copied from it has been set aside,
 * and what is to be copied to it is there. */
cudaError_t
cudaMemcpyAsync (void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream)
{
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const bool to_known = hd_emulated_check_side (to, bytes, to_device);
  const bool from_known = hd_emulated_check_side (from, bytes, from_device);

  if ((!to_device && !to_known) || (!from_device && !from_known))
    {
      unpinned_copies++;
      if (hd_emulated_is_captured (stream))
        {
          hd_emulated_spoils_capture ();
          return hd_emulated_report (cudaErrorStreamCaptureUnsupported);
        }
    }
  if (from_known)
    hd_emulated_queue (stream, [=] () { memcpy (to, from, bytes); });
  else
    {
      auto aside = std::make_shared<std::string> ((const char *) from, bytes);

      hd_emulated_queue (stream, [=] () { memcpy (to, aside->data (), bytes); });
    }
  if (!to_known && !to_device)
    return cudaStreamSynchronize (stream);
  if (eager && kind == cudaMemcpyHostToDevice)
    run_until (stream->queue.get (), stream->queue->queued);

  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaMemsetAsync (void *to, int value, size_t bytes, cudaStream_t stream)
{
  hd_emulated_check_side (to, bytes, true);
  hd_emulated_queue (stream, [=] () { memset (to, value, bytes); });
  return hd_emulated_report (cudaSuccess);
}
