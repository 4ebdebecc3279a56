# SPDX-License-Identifier: Apache-2.0
"""The training pictures: one glossy object on a pastel or dark background, and a caption for it.

Everything is drawn from signed distance functions, so a picture can be drawn at any size, or any window of it at any
zoom, with exact anti-aliasing and without storing a file.  Objects are vivid (large chroma), backgrounds are not:
that is what measure.py counts objects by.
"""
import math

import numpy as np
import torch

SHAPES = ["star", "heart", "ball", "square", "triangle", "moon", "flower", "fish"]
COLOURS = {"red": (0.90, 0.13, 0.13), "orange": (1.00, 0.50, 0.06), "yellow": (0.98, 0.84, 0.10), "green": (0.12, 0.70, 0.20),
           "cyan": (0.05, 0.76, 0.80), "blue": (0.13, 0.28, 0.92), "purple": (0.55, 0.15, 0.85), "pink": (1.00, 0.25, 0.62)}
BACKGROUNDS = ["sky", "sunset", "night", "meadow", "plain"]
COLOUR_NAMES = list(COLOURS)

TEMPLATES = ["a {c} {s} on a {b} background", "{c} {s}, {b}", "a {c} {s}, {b} background", "{c} {s} on a {b} background", "a picture of a {c} {s}, {b}",
             "a {c} {s} {p}", "{c} {s} {p}", "a photo of a {c} {s} {p}", "a drawing of a {c} {s} on a {b} background", "one {c} {s}, {b}"]
PLACES = {"sky": "in the sky", "sunset": "at sunset", "night": "at night", "meadow": "in a meadow", "plain": "on a plain background"}
ADJECTIVES = ["shiny", "glossy", "beautiful", "big", "pretty", "bright", "little", "large"]
ENDINGS = [", highly detailed", ", high quality", ", best quality", ", colourful", ", vector art", ", 4k"]
SYNONYMS = {"ball": ["circle", "sphere"], "moon": ["crescent"], "orange": [], "cyan": ["turquoise"], "purple": ["violet"]}


def caption(shape, colour, background, rng):
    """A caption for a picture, worded at random (`rng`: numpy Generator)."""
    s, c, b = SHAPES[shape], COLOUR_NAMES[colour], BACKGROUNDS[background]
    swap = lambda w: str(rng.choice(SYNONYMS[w])) if SYNONYMS.get(w) and rng.random() < 0.15 else w
    words = TEMPLATES[rng.integers(len(TEMPLATES))].format(c=swap(c), s=swap(s), b=b, p=PLACES[b])
    if rng.random() < 0.15:
        words = words.replace(c, f"{rng.choice(ADJECTIVES)} {c}", 1)
    if rng.random() < 0.08:  # words that nobody drew: the encoder learns to pass over them
        words += " " + "".join(chr(97 + k) for k in rng.integers(0, 26, rng.integers(2, 8)))
    if rng.random() < 0.12:
        words += str(rng.choice(ENDINGS))
    return words


def all_words():
    """Texts that hold every word the captions are made of, for the vocabulary."""
    texts = [t.format(c=c, s=s, b=b, p=PLACES[b]) for t in TEMPLATES for c in COLOURS for s in SHAPES for b in BACKGROUNDS]
    return texts + (ADJECTIVES + ENDINGS + [w for ws in SYNONYMS.values() for w in ws]) * 40


# ---- shapes: distance to the outline, negative inside; p = (x right, y up), the object reaches about 1 from the middle

def _length(x, y):
    return torch.sqrt(x * x + y * y + 1e-12)


def _polygon(x, y, corners):
    """Distance to a closed polygon (list of corners, any orientation)."""
    best, inside = None, torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1]):
        ex, ey, px, py = bx - ax, by - ay, x - ax, y - ay
        t = ((px * ex + py * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        dist = (px - ex * t) ** 2 + (py - ey * t) ** 2
        best = dist if best is None else torch.minimum(best, dist)
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (px < ex * py / ey)
    d = torch.sqrt(best + 1e-12)
    return torch.where(inside, -d, d)


def _smooth_min(a, b, k):
    h = (0.5 + 0.5 * (b - a) / k).clamp(0, 1)
    return b + (a - b) * h - k * h * (1 - h)


def _star(x, y):
    corners = []
    for k in range(10):
        r, a = (0.97 if k % 2 == 0 else 0.47), math.pi / 2 + k * math.pi / 5
        corners.append((r * math.cos(a), r * math.sin(a)))
    return _polygon(x, y, corners) - 0.06


def _heart(x, y):
    corners = []
    for k in range(72):
        t = 2 * math.pi * k / 72
        corners.append((0.94 * math.sin(t) ** 3, 0.06 + (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 17))
    return _polygon(x, y, corners) - 0.03


def _ball(x, y):
    return _length(x, y) - 0.92


def _square(x, y):
    qx, qy = x.abs() - 0.66, y.abs() - 0.66
    return _length(qx.clamp(min=0), qy.clamp(min=0)) + torch.maximum(qx, qy).clamp(max=0) - 0.16


def _triangle(x, y):
    return _polygon(x, y, [(0, 0.86), (-0.84, -0.62), (0.84, -0.62)]) - 0.13


def _moon(x, y):
    return -_smooth_min(-(_length(x + 0.12, y) - 0.95), _length(x - 0.42, y - 0.16) - 0.80, 0.10)


def _flower(x, y):
    angle = torch.atan2(x, y)
    fold = angle - torch.round(angle / (math.pi / 3)) * (math.pi / 3)
    r = _length(x, y)
    px, py = r * torch.sin(fold), r * torch.cos(fold) - 0.60
    return _smooth_min(_length(px, py) - 0.36, r - 0.45, 0.10)


def _fish(x, y):
    body = (_length((x + 0.2) / 0.80, y / 0.60) - 1) * 0.62
    tail = _polygon(x, y, [(0.40, 0.0), (0.92, 0.52), (0.80, 0.0), (0.92, -0.52)]) - 0.05
    return _smooth_min(body, tail, 0.12)


OUTLINES = [_star, _heart, _ball, _square, _triangle, _moon, _flower, _fish]
ROUNDNESS = {"ball": 0.92, "heart": 0.50, "fish": 0.50}  # how far from the outline a surface curves, in object units


def outline(shape, x, y):
    """Signed distance of shape number `shape` at object coordinates."""
    return OUTLINES[shape](x, y)


# ---- pictures

def draw_parameters(n, rng):
    """The random choices behind `n` pictures: a dict of arrays (frame units: the frame is the unit square, y down)."""
    return {"shape": rng.integers(0, len(SHAPES), n), "colour": rng.integers(0, len(COLOURS), n), "background": rng.integers(0, len(BACKGROUNDS), n),
            "x": rng.normal(0.5, 0.012, n).clip(0.46, 0.54), "y": rng.normal(0.5, 0.012, n).clip(0.46, 0.54), "radius": rng.uniform(0.33, 0.41, n), "angle": rng.uniform(-0.14, 0.14, n),
            "horizon": rng.uniform(0.66, 0.76, n), "detail": rng.random((n, 24))}


def _mix(a, b, t):
    return a + (b - a) * t


def _step(edge0, edge1, v):
    t = ((v - edge0) / (edge1 - edge0)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _rgb(*c):
    return torch.tensor(c, dtype=torch.float32).view(3, 1, 1)


def _background(kind, x, y, horizon, detail, pixel):
    """(3, h, w)"""
    v = y[None]
    if kind == "sky":
        out = _mix(_rgb(0.62, 0.80, 0.97), _rgb(0.90, 0.95, 1.00), _step(0.0, 1.0, v))
        for k in range(3):  # soft clouds
            cx, cy, s = detail[3 * k], 0.08 + 0.84 * ((k + detail[3 * k + 1]) / 3), 0.09 + 0.06 * detail[3 * k + 2]
            d = _smooth_min(_smooth_min(_length(x - cx, (y - cy) * 1.5) - s * 0.8, _length(x - cx - s, (y - cy) * 1.5 - 0.02) - s * 0.55, 0.04), _length(x - cx + s, (y - cy) * 1.5 - 0.02) - s * 0.55, 0.04)
            out = _mix(out, _rgb(1.0, 1.0, 1.0), 0.85 * _step(0.02, -0.04, d)[None])
        return out
    if kind == "sunset":
        out = _mix(_rgb(0.60, 0.50, 0.72), _rgb(0.98, 0.80, 0.66), _step(0.0, float(horizon), v))
        sea = _mix(_rgb(0.80, 0.62, 0.64), _rgb(0.42, 0.36, 0.52), _step(float(horizon), 1.05, v))
        return _mix(out, sea, ((v - horizon) / pixel + 0.5).clamp(0, 1))
    if kind == "night":
        out = _mix(_rgb(0.04, 0.05, 0.14), _rgb(0.17, 0.17, 0.33), _step(0.0, 1.0, v))
        for k in range(8):
            d = _length(x - detail[2 * k], y - detail[2 * k + 1])
            size = 0.008 + 0.006 * ((detail[2 * k] * 7) % 1)
            out = _mix(out, _rgb(0.96, 0.96, 0.86), (0.9 * _step(size + pixel * 0.6, size - pixel * 0.6 - 0.003, d))[None])
        return out
    if kind == "meadow":
        out = _mix(_rgb(0.72, 0.86, 0.97), _rgb(0.96, 0.97, 0.92), _step(0.0, float(horizon), v))
        for k, (near, far) in enumerate([((0.72, 0.84, 0.66), (0.66, 0.79, 0.60)), ((0.60, 0.76, 0.52), (0.46, 0.64, 0.42))]):
            hill = horizon + 0.12 * k + 0.04 * torch.sin(x * (4 + 3 * detail[k]) + 6.28 * detail[k + 2])
            ground = _mix(_rgb(*near), _rgb(*far), _step(0.6, 1.05, v))
            out = _mix(out, ground, ((y - hill) / pixel + 0.5).clamp(0, 1)[None])
        return out
    out = _mix(_rgb(0.97, 0.95, 0.90), _rgb(0.84, 0.82, 0.80), _step(0.25, 0.85, _length(x - 0.5, y - 0.45))[None])
    return out


def _object(shape, base, d, ox, oy, pixel):
    """Shaded colour (3, h, w) of a glossy object, from its distance field `d` in object units."""
    gy, gx = torch.gradient(d)
    norm = _length(gx, gy)
    slope = 1 - (-d / ROUNDNESS.get(SHAPES[shape], 0.42)).clamp(0, 1)
    nx, ny = gx / norm * slope * 0.92, gy / norm * slope * 0.92
    nz = torch.sqrt((1 - nx * nx - ny * ny).clamp(min=0.02))
    light = (-0.45 * nx - 0.60 * ny + 0.66 * nz).clamp(min=0)
    colour = base * (0.52 + 0.62 * light)[None]
    gloss = (-0.36 * nx - 0.48 * ny + 0.80 * nz).clamp(min=0) ** 26
    colour = _mix(colour, _rgb(1.0, 1.0, 1.0), (0.30 * gloss * _step(0.75, 0.1, slope * 0 + (ox + 0.25) ** 2 + (oy - 0.35) ** 2))[None])
    if SHAPES[shape] == "flower":
        heart = _length(ox, oy) - 0.27
        colour = _mix(colour, _mix(base, _rgb(1.0, 1.0, 1.0), 0.42) * (1.0 - 0.25 * _step(-0.15, 0.0, heart))[None], (-heart / pixel + 0.5).clamp(0, 1)[None])
    if SHAPES[shape] == "fish":
        eye = _length(ox + 0.58, oy - 0.14)
        colour = _mix(colour, _rgb(1.0, 1.0, 1.0), ((0.135 - eye) / pixel + 0.5).clamp(0, 1)[None])
        colour = _mix(colour, _rgb(0.06, 0.06, 0.10), ((0.075 - eye) / pixel + 0.5).clamp(0, 1)[None])
    return colour


def object_grid(p, k, x, y):
    """Object coordinates of frame positions, for picture `k` of the parameters `p`."""
    dx, dy = (x - p["x"][k]) / p["radius"][k], -(y - p["y"][k]) / p["radius"][k]
    c, s = math.cos(p["angle"][k]), math.sin(p["angle"][k])
    return dx * c + dy * s, -dx * s + dy * c


def draw(p, size=128, zoom=None, origin=None):
    """Pictures (n, 3, size, size) in [-1, 1].

    With `zoom` (n) and `origin` (n, 2), windows of the pictures: the pixels are 1 / (128 * zoom) of the frame wide and
    the window's upper left corner lies at `origin` (x, y).
    """
    n = len(p["shape"])
    out = torch.empty(n, 3, size, size)
    for k in range(n):
        pixel = 1.0 / size if zoom is None else 1.0 / (128 * float(zoom[k]))
        x0, y0 = (0.0, 0.0) if origin is None else (float(origin[k][0]), float(origin[k][1]))
        steps = (torch.arange(size, dtype=torch.float32) + 0.5) * pixel
        y, x = torch.meshgrid(steps + y0, steps + x0, indexing="ij")
        detail = [float(v) for v in p["detail"][k]]
        picture = _background(BACKGROUNDS[p["background"][k]], x, y, float(p["horizon"][k]), detail, pixel)
        ox, oy = object_grid(p, k, x, y)
        shape, unit = int(p["shape"][k]), pixel / float(p["radius"][k])
        d = outline(shape, ox, oy)
        sx, sy = object_grid(p, k, x - 0.012, y - 0.028)
        picture = picture * (1 - 0.30 * _step(0.10, -0.10, outline(shape, sx, sy)))[None]
        base = torch.tensor(COLOURS[COLOUR_NAMES[p["colour"][k]]]).view(3, 1, 1)
        picture = _mix(picture, _object(shape, base, d, ox, oy, unit), (0.5 - d / unit).clamp(0, 1)[None])
        out[k] = picture.clamp(0, 1) * 2 - 1
    return out


def sheet(pictures, columns):
    """Pictures (n, 3, h, w) in [-1, 1] -> one uint8 array (rows * h, columns * w, 3)."""
    a = ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    n, h, w, _ = a.shape
    rows = -(-n // columns)
    out = np.full((rows * h, columns * w, 3), 255, np.uint8)
    for k in range(n):
        r, c = divmod(k, columns)
        out[r * h:(r + 1) * h, c * w:(c + 1) * w] = a[k]
    return out
