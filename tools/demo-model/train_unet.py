#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the demo model's UNet and text encoder on latents of the finished encoder; run again to resume.

    train_unet.py FOLDER --steps N

FOLDER holds vae.pt (train_vae.py's) and gets latents.pt and unet.pt.  The learning rate is level and falls over the
last 30 % of the steps; a larger N on resuming moves that fall.
"""
import argparse
import os
import time

import numpy as np
import torch

import configs
import diffusion
import parallel
import pictures
import vocabulary
from networks import AutoencoderKL, CLIPTextModel, UNet2DConditionModel
from train_vae import save

SCALE = 0.18215


@torch.no_grad()
def fold_scale(state, mean, std):
    """Folds the latents' normalisation to mean 0 and deviation 1 / SCALE into the convolutions on both sides of them."""
    n, factor = len(mean), 1 / (SCALE * std)
    w, b = state["quant_conv.weight"], state["quant_conv.bias"]
    w[:n] *= factor.view(n, 1, 1, 1)
    b[:n] = (b[:n] - mean) * factor
    b[n:] += 2 * factor.log()
    w, b = state["post_quant_conv.weight"], state["post_quant_conv.bias"]
    b += (w.view(n, n) * mean).sum(1)
    w /= factor.view(1, n, 1, 1)


def _drawn(count):
    return pictures.draw_parameters(count, np.random.default_rng(99))


@torch.no_grad()
def _encode(rank, workers, folder, count):
    """One worker's part of the latents, into a file of its own."""
    model = AutoencoderKL(configs.VAE).to(memory_format=torch.channels_last)
    model.load_state_dict(torch.load(os.path.join(folder, "vae.pt"), weights_only=False)["ema"])
    p, latents, mine = _drawn(count), [], range(count * rank // workers, count * (rank + 1) // workers)
    for k in range(mine.start, mine.stop, 16):
        part = pictures.draw({key: v[k:min(k + 16, mine.stop)] for key, v in p.items()})
        latents.append(model.encode(part.to(memory_format=torch.channels_last))[0].contiguous())
        if rank == 0 and k % 1024 == 0:
            print(f"encoded {k} of {len(mine)}", flush=True)
    save(os.path.join(folder, f"latents-{rank}.pt"), torch.cat(latents))


@torch.no_grad()
def encode_pictures(folder, count, workers):
    """Writes latents.pt: a dict of the latents (count, 4, 16, 16), scaled, what was drawn, and the autoencoder's weights with the scale folded in."""
    parallel.launch(workers, _encode, folder, count)
    parts = [os.path.join(folder, f"latents-{k}.pt") for k in range(workers)]
    latents, p = torch.cat([torch.load(part, weights_only=True) for part in parts]), _drawn(count)
    for part in parts:
        os.remove(part)
    mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    state = {k: v.clone() for k, v in torch.load(os.path.join(folder, "vae.pt"), weights_only=False)["ema"].items()}
    fold_scale(state, mean, std)
    latents = (latents - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)
    save(os.path.join(folder, "latents.pt"), {"latents": latents, "vae": state, "mean": mean, "std": std, **{k: p[k] for k in ("shape", "colour", "background")}})


class Model(torch.nn.Module):
    """The two networks that are trained together."""

    def __init__(self):
        super().__init__()
        self.text = CLIPTextModel(dict(configs.TEXT, vocab_size=len(vocabulary.vocabulary())))
        self.unet = UNet2DConditionModel(configs.UNET)
        for name, module in self.unet.named_modules():  # every branch starts as nothing, which lets the rate be high from the first step
            if name.split(".")[-1] in ("conv2", "proj_out", "conv_out"):
                torch.nn.init.zeros_(module.weight)
                torch.nn.init.zeros_(module.bias)

    def forward(self, x, t, ids):
        return self.unet(x, t, self.text(ids))


def timesteps(n, generator):
    """`n` of the 1000 timesteps, evenly spread: two fifths over all of them, the rest over those that decide what is drawn and where."""
    few = n * 2 // 5
    spread = lambda count: (torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)) / count
    return torch.cat([1000 * spread(few), 400 + 600 * spread(n - few)]).long().clamp(max=999)


def learning_rate(step, steps, peak):
    return peak * min(1.0, (step + 1) / 200, 0.01 + 0.99 * (steps - step) / (0.3 * steps))


def train(rank, workers, folder, steps, batch, peak):
    batch //= workers
    torch.manual_seed(3)
    data, model, alphas = torch.load(os.path.join(folder, "latents.pt"), weights_only=False), Model(), diffusion.alphas_cumprod()
    trained = list(model.parameters())
    optimiser = torch.optim.AdamW(trained, lr=peak, betas=(0.9, 0.98), weight_decay=1e-2)
    average, begin, path = {k: v.clone() for k, v in model.state_dict().items()}, 0, os.path.join(folder, "unet.pt")
    if os.path.exists(path):
        state = torch.load(path, weights_only=False)
        begin, average = state["step"], state["ema"]
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
    clock, tally = time.time(), []
    for step in range(begin, steps):
        rng, noises = np.random.default_rng([11, step, rank]), torch.Generator().manual_seed(step * 64 + rank)
        pick = rng.integers(0, len(data["latents"]), batch)
        words = ["" if rng.random() < 0.1 else pictures.caption(data["shape"][k], data["colour"][k], data["background"][k], rng) for k in pick]
        ids = torch.tensor([vocabulary.encode(w) for w in words])
        x = data["latents"][pick]
        t = timesteps(batch, noises)
        a = alphas[t].view(-1, 1, 1, 1)
        noise = torch.randn(x.shape, generator=noises)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, peak)
        error = (model(a.sqrt() * x + (1 - a).sqrt() * noise, t, ids) - noise).square().mean((1, 2, 3))
        snr = (alphas / (1 - alphas))[t]
        loss = (error * snr.clamp(max=5) / snr).mean()  # min-SNR-5
        optimiser.zero_grad()
        loss.backward()
        parallel.average_gradients(trained, workers)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        rate = min(0.9985, (step + 1) / (step + 20))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.values()), list(model.state_dict().values()), 1 - rate)
        tally.append(float(loss.detach()))
        if rank == 0 and ((step + 1) % 50 == 0 or step + 1 == steps):
            print(f"step {step + 1} loss {np.mean(tally):.4f} {(time.time() - clock) / len(tally):.3f} s/step", flush=True)
            clock, tally = time.time(), []
        if rank == 0 and ((step + 1) % 200 == 0 or step + 1 == steps):
            save(path, {"step": step + 1, "model": model.state_dict(), "ema": average, "optimiser": optimiser.state_dict()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--pictures", type=int, default=10240)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    a = parser.parse_args()
    if not os.path.exists(os.path.join(a.folder, "latents.pt")):
        encode_pictures(a.folder, a.pictures, a.workers)
    parallel.launch(a.workers, train, a.folder, a.steps, a.batch, a.rate)
