#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The reference's side of tools/measure: times diffusers' networks in PyTorch on the CPU.

    measure-pytorch.py unet|vae|picture MODEL --size N --precision P --threads N --repetitions N

Attention is torch's scaled_dot_product_attention, which is diffusers' own choice. The networks run in both memory
layouts; the faster one is measured. Prints one JSON object.
"""
import argparse
import json
import os
import time
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

import torch  # noqa: E402
import diffusers  # noqa: E402
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel  # noqa: E402

TOKENS = 77
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def load(what, model, dtype):
    cls = {"unet": UNet2DConditionModel, "vae": AutoencoderKL}[what]
    return cls.from_pretrained(model, subfolder=what, torch_dtype=dtype, use_safetensors=True).eval()


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure(network, evaluate, repetitions):
    """Warms up in both layouts, then measures in the faster one."""
    times = {}
    for name, layout in LAYOUTS.items():
        network.to(memory_format=layout)
        evaluate(layout)
        times[name] = timed(lambda: evaluate(layout))
    best = min(times, key=times.get)
    network.to(memory_format=LAYOUTS[best])
    evaluate(LAYOUTS[best])
    return best, [timed(lambda: evaluate(LAYOUTS[best])) for _ in range(repetitions)]


def measure_unet(options, dtype):
    unet = load("unet", options.model, dtype)
    side = options.size // 8
    latent = torch.randn(2, unet.config.in_channels, side, side).to(dtype)
    text = torch.randn(2, TOKENS, unet.config.cross_attention_dim).to(dtype)
    return measure(unet, lambda layout: unet(latent.to(memory_format=layout), 500, encoder_hidden_states=text).sample, options.repetitions)


def measure_vae(options, dtype):
    vae = load("vae", options.model, dtype)
    side = options.size // 8
    latent = torch.randn(1, vae.config.latent_channels, side, side).to(dtype)
    return measure(vae, lambda layout: vae.decode(latent.to(memory_format=layout)).sample, options.repetitions)


def measure_picture(options, dtype):
    """A prompt, two steps with guidance, the decoder: as the pipeline does it, all networks in memory."""
    from transformers import CLIPTextModel

    text_encoder = CLIPTextModel.from_pretrained(options.model, subfolder="text_encoder", torch_dtype=dtype, use_safetensors=True).eval()
    unet, vae = load("unet", options.model, dtype), load("vae", options.model, dtype)
    scheduler = DDIMScheduler.from_pretrained(options.model, subfolder="scheduler")
    scheduler.set_timesteps(2)

    def picture():
        text = text_encoder(torch.zeros(2, TOKENS, dtype=torch.long)).last_hidden_state
        side = options.size // 8
        latent = torch.randn(1, unet.config.in_channels, side, side).to(dtype)
        for t in scheduler.timesteps:
            without, prediction = unet(torch.cat([latent] * 2), t, encoder_hidden_states=text).sample.chunk(2)
            latent = scheduler.step(without + 7.5 * (prediction - without), t, latent).prev_sample
        vae.decode(latent / vae.config.scaling_factor)

    return "contiguous", [timed(picture)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["unet", "vae", "picture"])
    parser.add_argument("model")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()

    diffusers.utils.logging.set_verbosity_error()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    with torch.inference_mode():
        layout, seconds = {"unet": measure_unet, "vae": measure_vae, "picture": measure_picture}[options.what](options, getattr(torch, options.precision))
    print(json.dumps({"torch": torch.__version__, "diffusers": diffusers.__version__, "layout": layout, "seconds": seconds, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main()
