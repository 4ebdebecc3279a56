# SPDX-License-Identifier: Apache-2.0
"""What tests ask of GIMP in Script-Fu; `gimp` is the one that is asked."""

import json
import re

from gimp_session import PROCEDURE, quote

gimp = None

LAYER_TYPES = {'RGB': 'RGB-IMAGE', 'GRAY': 'GRAY-IMAGE'}


class Scheme(str):
    """An argument that is an expression of Scheme."""


def call(image=None, mode='RUN-NONINTERACTIVE', procedure=PROCEDURE, **arguments):
    """The Scheme call of a procedure."""
    words = [f'#:run-mode {mode}']
    if image is not None:
        words.append(f'#:image {image}')
    for name, value in arguments.items():
        value = quote(value) if type(value) is str else value
        words.append(f'#:{name.replace("_", "-")} {value}')
    return f'({procedure} {" ".join(words)})'


def make(image=None, **arguments):
    """The image and the layers that a procedure returns."""
    found, first, *rest = (int(number) for number in re.findall(r'-?\d+', gimp.run(call(image, **arguments))))
    assert rest[:1] == [first], f'the first layer is {first}, the layers are {rest}'
    return found, rest


def generate(image=None, **arguments):
    """The image and the layer that a procedure returns."""
    found, made = make(image, **arguments)
    return found, made[0]


def new_image(kind='RGB', width=192, height=128):
    """An image with one layer, which is unchanged as far as GIMP knows."""
    return gimp.number(f"""
      (let* ((image (car (gimp-image-new {width} {height} {kind})))
             (layer (car (gimp-layer-new image "below" {width} {height}
                                         {LAYER_TYPES[kind]} 100 LAYER-MODE-NORMAL))))
        (gimp-image-insert-layer image layer 0 0)
        (gimp-image-clean-all image)
        image)""")


def new_indexed_image():
    image = new_image()
    gimp.run(f'(gimp-image-convert-indexed {image} CONVERT-DITHER-NONE '
             'CONVERT-PALETTE-GENERATE 4 FALSE FALSE "")')
    gimp.run(f'(gimp-image-clean-all {image})')
    return image


def numbers(script):
    """The numbers in a script's result."""
    return [int(float(number)) for number in re.findall(r'-?[\d.]+', gimp.run(script))]


def layers(image):
    """The layers' numbers, from the top."""
    return numbers(f'(vector->list (car (gimp-image-get-layers {image})))')


def children(group):
    """The numbers of a group's layers, from the top."""
    return numbers(f'(vector->list (car (gimp-item-get-children {group})))')


def images():
    return set(numbers('(vector->list (car (gimp-get-images)))'))


def text(script):
    """A string that a script returns, without quotes."""
    return gimp.run(f'(display {script})').removesuffix('#t')


def layer_name(layer):
    return gimp.run(f'(begin (display (car (gimp-item-get-name {layer}))) "")').removesuffix('""')


def size(layer):
    return numbers(f'(list (car (gimp-drawable-get-width {layer})) (car (gimp-drawable-get-height {layer})))')


def offsets(layer):
    return numbers(f'(gimp-drawable-get-offsets {layer})')


def parasite(layer, name):
    return json.loads(text(f'(caddr (car (gimp-item-get-parasite {layer} "{name}")))'))


def request_of(layer):
    return parasite(layer, 'hidiffusion-request')


def pixel(layer, x, y):
    """Colour components of a pixel, 0 to 255."""
    found = text(f'(car (gimp-drawable-get-pixel {layer} {x} {y}))')
    return [float(word) for word in found.strip('()').split()]


def state(image):
    """All that a failing call must leave as it was."""
    return (layers(image), gimp.number(f'(car (gimp-image-is-dirty {image}))'),
            gimp.number(f'(car (gimp-image-get-base-type {image}))'))
