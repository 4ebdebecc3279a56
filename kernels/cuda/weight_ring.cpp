/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/cuda_repeat.h"
#include "kernels/i18n.h"

/* Streamed weights: they stay in the host's memory, pinned where the system grants it, in the form that they would have on
 * the device, and are copied into a ring of the device's memory by a stream of their own, while operators before theirs
 * compute. Which weight is next is known from the last time; the first time it is the one that was made next, as loaders
 * read like networks run. So the ring is filled ahead, as far as its room goes. A wrong guess costs time alone: what was
 * copied for it is passed over.
 *
 * Every entry has two events: when its copy has arrived, for which the operator waits, and when the operator has been,
 * for which the copy into its place waits. */

#define DOING     "streaming weights"
#define ENTRIES   32
#define ALIGNMENT 256

/* A careful guess of what a bus carries in a second. */
#define BUS_BANDWIDTH 6e9

typedef enum
{
  ENTRY_AHEAD,    /* copied, or to be, for an operator to come */
  ENTRY_TAKEN,    /* by the operator at work */
  ENTRY_USED,     /* by one that is queued, or passed over */
} EntryState;

typedef struct
{
  HdCudaWeight *weight;
  gsize         offset;
  gsize         bytes;
  EntryState    state;
  gboolean      passed_over;   /* nothing of the computing stream has read it */
  cudaEvent_t   copied;
  cudaEvent_t   used;
} Entry;

typedef struct
{
  char         *memory;
  gsize         bytes;
  gsize         place;                /* behind the newest entry */
  Entry         entries[ENTRIES];     /* the oldest first, from @first on and around */
  int           first;
  int           n;
  HdCudaWeight *latest;               /* the last one that was taken */
  HdCudaWeight *newest_made;
  GPtrArray    *weights;              /* HdCudaWeight, not owned */
  cudaStream_t  stream;
  cudaEvent_t   made;                 /* when the latest weight has come to the host */
} Ring;

/* --- the ring --- */

static Entry *
get_entry (Ring *ring,
           int   i)
{
  return &ring->entries[(ring->first + i) % ENTRIES];
}

static gsize
round_up (gsize bytes)
{
  return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Nothing is in the ring, and nobody reads or writes it any more. */
static void
ring_empty (HdCudaContext *cuda,
            Ring          *ring)
{
  if (ring->stream != NULL)
    cudaStreamSynchronize (ring->stream);
  cudaStreamSynchronize (cuda->stream);
  cudaGetLastError ();
  ring->n = 0;
  ring->first = 0;
  ring->place = 0;
  ring->latest = NULL;
}

static gboolean
ring_start (HdCudaContext *cuda,
            Ring          *ring,
            GError       **error)
{
  if (ring->stream != NULL)
    return TRUE;

  for (int i = 0; i < ENTRIES; i++)
    if (!hd_cuda_check (cuda, cudaEventCreateWithFlags (&ring->entries[i].copied, cudaEventDisableTiming), DOING, error)
        || !hd_cuda_check (cuda, cudaEventCreateWithFlags (&ring->entries[i].used, cudaEventDisableTiming), DOING,
                           error))
      return FALSE;

  return hd_cuda_check (cuda, cudaEventCreateWithFlags (&ring->made, cudaEventDisableTiming), DOING, error)
         && hd_cuda_check (cuda, cudaStreamCreateWithFlags (&ring->stream, cudaStreamNonBlocking), DOING, error);
}

gboolean
hd_cuda_ring_provide (HdCudaContext *cuda,
                      gsize          bytes,
                      GError       **error)
{
  Ring *ring = (Ring *) cuda->ring;

  if (ring == NULL)
    {
      cuda->ring = ring = g_new0 (Ring, 1);
      ring->weights = g_ptr_array_new ();
    }
  if (!ring_start (cuda, ring, error))
    return FALSE;
  if (ring->bytes >= bytes)
    return TRUE;

  ring_empty (cuda, ring);
  cudaFree (ring->memory);
  cudaGetLastError ();
  ring->memory = NULL;
  ring->bytes = 0;
  if (!hd_cuda_allocate (cuda, bytes, _("the model's weights"), (void **) &ring->memory, error))
    return FALSE;

  ring->bytes = bytes;
  return TRUE;
}

void
hd_cuda_ring_free (HdCudaContext *cuda)
{
  Ring *ring = (Ring *) cuda->ring;

  if (ring == NULL)
    return;

  ring_empty (cuda, ring);
  for (int i = 0; i < ENTRIES; i++)
    {
      if (ring->entries[i].copied != NULL)
        cudaEventDestroy (ring->entries[i].copied);
      if (ring->entries[i].used != NULL)
        cudaEventDestroy (ring->entries[i].used);
    }
  if (ring->made != NULL)
    cudaEventDestroy (ring->made);
  if (ring->stream != NULL)
    cudaStreamDestroy (ring->stream);
  cudaFree (ring->memory);
  cudaGetLastError ();
  g_ptr_array_unref (ring->weights);
  g_free (ring);
  cuda->ring = NULL;
}

/* --- weights --- */

void *
hd_cuda_ring_memory (HdCudaContext *cuda)
{
  Ring *ring = (Ring *) cuda->ring;

  if (ring->n > 0)
    ring_empty (cuda, ring);

  return ring->memory;
}

static void
set_no_host_memory (gsize    needed,
                    gsize    available,
                    GError **error)
{
  g_autofree char *asked = g_format_size_full (needed, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *left = g_format_size_full (available, G_FORMAT_SIZE_IEC_UNITS);

  g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY,
               _("Not enough memory of the system for the weights that do not fit on the GPU: %s are needed, %s are "
                 "available"), asked, left);
}

/* Whether there is room for all that are still to come to the host, and not for @weight alone: the system would rather
 * end a program than refuse memory. */
static gboolean
check_host (HdCudaContext      *cuda,
            const HdCudaWeight *weight,
            GError            **error)
{
  const HdWeightStore *store = &cuda->parent.weights;
  const HdStreaming   *streaming = &store->streaming;
  const gsize          streamed = store->streamable - store->resident;   /* with @weight, which is not there yet */
  const gsize          there = streamed - weight->host_bytes;
  const gsize          planned = streaming->total - MIN (streaming->total, streaming->resident);
  const gsize          needed = MAX (planned - MIN (planned, there), weight->host_bytes);
  const gsize          room = hd_context_get_host_bytes (&cuda->parent);

  if (needed <= room - MIN (room, streamed))
    return TRUE;

  set_no_host_memory (needed, room - MIN (room, streamed), error);
  return FALSE;
}

/* Memory that is not pinned is copied by way of the driver's own, which takes longer. */
static gboolean
allocate_host (HdCudaContext *cuda,
               HdCudaWeight  *weight,
               GError       **error)
{
  if (!check_host (cuda, weight, error))
    return FALSE;

  if (cudaHostAlloc (&weight->host, weight->host_bytes, cudaHostAllocDefault) == cudaSuccess)
    {
      weight->pinned = TRUE;
      return TRUE;
    }

  cudaGetLastError ();
  weight->host = g_try_malloc (weight->host_bytes);
  if (weight->host != NULL)
    return TRUE;

  set_no_host_memory (weight->host_bytes, 0, error);
  return FALSE;
}

gboolean
hd_cuda_ring_add (HdCudaContext *cuda,
                  HdCudaWeight  *weight,
                  GError       **error)
{
  Ring *ring = (Ring *) cuda->ring;

  if (!allocate_host (cuda, weight, error)
      || !hd_cuda_check (cuda, cudaMemcpyAsync (weight->host, ring->memory, weight->host_bytes, cudaMemcpyDeviceToHost,
                                                cuda->stream), DOING, error)
      || !hd_cuda_check (cuda, cudaEventRecord (ring->made, cuda->stream), DOING, error)
      || !hd_cuda_check (cuda, cudaStreamWaitEvent (ring->stream, ring->made, 0), DOING, error))
    return FALSE;

  if (ring->newest_made != NULL)
    ring->newest_made->next = weight;
  ring->newest_made = weight;
  g_ptr_array_add (ring->weights, weight);

  return TRUE;
}

void
hd_cuda_ring_remove (HdCudaContext *cuda,
                     HdCudaWeight  *weight)
{
  Ring *ring = (Ring *) cuda->ring;

  if (weight->host == NULL)
    return;

  ring_empty (cuda, ring);
  g_ptr_array_remove_fast (ring->weights, weight);
  for (guint i = 0; i < ring->weights->len; i++)
    {
      HdCudaWeight *other = (HdCudaWeight *) ring->weights->pdata[i];

      if (other->next == weight)
        other->next = NULL;
    }
  if (ring->newest_made == weight)
    ring->newest_made = NULL;

  if (weight->pinned)
    cudaFreeHost (weight->host);
  else
    g_free (weight->host);
  cudaGetLastError ();
  weight->host = NULL;
}

/* --- copying --- */

/* Takes the oldest entries away until [@offset, + @bytes) is free. FALSE if one of them is still needed; the copies that
 * follow come after whatever used the others. */
static gboolean
make_room (HdCudaContext *cuda,
           Ring          *ring,
           gsize          offset,
           gsize          bytes,
           gboolean      *made,
           GError       **error)
{
  *made = FALSE;

  for (;;)
    {
      Entry   *oldest = get_entry (ring, 0);
      gboolean in_the_way = ring->n == ENTRIES;

      for (int i = 0; i < ring->n && !in_the_way; i++)
        {
          const Entry *entry = get_entry (ring, i);

          in_the_way = entry->offset < offset + bytes && offset < entry->offset + entry->bytes;
        }
      if (!in_the_way)
        {
          *made = TRUE;
          return TRUE;
        }
      if (oldest->state != ENTRY_USED)
        return TRUE;

      if (!oldest->passed_over
          && !hd_cuda_check (cuda, cudaStreamWaitEvent (ring->stream, oldest->used, 0), DOING, error))
        return FALSE;
      ring->first = (ring->first + 1) % ENTRIES;
      ring->n--;
    }
}

/* Queues the copy of a weight behind the newest, if there is room: *@copied. */
static gboolean
copy_ahead (HdCudaContext *cuda,
            Ring          *ring,
            HdCudaWeight  *weight,
            gboolean      *copied,
            GError       **error)
{
  const gsize bytes = round_up (weight->host_bytes);
  const gsize offset = ring->place + bytes <= ring->bytes ? ring->place : 0;
  Entry      *entry;

  if (!make_room (cuda, ring, offset, bytes, copied, error))
    return FALSE;
  if (!*copied)
    return TRUE;

  entry = get_entry (ring, ring->n);
  entry->weight = weight;
  entry->offset = offset;
  entry->bytes = bytes;
  entry->state = ENTRY_AHEAD;
  entry->passed_over = FALSE;
  if (!hd_cuda_check (cuda, cudaMemcpyAsync (ring->memory + offset, weight->host, weight->host_bytes,
                                             cudaMemcpyHostToDevice, ring->stream), DOING, error)
      || !hd_cuda_check (cuda, cudaEventRecord (entry->copied, ring->stream), DOING, error))
    return FALSE;

  ring->place = offset + bytes;
  ring->n++;

  return TRUE;
}

/* The entry that was copied for @weight; those before it, for weights that were expected, are passed over. */
static Entry *
find_ahead (Ring         *ring,
            HdCudaWeight *weight)
{
  Entry *found = NULL;

  for (int i = 0; i < ring->n && found == NULL; i++)
    {
      Entry *entry = get_entry (ring, i);

      if (entry->state == ENTRY_AHEAD && entry->weight == weight)
        found = entry;
    }

  for (int i = 0; i < ring->n && get_entry (ring, i) != found; i++)
    {
      Entry *entry = get_entry (ring, i);

      if (entry->state == ENTRY_AHEAD)
        {
          entry->state = ENTRY_USED;
          entry->passed_over = TRUE;
        }
    }

  return found;
}

const void *
hd_cuda_ring_take (HdCudaContext *cuda,
                   HdCudaWeight  *weight,
                   GError       **error)
{
  Ring    *ring = (Ring *) cuda->ring;
  Entry   *entry;
  gboolean copied;

  /* Where a weight is, and what is copied meanwhile by the other stream, is another in every step. */
  if (cuda->capturing)
    {
      hd_cuda_repeat_refuse (cuda, "a streamed weight", error);
      return NULL;
    }
  hd_cuda_repeat_forbid (cuda);

  /* The run can be cancelled while copies are awaited. */
  if (!hd_cuda_pace (cuda, 0.0, weight->host_bytes * (cuda->bandwidth / BUS_BANDWIDTH), error))
    return NULL;

  entry = find_ahead (ring, weight);
  if (entry == NULL)
    {
      /* No entry is taken or ahead any more, so there is room. */
      if (!copy_ahead (cuda, ring, weight, &copied, error))
        return NULL;
      if (!copied)
        {
          g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED,
                       "%s: no room to stream a weight of %" G_GSIZE_FORMAT " bytes", cuda->parent.name,
                       weight->host_bytes);
          return NULL;
        }
      entry = get_entry (ring, ring->n - 1);
    }

  if (!hd_cuda_check (cuda, cudaStreamWaitEvent (cuda->stream, entry->copied, 0), DOING, error))
    return NULL;

  entry->state = ENTRY_TAKEN;
  if (ring->latest != NULL)
    ring->latest->next = weight;
  ring->latest = weight;

  return ring->memory + entry->offset;
}

gboolean
hd_cuda_ring_release (HdCudaContext *cuda,
                      GError       **error)
{
  Ring         *ring = (Ring *) cuda->ring;
  HdCudaWeight *next = ring->latest;
  gboolean      copied = TRUE;

  for (int i = 0; i < ring->n; i++)
    {
      Entry *entry = get_entry (ring, i);

      if (entry->state == ENTRY_TAKEN)
        {
          entry->state = ENTRY_USED;
          if (!hd_cuda_check (cuda, cudaEventRecord (entry->used, cuda->stream), DOING, error))
            return FALSE;
        }
      else if (entry->state == ENTRY_AHEAD)
        next = entry->weight;
    }

  /* On from the newest that is there. */
  while (copied && (next = next->next) != NULL)
    if (!copy_ahead (cuda, ring, next, &copied, error))
      return FALSE;

  return TRUE;
}
