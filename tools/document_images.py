# SPDX-License-Identifier: Apache-2.0
"""Pictures for the documents: side by side, smaller, and with a palette, as PNG files of little size."""

import struct
import zlib

import numpy

COLOURS = 256
GAP = 12


def load(path):
    """A PNG file as (height, width, 4) bytes."""
    import gi
    gi.require_version('GdkPixbuf', '2.0')
    from gi.repository import GdkPixbuf
    pixbuf = GdkPixbuf.Pixbuf.new_from_file(str(path))
    if not pixbuf.get_has_alpha():
        pixbuf = pixbuf.add_alpha(False, 0, 0, 0)
    width, height, stride = pixbuf.get_width(), pixbuf.get_height(), pixbuf.get_rowstride()
    data = numpy.frombuffer(pixbuf.get_pixels(), numpy.uint8)
    rows = [data[y * stride:y * stride + 4 * width] for y in range(height)]
    return numpy.stack(rows).reshape(height, width, 4)


def shrink(picture, factor):
    """Smaller by a whole number."""
    height, width = (side // factor * factor for side in picture.shape[:2])
    blocks = picture[:height, :width].reshape(height // factor, factor, width // factor, factor, 4)
    return numpy.rint(blocks.mean(axis=(1, 3))).astype(numpy.uint8)


def side_by_side(pictures):
    """In a row, their lower edges level, with transparent gaps."""
    height = max(picture.shape[0] for picture in pictures)
    width = sum(picture.shape[1] for picture in pictures) + GAP * (len(pictures) - 1)
    row, x = numpy.zeros((height, width, 4), numpy.uint8), 0
    for picture in pictures:
        row[height - picture.shape[0]:, x:x + picture.shape[1]] = picture
        x += picture.shape[1] + GAP
    return row


def _split(colours, counts):
    """Colours cut into boxes at the median of the widest side, until there are enough."""
    boxes = [numpy.arange(len(colours))]
    while len(boxes) < COLOURS:
        spread = [numpy.ptp(colours[box], axis=0).max() * counts[box].sum() ** 0.5 if len(box) > 1 else 0 for box in boxes]
        widest = int(numpy.argmax(spread))
        if spread[widest] == 0:
            break
        box = boxes.pop(widest)
        axis = int(numpy.argmax(numpy.ptp(colours[box], axis=0)))
        box = box[numpy.argsort(colours[box, axis], kind='stable')]
        half = numpy.cumsum(counts[box])
        cut = min(max(int(numpy.searchsorted(half, half[-1] / 2)), 1), len(box) - 1)
        boxes += [box[:cut], box[cut:]]
    return boxes


def quantise(picture):
    """The palette, of at most 256 RGBA colours, and the number of each pixel's colour."""
    packed = numpy.ascontiguousarray(picture).view(numpy.uint32)[..., 0]
    colours, inverse, counts = numpy.unique(packed, return_inverse=True, return_counts=True)
    values = colours.view(numpy.uint8).reshape(-1, 4).astype(numpy.int32)
    palette, number = [], numpy.zeros(len(colours), numpy.uint8)
    for i, box in enumerate(_split(values, counts)):
        palette.append(numpy.rint(numpy.average(values[box], axis=0, weights=counts[box])))
        number[box] = i
    return numpy.array(palette, numpy.uint8), number[inverse].reshape(picture.shape[:2])


def _chunk(kind, data):
    body = kind + data
    return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))


def save(picture, path):
    """Writes a PNG file with a palette."""
    palette, numbers = quantise(picture)
    height, width = numbers.shape
    rows = numpy.concatenate([numpy.zeros((height, 1), numpy.uint8), numbers], axis=1)
    header = struct.pack('>IIBBBBB', width, height, 8, 3, 0, 0, 0)
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + _chunk(b'IHDR', header)
                     + _chunk(b'PLTE', palette[:, :3].tobytes()) + _chunk(b'tRNS', palette[:, 3].tobytes())
                     + _chunk(b'IDAT', zlib.compress(rows.tobytes(), 9)) + _chunk(b'IEND', b''))
