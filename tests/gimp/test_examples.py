# SPDX-License-Identifier: Apache-2.0
"""The examples in data/script-fu, as they are."""

import argparse
import pathlib
import shutil

import tap
from gimp_session import Gimp, Profile, quote

parser = argparse.ArgumentParser()
parser.add_argument('--plugin', required=True)
parser.add_argument('--model', required=True)
parser.add_argument('--examples', required=True)
options = parser.parse_args()

profile = Profile(options.plugin, options.model)
gimp = Gimp(profile)


def load(name):
    gimp.run(f'(load {quote(str(pathlib.Path(options.examples) / name))})')


def size(image):
    return tuple(gimp.number(f'(car (gimp-image-get-{side} {image}))') for side in ('width', 'height'))


def test_contact_sheet():
    load('contact-sheet.scm')
    image = gimp.number('(hidiffusion-contact-sheet "a red star" 64 3 2 5)')
    tap.check_equal(size(image), (192, 128), 'size')
    layers = gimp.run(f'(vector->list (car (gimp-image-get-layers {image})))').strip('()').split()
    places = [tuple(float(word) for word in gimp.run(f'(gimp-drawable-get-offsets {layer})').strip('()').split())
              for layer in layers]
    tap.check_equal(sorted(places), [(x, y) for x in (0, 64, 128) for y in (0, 64)], 'places of the layers')


def test_variations():
    load('variations.scm')
    folder = profile.root / 'pictures'
    folder.mkdir()
    gimp.run(f'(hidiffusion-variations (list "a red star" "a blue ball") 64 7 {quote(str(folder / "p"))})')
    tap.check_equal(sorted(path.name for path in folder.iterdir()),
                    ['p-1-large.png', 'p-1.png', 'p-2-large.png', 'p-2.png'], 'files')
    image = gimp.number(f'(car (gimp-file-load RUN-NONINTERACTIVE {quote(str(folder / "p-2-large.png"))}))')
    tap.check_equal(size(image), (128, 128), 'size of the larger one')
    tap.check_equal(gimp.number('(vector-length (car (gimp-get-images)))'), 2, 'images that are left: this and the sheet')


def test_nobody_complains():
    tap.check_equal(gimp.complaints(), [], 'messages')


try:
    tap.run([test_contact_sheet, test_variations, test_nobody_complains])
finally:
    gimp.stop()
    shutil.rmtree(profile.root, ignore_errors=True)
