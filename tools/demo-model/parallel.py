# SPDX-License-Identifier: Apache-2.0
"""Training by several processes of one thread each, which meet once a step.

With small networks that is much quicker than one process with several threads, which meet in every operator, above all
on a machine that does other work too.
"""
import os
import signal
import sys
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def _worker(rank, workers, meeting, function, arguments):
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    dist.init_process_group("gloo", init_method="file://" + meeting, rank=rank, world_size=workers)
    function(rank, workers, *arguments)
    dist.destroy_process_group()


def launch(workers, function, *arguments):
    """Runs function(rank, workers, *arguments) in `workers` processes and waits for them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the workers end with this process
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_worker, (workers, os.path.join(folder, "meeting"), function, arguments), nprocs=workers)


def average_gradients(parameters, workers):
    if workers > 1:
        flat = torch.cat([p.grad.reshape(-1) for p in parameters])
        dist.all_reduce(flat)
        flat /= workers
        for p, part in zip(parameters, flat.split([p.numel() for p in parameters])):
            p.grad = part.view(p.shape)
