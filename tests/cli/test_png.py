#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of how the command line reads and writes PNG files of all kinds, damaged ones too; prints TAP.

    test_png.py PROGRAM MODEL
"""
import os
import pathlib
import random
import struct
import zlib

import png
from harness import MODEL, check_complaint, check_success, main, run

SIZE = 64
FILL = ["--model", MODEL, "--steps", "1", "--guidance", "1", "--seed", "1"]
MASKED = range(24, 40)
COLOURS = [(i * 37 % 256, i * 91 % 256, i * 53 % 256) for i in range(256)]
KINDS = [(png.GRAY, 1), (png.GRAY, 2), (png.GRAY, 4), (png.GRAY, 8), (png.GRAY, 16), (png.RGB, 8), (png.RGB, 16), (png.PALETTE, 1), (png.PALETTE, 2), (png.PALETTE, 4),
         (png.PALETTE, 8), (png.GRAY_ALPHA, 8), (png.GRAY_ALPHA, 16), (png.RGBA, 8), (png.RGBA, 16)]


def is_masked(x, y):
    return x in MASKED and y in MASKED


def write_mask(folder, size=SIZE):
    path = os.path.join(folder, "mask.png")
    png.write(path, size, size, lambda x, y: [255 if is_masked(x, y) else 0], colour=png.GRAY)
    return path


def expected(samples, colour, depth):
    """Red, green, blue and opacity as they are to be written."""
    scale = {1: 255, 2: 85, 4: 17}.get(depth, 1) if colour == png.GRAY else 1
    values = COLOURS[samples[0]] if colour == png.PALETTE else tuple(sample * scale for sample in samples)
    rgb = values[:1] * 3 if colour in (png.GRAY, png.GRAY_ALPHA) else values[:3]
    return rgb + (values[-1],) if colour in (png.GRAY_ALPHA, png.RGBA) else rgb


def check_kind(folder, colour, depth, interlaced):
    def pixel(x, y):
        return [(x * 1103 + y * 60493 + c * 7919 + x * y * 131) % (1 << depth) for c in range(png.CHANNELS[colour])]

    before = [(b"PLTE", b"".join(bytes(one) for one in COLOURS[:1 << depth]))] if colour == png.PALETTE else []
    png.write(os.path.join(folder, "in.png"), SIZE, SIZE, pixel, colour, depth, interlaced, before)
    check_success(run(folder, "fill", "in.png", "--mask", "mask.png", *FILL, "--output", "out.png"))
    width, height, depth_out, colour_out, rows = png.read(os.path.join(folder, "out.png"))
    assert (width, height, depth_out) == (SIZE, SIZE, max(depth, 8))
    assert colour_out == (png.RGBA if colour in (png.GRAY_ALPHA, png.RGBA) else png.RGB)
    n, changed = png.CHANNELS[colour_out], 0
    for y in range(SIZE):
        for x in range(SIZE):
            found, wanted = rows[y][x * n:(x + 1) * n], expected(pixel(x, y), colour, depth)
            if is_masked(x, y):
                changed += found != wanted
                assert n == 3 or found[3] == (1 << depth_out) - 1
            else:
                assert found == wanted, (colour, depth, interlaced, x, y, found, wanted)
    assert changed > len(MASKED) ** 2 / 2


def test_kinds(folder):
    """Pixels that are not filled keep their bits, whatever the file is like."""
    write_mask(folder)
    for colour, depth in KINDS:
        for interlaced in (False, True):
            check_kind(folder, colour, depth, interlaced)


def check_filled_hole(folder, name, opaque, colours):
    """Fills what is transparent; `opaque (x, y)`, `colours (x, y)` as the file has them."""
    check_success(run(folder, "fill", name, *FILL, "--output", "out.png"))
    _, _, depth, colour, rows = png.read(os.path.join(folder, "out.png"))
    assert (depth, colour) == (8, png.RGBA)
    for y in range(SIZE):
        for x in range(SIZE):
            found = rows[y][x * 4:x * 4 + 4]
            assert found[3] == 255
            assert not opaque(x, y) or found[:3] == colours(x, y), (name, x, y)
    return rows


def test_transparency(folder):
    """Without a mask the transparent part is filled, beneath what is there; also where a colour means transparency."""
    def left(x, y):
        return x < SIZE // 2

    def paint(x, y):
        return x * 4, y * 4, 7

    png.write(os.path.join(folder, "alpha.png"), SIZE, SIZE, lambda x, y: [*paint(x, y), 255 if left(x, y) else 0], png.RGBA)
    check_filled_hole(folder, "alpha.png", left, paint)
    png.write(os.path.join(folder, "key.png"), SIZE, SIZE, lambda x, y: paint(x, y) if left(x, y) else (1, 2, 3), before=[(b"tRNS", struct.pack(">3H", 1, 2, 3))])
    check_filled_hole(folder, "key.png", left, paint)
    png.write(os.path.join(folder, "palette.png"), SIZE, SIZE, lambda x, y: [1 if left(x, y) else 0], png.PALETTE, 8,
              before=[(b"PLTE", bytes((9, 8, 7, 6, 5, 4))), (b"tRNS", bytes((0,)))])
    check_filled_hole(folder, "palette.png", left, lambda x, y: (6, 5, 4))

    # Half transparent pixels become mixtures: all of the filled colour where the picture has none, half of it there.
    png.write(os.path.join(folder, "half.png"), SIZE, SIZE, lambda x, y: (255, 255, 255, 255 if left(x, y) else 128), png.RGBA)
    rows = check_filled_hole(folder, "half.png", left, lambda x, y: (255, 255, 255))
    assert all(sample >= 127 for row in rows for sample in row)

    png.write(os.path.join(folder, "opaque.png"), SIZE, SIZE, lambda x, y: (x, y, 0))
    check_complaint(run(folder, "fill", "opaque.png", *FILL), 2, "transparent part")
    png.write(os.path.join(folder, "opaque.png"), SIZE, SIZE, lambda x, y: (x, y, 0, 255), png.RGBA)
    check_complaint(run(folder, "fill", "opaque.png", *FILL), 1, "mask")


def test_colours(folder):
    """What a file says about its colours is said of what is made from it, too."""
    write_mask(folder)
    primaries = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    for kind, content in ((b"gAMA", struct.pack(">I", 55555)), (b"cHRM", primaries), (b"sRGB", b"\0")):
        png.write(os.path.join(folder, "in.png"), SIZE, SIZE, lambda x, y: (x, y, 0), before=[(kind, content)])
        check_success(run(folder, "fill", "in.png", "--mask", "mask.png", *FILL, "--output", "out.png"))
        found = dict(png.chunks(os.path.join(folder, "out.png")))
        assert found.get(kind) == content and (kind == b"sRGB") == (b"sRGB" in found), (kind, list(found))


def test_profile(folder):
    """An ICC profile is kept; for gray, or damaged, it is left out."""
    write_mask(folder)
    text = b"text" + bytes(4) + b"nobody's\0\0\0\0"
    tags = struct.pack(">I4sII", 1, b"cprt", 144, len(text)) + text
    profile = struct.pack(">I4s4s4s4s4s12s4s24sI3I48s", 128 + len(tags), b"test", b"\2\x40\0\0", b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp", bytes(24), 0, 0xf6d6, 0x10000, 0xd32d, bytes(48)) + tags
    content = b"mine\0\0" + zlib.compress(profile, 0)
    png.write(os.path.join(folder, "in.png"), SIZE, SIZE, lambda x, y: (x, y, 0), before=[(b"iCCP", content)])
    check_success(run(folder, "fill", "in.png", "--mask", "mask.png", *FILL, "--output", "out.png"))
    found = dict(png.chunks(os.path.join(folder, "out.png")))
    assert b"iCCP" in found and zlib.decompress(found[b"iCCP"][6:]) == profile, list(found)
    for colour, one in ((png.GRAY, content), (png.RGB, content[:-9]), (png.RGB, b"mine\0\0" + zlib.compress(bytes(200), 0))):
        png.write(os.path.join(folder, "in.png"), SIZE, SIZE, lambda x, y: [x] * png.CHANNELS[colour], colour, before=[(b"iCCP", one)])
        check_success(run(folder, "fill", "in.png", "--mask", "mask.png", *FILL, "--output", "out.png"))
        assert b"iCCP" not in dict(png.chunks(os.path.join(folder, "out.png")))


def check_refused(folder, content, part=""):
    path = pathlib.Path(folder) / "in.png"
    path.write_bytes(content)
    # What can be read all the same fails for its mask, which is of another size.
    result = run(folder, "fill", "in.png", "--mask", "mask.png", *FILL, "--output", "out.png")
    check_complaint(result, 1, part)
    assert "in.png" in result.stderr or "mask.png" in result.stderr
    assert not os.path.exists(os.path.join(folder, "out.png"))


def header(width, height, depth=8, colour=2, method=0, interlace=0):
    return png.SIGNATURE + png.chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, method, 0, interlace))


def test_foreign(folder):
    write_mask(folder, 32)
    for content in (b"", b"\x89PNG", b"hello, world", b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(99), b"GIF89a" + bytes(99), png.SIGNATURE[:4] + b"\n\n\n\n" + bytes(99)):
        check_refused(folder, content, "in.png: expected a PNG file, found another kind")
    os.mkdir(os.path.join(folder, "folder.png"))
    check_complaint(run(folder, "upscale", "folder.png", *FILL), 1, "folder.png: cannot be read: Is a directory")
    check_complaint(run(folder, "upscale", "nowhere.png", *FILL), 1, "nowhere.png: cannot be read: No such file")


def test_sizes(folder):
    write_mask(folder, 32)
    end = png.chunk(b"IDAT", zlib.compress(bytes(100))) + png.chunk(b"IEND", b"")
    check_refused(folder, header(8193, 10) + end, "in.png: expected at most 8192 x 8192 pixels, found 8193 x 10")
    check_refused(folder, header(10, 0x7fffffff) + end, "found 10 x 2147483647")
    for bad in (header(0, 10), header(10, 0), header(0x80000000, 1), header(10, 10, 3), header(10, 10, 16, 3), header(10, 10, 8, 5), header(10, 10, 8, 2, 1), header(10, 10, 8, 2, 0, 2)):
        check_refused(folder, bad + end, "in.png: expected a whole PNG file")
    check_refused(folder, header(100, 100) + end, "in.png: expected a whole PNG file")


def test_truncated(folder):
    write_mask(folder, 32)
    whole = png.encode(SIZE, SIZE, lambda x, y: (x, y, x * y % 256), before=[(b"gAMA", struct.pack(">I", 45455)), (b"tEXt", b"Comment\0hello")])
    for length in [*range(8, 120, 3), *range(120, len(whole) - 1, max(len(whole) // 40, 1))]:
        check_refused(folder, whole[:length], "in.png: expected a")
    check_refused(folder, whole.replace(b"IDAT", b"JDAT"), "in.png: expected a")
    damaged = bytearray(whole)
    damaged[-30] ^= 1
    check_refused(folder, bytes(damaged), "in.png: expected a")


def test_mutated(folder):
    """Whatever the bytes, there is a message."""
    write_mask(folder, 32)
    chance = random.Random(1)
    chunks = [(b"PLTE", bytes(range(48))), (b"tRNS", bytes(16)), (b"iCCP", b"a\0\0" + zlib.compress(bytes(300), 0)), (b"iTXt", b"hidiffusion-request\0\0\0\0\0{}"), (b"cHRM", bytes(32)),
              (b"zTXt", b"k\0\0" + zlib.compress(bytes(1000))), (b"sRGB", b"\0"), (b"gAMA", bytes(4)), (b"bKGD", b"\1"), (b"eXIf", bytes(9)), (b"hIST", bytes(32))]
    for _ in range(150):
        colour, depth = chance.choice(KINDS)
        before = chance.sample(chunks, chance.randrange(5))
        if colour == png.PALETTE and chance.random() < 0.9:
            before = [chunks[0], *before]
        content = bytearray(png.encode(SIZE, SIZE, lambda x, y: [chance.randrange(1 << depth) for _ in range(png.CHANNELS[colour])], colour, depth, chance.random() < 0.5, before))
        for _ in range(chance.choice((0, 1, 1, 2, 20))):
            at = chance.randrange(8, len(content))
            content[at] ^= 1 << chance.randrange(8)
        check_refused(folder, bytes(content))


if __name__ == "__main__":
    main(globals())
