# SPDX-License-Identifier: Apache-2.0
"""The procedures that start from a layer, in gimp-console, called from Script-Fu."""

import argparse
import os
import pathlib
import signal
import threading
import time

import numpy

import companions
import scripting
import tap
from gimp_session import Gimp, Profile, ScriptError, quote, wait_for
from scripting import (Scheme, call, generate, images, layer_name, layers, make, new_image, new_indexed_image,
                       numbers, offsets, parasite, request_of, size, state)

TRANSFORM = 'plug-in-hidiffusion-transform'
FILL = 'plug-in-hidiffusion-fill'
UPSCALE = 'plug-in-hidiffusion-upscale'
AGAIN = 'plug-in-hidiffusion-again'

# Small and quick: most tests are not about the picture.
QUICK = {'prompt': 'a red star on a sky background', 'steps': 2, 'seed': 7}

PRECISIONS = ['PRECISION-U8-NON-LINEAR', 'PRECISION-U16-NON-LINEAR', 'PRECISION-FLOAT-LINEAR']

profile = None
gimp = None


# --- what the tests ask of GIMP -------------------------------------------------

def vector(*drawables):
    """The drawables that a procedure is called for."""
    return Scheme(f'(vector {" ".join(map(str, drawables))})')


def picture_image(width=192, height=160, precision=None, kind='RGB', noise=True):
    """An image with a layer of coloured noise, every pixel of which is another; the layer."""
    image = new_image(kind, width, height)
    layer, = layers(image)
    if precision and precision != PRECISIONS[0]:
        gimp.run(f'(gimp-image-convert-precision {image} {precision})')
    gimp.run(f'(gimp-drawable-fill {layer} FILL-WHITE)')
    if noise:
        # a gradient, so that it is no uniform surface, and noise, so that each pixel shows if it is changed
        gimp.run(f"""(begin
          (gimp-context-set-foreground '(200 40 20)) (gimp-context-set-background '(20 90 220))
          (gimp-context-set-gradient-fg-bg-rgb)
          (gimp-drawable-edit-gradient-fill {layer} GRADIENT-LINEAR 0 0 1 0 0 0 {width} {height})
          (gimp-drawable-merge-new-filter {layer} "gegl:noise-rgb" 0 LAYER-MODE-REPLACE 1.0
                                          "seed" 5 "red" 0.1 "green" 0.1 "blue" 0.1))""")
    gimp.run(f'(gimp-image-clean-all {image})')
    return image, layer


def read_pfm(path):
    """(H, W, C) float32 of a portable float map, from the top."""
    data = pathlib.Path(path).read_bytes()
    kind, sides, scale, pixels = data.split(b'\n', 3)
    width, height = map(int, sides.split())
    values = numpy.frombuffer(pixels, '<f4' if float(scale) < 0 else '>f4')
    return values.reshape(height, width, -1)[::-1]


def export(image):
    """What an image shows, without loss; it is deleted."""
    path = profile.root / 'export.pfm'
    gimp.run(f"""(begin (gimp-context-set-background '(255 255 255))
                        (gimp-image-flatten {image})
                        (file-pfm-export #:run-mode RUN-NONINTERACTIVE #:image {image} #:file {quote(str(path))})
                        (gimp-image-delete {image}))""")
    return read_pfm(path)


def projection(image):
    """What an image shows."""
    return export(gimp.number(f'(car (gimp-image-duplicate {image}))'))


def pixels(drawable):
    """A layer or channel by itself, over white."""
    image = gimp.number(f"""
      (let* ((old (car (gimp-item-get-image {drawable})))
             (new (car (gimp-image-new-with-precision (car (gimp-drawable-get-width {drawable}))
                                                      (car (gimp-drawable-get-height {drawable}))
                                                      (if (= (car (gimp-image-get-base-type old)) GRAY) GRAY RGB)
                                                      (car (gimp-image-get-precision old)))))
             (copy (car (gimp-layer-new-from-drawable {drawable} new))))
        (gimp-image-insert-layer new copy 0 0)
        (if (> (car (gimp-layer-get-mask copy)) 0) (gimp-layer-remove-mask copy MASK-DISCARD))
        (gimp-item-set-visible copy TRUE)
        (gimp-layer-set-offsets copy 0 0)
        new)""")
    return export(image)


def selection(image):
    """(H, W) of the selection, as a mask that GIMP itself makes of it."""
    copy = gimp.number(f'(car (gimp-image-duplicate {image}))')
    mask = gimp.number(f"""
      (let ((layer (car (gimp-image-flatten {copy}))))
        (gimp-layer-add-mask layer (car (gimp-layer-create-mask layer ADD-MASK-SELECTION)))
        (car (gimp-layer-get-mask layer)))""")
    found = pixels(mask)[:, :, 0]
    gimp.run(f'(gimp-image-delete {copy})')
    return found


def select(image, x, y, width, height, feather=0):
    gimp.run(f"""(begin (gimp-context-set-feather {'TRUE' if feather else 'FALSE'})
                        (gimp-context-set-feather-radius {feather} {feather})
                        (gimp-image-select-rectangle {image} CHANNEL-OP-REPLACE {x} {y} {width} {height}))""")


def transform(image=None, **arguments):
    return generate(image, procedure=TRANSFORM, **arguments)[1]


def fill(image, **arguments):
    return generate(image, procedure=FILL, **arguments)[1]


def check_refused(image, expected, **arguments):
    """Checks that a call fails with all the words expected, and changes nothing."""
    before = state(image), images()
    try:
        gimp.run(call(image, **arguments))
    except ScriptError as error:
        for word in expected:
            tap.check(word in str(error), f'{arguments}: no {word!r} in the message: {error}')
    else:
        raise tap.Failure(f'{arguments}: no error')
    tap.check_equal((state(image), images()), before, f'{arguments}: image after the error')


def check_same(found, expected, what):
    tap.check_equal(found.shape, expected.shape, f'{what}: size')
    tap.check(numpy.array_equal(found, expected), f'{what}: differ by up to {numpy.abs(found - expected).max()}')


# --- transform ------------------------------------------------------------------

def test_a_layer_is_transformed():
    image, layer = picture_image()
    gimp.run(f'(gimp-layer-set-offsets {layer} 10 -20)')
    before = pixels(layer)
    made = transform(image, strength=0.5, **QUICK)
    tap.check_equal(layers(image), [made, layer], 'layers')
    tap.check_equal((size(made), offsets(made)), (size(layer), [10, -20]), 'size and place')
    tap.check_equal(layer_name(made), QUICK['prompt'], 'name')
    check_same(pixels(layer), before, 'the source')
    found = pixels(made)
    tap.check(numpy.abs(found - before).mean() > 0.01, 'nothing was transformed')
    request = request_of(made)
    tap.check_equal((request['task'], request['strength']), ('transform', 0.5), 'request')
    tap.check_equal(parasite(made, 'hidiffusion-source')['source_name'], 'below', 'source')


def test_strength_is_how_far_it_goes():
    image, layer = picture_image(noise=False)
    before = pixels(layer)
    arguments = QUICK | {'steps': 10}
    near, far = (numpy.abs(pixels(transform(image, drawables=vector(layer), strength=strength, **arguments))
                           - before).mean() for strength in (0.1, 1.0))
    tap.check(near < 0.5 * far, f'a strength of 0.1 goes {near} away, one of 1 {far}')


def test_transparency_and_masks_are_kept():
    image, layer = picture_image(128, 128)
    gimp.run(f"""(begin (gimp-layer-add-alpha {layer})
                        (gimp-image-select-ellipse {image} CHANNEL-OP-REPLACE 10 20 90 70)
                        (gimp-drawable-edit-clear {layer})
                        (gimp-selection-none {image})
                        (gimp-layer-add-mask {layer} (car (gimp-layer-create-mask {layer} ADD-MASK-BLACK))))""")
    made = transform(image, **QUICK)
    for name, kind in (('alpha', 'ADD-MASK-ALPHA'), ('mask', 'ADD-MASK-WHITE')):
        def shown(which):
            return pixels(gimp.number(f'(car (gimp-layer-create-mask {which} {kind}))'))
        check_same(shown(made), shown(layer), name)
    tap.check_equal(numbers(f'(gimp-drawable-get-pixel (car (gimp-layer-get-mask {made})) 5 5)')[0], 0, 'mask')


def test_layers_of_any_kind_can_be_transformed():
    image, layer = picture_image(128, 96)
    group = gimp.number(f"""
      (let* ((group (car (gimp-group-layer-new {image} "group")))
             (text (car (gimp-text-layer-new {image} "text" (car (gimp-context-get-font)) 40 UNIT-PIXEL))))
        (gimp-image-insert-layer {image} group 0 0)
        (gimp-image-insert-layer {image} text group 0)
        (gimp-layer-set-offsets text 12 8)
        group)""")
    text = numbers(f'(vector->list (car (gimp-item-get-children {group})))')[0]
    gimp.run(f'(begin (gimp-item-set-lock-content {text} TRUE) (gimp-item-set-visible {text} FALSE))')
    inner = transform(image, drawables=vector(text), **QUICK)
    tap.check_equal(numbers(f'(vector->list (car (gimp-item-get-children {group})))'), [inner, text], 'in the group')
    tap.check_equal((size(inner), offsets(inner)), (size(text), [12, 8]), 'size and place')
    outer = transform(image, drawables=vector(group), **QUICK)
    tap.check_equal(layers(image), [outer, group, layer], 'above the group')
    tap.check_equal(size(outer), size(group), 'size')


def test_a_tiny_layer_can_be_transformed():
    image, layer = picture_image(9, 5)
    tap.check_equal(size(transform(image, **QUICK)), [9, 5], 'size')


# --- fill -----------------------------------------------------------------------

def check_fill(image, layer, area):
    """Fills what is selected; the layer that was made."""
    before, marked = projection(image), selection(image)
    source = pixels(layer)
    made = fill(image, drawables=vector(layer), **QUICK)
    after = projection(image)
    # in floating point, feathering has no end: what is less than the mask's steps of 1/65535 is nothing
    outside = marked < 0.4 / 65535
    inside = marked > 0.99
    tap.check(outside.any() and inside.any(), 'the selection is all or nothing')
    check_same(after[outside], before[outside], 'pixels outside of the selection')
    changed = numpy.abs(after - before).max(axis=2)
    tap.check((changed[inside] > 0).mean() > 0.9, 'pixels that are selected are as before')
    check_same(selection(image), marked, 'the selection')
    check_same(pixels(layer), source, 'the source')
    tap.check(gimp.number(f'(car (gimp-layer-get-mask {made}))') > 0, 'the layer has no mask')
    x, y = offsets(made)
    width, height = size(made)
    tap.check(x <= area[0] and y <= area[1] and x + width >= area[2] and y + height >= area[3],
              f'the layer at {x}, {y} of {width} x {height} does not cover {area}')
    return made


def test_a_feathered_selection_is_filled():
    for precision in PRECISIONS:
        image, layer = picture_image(precision=precision)
        select(image, 60, 50, 70, 60, feather=12)
        gray = selection(image)
        tap.check(((gray > 0) & (gray < 1)).any(), 'the selection is not feathered')
        made = check_fill(image, layer, (60, 50, 130, 110))
        # what is shown goes over from one to the other as the selection says
        part = gray[offsets(made)[1]:, offsets(made)[0]:][:size(made)[1], :size(made)[0]]
        mask = pixels(gimp.number(f'(car (gimp-layer-get-mask {made}))'))[:, :, 0]
        if precision == PRECISIONS[-1]:
            tap.check(numpy.abs(mask - part).max() <= 1.0 / 65535, 'the mask is not the selection')
        else:
            check_same(mask, part, 'mask and selection')


def test_a_gray_image_can_be_filled():
    image, layer = picture_image(kind='GRAY', noise=False)
    select(image, 40, 40, 60, 60, feather=6)
    made = check_fill(image, layer, (40, 40, 100, 100))
    tap.check_equal(gimp.number(f'(car (gimp-drawable-is-gray {made}))'), 1, 'gray')


def test_a_moved_layer_is_filled_where_it_lies():
    image, layer = picture_image()
    gimp.run(f'(gimp-layer-set-offsets {layer} 30 40)')
    select(image, 100, 120, 200, 200)
    made = check_fill(image, layer, (100, 120, 192, 160))
    x, y = offsets(made)
    tap.check(x >= 30 and y >= 40 and x + size(made)[0] <= 30 + 192, 'the result is larger than the layer')


def test_a_layer_larger_than_its_content_is_outpainted():
    image, layer = picture_image(128, 128)
    gimp.run(f"""(begin (gimp-layer-add-alpha {layer}) (gimp-image-resize {image} 192 160 32 16)
                        (gimp-layer-resize-to-image-size {layer}))""")
    before = projection(image)
    made = fill(image, **QUICK)
    after = projection(image)
    check_same(after[16:144, 32:160], before[16:144, 32:160], 'the content')
    mask = pixels(gimp.number(f'(car (gimp-layer-get-mask {made}))'))[:, :, 0]
    tap.check_equal((size(made), mask.min(), mask.max()), ([192, 160], 0, 1), 'the layer and its mask')
    tap.check((mask[16:144, 32:160] == 0).all() and (mask == 1).sum() == 192 * 160 - 128 * 128, 'what was filled')
    tap.check((after[:16] < 0.99).any(), 'nothing was painted beyond the edge')


def test_nothing_to_fill_is_an_error():
    image, layer = picture_image()
    check_refused(image, ['Nothing is selected'], procedure=FILL, **QUICK)
    gimp.run(f'(gimp-layer-set-offsets {layer} 100 0)')
    select(image, 0, 0, 50, 50)
    gimp.run(f'(gimp-image-clean-all {image})')
    check_refused(image, ['does not touch'], procedure=FILL, **QUICK)


# --- upscale --------------------------------------------------------------------

def test_a_picture_is_upscaled_four_times():
    image, layer = generate(**(QUICK | {'width': 256, 'height': 256, 'steps': 20}))
    before = state(image)
    started = time.monotonic()
    large, made = generate(image, procedure=UPSCALE, factor=4, seed=7)
    print(f'# 256 x 256 to 1024 x 1024 in {time.monotonic() - started:.1f} s')
    tap.check(large != image, 'it went into the same image')
    tap.check_equal(state(image), before, 'the image')
    tap.check_equal(size(made), [1024, 1024], 'size')
    tap.check_equal(numbers(f'(list (car (gimp-image-get-width {large})) (car (gimp-image-get-height {large})))'),
                    [1024, 1024], 'size of the image')
    kept = layers(large)[1]
    tap.check_equal(layers(large), [made, kept], 'layers')
    tap.check_equal((size(kept), gimp.number(f'(car (gimp-item-get-visible {kept}))')), ([256, 256], 0), 'the source')
    check_same(pixels(kept), pixels(layer), 'the source')
    # it is that picture, only larger
    found, expected = pixels(made), pixels(layer)
    shrunk = found.reshape(256, 4, 256, 4, 3).mean(axis=(1, 3))
    tap.check(numpy.abs(shrunk - expected).mean() < 0.1, f'another picture: {numpy.abs(shrunk - expected).mean()}')


def test_upscaling_needs_no_prompt_and_takes_any_image():
    for image in (picture_image(96, 64, PRECISIONS[1])[0], new_image('GRAY', 96, 64), new_indexed_image()):
        layer, = layers(image)
        large, made = generate(image, procedure=UPSCALE, factor=1.5, steps=2)
        tap.check_equal(size(made), [side * 3 // 2 for side in size(layer)], 'size')
        tap.check_equal(layer_name(made), f'{layer_name(layer)}, upscaled', 'name')
        kind, kind_before = (gimp.number(f'(car (gimp-image-get-base-type {which}))') for which in (large, image))
        tap.check_equal(kind, 1 if kind_before == 1 else 0, 'type of the image')
        precision, before = (gimp.number(f'(car (gimp-image-get-precision {which}))') for which in (large, image))
        tap.check_equal(precision, before, 'precision')


# --- again ----------------------------------------------------------------------

def again(image, layer):
    found, made = generate(image, procedure=AGAIN, drawables=vector(layer))
    tap.check_equal(found, image, 'image')
    return made


def make_one_of_each():
    """Image and layer of each task."""
    yield generate(new_image(), **(QUICK | {'prompt': 'a (red:1.2) star'}))
    image, _ = picture_image()
    yield image, transform(image, strength=0.6, **QUICK)
    image, _ = picture_image()
    gimp.run(f'(gimp-layer-set-offsets {layers(image)[0]} 7 3)')
    select(image, 60, 50, 70, 60, feather=12)
    made = fill(image, **QUICK)
    gimp.run(f'(gimp-selection-none {image})')
    yield image, made
    yield generate(picture_image(96, 64)[0], procedure=UPSCALE, factor=2, **QUICK)


def test_the_same_layer_comes_out_again():
    for image, layer in make_one_of_each():
        path = profile.root / 'again.xcf'
        expected = pixels(layer), request_of(layer), offsets(layer), projection(image)
        made = again(image, layer)
        task = expected[1]['task']
        tap.check_equal(layers(image)[:2], [made, layer], f'{task}: layers')
        check_same(pixels(made), expected[0], f'{task}: pixels')
        tap.check_equal((request_of(made), offsets(made)), expected[1:3], f'{task}: request and place')
        # also after it was saved, and moved elsewhere
        gimp.run(f'(begin (gimp-image-remove-layer {image} {made}) '
                 f'(gimp-xcf-save RUN-NONINTERACTIVE {image} {quote(str(path))}))')
        loaded = gimp.number(f'(car (gimp-xcf-load RUN-NONINTERACTIVE {quote(str(path))}))')
        layer = layers(loaded)[0]
        made = again(loaded, layer)
        check_same(pixels(made), expected[0], f'{task}: pixels after saving')
        if task == 'fill':
            gimp.run(f'(begin (gimp-image-remove-layer {loaded} {made}) (gimp-layer-set-offsets {layer} 0 0))')
            check_same(pixels(again(loaded, layer)), expected[0], 'pixels after moving')


def test_what_cannot_be_made_again_is_explained():
    image, layer = picture_image()
    arguments = {'procedure': AGAIN}
    check_refused(image, ['below', 'does not know how it was made'], **arguments)
    made = transform(image, **QUICK)
    gimp.run(f'(begin (gimp-image-remove-layer {image} {layer}) (gimp-image-clean-all {image}))')
    check_refused(image, ["'below'", 'not in the image any more'], drawables=vector(made), **arguments)

    image, layer = picture_image()
    select(image, 60, 50, 70, 60)
    made = fill(image, **QUICK)
    gimp.run(f'(begin (gimp-layer-remove-mask {made} MASK-DISCARD) (gimp-image-clean-all {image}))')
    check_refused(image, ['no mask'], drawables=vector(made), **arguments)

    image, made = generate(new_image(), **QUICK)
    gimp.run(f'(gimp-image-clean-all {image})')
    demo = profile.models / 'demo'
    demo.rename(demo.with_name('other'))
    try:
        check_refused(image, ["model 'demo'"], **arguments)
    finally:
        demo.with_name('other').rename(demo)
    for text, word in (('{"schema_version": 99}', '99'), ('{', 'request'), ('{"prompt": 5}', 'prompt')):
        gimp.run(f'(begin (gimp-item-attach-parasite {made} (list "hidiffusion-request" 3 {quote(text)})) '
                 f'(gimp-image-clean-all {image}))')
        check_refused(image, [word], **arguments)


# --- LoRAs and ControlNets -------------------------------------------------------

def test_loras_change_the_picture():
    folder = profile.data / 'hidiffusion' / 'loras'
    companions.make_lora(profile.model, folder / 'ink.safetensors')
    image, layer = picture_image(128, 128)
    source = {'drawables': vector(layer)}
    plain, none, some, more, path = (
        transform(image, **source, **(QUICK | changes)) for changes in (
            {}, {'loras': 'ink:0'}, {'loras': 'ink:0.5'}, {'loras': 'ink'},
            {'loras': f'{folder}/ink.safetensors:0.5'}))
    check_same(pixels(none), pixels(plain), 'a weight of 0')
    tap.check(numpy.abs(pixels(some) - pixels(plain)).max() > 0.01, 'the LoRA changes nothing')
    tap.check(numpy.abs(pixels(more) - pixels(some)).max() > 0.01, 'the weight changes nothing')
    check_same(pixels(path), pixels(some), 'a LoRA by its path')
    tap.check_equal(request_of(path)['loras'], [{'name': 'ink', 'weight': 0.5}], 'request')
    check_same(pixels(again(image, some)), pixels(some), 'again')


def test_a_control_net_reads_a_layer():
    companions.make_control_net(profile.model, profile.data / 'hidiffusion' / 'controlnet' / 'lines')
    image, layer = picture_image(160, 128)
    # the second one holds the same at another place; only what lies under the picture counts
    shapes = [gimp.number(f"""
      (let ((shapes (car (gimp-layer-new {image} "shapes" {width} 128 RGBA-IMAGE 100 LAYER-MODE-NORMAL))))
        (gimp-image-insert-layer {image} shapes 0 0)
        (gimp-layer-set-offsets shapes {x} 0)
        (gimp-context-set-foreground '(255 255 255))
        (gimp-image-select-ellipse {image} CHANNEL-OP-REPLACE {left} 30 60 60)
        (gimp-drawable-edit-fill shapes FILL-FOREGROUND)
        (gimp-selection-none {image})
        shapes)""") for width, x, left in ((160, 0, 40), (200, -40, 40), (160, 0, 80))]
    arguments = QUICK | {'control_net': 'lines', 'drawables': vector(layer)}
    plain = pixels(transform(image, **(QUICK | {'drawables': vector(layer)})))
    first, moved, other = (transform(image, control_layer=shape, **arguments) for shape in shapes)
    tap.check(numpy.abs(pixels(first) - plain).max() > 0.01, 'the ControlNet changes nothing')
    check_same(pixels(moved), pixels(first), 'a larger layer')
    tap.check(numpy.abs(pixels(other) - pixels(first)).max() > 0.01, 'the layer changes nothing')
    edges = transform(image, control_layer=shapes[0], control_preprocessor='canny', **arguments)
    tap.check(numpy.abs(pixels(edges) - pixels(first)).max() > 0.01, 'its edges are no other picture')
    none = transform(image, control_layer=shapes[0], control_strength=0, **arguments)
    check_same(pixels(none), plain, 'a strength of 0')
    request = request_of(edges)
    tap.check_equal((request['control_net'], request['control_preprocessor']), ('lines', 'canny'), 'request')
    check_same(pixels(again(image, edges)), pixels(edges), 'again')
    generated, made = generate(image, control_layer=shapes[0], control_net='lines', **QUICK)
    tap.check_equal((generated, request_of(made)['control_net']), (image, 'lines'), 'generated')


# --- several pictures -----------------------------------------------------------

def test_several_pictures_have_consecutive_seeds():
    image, layer = picture_image(128, 128)
    _, made = make(image, procedure=TRANSFORM, count=3, **QUICK)
    tap.check_equal(len(made), 3, 'pictures')
    tap.check_equal(layers(image), made[::-1] + [layer], 'layers')
    tap.check_equal([(request_of(one)['seed'], request_of(one)['count']) for one in made],
                    [(7, 1), (8, 1), (9, 1)], 'seeds')
    alone = transform(image, drawables=vector(layer), **(QUICK | {'seed': 8}))
    check_same(pixels(alone), pixels(made[1]), 'the second picture')
    _, generated = make(new_image(), count=2, **QUICK)
    tap.check_equal([request_of(one)['seed'] for one in generated], [7, 8], 'seeds')
    _, upscaled = make(picture_image(64, 64)[0], procedure=UPSCALE, count=2, **QUICK)
    tap.check_equal(len({gimp.number(f'(car (gimp-item-get-image {one}))') for one in upscaled}), 1, 'images')


def test_other_conversions_of_colours_make_the_same_picture():
    """babl measures how fast its conversions are in each process, and takes others from time to time."""
    global gimp
    usual = gimp
    made = []
    for environment in ({}, {'BABL_TOLERANCE': '0.0'}, {'BABL_PATH_LENGTH': '1'}):
        gimp = scripting.gimp = usual
        if environment:
            gimp = scripting.gimp = Gimp(profile, environment=profile.environment(BABL_INHIBIT_CACHE='1', **environment))
        try:
            image, layer = picture_image(128, 128)
            made.append(pixels(transform(image, drawables=vector(layer), **QUICK)))
        finally:
            if environment:
                gimp.stop()
                gimp = scripting.gimp = usual
    check_same(made[1], made[0], 'exact conversions')
    check_same(made[2], made[0], 'conversions in one step')


def test_a_run_that_is_killed_keeps_the_pictures_that_were_ready():
    image = new_image(width=128, height=128)
    errors = []

    def run():
        try:
            gimp.run(call(image, count=1000, **(QUICK | {'steps': 8})))
        except ScriptError as error:
            errors.append(error)
    made = []
    for seconds in (2, 5, 15, 60):
        wait_for(lambda: not gimp.plugin_pids(), 'earlier runs to be gone')
        thread = threading.Thread(target=run)
        thread.start()
        wait_for(gimp.plugin_pids, 'the plug-in to start')
        time.sleep(seconds)
        for pid in gimp.plugin_pids():
            os.kill(pid, signal.SIGKILL)
        thread.join(60)
        made = layers(image)[:-1]
        if made:
            break
    tap.check(errors, 'a killed plug-in is no error')
    tap.check(1 <= len(made) < 1000, f'{len(made)} pictures')
    tap.check_equal([request_of(layer)['seed'] for layer in made], list(range(7, 7 + len(made)))[::-1], 'seeds')
    tap.check(pixels(made[0]).std() > 0, 'the last picture is not complete')


# --- what cannot be done --------------------------------------------------------

def test_what_is_no_source_is_explained():
    image, layer = picture_image()
    gimp.run(f'(gimp-image-insert-layer {image} (car (gimp-group-layer-new {image} "empty")) 0 0)')
    empty = layers(image)[0]
    channel = gimp.number(f"""
      (let ((channel (car (gimp-channel-new {image} "channel" 192 160 50 '(0 0 0)))))
        (gimp-image-insert-channel {image} channel 0 0)
        (gimp-image-clean-all {image})
        channel)""")
    for drawables, word in (([empty], 'group is empty'), ([channel], 'channel'), ([layer, empty], 'Several layers')):
        for procedure in (TRANSFORM, FILL, UPSCALE):
            check_refused(image, [word], procedure=procedure, drawables=vector(*drawables), **QUICK)
    select(image, 10, 10, 50, 50)
    gimp.run(f"""(begin (gimp-image-set-selected-layers {image} (vector {layer}))
                        (gimp-edit-copy (vector {layer})) (gimp-edit-paste {layer} FALSE)
                        (gimp-image-clean-all {image}))""")
    for procedure in (scripting.PROCEDURE, TRANSFORM, FILL):
        check_refused(image, ['floating selection'], procedure=procedure,
                      drawables=vector(layer), **(QUICK | {'steps': 1}))


def test_an_image_with_a_palette_is_refused():
    image = new_indexed_image()
    select(image, 10, 10, 50, 50)
    gimp.run(f'(gimp-image-clean-all {image})')
    for procedure in (TRANSFORM, FILL):
        check_refused(image, ['Image > Mode > RGB'], procedure=procedure, **QUICK)


def test_every_bad_argument_has_a_message():
    image, _ = picture_image()
    for procedure, changes, expected in [
            (TRANSFORM, {'prompt': ' '}, ['prompt']),
            (TRANSFORM, {'strength': 1.5}, ['1.5']),
            (TRANSFORM, {'strength': -0.5}, ['strength', '-0.5']),
            (UPSCALE, {'factor': 0.5}, ['0.5']),
            (UPSCALE, {'factor': 9}, ['9'])]:
        check_refused(image, expected, procedure=procedure, **(QUICK | changes))


def test_nothing_of_ours_is_on_stderr():
    tap.check_equal(gimp.complaints(), [], 'complaints')


def main():
    global profile, gimp
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--plugin', required=True, help='the plug-in as it was built')
    parser.add_argument('--model', required=True, help='folder of a small model')
    parser.add_argument('--only', default='', help='only tests whose name has this in it')
    arguments = parser.parse_args()

    profile = Profile(arguments.plugin, arguments.model)
    try:
        gimp = scripting.gimp = Gimp(profile)
        try:
            tap.run([test for name, test in globals().items()
                     if name.startswith('test_') and arguments.only in name])
        finally:
            gimp.stop()
    finally:
        profile.remove()


if __name__ == '__main__':
    main()
