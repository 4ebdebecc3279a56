#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the objects in the demo model's pictures, at 1, 2 and 4 times the size it was trained for, HiDiffusion off and on.

    measure.py MODEL_DIR                              with this folder's PyTorch code
    measure.py MODEL_DIR --engine tools/hidiffusion   with the product's command
    measure.py --check                                the counter on drawn pictures, whose number of objects is known

Prints a Markdown table: the share of pictures with exactly one object, the share whose one object also has the outline
asked for, and the mean number of objects.  Objects are counted by colour: they are vivid, backgrounds are not.
"""
import argparse
import os
import subprocess
import tempfile

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

import pictures

GRID = 128  # pictures are counted at this size, whatever they were made at


def object_mask(picture):
    """picture: uint8 (h, w, 3) -> bool (GRID, GRID)."""
    small = np.asarray(Image.fromarray(picture).resize((GRID, GRID), Image.BOX), np.float32) / 255
    high, low = small.max(-1), small.min(-1)
    mask = (high - low > 0.55 * high) & (high - low > 0.28)
    return ndimage.binary_fill_holes(ndimage.binary_opening(mask, np.ones((3, 3))))


def objects(mask, least=0.006):
    """Masks of the connected parts that cover at least `least` of the frame."""
    labels, n = ndimage.label(mask)
    return [labels == k for k in range(1, n + 1) if (labels == k).mean() >= least]


def likeness(part, shape):
    """Best overlap (intersection over union) of a mask with the outline of a shape of the same area and middle."""
    ys, xs = np.nonzero(part)
    y, x = (torch.from_numpy(v.astype(np.float32)) for v in np.mgrid[0:GRID, 0:GRID])
    fine = torch.linspace(-1.3, 1.3, 105)
    gy, gx = torch.meshgrid(fine, fine, indexing="ij")
    inside = pictures.outline(shape, gx, gy) < 0
    area, mx, my = float(inside.float().mean()) * 2.6 ** 2, float(gx[inside].mean()), float(gy[inside].mean())
    best = 0.0
    for stretch in (0.94, 1.0, 1.06):
        r = stretch * (len(xs) / area) ** 0.5
        for angle in np.linspace(-0.3, 0.3, 9):
            dx, dy = (x - xs.mean()) / r, -(y - ys.mean()) / r
            c, s = np.cos(angle), np.sin(angle)
            want = (pictures.outline(shape, dx * c + dy * s + mx, -dx * s + dy * c + my) < 0).numpy()
            best = max(best, (want & part).sum() / (want | part).sum())
    return best


def judge(picture, shape):
    """-> (number of objects, overlap of the largest with the outline asked for)."""
    parts = sorted(objects(object_mask(picture)), key=lambda m: -m.sum())
    return len(parts), likeness(parts[0], shape) if parts else 0.0


def requests(n):
    """`n` prompts that go evenly through shapes, colours and backgrounds: (shape, prompt)."""
    out = []
    for k in range(n):
        shape, colour, ground = k % 8, (k + k // 8) % 8, (k + k // 5) % 5
        out.append((shape, f"a {pictures.COLOUR_NAMES[colour]} {pictures.SHAPES[shape]} on a {pictures.BACKGROUNDS[ground]} background"))
    return out


def by_command(command, model, prompts, size, a, mode, folder):
    """Pictures from the product's command, one call for each."""
    out = []
    for k, prompt in enumerate(prompts):
        path = os.path.join(folder, f"{mode}-{size}-{k}.png")
        subprocess.run([*command.split(), "generate", "--model", model, "--prompt", prompt, "--size", f"{size}x{size}", "--steps", str(a.steps), "--guidance", str(a.guidance),
                        "--sampler", "ddim", "--seed", str(a.seed + k), "--hidiffusion", mode, "-o", path], check=True, stdout=subprocess.DEVNULL)
        out.append(np.asarray(Image.open(path).convert("RGB")))
    return out


def check():
    """Pictures with one object drawn as in training, and with four drawn in a 2 x 2 tiling."""
    p = pictures.draw_parameters(64, np.random.default_rng(5))
    drawn = ((pictures.draw(p) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    one = [judge(x, int(s)) for x, s in zip(drawn, p["shape"])]
    four = [judge(np.tile(x, (2, 2, 1)), int(s))[0] for x, s in zip(drawn, p["shape"])]
    wrong = [judge(x, (int(s) + 1) % 8)[1] for x, s in zip(drawn, p["shape"])]
    print(f"one object: counted 1 in {sum(n == 1 for n, _ in one)} of 64, least overlap {min(v for _, v in one):.2f}, with another shape's outline at most {max(wrong):.2f}")
    print(f"four objects: counted 4 in {sum(n == 4 for n in four)} of 64")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--engine", default="torch", help="torch, or the product's command")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--modes", nargs="+", default=["off", "auto"])
    parser.add_argument("--overlap", type=float, default=0.75)
    parser.add_argument("--ratios", type=float, nargs=2, metavar=("D4", "P2"), help="instead of the model's own (PyTorch only)")
    parser.add_argument("--sheets", help="folder for contact sheets")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--check", action="store_true")
    a = parser.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    if a.check:
        return check()
    if not a.model:
        parser.error("no model folder given")
    wanted = requests(a.count)
    prompts = [text for _, text in wanted]
    torch_model = None
    if a.engine == "torch":
        from model import DemoModel
        torch_model = DemoModel(a.model)
    ratios = {k: {"d4": a.ratios[0], "p2": a.ratios[1]} for k in ("normal", "large")} if a.ratios else None
    print("| size | HiDiffusion | pictures | exactly one object | one, of the shape asked for | objects on average |\n|---|---|---|---|---|---|", flush=True)
    for size in a.sizes:
        for mode in a.modes:
            if torch_model:
                made = torch_model.generate(prompts, size, a.steps, a.guidance, a.seed, mode, ratios, batch=16 if size < 512 else 4)
                made = list(((made + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
            else:
                with tempfile.TemporaryDirectory() as folder:
                    made = by_command(a.engine, a.model, prompts, size, a, mode, folder)
            verdicts = [judge(x, shape) for x, (shape, _) in zip(made, wanted)]
            one = np.mean([n == 1 for n, _ in verdicts])
            right = np.mean([n == 1 and v >= a.overlap for n, v in verdicts])
            print(f"| {size} x {size} | {mode} | {a.count} | {100 * one:.0f} % | {100 * right:.0f} % | {np.mean([n for n, _ in verdicts]):.2f} |", flush=True)
            if a.sheets:
                os.makedirs(a.sheets, exist_ok=True)
                first = torch.from_numpy(np.stack(made[:32])).permute(0, 3, 1, 2).float() / 127.5 - 1
                sheet = Image.fromarray(pictures.sheet(first, 8))
                sheet.resize((1536, 1536 * sheet.height // sheet.width), Image.LANCZOS).save(os.path.join(a.sheets, f"{size}-{mode}.png"))


if __name__ == "__main__":
    main()
