#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the objects in the demo model's pictures, at 1, 2 and 4 times the size it was trained for, HiDiffusion off and on.

    measure.py MODEL_DIR                              with this folder's PyTorch code
    measure.py MODEL_DIR --engine COMMAND             with the program: COMMAND generate ...
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


def by_torch(first, prompts, size, a, mode):
    """Pictures from this folder's PyTorch code; the first has the number `first` among all."""
    from model import DemoModel
    torch.set_num_threads(1)
    ratios = {k: {"d4": a.ratios[0], "p2": a.ratios[1]} for k in ("normal", "large")} if a.ratios else None
    made = DemoModel(a.model).generate(prompts, size, a.steps, a.guidance, a.seed + first, mode, ratios, batch=max(1, 8 * 128 * 128 // (size * size)))
    return list(((made + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())


def make(pool, wanted, size, a, mode):
    """The pictures for all requests."""
    prompts = [text for _, text in wanted]
    if pool is None:
        with tempfile.TemporaryDirectory() as folder:
            return by_command(a.engine, a.model, prompts, size, a, mode, folder)
    jobs = [pool.apply_async(by_torch, (k, prompts[k:k + 4], size, a, mode)) for k in range(0, len(prompts), 4)]
    return [picture for job in jobs for picture in job.get()]


def row(made, wanted, size, a, mode):
    """A line of the table."""
    verdicts = [judge(x, shape) for x, (shape, _) in zip(made, wanted)]
    one = np.mean([n == 1 for n, _ in verdicts])
    right = np.mean([n == 1 and v >= a.overlap for n, v in verdicts])
    return f"| {size} x {size} | {mode} | {len(made)} | {100 * one:.0f} % | {100 * right:.0f} % | {np.mean([n for n, _ in verdicts]):.2f} |"


def write_block(path, lines):
    """Puts the table between the markers of docs/measurements.md, in place of what stands there below the heading."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    begin, end = text.index("<!-- tools/demo-model: objects -->"), text.index("<!-- end of objects -->")
    heading = text[begin:end].split("\n\n")[0]
    with open(path, "w", encoding="utf-8") as file:
        file.write(text[:begin] + heading + "\n\n" + "\n".join(lines) + "\n" + text[end:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--engine", default="torch", help="torch, or the product's command")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--modes", nargs="+", default=["off", "auto"])
    parser.add_argument("--overlap", type=float, default=0.75)
    parser.add_argument("--ratios", type=float, nargs=2, metavar=("D4", "P2"), help="instead of the model's own (PyTorch only)")
    parser.add_argument("--sheets", help="folder for contact sheets")
    parser.add_argument("--docs", help="docs/measurements.md: the table goes into its block")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--check", action="store_true")
    a = parser.parse_args()
    torch.set_num_threads(1)
    if a.check:
        return check()
    if not a.model:
        parser.error("no model folder given")
    wanted = requests(a.count)
    by = "the PyTorch code of tools/demo-model" if a.engine == "torch" else "the program itself"
    lines = [f"{a.count} prompts, each with its own seed, through all shapes, colours and backgrounds; DDIM, {a.steps} steps, guidance {a.guidance:g}; pictures by {by}, counted by",
             f"`tools/demo-model/measure.py`. The last but one column asks for the outline too: overlap with it at least {a.overlap:g}.", "",
             "| size | HiDiffusion | pictures | exactly one object | one, of the shape asked for | objects on average |", "|---|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    pool = torch.multiprocessing.get_context("spawn").Pool(a.workers) if a.engine == "torch" else None
    for size in a.sizes:
        for mode in a.modes:
            made = make(pool, wanted, size, a, mode)
            lines.append(row(made, wanted, size, a, mode))
            print(lines[-1], flush=True)
            if a.sheets:
                os.makedirs(a.sheets, exist_ok=True)
                first = torch.from_numpy(np.stack(made[:32])).permute(0, 3, 1, 2).float() / 127.5 - 1
                sheet = Image.fromarray(pictures.sheet(first, 8))
                sheet.resize((1536, 1536 * sheet.height // sheet.width), Image.LANCZOS).save(os.path.join(a.sheets, f"{size}-{mode}.png"))
    if pool:
        pool.close()
        pool.join()
    if a.docs:
        write_block(a.docs, lines)


if __name__ == "__main__":
    main()
