#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's side of tools/gpu-check, on the same GPU. Prints one JSON object.

    gpu-pytorch.py step MANIFEST.json --size N [--hidiffusion on|off] [--compile]
    gpu-pytorch.py operators FILE.json

step       a step of the U-Net of tools/pytorch_unet.py with the manifest's weights (tests/golden/models), in float16 with
           channels_last. Like `hidiffusion bench`, it measures a step in each phase of the schedule of 50 steps, batch 2;
           `seconds` is the mean over the steps.
operators  the operators that gpu-bench has measured into FILE, as PyTorch has them

--cpu computes on the processor, to see that it runs.
"""
import argparse
import json
import pathlib
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import pytorch_unet  # noqa: E402

TOKENS = 77
STEPS = 50
WARM_UP = 2
SECONDS_EACH = 0.3


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def measure(function, device, repetitions):
    """Seconds of the median of some calls."""
    for _ in range(WARM_UP):
        function()
    times = []
    for _ in range(repetitions):
        synchronize(device)
        start = time.perf_counter()
        function()
        synchronize(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


# --- steps -----------------------------------------------------------------------------


def make_inputs(config, side, device, dtype):
    def random(*shape):
        return torch.randn(*shape, device=device, dtype=dtype)

    x = random(2, config["in_channels"], side, side).contiguous(memory_format=torch.channels_last)
    pooled = sizes = None
    if config.get("addition_embed_type") == "text_time":
        pooled = random(2, config["projection_class_embeddings_input_dim"] - 6 * config["addition_time_embed_dim"])
        sizes = torch.full((2, 6), 1024.0, device=device)
    return x, torch.full((2,), 500.0, device=device), random(2, TOKENS, config["cross_attention_dim"]), pooled, sizes


def measure_steps(options, device):
    dtype = torch.float16 if device == "cuda" else torch.float32
    with open(options.file, encoding="utf-8") as file:
        manifest = json.load(file)
    config = manifest["json"]["unet/config.json"]
    family = pytorch_unet.family_of(config)
    side = options.size // 8
    hidiffusion = options.hidiffusion == "on"
    tensors, inputs = pytorch_unet.make_tensors(manifest, device, dtype), make_inputs(config, side, device, dtype)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()

    answer = {"phases": []}
    shifts = tuple(1 + i % 3 for i in range(64))
    for d4, p2, steps in pytorch_unet.phases(family, side, STEPS) if hidiffusion else [(None, None, STEPS)]:
        windows = pytorch_unet.WINDOWS[family] if hidiffusion else ()
        unet = pytorch_unet.UNet(config, tensors, windows, shifts, d4, p2)
        function = torch.compile(unet.__call__, dynamic=False) if options.compile else unet
        answer["phases"].append({"d4": d4, "p2": p2, "steps": steps,
                                 "seconds": measure(lambda: function(*inputs), device, options.repetitions)})
        torch.compiler.reset()
    answer["seconds"] = sum(phase["seconds"] * phase["steps"] for phase in answer["phases"]) / STEPS
    answer["peak_bytes"] = torch.cuda.max_memory_allocated() if device == "cuda" else 0
    return answer


# --- operators -------------------------------------------------------------------------


def make_operator(case, device, dtype):
    """A function that does what gpu-bench did for @case; maps are (N, C, H, W) with channels innermost."""
    n, height, width, channels = case["batch"], case["height"], case["width"], case["in"]
    kind, tokens = case["kind"], height * width

    def random(*shape):
        return torch.randn(*shape, device=device, dtype=dtype)

    def to_heads(count):
        return random(n, count, case["heads"], channels // case["heads"]).transpose(1, 2)

    if kind == "linear":
        x, weight = random(n * tokens, channels), random(case["out"], channels)
        return lambda: F.linear(x, weight)
    if kind == "attention":
        q, k, v = to_heads(tokens), to_heads(case["keys"] or tokens), to_heads(case["keys"] or tokens)
        return lambda: F.scaled_dot_product_attention(q, k, v)
    if kind == "windows":
        # As it has to be done there: rolled, cut, attended to, and back.
        x = random(n, tokens, channels)
        roll = (height // 8, width // 8)

        def windows():
            y = torch.roll(x.view(n, height, width, channels), (-roll[0], -roll[1]), (1, 2))
            y = y.view(n, 2, height // 2, 2, width // 2, channels).permute(0, 1, 3, 2, 4, 5)
            y = y.reshape(4 * n, tokens // 4, case["heads"], -1).transpose(1, 2)
            y = F.scaled_dot_product_attention(y, y, y).transpose(1, 2)
            y = y.reshape(n, 2, 2, height // 2, width // 2, channels).permute(0, 1, 3, 2, 4, 5)
            return torch.roll(y.reshape(n, height, width, channels), roll, (1, 2))
        return windows

    x = random(n, channels, height, width).contiguous(memory_format=torch.channels_last)
    if kind == "conv":
        weight = random(case["out"], channels, 3, 3).contiguous(memory_format=torch.channels_last)
        return lambda: F.conv2d(x, weight, padding=1, stride=case["stride"])
    if kind == "group norm":
        gamma = random(channels)
        return lambda: F.silu(F.group_norm(x, 32, gamma, gamma))
    if kind == "layer norm":
        rows, gamma = random(n * tokens, channels), random(channels)
        return lambda: F.layer_norm(rows, (channels,), gamma, gamma)
    return lambda: x + x


def measure_operator(case, device, dtype):
    """As many calls as take SECONDS_EACH, one after the other."""
    function = make_operator(case, device, dtype)
    for _ in range(WARM_UP):
        function()
    count = 1
    while True:
        synchronize(device)
        start = time.perf_counter()
        for _ in range(count):
            function()
        synchronize(device)
        seconds = time.perf_counter() - start
        if seconds >= SECONDS_EACH or device == "cpu":
            return seconds / count
        count *= 2


def measure_operators(options, device):
    with open(options.file, encoding="utf-8") as file:
        bench = json.load(file)
    dtype = torch.float32 if device == "cpu" else getattr(torch, bench["precision"])
    answer = {"operators": []}
    for case in bench["operators"]:
        answer["operators"].append({"name": case["name"], "seconds": measure_operator(case, device, dtype)})
        if device == "cuda":
            torch.cuda.empty_cache()
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("step", "operators"))
    parser.add_argument("file")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--hidiffusion", choices=("on", "off"), default="off")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()

    device = "cpu" if options.cpu else "cuda"
    torch.set_grad_enabled(False)
    torch.backends.cudnn.benchmark = True
    answer = {"torch": torch.__version__, "device": "cpu" if options.cpu else torch.cuda.get_device_name()}
    answer.update(measure_steps(options, device) if options.what == "step" else measure_operators(options, device))
    json.dump(answer, sys.stdout)
    print()


if __name__ == "__main__":
    main()
