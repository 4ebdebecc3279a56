# SPDX-License-Identifier: Apache-2.0
"""The finished model folder in PyTorch: prompts to pictures."""
import json
import os

import torch
from safetensors.torch import load_file

import diffusion
import vocabulary
from networks import AutoencoderKL, CLIPTextModel, UNet2DConditionModel


class DemoModel:
    def __init__(self, folder):
        def load(kind, part, name):
            with open(os.path.join(folder, part, "config.json")) as file:
                config = json.load(file)
            network = kind(config).eval()
            network.load_state_dict({k: v.float() for k, v in load_file(os.path.join(folder, part, name)).items()})
            return config, network

        _, self.text = load(CLIPTextModel, "text_encoder", "model.safetensors")
        _, self.unet = load(UNet2DConditionModel, "unet", "diffusion_pytorch_model.safetensors")
        config, self.vae = load(AutoencoderKL, "vae", "diffusion_pytorch_model.safetensors")
        self.scale, self.ratios = config["scaling_factor"], diffusion.ratios_of(folder)

    @torch.no_grad()
    def generate(self, prompts, size=128, steps=25, guidance=5.0, seed=0, mode="auto", ratios=None, batch=16):
        """Pictures (n, 3, size, size) in [-1, 1]; picture k has the seed seed + k."""
        encode = lambda texts: self.text(torch.tensor([vocabulary.encode(t) for t in texts]))
        out, lat = [], size // 8
        for k in range(0, len(prompts), batch):
            schedule = diffusion.HiDiffusion(mode, ratios or self.ratios, lat, lat, steps)
            z = diffusion.sample(self.unet, encode(prompts[k:k + batch]), encode([""]), lat, lat, steps, guidance, seed + k, schedule)
            out += [self.vae.decode(z[j:j + 4] / self.scale).clamp(-1, 1) for j in range(0, len(z), 4)]
        return torch.cat(out)
