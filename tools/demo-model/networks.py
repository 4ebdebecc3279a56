# SPDX-License-Identifier: Apache-2.0
"""Stable Diffusion 1.5's networks in plain PyTorch, at any width, with diffusers' (transformers') tensor names.

The UNet takes RAU-Net and MSW-MSA as arguments of a call, so the same weights run with and without HiDiffusion.
Feature maps are (batch, channel, height, width); sizes in latent pixels.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn


class ResnetBlock2D(nn.Module):
    def __init__(self, cin, cout, temb, groups, eps):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, cin, eps)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        if temb:
            self.time_emb_proj = nn.Linear(temb, cout)
        self.norm2 = nn.GroupNorm(groups, cout, eps)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        if cin != cout:
            self.conv_shortcut = nn.Conv2d(cin, cout, 1)
        self.project = cin != cout

    def forward(self, x, temb=None):
        h = self.conv1(F.silu(self.norm1(x)))
        if temb is not None:
            h = h + self.time_emb_proj(temb)[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.conv_shortcut(x) if self.project else x)


class Attention(nn.Module):
    def __init__(self, dim, context, heads, bias=False):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(dim, dim, bias=bias)
        self.to_k = nn.Linear(context, dim, bias=bias)
        self.to_v = nn.Linear(context, dim, bias=bias)
        self.to_out = nn.ModuleList([nn.Linear(dim, dim)])

    def forward(self, x, context):
        split = lambda t: t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)
        q, k, v = split(self.to_q(x)), split(self.to_k(context)), split(self.to_v(context))
        if torch.is_grad_enabled():  # quicker to train than the fused operator at these sizes
            out = (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)).softmax(-1) @ v
        else:
            out = F.scaled_dot_product_attention(q, k, v)
        return self.to_out[0](out.transpose(1, 2).reshape(x.shape))


class GEGLU(nn.Module):
    def __init__(self, dim, inner):
        super().__init__()
        self.proj = nn.Linear(dim, 2 * inner)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, -1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.net = nn.ModuleList([GEGLU(dim, 4 * dim), nn.Identity(), nn.Linear(4 * dim, dim)])

    def forward(self, x):
        return self.net[2](self.net[0](x))


def shifted_windows(attention, x, height, width, quartile):
    """MSW-MSA: the map rolled by quarters of a window, attention within 2 x 2 windows, rolled back.  x: (batch, tokens, C)."""
    b, n, c = x.shape
    wh, ww = height // 2, width // 2
    shift = (quartile * (wh // 4), quartile * (ww // 4)) if wh // 4 else (0, 0)
    grid = torch.roll(x.view(b, height, width, c), (-shift[0], -shift[1]), (1, 2))
    cut = grid.view(b, 2, wh, 2, ww, c).transpose(2, 3).reshape(4 * b, wh * ww, c)
    cut = attention(cut, cut)
    grid = cut.view(b, 2, 2, wh, ww, c).transpose(2, 3).reshape(b, height, width, c)
    return torch.roll(grid, shift, (1, 2)).reshape(b, n, c)


class BasicTransformerBlock(nn.Module):
    def __init__(self, dim, context, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn1 = Attention(dim, dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.attn2 = Attention(dim, context, heads)
        self.norm3 = nn.LayerNorm(dim)
        self.ff = FeedForward(dim)

    def forward(self, x, text, height, width, quartile):
        h = self.norm1(x)
        x = x + (self.attn1(h, h) if quartile is None else shifted_windows(self.attn1, h, height, width, quartile))
        x = x + self.attn2(self.norm2(x), text)
        return x + self.ff(self.norm3(x))


class Transformer2DModel(nn.Module):
    def __init__(self, dim, context, heads, groups):
        super().__init__()
        self.norm = nn.GroupNorm(groups, dim, 1e-6)
        self.proj_in = nn.Conv2d(dim, dim, 1)
        self.transformer_blocks = nn.ModuleList([BasicTransformerBlock(dim, context, heads)])
        self.proj_out = nn.Conv2d(dim, dim, 1)

    def forward(self, x, text, quartile=None):
        b, c, height, width = x.shape
        h = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        h = self.transformer_blocks[0](h, text, height, width, quartile)
        return x + self.proj_out(h.transpose(1, 2).reshape(b, c, height, width))


class Resample(nn.Module):
    """A downsampler's or upsampler's convolution, named as in diffusers."""

    def __init__(self, channels, **kw):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, **kw)


class Block(nn.Module):
    """One down, middle or up block: its parts under diffusers' names."""

    def __init__(self, resnets, attentions=(), down=None, up=None):
        super().__init__()
        self.resnets = nn.ModuleList(resnets)
        if attentions:
            self.attentions = nn.ModuleList(attentions)
        if down:
            self.downsamplers = nn.ModuleList([down])
        if up:
            self.upsamplers = nn.ModuleList([up])
        self.crosses, self.downs, self.ups = bool(attentions), down is not None, up is not None


class TimestepEmbedding(nn.Module):
    def __init__(self, channels, dim):
        super().__init__()
        self.linear_1 = nn.Linear(channels, dim)
        self.linear_2 = nn.Linear(dim, dim)
        self.channels = channels

    def forward(self, t):
        half = self.channels // 2
        angle = t.float()[:, None] * torch.exp(-math.log(10000) / half * torch.arange(half, dtype=torch.float32))[None]
        return self.linear_2(F.silu(self.linear_1(torch.cat([angle.cos(), angle.sin()], -1))))


class UNet2DConditionModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        ch, groups, context = config["block_out_channels"], config["norm_num_groups"], config["cross_attention_dim"]
        layers, temb = config["layers_per_block"], 4 * ch[0]
        heads = config["attention_head_dim"]  # the number of heads, whatever the name says
        heads = heads if isinstance(heads, list) else [heads] * len(ch)
        resnet = lambda a, b: ResnetBlock2D(a, b, temb, groups, 1e-5)
        transformer = lambda c, i: Transformer2DModel(c, context, heads[i], groups)
        self.time_embedding = TimestepEmbedding(ch[0], temb)
        self.conv_in = nn.Conv2d(config["in_channels"], ch[0], 3, padding=1)
        down, skips, c = [], [ch[0]], ch[0]
        for i, width in enumerate(ch):
            last = i == len(ch) - 1
            down.append(Block([resnet(c if j == 0 else width, width) for j in range(layers)], [] if last else [transformer(width, i) for _ in range(layers)],
                              down=None if last else Resample(width, stride=2, padding=1)))
            skips += [width] * (layers + (not last))
            c = width
        self.down_blocks = nn.ModuleList(down)
        self.mid_block = Block([resnet(c, c), resnet(c, c)], [transformer(c, -1)])
        up = []
        for i, width in enumerate(reversed(ch)):
            resnets = []
            for j in range(layers + 1):
                resnets.append(resnet(c + skips.pop(), width))
                c = width
            up.append(Block(resnets, [transformer(width, -1 - i) for _ in resnets] if i else [], up=Resample(width, padding=1) if i < len(ch) - 1 else None))
        self.up_blocks = nn.ModuleList(up)
        self.conv_norm_out = nn.GroupNorm(groups, c, 1e-5)
        self.conv_out = nn.Conv2d(c, config["out_channels"], 3, padding=1)

    def forward(self, x, timesteps, text, d4=False, p2=False, quartiles=None):
        """x (b, 4, h, w), timesteps (b), text (b, 77, D).  d4, p2: RAU-Net's two tools; `quartiles`: iterator of MSW-MSA's shifts, or None."""
        temb = F.silu(self.time_embedding(timesteps))
        draw = lambda windowed: next(quartiles) if windowed and quartiles is not None else None
        x = self.conv_in(x)
        skips, unpooled = [x], None
        for i, block in enumerate(self.down_blocks):
            for j, resnet in enumerate(block.resnets):
                x = resnet(x, temb)
                if block.crosses:
                    x = block.attentions[j](x, text, draw(i == 0))
                if p2 and i == 1 and j == 0:
                    unpooled = x.shape[-2:]
                    x = F.avg_pool2d(x, 2, 2, ceil_mode=True, count_include_pad=False)
                skips.append(x)
            if block.downs:
                conv = block.downsamplers[0].conv
                x = F.conv2d(x, conv.weight, conv.bias, stride=4, padding=2, dilation=2) if d4 and i == 0 else conv(x)
                skips.append(x)
        x = self.mid_block.resnets[0](x, temb)
        x = self.mid_block.resnets[1](self.mid_block.attentions[0](x, text), temb)
        for i, block in enumerate(self.up_blocks):
            for j, resnet in enumerate(block.resnets):
                x = resnet(torch.cat([x, skips.pop()], 1), temb)
                if block.crosses:
                    x = block.attentions[j](x, text, draw(i == 3))
                if p2 and i == 2 and j == 1:
                    x = F.interpolate(x, size=unpooled, mode="bicubic")
            if block.ups:
                x = block.upsamplers[0].conv(F.interpolate(x, size=skips[-1].shape[-2:], mode="nearest"))
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class AttentionVae(Attention):
    def __init__(self, dim, groups):
        super().__init__(dim, dim, 1, bias=True)
        self.group_norm = nn.GroupNorm(groups, dim, 1e-6)

    def forward(self, x):
        h = self.group_norm(x).flatten(2).transpose(1, 2)
        return x + super().forward(h, h).transpose(1, 2).reshape(x.shape)


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        ch, groups, layers = config["block_out_channels"], config["norm_num_groups"], config["layers_per_block"]
        resnet = lambda a, b: ResnetBlock2D(a, b, 0, groups, 1e-6)
        self.conv_in = nn.Conv2d(3, ch[0], 3, padding=1)
        c, down = ch[0], []
        for i, width in enumerate(ch):
            down.append(Block([resnet(c if j == 0 else width, width) for j in range(layers)], down=Resample(width, stride=2) if i < len(ch) - 1 else None))
            c = width
        self.down_blocks = nn.ModuleList(down)
        self.mid_block = Block([resnet(c, c), resnet(c, c)], [AttentionVae(c, groups)])
        self.conv_norm_out = nn.GroupNorm(groups, c, 1e-6)
        self.conv_out = nn.Conv2d(c, 2 * config["latent_channels"], 3, padding=1)

    def forward(self, x):
        x = self.conv_in(x)
        for block in self.down_blocks:
            for resnet in block.resnets:
                x = resnet(x)
            if block.downs:
                x = block.downsamplers[0].conv(F.pad(x, (0, 1, 0, 1)))
        x = self.mid_block.resnets[1](self.mid_block.attentions[0](self.mid_block.resnets[0](x)))
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        ch, groups, layers = config["block_out_channels"][::-1], config["norm_num_groups"], config["layers_per_block"]
        resnet = lambda a, b: ResnetBlock2D(a, b, 0, groups, 1e-6)
        c, up = ch[0], []
        self.conv_in = nn.Conv2d(config["latent_channels"], c, 3, padding=1)
        self.mid_block = Block([resnet(c, c), resnet(c, c)], [AttentionVae(c, groups)])
        for i, width in enumerate(ch):
            up.append(Block([resnet(c if j == 0 else width, width) for j in range(layers + 1)], up=Resample(width, padding=1) if i < len(ch) - 1 else None))
            c = width
        self.up_blocks = nn.ModuleList(up)
        self.conv_norm_out = nn.GroupNorm(groups, c, 1e-6)
        self.conv_out = nn.Conv2d(c, 3, 3, padding=1)

    def forward(self, x):
        x = self.conv_in(x)
        x = self.mid_block.resnets[1](self.mid_block.attentions[0](self.mid_block.resnets[0](x)))
        for block in self.up_blocks:
            for resnet in block.resnets:
                x = resnet(x)
            if block.ups:
                x = block.upsamplers[0].conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class AutoencoderKL(nn.Module):
    def __init__(self, config):
        super().__init__()
        n = config["latent_channels"]
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.quant_conv = nn.Conv2d(2 * n, 2 * n, 1)
        self.post_quant_conv = nn.Conv2d(n, n, 1)

    def encode(self, x):
        """-> (mean, log variance) of the posterior."""
        mean, logvar = self.quant_conv(self.encoder(x)).chunk(2, 1)
        return mean, logvar.clamp(-30, 20)

    def decode(self, z):
        return self.decoder(self.post_quant_conv(z))


class CLIPLayer(nn.Module):
    def __init__(self, dim, inner, heads):
        super().__init__()
        self.heads = heads
        self.layer_norm1 = nn.LayerNorm(dim)
        self.self_attn = nn.ModuleDict({f"{name}_proj": nn.Linear(dim, dim) for name in ("k", "v", "q", "out")})
        self.layer_norm2 = nn.LayerNorm(dim)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dim, inner), "fc2": nn.Linear(inner, dim)})

    def forward(self, x):
        h = self.layer_norm1(x)
        q, k, v = (self.self_attn[f"{name}_proj"](h).view(*h.shape[:2], self.heads, -1).transpose(1, 2) for name in "qkv")
        h = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(x.shape)
        x = x + self.self_attn["out_proj"](h)
        h = self.mlp["fc1"](self.layer_norm2(x))
        return x + self.mlp["fc2"](h * torch.sigmoid(1.702 * h))  # quick_gelu


class CLIPTextModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        dim, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
        body = nn.Module()
        body.embeddings = nn.ModuleDict({"token_embedding": nn.Embedding(config["vocab_size"], dim), "position_embedding": nn.Embedding(config["max_position_embeddings"], dim)})
        body.encoder = nn.Module()
        body.encoder.layers = nn.ModuleList([CLIPLayer(dim, inner, heads) for _ in range(config["num_hidden_layers"])])
        body.final_layer_norm = nn.LayerNorm(dim)
        self.text_model = body
        for table in body.embeddings.values():
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, ids):
        body = self.text_model
        x = body.embeddings["token_embedding"](ids) + body.embeddings["position_embedding"].weight[None, :ids.shape[1]]
        for layer in body.encoder.layers:
            x = layer(x)
        return body.final_layer_norm(x)
