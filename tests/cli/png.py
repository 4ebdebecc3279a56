# SPDX-License-Identifier: Apache-2.0
"""PNG files of all kinds, written and read without a library that could share the program's mistakes."""
import pathlib
import struct
import zlib

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
SIGNATURE = b"\x89PNG\r\n\x1a\n"
WHOLE = [(0, 0, 1, 1)]
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def pack(samples, depth):
    if depth == 16:
        return struct.pack(f">{len(samples)}H", *samples)
    if depth == 8:
        return bytes(samples)
    packed, per_byte = bytearray(), 8 // depth
    for start in range(0, len(samples), per_byte):
        byte = 0
        for sample in samples[start:start + per_byte]:
            byte = byte << depth | sample
        packed.append(byte << depth * (per_byte - len(samples[start:start + per_byte])))
    return bytes(packed)


def encode(width, height, pixel, colour=RGB, depth=8, interlaced=False, before=(), after=()):
    """pixel (x, y) gives the samples; before and after are (kind, content) of chunks around the pixels."""
    data = b""
    for x0, y0, dx, dy in ADAM7 if interlaced else WHOLE:
        for y in range(y0, height, dy):
            samples = [sample for x in range(x0, width, dx) for sample in pixel(x, y)]
            data += b"\0" + pack(samples, depth) if samples else b""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return b"".join([SIGNATURE, chunk(b"IHDR", header), *(chunk(*one) for one in before), chunk(b"IDAT", zlib.compress(data)),
                     *(chunk(*one) for one in after), chunk(b"IEND", b"")])


def write(path, *arguments, **options):
    pathlib.Path(path).write_bytes(encode(*arguments, **options))


def chunks(path):
    """The file's chunks as (kind, content), their checksums checked."""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == SIGNATURE
    at, found = 8, []
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        content = data[at + 8:at + 8 + length]
        assert zlib.crc32(kind + content) == struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0]
        found.append((kind, content))
        at += 12 + length
    assert found[-1][0] == b"IEND"
    return found


def unfilter(data, stride, step):
    """The rows, of which each began with the number of a filter."""
    rows, last = [], bytes(stride)
    for at in range(0, len(data), stride + 1):
        kind, row = data[at], bytearray(data[at + 1:at + 1 + stride])
        for i in range(stride):
            left, up, corner = row[i - step] if i >= step else 0, last[i], last[i - step] if i >= step else 0
            guess = left + up - corner
            paeth = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
            row[i] = row[i] + (0, left, up, (left + up) // 2, paeth)[kind] & 255
        rows.append(bytes(row))
        last = row
    return rows


def read(path):
    """(width, height, depth, colour, rows of samples) of a file with 8 or 16 bits, not interlaced."""
    found = chunks(path)
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", found[0][1])
    assert depth in (8, 16) and not interlaced
    step = CHANNELS[colour] * depth // 8
    rows = unfilter(zlib.decompress(b"".join(content for kind, content in found if kind == b"IDAT")), width * step, step)
    assert len(rows) == height
    return width, height, depth, colour, [struct.unpack(f">{width * CHANNELS[colour]}{'H' if depth == 16 else 'B'}", row) for row in rows]
