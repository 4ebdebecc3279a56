#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the demo model's autoencoder; run again to resume.

    train_vae.py FOLDER --steps N              encoder and decoder together, on 64-pixel windows
    train_vae.py FOLDER --steps N --decoder    the decoder alone, the latent space staying as it is

FOLDER holds the checkpoints: vae.pt and, with --decoder, vae-decoder.pt.
"""
import argparse
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import configs
import parallel
import pictures
from networks import AutoencoderKL


def windows(n, size, rng):
    """`n` windows of pictures, most at the size of the training pictures, some enlarged as in a large picture; or n / 4 whole pictures."""
    if rng.random() < 0.5:
        return pictures.draw(pictures.draw_parameters(max(1, n // 4), rng)).to(memory_format=torch.channels_last)
    p = pictures.draw_parameters(n, rng)
    zoom = np.where(rng.random(n) < 0.65, 1.0, rng.uniform(1.0, 4.0, n))
    side = size / (128 * zoom)
    middle = rng.normal(0.5, 0.2, (n, 2))
    origin = (middle - side[:, None] / 2).clip(0, (1 - side)[:, None])
    return pictures.draw(p, size, zoom, origin).to(memory_format=torch.channels_last)


def picture_loss(got, want):
    """Mean absolute error of the pixels, of their differences, and of the halved pictures."""
    loss = (got - want).abs().mean()
    for axis in (2, 3):
        loss = loss + 1.5 * (torch.diff(got, dim=axis) - torch.diff(want, dim=axis)).abs().mean()
    for _ in range(2):
        got, want = F.avg_pool2d(got, 2), F.avg_pool2d(want, 2)
        loss = loss + 0.5 * (got - want).abs().mean()
    return loss


def save(path, state):
    torch.save(state, path + ".new")
    os.replace(path + ".new", path)


def learning_rate(step, steps, peak):
    """One cycle: up over the first 5 %, then down by a cosine."""
    warm = 0.05 * steps
    return peak * step / warm if step < warm else peak * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / (steps - warm)))))


def train(rank, workers, folder, steps, batch, size, peak, decoder_only):
    torch.manual_seed(1)
    model = AutoencoderKL(configs.VAE).to(memory_format=torch.channels_last)
    path = os.path.join(folder, "vae-decoder.pt" if decoder_only else "vae.pt")
    trained = list(model.decoder.parameters()) + list(model.post_quant_conv.parameters()) if decoder_only else list(model.parameters())
    optimiser = torch.optim.AdamW(trained, lr=peak, betas=(0.9, 0.98), weight_decay=1e-3)
    begin = 0
    if decoder_only:
        model.load_state_dict(torch.load(os.path.join(folder, "vae.pt"), weights_only=False)["ema"])
    average = {k: v.clone() for k, v in model.state_dict().items()}
    if os.path.exists(path):
        state = torch.load(path, weights_only=False)
        begin, average = state["step"], state["ema"]
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
    clock, tally = time.time(), []
    for step in range(begin, steps):
        rng = np.random.default_rng([7 + decoder_only, step, rank])
        want = windows(batch // workers, size, rng)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, peak)
        if decoder_only:
            with torch.no_grad():
                mean, logvar = model.encode(want)
        else:
            mean, logvar = model.encode(want)
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(step * 64 + rank))
        loss = picture_loss(model.decode(mean + (0.5 * logvar).exp() * noise), want)
        tally.append(float(loss.detach()))
        if not decoder_only:
            loss = loss + 2e-4 * 0.5 * (mean * mean + logvar.exp() - 1 - logvar).mean()
        optimiser.zero_grad()
        loss.backward()
        parallel.average_gradients(trained, workers)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        rate = min(0.999, (step + 1) / (step + 20))
        with torch.no_grad():
            for k, v in model.state_dict().items():
                average[k].lerp_(v, 1 - rate)
        if rank == 0 and ((step + 1) % 50 == 0 or step + 1 == steps):
            print(f"step {step + 1} loss {np.mean(tally):.4f} latent std {float(mean.detach().std()):.3f} {(time.time() - clock) / len(tally):.3f} s/step", flush=True)
            clock, tally = time.time(), []
        if rank == 0 and ((step + 1) % 200 == 0 or step + 1 == steps):
            save(path, {"step": step + 1, "model": model.state_dict(), "ema": average, "optimiser": optimiser.state_dict()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--decoder", action="store_true")
    a = parser.parse_args()
    os.makedirs(a.folder, exist_ok=True)
    parallel.launch(a.workers, train, a.folder, a.steps, a.batch, a.size, a.rate, a.decoder)
