# SPDX-License-Identifier: Apache-2.0
"""Colour profiles, written after the specification (ICC.1:2001-04), and what they mean, computed without a library."""

import struct

import numpy

D50 = numpy.array([0.9642, 1.0, 0.8249])
D65 = (0.3127, 0.3290)
BRADFORD = numpy.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _fixed(value):
    return struct.pack('>i', round(value * 65536))


def _tag_xyz(values):
    return b'XYZ \0\0\0\0' + b''.join(_fixed(value) for value in values)


def _tag_gamma(gamma):
    return b'curv\0\0\0\0' + struct.pack('>IH', 1, round(gamma * 256)) + b'\0\0'


def _tag_text(text):
    data = b'text\0\0\0\0' + text.encode() + b'\0'
    return data + bytes(-len(data) % 4)


def _tag_description(text):
    words = text.encode() + b'\0'
    data = b'desc\0\0\0\0' + struct.pack('>I', len(words)) + words + bytes(8 + 3 + 67)
    return data + bytes(-len(data) % 4)


def _profile(space, tags):
    tags = [(b'desc', _tag_description('A test')), (b'cprt', _tag_text('Nobody')), (b'wtpt', _tag_xyz(D50)), *tags]
    table, data, at = struct.pack('>I', len(tags)), b'', 128 + 4 + 12 * len(tags)
    for name, content in tags:
        table += name + struct.pack('>II', at + len(data), len(content))
        data += content
    size = at + len(data)
    header = struct.pack('>I4sI4s4s4s6H4s4sIIIQI', size, b'test', 0x02400000, b'mntr', space, b'XYZ ',
                         2026, 1, 1, 0, 0, 0, b'acsp', b'\0\0\0\0', 0, 0, 0, 0, 0)
    header += b''.join(_fixed(value) for value in D50) + b'test'
    return header + bytes(128 - len(header)) + table + data


def _xyz(x, y):
    return numpy.array([x / y, 1.0, (1 - x - y) / y])


class Rgb:
    """A space of three primaries (x and y of red, green and blue), its white, and a curve, for which sRGB's stands as None."""

    def __init__(self, primaries, gamma, white=D65):
        columns = numpy.stack([_xyz(*primary) for primary in primaries], axis=1)
        matrix = columns * numpy.linalg.solve(columns, _xyz(*white))
        cones = numpy.diag((BRADFORD @ D50) / (BRADFORD @ _xyz(*white)))
        self.matrix = numpy.linalg.inv(BRADFORD) @ cones @ BRADFORD @ matrix
        self.gamma = gamma

    def profile(self):
        return _profile(b'RGB ', [(name, _tag_xyz(column)) for name, column in
                                  zip((b'rXYZ', b'gXYZ', b'bXYZ'), self.matrix.T)]
                        + [(name, _tag_gamma(self.gamma)) for name in (b'rTRC', b'gTRC', b'bTRC')])

    def decode(self, values):
        if self.gamma is None:
            return numpy.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        return values ** self.gamma

    def encode(self, light):
        light = light.clip(0, 1)
        if self.gamma is None:
            return numpy.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
        return light ** (1 / self.gamma)

    def convert(self, values, target):
        """(..., 3) of this space in another one, relative to the white."""
        return target.encode(self.decode(values) @ self.matrix.T @ numpy.linalg.inv(target.matrix).T)


SRGB = Rgb([(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)], None)
ADOBE = Rgb([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)], 2.19921875)
# Primaries that are no colours, another white, and a flatter curve.
PROPHOTO = Rgb([(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)], 1.8, (0.3457, 0.3585))


def gray(gamma):
    """A profile for shades of gray."""
    return _profile(b'GRAY', [(b'kTRC', _tag_gamma(gamma))])


def _lab(xyz):
    ratio = xyz / D50
    root = numpy.where(ratio > (6 / 29) ** 3, numpy.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return numpy.stack([116 * root[..., 1] - 16, 500 * (root[..., 0] - root[..., 1]),
                        200 * (root[..., 1] - root[..., 2])], axis=-1)


def _unlab(lab):
    middle = (lab[..., 0] + 16) / 116
    root = numpy.stack([middle + lab[..., 1] / 500, middle, middle - lab[..., 2] / 200], axis=-1)
    return D50 * numpy.where(root > 6 / 29, root ** 3, 3 * (6 / 29) ** 2 * (root - 4 / 29))


def _tag_lut(table, side):
    head = struct.pack('>4sIBBBB', b'mft2', 0, 3, 3, side, 0) + b''.join(_fixed(v) for v in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    ramps = struct.pack('>2H', 0, 65535) * 3
    data = head + struct.pack('>HH', 2, 2) + ramps + numpy.rint(table.clip(0, 1) * 65535).astype('>u2').tobytes() + ramps
    return data + bytes(-len(data) % 4)


def with_tables(space, side=33):
    """The profile of an RGB space as tables, without matrix and curves, as printers' and some cameras' are."""
    ramp = numpy.linspace(0, 1, side)
    grid = numpy.stack(numpy.meshgrid(ramp, ramp, ramp, indexing='ij'), axis=-1)
    lab = _lab(space.decode(grid) @ space.matrix.T)
    # 16 bits of L from 0 to 100 (and a little), of a and b from -128
    forth = (lab + [0, 128, 128]) / [100, 255, 255] * (65280 / 65535)
    found = grid * (65535 / 65280) * [100, 255, 255] - [0, 128, 128]
    back = space.encode(_unlab(found) @ numpy.linalg.inv(space.matrix).T)
    tags = [(b'A2B0', _tag_lut(forth, side)), (b'B2A0', _tag_lut(back, side))]
    whole = bytearray(_profile(b'RGB ', tags))
    whole[12:16], whole[20:24] = b'prtr', b'Lab '
    return bytes(whole)
