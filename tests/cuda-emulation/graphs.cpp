/* SPDX-License-Identifier: Apache-2.0 */

/* Graphs of CUDA's runtime library on the host: see cuda_runtime.h. What a captured stream is asked to do is kept, not
 * done; launching the graph queues it. One stream is captured at a time. */

#include <memory>
#include <utility>
#include <vector>

#include "tests/cuda-emulation/runtime.h"

struct HdEmulatedGraph
{
  std::vector<std::function<void ()>> nodes;
};

static struct
{
  cudaStream_t     stream;    /* that is captured, or NULL */
  HdEmulatedGraph *graph;
  bool             invalid;   /* something that cannot be captured was asked for */
  int              fail_captures;
  int              fail_launches;
  uint64_t         launches;
  uint64_t         begun;
} capture;

/* --- control.h --- */

void
hd_emulated_fail_captures (int count)
{
  capture.fail_captures = count;
}

void
hd_emulated_fail_graph_launches (int count)
{
  capture.fail_launches = count;
}

uint64_t
hd_emulated_graph_launches (void)
{
  return capture.launches;
}

uint64_t
hd_emulated_captures (void)
{
  return capture.begun;
}

/* --- for the rest of the runtime --- */

bool
hd_emulated_is_captured (cudaStream_t stream)
{
  return stream != nullptr && stream == capture.stream;
}

bool
hd_emulated_capture (cudaStream_t stream, const std::function<void ()> &work)
{
  if (!hd_emulated_is_captured (stream))
    return false;

  capture.graph->nodes.push_back (work);
  return true;
}

bool
hd_emulated_spoils_capture (void)
{
  capture.invalid = capture.invalid || capture.stream != nullptr;
  return capture.stream != nullptr;
}

/* --- the runtime library --- */

static HdEmulatedGraph *
new_graph (void)
{
  hd_emulated_count_objects (1);
  return new HdEmulatedGraph ();
}

cudaError_t
cudaStreamBeginCapture (cudaStream_t stream, cudaStreamCaptureMode mode)
{
  (void) mode;
  if (capture.stream != nullptr)
    hd_emulated_die ("two captures at once");
  capture.begun++;
  if (hd_emulated_is_broken () || capture.fail_captures > 0)
    {
      capture.fail_captures--;
      return hd_emulated_report (cudaErrorNotSupported);
    }

  capture.stream = stream;
  capture.graph = new_graph ();
  capture.invalid = false;
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaStreamEndCapture (cudaStream_t stream, cudaGraph_t *graph)
{
  if (stream != capture.stream)
    hd_emulated_die ("the end of a capture that has not begun");

  *graph = capture.graph;
  capture.stream = nullptr;
  capture.graph = nullptr;
  if (!capture.invalid && !hd_emulated_is_broken ())
    return hd_emulated_report (cudaSuccess);

  cudaGraphDestroy (*graph);
  *graph = nullptr;
  return hd_emulated_report (cudaErrorStreamCaptureInvalidated);
}

cudaError_t
cudaGraphInstantiate (cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long flags)
{
  (void) flags;
  *executable = nullptr;
  if (!hd_emulated_find_memory ())
    return hd_emulated_report (cudaErrorMemoryAllocation);

  *executable = new_graph ();
  **executable = *graph;
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaGraphLaunch (cudaGraphExec_t executable, cudaStream_t stream)
{
  if (capture.stream != nullptr)
    hd_emulated_die ("a graph within a graph");
  if (capture.fail_launches > 0)
    {
      capture.fail_launches--;
      return hd_emulated_report (cudaErrorMemoryAllocation);
    }

  capture.launches++;
  for (const auto &node : executable->nodes)
    hd_emulated_queue (stream, node);
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaGraphDestroy (cudaGraph_t graph)
{
  delete graph;
  hd_emulated_count_objects (-1);
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaGraphExecDestroy (cudaGraphExec_t executable)
{
  return cudaGraphDestroy (executable);
}
