# SPDX-License-Identifier: Apache-2.0
"""The U-Net of Stable Diffusion in plain PyTorch, with or without HiDiffusion: what the engine is compared with where
there is no diffusers. tests/golden/test_pytorch.py holds it to the golden cases. Attention is PyTorch's
scaled_dot_product_attention, feature maps are (N, C, H, W)."""
import math

import torch
import torch.nn.functional as F

WINDOWS = {"sd15": {("down", 0), ("up", 3)}, "sdxl": {("down", 1), ("up", 1)}, "sdxl_turbo": {("down", 1), ("up", 1)}}


class Params:
    """A checkpoint's tensors below a name: params("norm1")["weight"]."""

    def __init__(self, tensors, counts, prefix=""):
        self.tensors, self.counts, self.prefix = tensors, counts, prefix

    def __call__(self, name):
        return Params(self.tensors, self.counts, f"{self.prefix}{name}.")

    def __getitem__(self, name):
        return self.tensors.get(self.prefix + name)

    def has(self, name):
        return self.prefix + name + ".weight" in self.tensors

    def count(self, name):
        """How many there are of NAME.0, NAME.1, ..."""
        return self.counts.get(self.prefix + name, 0)


def count_members(names):
    """For every NAME of which there are NAME.0, NAME.1, ...: how many. Once, as compilers trace what is done each time."""
    counts = {}
    for name in names:
        words = name.split(".")
        for i, word in enumerate(words):
            if word.isdigit():
                key = ".".join(words[:i])
                counts[key] = max(counts.get(key, 0), int(word) + 1)
    return counts


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
    if height % 2 or width % 2:
        return attention(p, x, None, heads)
    n, _, channels = x.shape
    h, w = height // 2, width // 2
    roll = (shift * (h // 4), shift * (w // 4) if h >= 4 else 0)
    x = torch.roll(x.view(n, height, width, channels), (-roll[0], -roll[1]), (1, 2))
    x = x.view(n, 2, h, 2, w, channels).permute(0, 1, 3, 2, 4, 5).reshape(4 * n, h * w, channels)
    x = attention(p, x, None, heads)
    x = x.view(n, 2, 2, h, w, channels).permute(0, 1, 3, 2, 4, 5).reshape(n, height, width, channels)
    return torch.roll(x, roll, (1, 2)).reshape(n, height * width, channels)


def transformer(p, x, text, heads, groups, shifts):
    """@shifts: an iterator of what windows are shifted by; None: no windows."""
    n, _, height, width = x.shape
    flat = p("proj_in")["weight"].dim() == 2
    h = group_norm(p("norm"), x, groups, 1e-6)
    h = h if flat else conv(p("proj_in"), h)
    h = h.permute(0, 2, 3, 1).reshape(n, height * width, -1)
    h = linear(p("proj_in"), h) if flat else h
    for i in range(p.count("transformer_blocks")):
        block = p(f"transformer_blocks.{i}")
        normed = layer_norm(block("norm1"), h)
        if shifts is not None:
            h = h + window_attention(block("attn1"), normed, height, width, heads, next(shifts))
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
    """@windows: the blocks with window attention, and @shifts, one for each call, in quarters of a window. @d4, @p2: the
    down block whose downsampler is RAU-Net's, the one whose map is pooled; None for none."""

    def __init__(self, config, tensors, windows=(), shifts=(), d4=None, p2=None):
        self.config, self.windows, self.shifts = config, windows, shifts
        self.p = Params(tensors, count_members(tensors))
        self.d4, self.p2 = d4, p2
        heads = config["attention_head_dim"]
        self.heads = heads if isinstance(heads, list) else [heads] * len(config["block_out_channels"])
        self.groups = config["norm_num_groups"]

    def embed(self, timestep, pooled, sizes):
        e = mlp(self.p("time_embedding"), sinusoid(timestep, self.config["block_out_channels"][0]))
        if pooled is not None:
            numbers = sinusoid(sizes.flatten(), self.config["addition_time_embed_dim"]).view(len(sizes), -1)
            e = e + mlp(self.p("add_embedding"), torch.cat([pooled, numbers.to(pooled.dtype)], -1))
        return e

    def down(self, x, e, text, shifts):
        skips, before = [x], None
        for i, kind in enumerate(self.config["down_block_types"]):
            block = self.p(f"down_blocks.{i}")
            for j in range(self.config["layers_per_block"]):
                x = resnet(block(f"resnets.{j}"), x, e, self.groups)
                if "CrossAttn" in kind:
                    x = transformer(block(f"attentions.{j}"), x, text, self.heads[i], self.groups,
                                    shifts if ("down", i) in self.windows else None)
                if self.p2 == i and j == 0:
                    before, x = x.shape[-2:], F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
                skips.append(x)
            if block.has("downsamplers.0.conv"):
                options = {"stride": 4, "padding": 2, "dilation": 2} if self.d4 == i else {"stride": 2, "padding": 1}
                x = conv(block("downsamplers.0.conv"), x, **options)
                skips.append(x)
        return x, skips, before

    def up(self, x, skips, before, e, text, shifts):
        opposite = None if self.p2 is None else len(self.config["down_block_types"]) - 1 - self.p2
        for i, kind in enumerate(self.config["up_block_types"]):
            block = self.p(f"up_blocks.{i}")
            for j in range(self.config["layers_per_block"] + 1):
                x = resnet(block(f"resnets.{j}"), torch.cat([x, skips.pop()], 1), e, self.groups)
                if "CrossAttn" in kind:
                    x = transformer(block(f"attentions.{j}"), x, text, self.heads[::-1][i], self.groups,
                                    shifts if ("up", i) in self.windows else None)
                if i == opposite and j == 1:
                    x = F.interpolate(x, size=tuple(before), mode="bicubic")
            if block.has("upsamplers.0.conv"):
                x = conv(block("upsamplers.0.conv"), F.interpolate(x, size=tuple(skips[-1].shape[-2:])), padding=1)
        return x

    def __call__(self, x, timestep, text, pooled, sizes):
        e = self.embed(timestep, pooled, sizes)
        shifts = iter(self.shifts)
        x, skips, before = self.down(conv(self.p("conv_in"), x, padding=1), e, text, shifts)
        middle = self.p("mid_block")
        x = resnet(middle("resnets.0"), x, e, self.groups)
        x = transformer(middle("attentions.0"), x, text, self.heads[-1], self.groups, None)
        x = resnet(middle("resnets.1"), x, e, self.groups)
        x = self.up(x, skips, before, e, text, shifts)
        return conv(self.p("conv_out"), F.silu(group_norm(self.p("conv_norm_out"), x, self.groups)), padding=1)


def family_of(config):
    return "sdxl" if config.get("addition_embed_type") == "text_time" else "sd15"


def rau_net(family, height, width, step, steps):
    """The down blocks of D4 and P2 in @step, or None for either; latents of @height and @width."""
    if family == "sd15":
        large = min(height, width) >= 256
        return (0 if step < int(steps * (0.7 if large else 0.4)) else None,
                1 if large and step < int(steps * 0.3) else None)
    if family == "sdxl_turbo":
        return None, 1 if step < int(steps * 0.5) else None
    if min(height, width) >= 512:
        return 1 if step < int(steps * 0.3) else None, 1 if step < int(steps * 0.7) else None
    start, end = int(8 / 50 * steps), int(steps * 0.4)
    return 1 if step < start else None, 1 if start <= step < end else None


def phases(family, side, steps):
    """[(d4, p2, steps)]: RAU-Net's schedule for latents of side @side."""
    counts = {}
    for step in range(steps):
        tools = rau_net(family, side, side, step, steps)
        counts[tools] = counts.get(tools, 0) + 1
    return [(*key, n) for key, n in counts.items()]


# --- synthetic weights: tests/golden/synth.h -------------------------------------------


def signed(number):
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def shifted(z, bits):
    """An unsigned shift to the right."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def uniform(stream, count, device="cpu"):
    """U(stream), in double."""
    seed = 0xCBF29CE484222325
    for byte in stream.encode():
        seed = (seed ^ byte) * 0x100000001B3 % (1 << 64)
    z = torch.arange(1, count + 1, dtype=torch.int64, device=device) * signed(0x9E3779B97F4A7C15) + signed(seed)
    z = (z ^ shifted(z, 30)) * signed(0xBF58476D1CE4E5B9)
    z = (z ^ shifted(z, 27)) * signed(0x94D049BB133111EB)
    z = z ^ shifted(z, 31)
    return shifted(z, 40).double() * 2.0**-24


def normal(stream, shape, device="cpu"):
    """N(stream), in float32."""
    count = math.prod(shape)
    return (uniform(stream, 12 * count, device).view(count, 12).sum(1) - 6).float().view(shape)


def make_tensor(entry, device="cpu"):
    """A tensor of a manifest, in float32, as it is after the file has rounded it."""
    parts = []
    for part in entry["parts"]:
        u = uniform(part["source"], math.prod(part["shape"]), device)
        values = (part["center"] + part["scale"] * (2 * u - 1)).float().view(part["shape"])
        parts.append(values.T if part.get("transpose") else values)
    return torch.cat(parts).view(entry["shape"])


def make_tensors(manifest, device="cpu", dtype=torch.float32):
    """The U-Net's, rounded to what its file holds, convolutions' kernels with channels innermost."""
    file = manifest["files"]["unet/diffusion_pytorch_model.safetensors"]
    tensors = {}
    for name, entry in file["tensors"].items():
        stored = torch.float16 if entry.get("dtype", file.get("dtype")) == "F16" else torch.float32
        values = make_tensor(entry, device).to(stored).to(dtype)
        tensors[name] = values.contiguous(memory_format=torch.channels_last) if values.dim() == 4 else values
    return tensors
