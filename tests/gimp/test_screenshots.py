# SPDX-License-Identifier: Apache-2.0
"""The pictures of the dialogs in docs/images, made in a real GIMP.

Each picture carries what can be read in it, as a screen reader would: the test compares that with what the dialog says
now, so that a picture cannot be of a dialog that has been changed since. With --write the pictures are made anew.
"""

import argparse
import pathlib
import re
import struct
import sys
import time
import zlib

import scripting
import tap
import test_dialog as dialogs
from desktop import Desktop, gone
from gimp_session import Gimp, Profile, quote, wait_for
from scripting import layers

TOP = pathlib.Path(__file__).resolve().parents[2]
IMAGES = TOP / 'docs' / 'images'
sys.path.insert(0, str(TOP / 'tools'))
import document_images  # noqa: E402

KEYWORD = b'Labels'

# Shown where models are put; nothing is.
DATA_HOME = '/home/anna/.local/share'

# What differs from machine to machine and from run to run.
VOLATILE = re.compile(r'\b(MB|GB|kB|MiB|GiB|bytes|seconds?|minutes?|threads|CPU|free|left)\b|^Step \d|^Done|^Picture \d|\d{6,}|^/')
READABLE = {'label', 'push button', 'button', 'toggle button', 'check box', 'radio button', 'combo box', 'spin button', 'text',
            'menu item', 'page tab', 'table column header', 'info bar', 'icon', 'image', 'slider', 'list item', 'entry'}

arguments = None
profile = None
desktop = None


# --- what can be read in a picture --------------------------------------------------

def read_window(window):
    """Roles and names of all that is shown, in their order."""
    lines = []
    for widget in window.walk():
        try:
            if widget.has('showing') and widget.role in READABLE:
                text = widget.text if widget.role == 'label' else widget.name
                if text and not VOLATILE.search(text):
                    lines.append(f'{widget.role}: {text}')
        except gone():
            continue
    return '\n'.join(lines)


def write_labels(path, labels):
    """Puts a text into a PNG file."""
    data = path.read_bytes()
    body = b'zTXt' + KEYWORD + b'\0\0' + zlib.compress(labels.encode())
    chunk = struct.pack('>I', len(body) - 4) + body + struct.pack('>I', zlib.crc32(body))
    path.write_bytes(data[:33] + chunk + data[33:])


def read_labels(path):
    """The text in a PNG file; None without one."""
    data, at = path.read_bytes(), 8
    while at < len(data):
        size = struct.unpack('>I', data[at:at + 4])[0]
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + size]
        if kind == b'zTXt' and body.startswith(KEYWORD + b'\0\0'):
            return zlib.decompress(body[len(KEYWORD) + 2:]).decode()
        at += size + 12
    return None


def check_picture(name, window, area=None):
    """Compares a window with its picture in the documents, or makes that."""
    path = IMAGES / f'{name}.png'
    labels = read_window(window)
    tap.check(labels.count('\n') >= 5, f'{name}: little can be read: {labels}')
    fresh = pathlib.Path(arguments.screenshots) / 'documents' / f'{name}.png'
    desktop.screenshot(fresh, area or window)
    if arguments.write:
        document_images.save(document_images.load(fresh), path)
        write_labels(path, labels)
        return
    tap.check(path.exists(), f'{path.name} is missing: run tools/screenshots')
    committed = (read_labels(path) or '').splitlines()
    now = labels.splitlines()
    gone, new = [line for line in committed if line not in now], [line for line in now if line not in committed]
    tap.check(committed == now, f'{path.name} is old: run tools/screenshots\nonly in the picture: {gone}\nonly in the dialog: {new}')


# --- scenes -------------------------------------------------------------------------

def start_gimp():
    if dialogs.gimp is None or not dialogs.gimp.is_alive():
        dialogs.gimp = scripting.gimp = Gimp(profile, 'gimp', profile.environment(
            LANG='C.UTF-8', LC_ALL='C.UTF-8', XDG_DATA_HOME=DATA_HOME, HIDIFFUSION_DATA_DIR=str(TOP / 'data')))


def draw_image(prompt='a red heart on a sky background', seed=3, side=256):
    """An image that the demo model has made, on the screen."""
    image, _ = scripting.make(prompt=prompt, width=side, height=side, seed=seed, model='demo')
    dialogs.gimp.run(f'(begin (gimp-display-new {image}) (gimp-image-clean-all {image}))')
    return image


def open_dialog(task, prompt=None, menu=None):
    dialog = dialogs.Dialog(task=task, menu=menu)
    if prompt:
        dialog.field('text', 'Prompt').text = prompt
    dialog.wait_until_ready()
    time.sleep(1.5)
    return dialog


def test_generate():
    draw_image()
    check_picture('generate', open_dialog('generate', 'a yellow star on a night background').window)


def test_transform():
    draw_image()
    check_picture('transform', open_dialog('transform', 'a blue heart on a night background').window)


def test_fill():
    image = draw_image()
    dialogs.gimp.run(f'(gimp-image-select-ellipse {image} CHANNEL-OP-REPLACE 60 40 90 80)')
    check_picture('fill', open_dialog('fill', 'a yellow moon on a night background').window)


def test_upscale():
    draw_image()
    check_picture('upscale', open_dialog('upscale').window)


def test_results():
    draw_image()
    dialog = open_dialog('generate', 'a yellow star on a night background')
    dialog.field('check box', 'Random').press()
    dialog.field('spin button', 'Seed').value = 5
    dialog.field('spin button', 'Pictures').value = 3
    dialog.wait_until_ready()
    dialog.start()
    dialog.wait_for_text(r'^Done', timeout=120)
    time.sleep(1.0)
    check_picture('results', dialog.window)


def test_first_run():
    demo = profile.models / 'demo'
    demo.rename(profile.root / 'demo')
    try:
        dialogs.open_image()
        window = dialogs.Dialog(task='generate').window
        window.wait_for('label', 'No model is installed yet')
        time.sleep(0.5)
        check_picture('first-run', window)
    finally:
        dialogs.close_plugin()
        (profile.root / 'demo').rename(demo)


def test_styles():
    draw_image()
    dialog = open_dialog('generate', 'a castle by a lake')
    dialog.window.wait_for('toggle button', 'Styles').press()
    time.sleep(1.0)
    check_picture('styles', dialog.window)


def test_history():
    draw_image()
    for prompt in ('a red heart on a sky background', 'a blue fish on a meadow background', 'a yellow star on a night background'):
        dialog = open_dialog('generate', prompt)
        dialog.generate()
        dialogs.close_plugin()
    dialog = open_dialog('generate', 'a')
    dialog.window.wait_for('toggle button', 'History').press()
    time.sleep(1.0)
    check_picture('history', dialog.window)


def unfold(dialog, title):
    section = dialog.window.wait_for('toggle button', title, shown=False)
    section.press()
    wait_for(lambda: section.has('expanded'), 'the section to unfold')


def test_companions():
    draw_image()
    dialog = open_dialog('generate', 'a yellow star on a night background')
    unfold(dialog, 'LoRAs')
    unfold(dialog, 'ControlNet')
    dialog.button('Add a LoRA').press()
    time.sleep(0.5)
    check_picture('companions', dialog.window)


def test_advanced():
    draw_image()
    dialog = open_dialog('generate', 'a yellow star on a night background')
    unfold(dialog, 'Advanced')
    time.sleep(0.5)
    check_picture('advanced', dialog.window)


def clear_the_screen():
    start_gimp()
    dialogs.close_everything()


def main():
    global arguments, profile, desktop
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--plugin', required=True, help='the plug-in as it was built')
    parser.add_argument('--model', required=True, help='folder of the demo model')
    parser.add_argument('--screenshots', required=True, help='folder for pictures of what is there now')
    parser.add_argument('--write', action='store_true', help='make the pictures of the documents anew')
    parser.add_argument('--only', default='', help='only scenes whose name has this in it')
    arguments = parser.parse_args()

    desktop = dialogs.desktop = Desktop(1366, 1400)
    profile = dialogs.profile = Profile(arguments.plugin, arguments.model)

    def with_clear_screen(test):
        def run():
            clear_the_screen()
            test()
        run.__name__ = test.__name__
        return run

    try:
        tap.run([with_clear_screen(test) for name, test in globals().items()
                 if name.startswith('test_') and arguments.only in name])
    finally:
        if dialogs.gimp:
            dialogs.gimp.stop()
        profile.remove()
        desktop.close()


if __name__ == '__main__':
    main()
