#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""menu.py RESULTS: makes a picture from the menu of the installed GIMP, as its user would after the installation.

Only what is on the screen is pressed and filled in; Script-Fu looks at what came of it. Leaves the pictures that it took of
the screen, and the one that was made, in RESULTS.
"""

import os
import pathlib
import re
import shutil
import sys
import time

from desktop import Desktop
from gimp_session import Gimp, quote, wait_for

PROMPT = 'a red heart on a sky background'
# Of the demo model's own pictures.
SIDE = 128

GIMPRC = '(config-version "3.0.4")\n(show-welcome-dialog no)\n(check-updates no)\n'


class Installation:
    """The user's own profile, and what is installed for all."""

    root = pathlib.Path.home()

    @staticmethod
    def environment():
        return dict(os.environ)


def open_dialog(desktop, results):
    """Opens the dialog from the menu; its window, and the names of what was pressed."""
    window = wait_for(lambda: desktop.application('gimp'), 'GIMP', timeout=120).wait_for('frame', timeout=60)
    path = ['Filters', 'Render', 'HiDiffusion', 'Generate']
    menus = [window.wait_for('menu', path[0], timeout=60)]
    for name in path[1:]:
        kind = 'menu item' if name == path[-1] else 'menu'
        menus.append(wait_for(lambda: menus[-1].find(kind, name, shown=False), name))
    # Level by level, as a hand would: menus that are not open have no place on the screen.
    for menu in menus[:-1]:
        menu.press()
    wait_for(lambda: menus[-1].has('showing'), 'the menu to open')
    time.sleep(1)  # to be drawn
    desktop.screenshot(results / 'menu.png')
    names = ' > '.join(menu.name for menu in menus)
    menus[-1].press()
    application = wait_for(lambda: desktop.application('hidiffusion'), 'the plug-in', timeout=60)
    return application.wait_for('dialog', timeout=60), names


def make_picture(gimp, dialog):
    """Fills in the prompt and presses Generate; the number of the image that opens."""
    dialog.wait_for('text', 'Prompt').text = PROMPT
    button = dialog.wait_for('button', 'Generate')
    wait_for(lambda: button.has('sensitive'), 'Generate to be sensitive')
    button.press()
    wait_for(lambda: gimp.number('(vector-length (car (gimp-get-images)))') == 1, 'the picture', timeout=300)
    return gimp.number('(vector-ref (car (gimp-get-images)) 0)')


def check_picture(gimp, image, results):
    layer = gimp.number(f'(vector-ref (car (gimp-image-get-layers {image})) 0)')
    sides = [gimp.number(f'(car (gimp-drawable-get-{side} {layer}))') for side in ('width', 'height')]
    assert sides == [SIDE, SIDE], f'size of the layer: {sides}'
    colours = []
    for x in range(4, SIDE, 8):
        for y in range(4, SIDE, 8):
            found = gimp.run(f'(display (car (gimp-drawable-get-pixel {layer} {x} {y})))')
            colours.append([float(word) for word in re.findall(r'[\d.]+', found)[:3]])
    red = sum(r > b + 40 for r, g, b in colours)
    blue = sum(b > r + 40 for r, g, b in colours)
    assert red >= 10 and blue >= 40, f'of {len(colours)} pixels {red} are red and {blue} blue'
    gimp.run(f'(gimp-file-save RUN-NONINTERACTIVE {image} {quote(str(results / "menu-picture.png"))})')


def main():
    results = pathlib.Path(sys.argv[1])
    profile = Installation.root / '.config' / 'GIMP' / '3.0'
    profile.mkdir(parents=True, exist_ok=True)
    (profile / 'gimprc').write_text(GIMPRC)

    desktop = Desktop(1366, 768)
    gimp = Gimp(Installation, program='gimp')
    try:
        dialog, names = open_dialog(desktop, results)
        image = make_picture(gimp, dialog)
        time.sleep(1)
        desktop.screenshot(results / 'dialog.png')
        check_picture(gimp, image, results)
        complaints = gimp.complaints()
        assert not complaints, complaints
        title = dialog.name
    finally:
        shutil.copy(gimp.log_path, results / 'menu-gimp.log')
        gimp.stop()
        gimp.log_path.unlink()
        desktop.close()
    print(f'{names}, and its dialog "{title}" made a picture of {SIDE} x {SIDE}')


if __name__ == '__main__':
    main()
