#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's side of tools/gpu-check: times a U-Net of Stable Diffusion on the GPU, with or without HiDiffusion.

    gpu-pytorch.py MANIFEST.json --size N [--hidiffusion on|off] [--compile] [--repetitions N]

The network is written down here in plain PyTorch (scaled_dot_product_attention, channels_last, float16), with random
weights of the manifest's shapes (tests/golden/models). Like `hidiffusion bench`, it measures a step in each phase of
the schedule of 50 steps, batch 2. Prints one JSON object; `seconds` is the mean over the steps.
"""
import argparse
import json
import math
import statistics
import sys

import torch
import torch.nn.functional as F

TOKENS = 77
STEPS = 50
WINDOWS = {"sd15": {("down", 0), ("up", 3)}, "sdxl": {("down", 1), ("up", 1)}}


class Params:
    """A checkpoint's tensors below a name: params("norm1")["weight"]."""

    def __init__(self, tensors, prefix=""):
        self.tensors, self.prefix = tensors, prefix

    def __call__(self, name):
        return Params(self.tensors, f"{self.prefix}{name}.")

    def __getitem__(self, name):
        return self.tensors.get(self.prefix + name)

    def has(self, name):
        return self.prefix + name + ".weight" in self.tensors

    def count(self, name):
        """How many there are of NAME.0, NAME.1, ..."""
        n = 0
        while any(key.startswith(f"{self.prefix}{name}.{n}.") for key in self.tensors):
            n += 1
        return n


# --- layers: feature maps are (N, C, H, W) ------------------------------------------


def conv(p, x, **options):
    return F.conv2d(x, p["weight"], p["bias"], **options)


def linear(p, x):
    return F.linear(x, p["weight"], p["bias"])


def group_norm(p, x, groups, epsilon=1e-5):
    return F.group_norm(x, groups, p["weight"], p["bias"], epsilon)


def layer_norm(p, x):
    return F.layer_norm(x, (x.shape[-1],), p["weight"], p["bias"])


def sinusoid(values, dim):
    frequencies = torch.exp(-math.log(10000) * torch.arange(dim // 2, device=values.device) / (dim // 2))
    angles = values.float()[:, None] * frequencies[None]
    return torch.cat([angles.cos(), angles.sin()], -1)


def mlp(p, x):
    return linear(p("linear_2"), F.silu(linear(p("linear_1"), x.to(p("linear_1")["weight"].dtype))))


def resnet(p, x, embedding, groups):
    h = conv(p("conv1"), F.silu(group_norm(p("norm1"), x, groups)), padding=1)
    h = h + linear(p("time_emb_proj"), F.silu(embedding))[:, :, None, None]
    h = conv(p("conv2"), F.silu(group_norm(p("norm2"), h, groups)), padding=1)
    return h + (conv(p("conv_shortcut"), x) if p.has("conv_shortcut") else x)


def attention(p, x, text, heads):
    source = x if text is None else text
    q, k, v = (linear(p(name), tokens).unflatten(-1, (heads, -1)).transpose(1, 2)
               for name, tokens in (("to_q", x), ("to_k", source), ("to_v", source)))
    return linear(p("to_out.0"), F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


def window_attention(p, x, height, width, heads, shift):
    """MSW-MSA: roll by @shift quarters of a window, cut into 2 x 2 windows, attend within each, and back."""
    n, _, channels = x.shape
    h, w = height // 2, width // 2
    roll = (shift * (h // 4), shift * (w // 4))
    x = torch.roll(x.view(n, height, width, channels), (-roll[0], -roll[1]), (1, 2))
    x = x.view(n, 2, h, 2, w, channels).permute(0, 1, 3, 2, 4, 5).reshape(4 * n, h * w, channels)
    x = attention(p, x, None, heads)
    x = x.view(n, 2, 2, h, w, channels).permute(0, 1, 3, 2, 4, 5).reshape(n, height, width, channels)
    return torch.roll(x, roll, (1, 2)).reshape(n, height * width, channels)


def transformer(p, x, text, heads, groups, windows):
    n, _, height, width = x.shape
    flat = p("proj_in")["weight"].dim() == 2
    h = group_norm(p("norm"), x, groups, 1e-6)
    h = h if flat else conv(p("proj_in"), h)
    h = h.permute(0, 2, 3, 1).reshape(n, height * width, -1)
    h = linear(p("proj_in"), h) if flat else h
    for i in range(p.count("transformer_blocks")):
        block = p(f"transformer_blocks.{i}")
        normed = layer_norm(block("norm1"), h)
        if windows:
            h = h + window_attention(block("attn1"), normed, height, width, heads, 1 + i % 3)
        else:
            h = h + attention(block("attn1"), normed, None, heads)
        h = h + attention(block("attn2"), layer_norm(block("norm2"), h), text, heads)
        value, gate = linear(block("ff.net.0.proj"), layer_norm(block("norm3"), h)).chunk(2, -1)
        h = h + linear(block("ff.net.2"), value * F.gelu(gate))
    h = linear(p("proj_out"), h) if flat else h
    h = h.view(n, height, width, -1).permute(0, 3, 1, 2)
    return x + (h if flat else conv(p("proj_out"), h))


# --- the network ---------------------------------------------------------------------


class UNet:
    """@d4, @p2: the down block whose downsampler is RAU-Net's, the one whose map is pooled; None for none."""

    def __init__(self, config, tensors, windows, d4, p2):
        self.config, self.p, self.windows, self.d4, self.p2 = config, Params(tensors), windows, d4, p2
        heads = config["attention_head_dim"]
        self.heads = heads if isinstance(heads, list) else [heads] * len(config["block_out_channels"])
        self.groups = config["norm_num_groups"]

    def embed(self, timestep, pooled, sizes):
        e = mlp(self.p("time_embedding"), sinusoid(timestep, self.config["block_out_channels"][0]))
        if pooled is not None:
            numbers = sinusoid(sizes.flatten(), self.config["addition_time_embed_dim"]).view(len(sizes), -1)
            e = e + mlp(self.p("add_embedding"), torch.cat([pooled, numbers.to(pooled.dtype)], -1))
        return e

    def down(self, x, e, text):
        skips, before = [x], None
        for i, kind in enumerate(self.config["down_block_types"]):
            block = self.p(f"down_blocks.{i}")
            for j in range(self.config["layers_per_block"]):
                x = resnet(block(f"resnets.{j}"), x, e, self.groups)
                if "CrossAttn" in kind:
                    x = transformer(block(f"attentions.{j}"), x, text, self.heads[i], self.groups,
                                    ("down", i) in self.windows)
                if self.p2 == i and j == 0:
                    before, x = x.shape[-2:], F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
                skips.append(x)
            if block.has("downsamplers.0.conv"):
                options = {"stride": 4, "padding": 2, "dilation": 2} if self.d4 == i else {"stride": 2, "padding": 1}
                x = conv(block("downsamplers.0.conv"), x, **options)
                skips.append(x)
        return x, skips, before

    def up(self, x, skips, before, e, text):
        opposite = None if self.p2 is None else len(self.config["down_block_types"]) - 1 - self.p2
        for i, kind in enumerate(self.config["up_block_types"]):
            block = self.p(f"up_blocks.{i}")
            for j in range(self.config["layers_per_block"] + 1):
                x = resnet(block(f"resnets.{j}"), torch.cat([x, skips.pop()], 1), e, self.groups)
                if "CrossAttn" in kind:
                    x = transformer(block(f"attentions.{j}"), x, text, self.heads[::-1][i], self.groups,
                                    ("up", i) in self.windows)
                if i == opposite and j == 1:
                    x = F.interpolate(x, size=tuple(before), mode="bicubic")
            if block.has("upsamplers.0.conv"):
                x = conv(block("upsamplers.0.conv"), F.interpolate(x, size=tuple(skips[-1].shape[-2:])), padding=1)
        return x

    def __call__(self, x, timestep, text, pooled, sizes):
        e = self.embed(timestep, pooled, sizes)
        x, skips, before = self.down(conv(self.p("conv_in"), x, padding=1), e, text)
        middle = self.p("mid_block")
        x = resnet(middle("resnets.0"), x, e, self.groups)
        x = transformer(middle("attentions.0"), x, text, self.heads[-1], self.groups, False)
        x = resnet(middle("resnets.1"), x, e, self.groups)
        x = self.up(x, skips, before, e, text)
        return conv(self.p("conv_out"), F.silu(group_norm(self.p("conv_norm_out"), x, self.groups)), padding=1)


def phases(family, side):
    """[(d4, p2, steps)]: RAU-Net's schedule of STEPS steps for latents of side @side."""
    def tools(step):
        if family == "sd15":
            large = side >= 256
            return (0 if step < int(STEPS * (0.7 if large else 0.4)) else None,
                    1 if large and step < int(STEPS * 0.3) else None)
        if side >= 512:
            return 1 if step < int(STEPS * 0.3) else None, 1 if step < int(STEPS * 0.7) else None
        start, end = int(8 / 50 * STEPS), int(STEPS * 0.4)
        return 1 if step < start else None, 1 if start <= step < end else None

    counts = {}
    for step in range(STEPS):
        counts[tools(step)] = counts.get(tools(step), 0) + 1
    return [(*key, n) for key, n in counts.items()]


# --- measuring -----------------------------------------------------------------------


def make_tensors(manifest):
    generator = torch.Generator("cuda").manual_seed(0)
    tensors = {}
    for name, tensor in manifest["files"]["unet/diffusion_pytorch_model.safetensors"]["tensors"].items():
        part = tensor["parts"][0]
        values = torch.rand(tensor["shape"], generator=generator, device="cuda", dtype=torch.float16)
        values = part["center"] + part["scale"] * (2 * values - 1)
        tensors[name] = values.contiguous(memory_format=torch.channels_last) if values.dim() == 4 else values
    return tensors


def make_inputs(config, side):
    def random(*shape):
        return torch.randn(*shape, device="cuda", dtype=torch.float16)

    x = random(2, config["in_channels"], side, side).contiguous(memory_format=torch.channels_last)
    pooled = sizes = None
    if config.get("addition_embed_type") == "text_time":
        pooled = random(2, config["projection_class_embeddings_input_dim"] - 6 * config["addition_time_embed_dim"])
        sizes = torch.full((2, 6), 1024.0, device="cuda")
    return x, torch.full((2,), 500.0, device="cuda"), random(2, TOKENS, config["cross_attention_dim"]), pooled, sizes


def measure(function, inputs, repetitions):
    for _ in range(2):
        function(*inputs)
    times = []
    for _ in range(repetitions):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        function(*inputs)
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / 1000)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--hidiffusion", choices=("on", "off"), default="off")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()

    torch.set_grad_enabled(False)
    torch.backends.cudnn.benchmark = True
    with open(options.manifest, encoding="utf-8") as file:
        manifest = json.load(file)
    config = manifest["json"]["unet/config.json"]
    family = "sdxl" if config.get("addition_embed_type") == "text_time" else "sd15"
    side = options.size // 8
    hidiffusion = options.hidiffusion == "on"
    tensors, inputs = make_tensors(manifest), make_inputs(config, side)

    answer = {"torch": torch.__version__, "device": torch.cuda.get_device_name(), "phases": []}
    for d4, p2, steps in phases(family, side) if hidiffusion else [(None, None, STEPS)]:
        unet = UNet(config, tensors, WINDOWS[family] if hidiffusion else set(), d4, p2)
        function = torch.compile(unet.__call__, dynamic=False) if options.compile else unet
        answer["phases"].append({"d4": d4, "p2": p2, "steps": steps,
                                 "seconds": measure(function, inputs, options.repetitions)})
        torch.compiler.reset()
    answer["seconds"] = sum(phase["seconds"] * phase["steps"] for phase in answer["phases"]) / STEPS
    answer["peak_bytes"] = torch.cuda.max_memory_allocated()
    json.dump(answer, sys.stdout)
    print()


if __name__ == "__main__":
    main()
