#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures in this folder, with the libraries that Automatic1111's program uses (Pillow, piexif), called as it
calls them: a text in PNG files, Latin-1 where that is enough, and UserComment of Exif in JPEG and WebP files."""
import pathlib

import piexif
import piexif.helper
from PIL import Image, PngImagePlugin

FOLDER = pathlib.Path(__file__).parent
PLAIN = ("a hut by the sea, (dawn:1.2)\nNegative prompt: blurry, café\n"
         "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1234, Size: 512x768, "
         "Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Clip skip: 2, Version: v1.10.1")
WIDE = ("ein Häuschen — 海 \U0001F30A\nNegative prompt: blurry\n"
        "Steps: 8, Sampler: Euler a, Schedule type: Automatic, CFG scale: 1.5, Seed: 4294967295, Size: 1024x1024, "
        "Model: xl, Version: f2.0.1")


def save_png(name, text, compressed=False):
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", text, zip=compressed)
    Image.new("RGB", (4, 4), (200, 40, 20)).save(FOLDER / name, pnginfo=info)


def save_exif(name, text):
    path = FOLDER / name
    Image.new("RGB", (4, 4), (200, 40, 20)).save(path)
    comment = piexif.helper.UserComment.dump(text, encoding="unicode")
    piexif.insert(piexif.dump({"Exif": {piexif.ExifIFD.UserComment: comment}}), str(path))


save_png("plain.png", PLAIN)
save_png("wide.png", WIDE)
save_png("packed.png", PLAIN, True)
for kind in ("jpg", "webp"):
    save_exif(f"plain.{kind}", PLAIN)
    save_exif(f"wide.{kind}", WIDE)
