# SPDX-License-Identifier: Apache-2.0
"""Pictures in images of any profile and precision, in gimp-console, called from Script-Fu: numbers are compared."""

import argparse
import os
import sys
import zlib

import numpy

import icc
import scripting
import tap
from gimp_session import Gimp, Profile, quote
from scripting import generate, layers, make, new_image, new_indexed_image, pixel

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'cli'))
import png  # noqa: E402

TRANSFORM = 'plug-in-hidiffusion-transform'
FILL = 'plug-in-hidiffusion-fill'
UPSCALE = 'plug-in-hidiffusion-upscale'

SIDE = 64
QUICK = {'prompt': 'a red star on a sky background', 'steps': 2, 'seed': 7}
SMALL = QUICK | {'width': SIDE, 'height': SIDE}

PRECISIONS = [f'PRECISION-{depth}-{curve}' for depth in ('U8', 'U16', 'U32', 'HALF', 'FLOAT', 'DOUBLE')
              for curve in ('LINEAR', 'NON-LINEAR', 'PERCEPTUAL')]

profile = None
gimp = None


# --- what the tests ask of GIMP -------------------------------------------------

def write_profile(name, content):
    path = profile.root / f'{name}.icc'
    path.write_bytes(content)
    return path


def assign(image, path):
    """Gives an image a profile; its numbers stay."""
    gimp.run(f'(gimp-image-set-color-profile-from-file {image} {quote(str(path))})')


def convert(image, path):
    """Converts an image; its colours stay."""
    gimp.run(f'(gimp-image-convert-color-profile-from-file {image} {quote(str(path))} '
             'COLOR-RENDERING-INTENT-RELATIVE-COLORIMETRIC FALSE)')


def set_precision(image, precision):
    if gimp.number(f'(car (gimp-image-get-precision {image}))') != gimp.number(precision):
        gimp.run(f'(gimp-image-convert-precision {image} {precision})')


def image_in(path, kind='RGB', precision='PRECISION-U16-NON-LINEAR', side=SIDE):
    """A new image with one layer; its numbers mean what the profile says."""
    image = new_image(kind, side, side)
    set_precision(image, precision)
    if path:
        assign(image, path)
    return image


def samples(image):
    """(H, W, C) from 0 to 1: the image's own numbers, as it shows them; it stays as it is."""
    path = profile.root / 'samples.png'
    copy = gimp.number(f'(car (gimp-image-duplicate {image}))')
    gimp.run(f"""(begin (gimp-image-flatten {copy})
                        (file-png-export #:run-mode RUN-NONINTERACTIVE #:image {copy} #:file {quote(str(path))}
                                         #:format "rgb16" #:include-color-profile TRUE)
                        (gimp-image-delete {copy}))""")
    width, height, depth, colour, rows = png.read(path)
    return numpy.array(rows, float).reshape(height, width, png.CHANNELS[colour]) / (2 ** depth - 1)


def in_srgb(image):
    """The same after GIMP has converted a copy to sRGB."""
    copy = gimp.number(f'(car (gimp-image-duplicate {image}))')
    set_precision(copy, 'PRECISION-U16-NON-LINEAR')
    convert(copy, write_profile('srgb', icc.Rgb.profile(SRGB_CURVED)))
    found = samples(copy)
    gimp.run(f'(gimp-image-delete {copy})')
    return SRGB_CURVED.convert(found, icc.SRGB)


# A profile of a gamma is easier to write than sRGB's curve; the numbers are brought back by computation.
SRGB_CURVED = icc.Rgb([(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)], 2.2)


# GIMP merges layers in linear floats, even where the upper one is masked; babl takes ways there and back that are exact to
# this, others in other processes.
MERGING = 4 / 65535


def check_close(found, expected, limit, what, mean=None):
    """Whether all numbers are within a limit of what is expected, and all together within a smaller one."""
    tap.check_equal(found.shape, expected.shape, f'{what}: size')
    far = numpy.abs(found - expected)
    tap.check(far.max() <= limit and far.mean() <= (mean or limit),
              f'{what}: differs by up to {far.max():.5f}, {far.mean():.5f} on average')


def plain_picture():
    """What the model makes, in an image without a profile: sRGB."""
    image = image_in(None)
    generate(image, **SMALL)
    return samples(image)


# --- what comes into the image ----------------------------------------------------

def test_pictures_are_converted_to_the_image_s_profile():
    plain = plain_picture()
    tap.check(plain.std() > 0.05, 'the picture has hardly any colours')
    for name, space in (('adobe', icc.ADOBE), ('prophoto', icc.PROPHOTO)):
        image = image_in(write_profile(name, space.profile()))
        generate(image, **SMALL)
        expected = icc.SRGB.convert(plain, space)
        tap.check(numpy.abs(expected - plain).max() > 0.05, f'{name}: nothing to convert')
        check_close(samples(image), expected, 0.002, name)


def test_a_profile_of_tables_is_one_like_others():
    plain = plain_picture()
    image = image_in(write_profile('tables', icc.with_tables(icc.ADOBE)))
    generate(image, **SMALL)
    check_close(samples(image), icc.SRGB.convert(plain, icc.ADOBE), 0.02, 'tables')


def test_a_profile_for_gray_is_heeded():
    image = image_in(None, 'GRAY')
    generate(image, **SMALL)
    plain = icc.SRGB.decode(samples(image)[..., 0])
    for gamma in (1.0, 1.8):
        image = image_in(write_profile('gray', icc.gray(gamma)), 'GRAY')
        generate(image, **SMALL)
        check_close(samples(image)[..., 0], plain ** (1 / gamma), 0.002, f'gamma {gamma}')


def test_every_precision_shows_the_same_picture():
    plain = plain_picture()
    for precision in PRECISIONS:
        image = image_in(None, precision=precision)
        generate(image, **SMALL)
        tap.check_equal(gimp.number(f'(car (gimp-image-get-precision {image}))'), gimp.number(precision), precision)
        set_precision(image, 'PRECISION-U16-NON-LINEAR')
        # 8 linear bits are few in dark colours
        limit = 0.06 if precision == 'PRECISION-U8-LINEAR' else 0.004 if '-U8-' in precision else 0.001
        check_close(samples(image), plain, limit, precision)


def test_precision_and_profile_go_together():
    plain = plain_picture()
    path = write_profile('prophoto', icc.PROPHOTO.profile())
    for precision in ('PRECISION-FLOAT-LINEAR', 'PRECISION-HALF-LINEAR', 'PRECISION-U8-NON-LINEAR'):
        image = image_in(path, precision=precision)
        generate(image, **SMALL)
        set_precision(image, 'PRECISION-U16-NON-LINEAR')
        check_close(samples(image), icc.SRGB.convert(plain, icc.PROPHOTO), 0.004, precision)


# --- what is read from the image --------------------------------------------------

def coloured_image(side=SIDE):
    """Gradients within sRGB, at 16 bits."""
    image = image_in(None, side=side)
    layer, = layers(image)
    gimp.run(f"""(begin
      (gimp-context-set-foreground '(200 60 40)) (gimp-context-set-background '(40 110 200))
      (gimp-context-set-gradient-fg-bg-rgb)
      (gimp-drawable-edit-gradient-fill {layer} GRADIENT-LINEAR 0 0 1 0 0 0 {side} {side}))""")
    return image


def test_sources_are_read_as_what_they_look_like():
    """The same picture in another profile and precision is transformed into the same one, but for what a network makes of
    the last bits."""
    arguments = QUICK | {'procedure': TRANSFORM, 'strength': 0.5}
    image = coloured_image()
    generate(image, **arguments)
    plain = samples(image)
    for name, content, precision, limit in (
            ('adobe', icc.ADOBE.profile(), None, 0.004), ('prophoto', icc.PROPHOTO.profile(), 'PRECISION-FLOAT-LINEAR', 0.004),
            ('tables', icc.with_tables(icc.ADOBE), None, 0.01)):
        image = coloured_image()
        convert(image, write_profile(name, content))
        if precision:
            set_precision(image, precision)
        generate(image, **arguments)
        check_close(in_srgb(image), plain, 0.1, name, limit)


def test_what_is_not_filled_keeps_its_numbers():
    image = coloured_image(128)
    convert(image, write_profile('prophoto', icc.PROPHOTO.profile()))
    before = samples(image)
    gimp.run(f'(gimp-image-select-rectangle {image} CHANNEL-OP-REPLACE 32 32 48 48)')
    _, filled = generate(image, procedure=FILL, **QUICK)
    gimp.run(f'(gimp-selection-none {image})')
    change = numpy.abs(samples(image) - before)
    tap.check(change[32:80, 32:80].mean() > 0.005, 'nothing was filled')
    change[32:80, 32:80] = 0
    tap.check(change.max() <= MERGING, f'pixels outside of the selection have changed by up to {change.max()}')
    gimp.run(f'(gimp-item-set-visible {filled} FALSE)')
    tap.check(numpy.array_equal(samples(image), before), 'the layer that was filled has changed')


def test_an_upscaled_picture_has_its_source_s_profile():
    plain = coloured_image()
    found, _ = generate(plain, procedure=UPSCALE, factor=2.0, **QUICK)
    expected = samples(found)
    image = coloured_image()
    convert(image, write_profile('adobe', icc.ADOBE.profile()))
    found, _ = generate(image, procedure=UPSCALE, factor=2.0, **QUICK)
    check_close(samples(found), icc.SRGB.convert(expected, icc.ADOBE), 0.1, 'upscaled', 0.004)
    chunk = dict(png.chunks(profile.root / 'samples.png'))[b'iCCP']
    tap.check_equal(zlib.decompress(chunk[chunk.index(b'\0') + 2:]), icc.ADOBE.profile(), 'profile')


def test_gray_sources():
    image = coloured_image()
    gimp.run(f'(gimp-image-convert-grayscale {image})')
    _, layer = generate(image, procedure=TRANSFORM, strength=0.5, **QUICK)
    tap.check_equal(gimp.number(f'(car (gimp-drawable-is-gray {layer}))'), 1, 'gray')
    tap.check(samples(image).std() > 0.01, 'nothing was drawn')


def test_an_image_with_a_palette_can_be_upscaled():
    """Its pixels can be read; the result is an RGB image, and the image itself stays as it is."""
    image = new_indexed_image()
    before = pixel(layers(image)[0], 5, 5)
    found, made = make(image, procedure=UPSCALE, factor=1.0, **QUICK)
    tap.check(found != image, 'the picture went into the image')
    tap.check_equal(gimp.number(f'(car (gimp-image-get-base-type {found}))'), gimp.number('RGB'), 'kind of the new image')
    tap.check_equal(gimp.number(f'(car (gimp-image-get-base-type {image}))'), gimp.number('INDEXED'), 'kind of the image')
    kept = layers(found)[-1]
    tap.check_equal(pixel(kept, 5, 5)[:3], before[:3], 'a pixel of the source that was kept')


def test_nothing_of_ours_is_on_stderr():
    tap.check_equal(gimp.complaints(), [], 'complaints')


def main():
    global profile, gimp
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--plugin', required=True, help='the plug-in as it was built')
    parser.add_argument('--model', required=True, help='folder of a small model')
    parser.add_argument('--only', help='the tests with this in their names')
    arguments = parser.parse_args()

    profile = Profile(arguments.plugin, arguments.model)
    try:
        gimp = scripting.gimp = Gimp(profile)
        try:
            tap.run([test for name, test in globals().items()
                     if name.startswith('test_') and (arguments.only or '') in name])
        finally:
            gimp.stop()
    finally:
        profile.remove()


if __name__ == '__main__':
    main()
