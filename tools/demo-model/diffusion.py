# SPDX-License-Identifier: Apache-2.0
"""The noise schedule, DDIM and HiDiffusion's schedule, in PyTorch."""
import json
import os

import torch

import configs


def alphas_cumprod():
    s = configs.SCHEDULER
    betas = torch.linspace(s["beta_start"] ** 0.5, s["beta_end"] ** 0.5, s["num_train_timesteps"], dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()


class HiDiffusion:
    """What RAU-Net does at each step of a run, from the ratios of a model folder's hidiffusion.json."""

    def __init__(self, mode, ratios, height, width, steps):
        """`mode`: off, on, auto; height and width in latent pixels."""
        native = configs.SAMPLE_SIZE
        self.windows = mode != "off"
        self.active = mode == "on" or (mode == "auto" and height * width > 1.5 * native * native)
        self.ratios = ratios["large" if min(height, width) >= 4 * native else "normal"]
        self.steps = steps

    def at(self, step):
        """-> (D4, P2) at this step."""
        return tuple(self.active and step < int(self.steps * self.ratios[key]) for key in ("d4", "p2"))


def ratios_of(folder):
    with open(os.path.join(folder, "hidiffusion.json")) as file:
        return json.load(file)


@torch.no_grad()
def sample(unet, text, empty, height, width, steps, guidance, seed, hidiffusion):
    """DDIM with guidance: text (n, 77, D), empty (1, 77, D) -> latents (n, 4, height, width); every picture has its own seed."""
    n, alphas, stride = len(text), alphas_cumprod(), 1000 // steps
    x = torch.cat([torch.randn(1, 4, height, width, generator=torch.Generator().manual_seed(seed + k)) for k in range(n)])
    context = torch.cat([empty.expand(n, -1, -1), text])
    shifts = torch.Generator().manual_seed(seed)
    quartiles = iter(lambda: int(torch.randint(0, 4, (1,), generator=shifts)), None) if hidiffusion.windows else None
    for step in range(steps):
        t = (steps - 1 - step) * stride + 1
        d4, p2 = hidiffusion.at(step)
        without, given = unet(torch.cat([x, x]), torch.full((2 * n,), t), context, d4, p2, quartiles).chunk(2)
        noise = without + guidance * (given - without)
        now, then = alphas[t], alphas[max(t - stride, 0)]
        clean = (x - (1 - now).sqrt() * noise) / now.sqrt()
        x = then.sqrt() * clean + (1 - then).sqrt() * noise
    return x
