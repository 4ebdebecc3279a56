# SPDX-License-Identifier: Apache-2.0
"""The diagrams of docs/how-it-works.md. Their colours are readable on light and on dark paper: nothing lies on the paper
itself but grays of middle lightness, and white text lies on colours of its own."""

GRAY = '#7d8590'
BLUE = '#2f6fb3'
ORANGE = '#c2571a'
GREEN = '#2e8048'
FAINT = '#8b94a055'

FONT = 'font-family="DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"'


class Drawing:
    def __init__(self, width, height, title):
        self.width, self.height = width, height
        self.parts = [f'<title>{title}</title>']

    def add(self, element):
        self.parts.append(element)

    def rectangle(self, x, y, width, height, fill, radius=4, stroke='none', stroke_width=1):
        self.add(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}" fill="{fill}" '
                 f'stroke="{stroke}" stroke-width="{stroke_width}"/>')

    def text(self, x, y, text, size=13, fill=GRAY, anchor='middle', weight='normal'):
        self.add(f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" '
                 f'font-weight="{weight}">{text}</text>')

    def arrow(self, x1, y1, x2, y2, colour=GRAY, width=1.5, dashed=False):
        dash = ' stroke-dasharray="4 4"' if dashed else ''
        self.add(f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}" stroke-width="{width}"{dash} '
                 f'marker-end="url(#{"head" + colour[1:]})"/>')

    def svg(self):
        heads = ''.join(
            f'<marker id="head{colour[1:]}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0 0 L8 4 L0 8 z" fill="{colour}"/></marker>' for colour in (GRAY, ORANGE))
        body = '\n'.join(self.parts)
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
                f'height="{self.height}" {FONT}>\n<!-- SPDX-License-Identifier: Apache-2.0; made by tools/pictures -->\n'
                f'<defs>{heads}</defs>\n{body}\n</svg>\n')


# --- RAU-Net -----------------------------------------------------------------------

LEVELS = 4
SHORTEST, LONGEST = 16, 132   # of a block, in pixels of the drawing


def block_height(side):
    """The larger the map the higher its block: proportional to the side."""
    return max(SHORTEST, LONGEST * side / 128)


def u_net(drawing, left, title, notes, sides, d4=False):
    """A U-Net whose maps have these sides, in four levels; the way down is to the left."""
    width, gap = 30, 7
    drawing.text(left + 145, 24, title, 15, weight='bold')
    for i, note in enumerate(notes):
        drawing.text(left + 145, 408 + 18 * i, note, 12.5)
    offset = [0, 30, 50, 66]
    centres = [112, 240, 315, 366]
    for level, side in enumerate(sides):
        height = block_height(side)
        as_trained = side <= 64 >> level
        fill = GREEN if as_trained else (GRAY if level == 0 else ORANGE)
        if level == 0 and side > 64:
            fill = BLUE
        y = centres[level] - height / 2
        for x in (left + offset[level], left + 290 - width - offset[level]):
            drawing.rectangle(x, y, width, height, fill)
        middle = left + 145
        drawing.add(f'<line x1="{left + offset[level] + width + gap}" y1="{centres[level]:g}" '
                    f'x2="{left + 290 - width - offset[level] - gap}" y2="{centres[level]:g}" stroke="{FAINT}" stroke-width="2" '
                    'stroke-dasharray="2 5"/>')
        drawing.rectangle(middle - 42, centres[level] - 11, 84, 22, fill, 11)
        drawing.text(middle, centres[level] + 4.5, f'{side} × {side}', 12.5, '#ffffff', weight='bold')
    for level in range(LEVELS - 1):
        first = d4 and level == 0
        colour = ORANGE if first else GRAY
        y1 = centres[level] + block_height(sides[level]) / 2 + 3
        y2 = centres[level + 1] - block_height(sides[level + 1]) / 2 - 3
        x1, x2 = left + offset[level] + width / 2, left + offset[level + 1] + width / 2
        drawing.arrow(x1, y1, x2, y2, colour, 2.5 if first else 1.5)
        drawing.arrow(left + 290 - (x2 - left), y2, left + 290 - (x1 - left), y1, colour, 2.5 if first else 1.5)
        if first:
            drawing.text(x2 + 12, (y1 + y2) / 2 + 2, '÷ 4', 15, ORANGE, 'start', 'bold')
            drawing.text(left + 290 - (x2 - left) - 12, (y1 + y2) / 2 + 2, '× 4', 15, ORANGE, 'end', 'bold')


def rau_net():
    drawing = Drawing(1000, 440, 'RAU-Net: the deep blocks of the U-Net see maps of the size that they know')
    u_net(drawing, 20, 'As it was trained', ['a picture of 512 × 512:', 'latents of 64 × 64'], [64, 32, 16, 8])
    u_net(drawing, 355, 'Larger, nothing changed',
          ['1024 × 1024: the deep blocks see maps of twice', 'the size, and draw in each part what fills a whole'],
          [128, 64, 32, 16])
    u_net(drawing, 690, 'Larger, with RAU-Net',
          ['1024 × 1024: the first way down is by four,', 'so the deep blocks see what they know'],
          [128, 32, 16, 8], d4=True)
    return drawing.svg()


# --- MSW-MSA ------------------------------------------------------------------------

CELLS = 16
CELL = 13


def grid(drawing, left, top, title, notes, colour_of, query, shift=None):
    side = CELLS * CELL
    drawing.text(left + side / 2, 24, title, 15, weight='bold')
    cells = {}
    for y in range(CELLS):
        for x in range(CELLS):
            cells.setdefault(colour_of(x, y), []).append(f'M{left + x * CELL + 1} {top + y * CELL + 1}'
                                                         f'h{CELL - 2}v{CELL - 2}h-{CELL - 2}z')
    for colour, paths in cells.items():
        drawing.add(f'<path d="{"".join(paths)}" fill="{colour}"/>')
    if shift is not None:
        for at in (shift, shift + CELLS // 2):
            position = at % CELLS * CELL
            drawing.add(f'<path d="M{left + position} {top - 5} V{top + side + 5} M{left - 5} {top + position} H{left + side + 5}" '
                        f'stroke="{ORANGE}" stroke-width="2.5" fill="none"/>')
    drawing.rectangle(left + query[0] * CELL, top + query[1] * CELL, CELL, CELL, ORANGE, 2)
    for i, note in enumerate(notes):
        drawing.text(left + side / 2, top + side + 30 + 18 * i, note, 12.5)


def msw_msa():
    drawing = Drawing(1000, 330, 'MSW-MSA: each pixel of the map looks at a quarter of it, at another quarter in each step')
    query, half = (5, 6), CELLS // 2

    def seen_from(shift):
        def window(value):
            return (value - shift) % CELLS // half
        return lambda x, y: BLUE if window(x) == window(query[0]) and window(y) == window(query[1]) else FAINT

    grid(drawing, 20, 46, 'Plain attention', ['the orange pixel looks at all', '256 pixels of the map'], lambda x, y: BLUE, query)
    for number, (shift, title, notes) in enumerate((
            (0, 'Windows', ['four windows: it looks at 64 pixels,', 'a quarter of the work']),
            (2, 'Shifted by a quarter', ['the next time the windows lie', 'elsewhere ...']),
            (6, 'Shifted by three quarters', ['... and over all steps it has seen', 'all directions: no seams stay']))):
        grid(drawing, 270 + 250 * number, 46, title, notes, seen_from(shift), query, shift)
    return drawing.svg()
