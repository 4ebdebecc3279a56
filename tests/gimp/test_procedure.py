# SPDX-License-Identifier: Apache-2.0
"""The procedure plug-in-hidiffusion-generate in gimp-console, called from Script-Fu."""

import argparse
import json
import os
import shutil
import signal
import threading

import scripting
import tap
from gimp_session import Gimp, Profile, ScriptError, quote, wait_for
from scripting import (Scheme, call, generate, images, layer_name, layers, new_image, new_indexed_image, pixel,
                       request_of, state)

profile = None
gimp = None

# Small and quick: most tests are not about the picture.
QUICK = {'prompt': 'a red star', 'width': 128, 'height': 128, 'steps': 2, 'seed': 7}
# So long that a test can interfere.
LONG = {'prompt': 'a red star', 'width': 512, 'height': 512, 'steps': 1000, 'seed': 7}


# --- what the tests ask of GIMP -------------------------------------------------

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


class Background:
    """A script that runs while the test goes on."""

    def __init__(self, script):
        self.result = None
        self.error = None
        self.thread = threading.Thread(target=self._run, args=(script,))
        self.thread.start()
        wait_for(gimp.plugin_pids, 'the plug-in to start')

    def _run(self, script):
        try:
            self.result = gimp.run(script)
        except ScriptError as error:
            self.error = error

    def join(self):
        self.thread.join(120)
        tap.check(not self.thread.is_alive(), 'the script did not end')


# --- what it makes --------------------------------------------------------------

def test_a_layer_is_added_to_the_open_image():
    image = new_image(width=192, height=128)
    below = layers(image)
    found, layer = generate(image, prompt='a red star', steps=2, seed=7)
    tap.check_equal(found, image, 'image')
    tap.check_equal(layers(image), [layer] + below, 'layers')
    tap.check_equal((gimp.number(f'(car (gimp-drawable-get-width {layer}))'),
                     gimp.number(f'(car (gimp-drawable-get-height {layer}))')), (192, 128), 'size of the layer')
    tap.check_equal(gimp.run(f'(gimp-drawable-get-offsets {layer})'), '(0 0)', 'place of the layer')
    tap.check_equal(layer_name(layer), 'a red star', 'name')
    colours = {tuple(pixel(layer, x, y)) for x in range(0, 192, 16) for y in range(0, 128, 16)}
    tap.check(len(colours) > 8, f'the layer has only {len(colours)} colours')


def test_the_request_is_kept_with_the_layer():
    image = new_image()
    arguments = {'prompt': 'a "red" star \\ über alles', 'negative_prompt': 'blue', 'width': 128, 'height': 192,
                 'steps': 3, 'guidance_scale': 4.5, 'sampler': 'euler_a', 'seed': 2147483647, 'hidiffusion': 'off'}
    _, layer = generate(image, **arguments)
    request = request_of(layer)
    expected = arguments | {'schema_version': 2, 'task': 'generate'}
    for name, value in expected.items():
        tap.check_equal(request.get(name), value, name)
    whole = json.dumps(request)
    tap.check(str(profile.root) not in whole and str(profile.model) not in whole, f'a path in the request: {whole}')
    flags = gimp.number(f'(cadr (car (gimp-item-get-parasite {layer} "hidiffusion-request")))')
    tap.check_equal(flags & 3, 3, 'persistent and undoable')


def test_omitted_arguments_have_their_defaults():
    _, layer = generate(new_image(), prompt='a red star', steps=1)
    request = request_of(layer)
    expected = {'negative_prompt': '', 'width': 192, 'height': 128, 'guidance_scale': 7.5,
                'sampler': 'dpmpp_2m', 'schedule': 'karras', 'count': 1, 'hidiffusion': 'auto'}
    for name, value in expected.items():
        tap.check_equal(request.get(name), value, name)
    tap.check(0 <= request['seed'] < 2 ** 31, f'seed: {request["seed"]}')


def test_a_seed_makes_the_same_picture_again():
    image = new_image()
    spots = [(x, y) for x in range(4, 128, 24) for y in range(4, 128, 24)]
    one, two, other = ([pixel(generate(image, **(QUICK | {'seed': seed}))[1], x, y) for x, y in spots]
                       for seed in (7, 7, 8))
    tap.check_equal(two, one, 'pixels of the same seed')
    tap.check(other != one, 'two seeds made the same picture')


def test_a_layer_of_another_size_is_centred():
    image = new_image(width=300, height=100)
    _, layer = generate(image, **(QUICK | {'width': 128, 'height': 192}))
    tap.check_equal(gimp.run(f'(gimp-drawable-get-offsets {layer})'), '(86 -46)', 'place of the layer')


def test_without_an_image_a_new_one_is_made():
    before = images()
    image, layer = generate(**QUICK)
    tap.check_equal(images() - before, {image}, 'new images')
    tap.check_equal(layers(image), [layer], 'layers')
    tap.check_equal(gimp.run(f'(list (car (gimp-image-get-width {image})) (car (gimp-image-get-height {image})))'),
                    '(128 128)', 'size of the image')
    tap.check_equal(gimp.number(f'(car (gimp-image-is-dirty {image}))'), 1, 'unsaved')


def test_layers_are_named_after_the_prompt():
    long_words = 'a very large ' * 20 + 'star'
    for prompt, expected in [
            (' two\n lines\t', 'two lines'),
            (long_words, 'a very large a very large a very large a very large a very…'),
            ('星' * 100, '星' * 59 + '…')]:
        _, layer = generate(new_image(), **(QUICK | {'prompt': prompt, 'steps': 1}))
        tap.check_equal(layer_name(layer), expected, 'name')


def test_a_gray_image_gets_a_gray_layer():
    image = new_image('GRAY')
    _, layer = generate(image, **QUICK)
    _, coloured = generate(new_image(), **QUICK)
    tap.check_equal(gimp.number(f'(car (gimp-drawable-is-gray {layer}))'), 1, 'gray')
    for x, y in [(20, 20), (64, 64), (100, 90)]:
        gray = pixel(layer, x, y)[0]
        colour = pixel(coloured, x, y)
        tap.check(min(colour[:3]) - 2 <= gray <= max(colour[:3]) + 2, f'{colour} became {gray}')


def test_an_image_of_high_precision_shows_the_same_picture():
    image = new_image()
    gimp.run(f'(gimp-image-convert-precision {image} PRECISION-FLOAT-LINEAR)')
    _, layer = generate(image, **QUICK)
    _, plain = generate(new_image(), **QUICK)
    gimp.run(f'(gimp-image-convert-precision {image} PRECISION-U8-NON-LINEAR)')
    for x, y in [(20, 20), (64, 64), (100, 90)]:
        found, expected = pixel(layer, x, y), pixel(plain, x, y)
        tap.check(all(abs(a - b) <= 1 for a, b in zip(found, expected)), f'{found} instead of {expected}')


def test_a_saved_image_keeps_the_request():
    path = profile.root / 'saved.xcf'
    image = new_image()
    _, layer = generate(image, **QUICK)
    before = request_of(layer)
    gimp.run(f'(gimp-xcf-save RUN-NONINTERACTIVE {image} {quote(str(path))})')
    loaded = gimp.number(f'(car (gimp-xcf-load RUN-NONINTERACTIVE {quote(str(path))}))')
    tap.check_equal(request_of(layers(loaded)[0]), before, 'request')
    tap.check_equal(layer_name(layers(loaded)[0]), 'a red star', 'name')


def test_run_with_last_values_takes_what_was_used_last():
    image = new_image()
    settings = QUICK | {'seed': 11, 'sampler': 'euler_a', 'negative_prompt': 'blue'}
    profile.remember_settings(**settings)
    try:
        _, layer = generate(image, mode='RUN-WITH-LAST-VALS')
        alone, _ = generate(mode='RUN-WITH-LAST-VALS')
        tap.check(alone != image, 'the picture without an image went into another image')
    finally:
        profile.forget_settings()
    _, same = generate(image, **settings)
    tap.check_equal(request_of(layer), request_of(same), 'request')
    tap.check_equal(pixel(layer, 40, 40), pixel(same, 40, 40), 'a pixel')


# --- models ---------------------------------------------------------------------

def test_a_model_is_found_by_name_and_by_path():
    for model in ('demo', str(profile.model), str(profile.models / 'demo')):
        generate(new_image(), **(QUICK | {'steps': 1, 'model': model}))


def test_the_users_own_models_come_first():
    own = profile.data / 'hidiffusion' / 'models' / 'zz-mine'
    own.parent.mkdir(parents=True)
    own.symlink_to(profile.model)
    try:
        _, layer = generate(new_image(), **QUICK)
        tap.check_equal(request_of(layer)['model'], 'zz-mine', 'model')
    finally:
        own.unlink()


def test_models_are_found_in_folders_of_the_users_choice():
    folder = profile.root / 'elsewhere'
    shutil.copytree(profile.model, folder / 'deeper' / 'star-maker')
    settings = profile.gimp / 'hidiffusion.ini'
    arguments = QUICK | {'model': 'star-maker'}
    check_refused(new_image(), ["'star-maker'"], **arguments)
    settings.write_text(f'[models]\nfolders={folder};\n')
    try:
        _, layer = generate(new_image(), **arguments)
        tap.check_equal(request_of(layer)['model'], 'star-maker', 'model')
        settings.write_text('[models')
        check_refused(new_image(), ["'star-maker'"], **arguments)
    finally:
        settings.unlink()


def test_without_any_model_the_message_says_where_to_put_one():
    hidden = profile.models.with_name('models-hidden')
    profile.models.rename(hidden)
    try:
        check_refused(new_image(), ['No model is installed', str(profile.data / 'hidiffusion' / 'models')], **QUICK)
    finally:
        hidden.rename(profile.models)


def test_a_damaged_model_is_an_error():
    damaged = profile.root / 'damaged'
    shutil.copytree(profile.model, damaged)
    weights = sorted((damaged / 'unet').glob('*.safetensors'))[0]
    weights.chmod(0o644)
    with open(weights, 'r+b') as file:
        file.truncate(weights.stat().st_size // 2)
    check_refused(new_image(), [str(weights)], **(QUICK | {'model': str(damaged)}))


# --- bad arguments --------------------------------------------------------------

def test_every_bad_argument_has_a_message():
    image = new_image()
    empty = profile.root / 'empty'
    empty.mkdir()
    for changes, expected in [
            ({'prompt': ''}, ['prompt']),
            ({'prompt': ' \n '}, ['prompt']),
            ({'model': 'nonsense'}, ["'nonsense'"]),
            ({'model': '/no/such/folder'}, ['/no/such/folder']),
            ({'model': 'no/such/folder'}, ['no/such/folder']),
            ({'model': str(empty)}, [str(empty)]),
            ({'model': '/dev/null'}, ['/dev/null']),
            ({'width': 1}, ['width', '1']),
            ({'width': -1}, ['-1']),
            ({'width': 8193}, ['8193']),
            ({'height': 63}, ['height', '63']),
            ({'height': 100000}, ['100000']),
            ({'steps': -1}, ['-1']),
            ({'steps': 1001}, ['1001']),
            ({'guidance_scale': -0.5}, ['-0.5']),
            ({'guidance_scale': 101}, ['101']),
            ({'seed': -2}, ['-2']),
            ({'sampler': 'nonsense'}, ['sampler', 'nonsense']),
            ({'schedule': 'nonsense'}, ['schedule', 'nonsense']),
            ({'hidiffusion': 'nonsense'}, ['hidiffusion', 'nonsense']),
            ({'prediction': 'nonsense'}, ['prediction', 'nonsense']),
            ({'precision': 'nonsense'}, ['precision', 'nonsense']),
            ({'count': 0}, ['0']),
            ({'t1': -0.5}, ['T1', '-0.5']),
            ({'eta': 1.5}, ['1.5']),
            ({'loras': 'nonsense:0.5'}, ["LoRA 'nonsense'"]),
            ({'loras': '/no/such/file.safetensors'}, ['/no/such/file.safetensors']),
            ({'control_net': 'nonsense'}, ["ControlNet 'nonsense'"]),
            ({'control_net': str(empty)}, ['layer to follow']),
            ({'control_preprocessor': 'nonsense'}, ['preprocessor', 'nonsense']),
            ({'device': 'nonsense'}, ['device', 'nonsense']),
            ({'nonsense': 1}, ['nonsense'])]:
        check_refused(image, expected, **(QUICK | changes))
    # and what was right before still is
    generate(image, **QUICK)


def test_a_prompt_of_any_length_is_no_crash():
    image = new_image()

    def repeat(count):
        return Scheme(f'(apply string-append (vector->list (make-vector {count} "star ")))')
    _, layer = generate(image, **(QUICK | {'prompt': repeat(1000), 'steps': 1}))
    tap.check_equal(len(request_of(layer)['prompt']), 5000, 'length of the prompt')
    check_refused(image, ['prompt is too long'], **(QUICK | {'prompt': repeat(10000)}))


def test_an_image_with_a_palette_is_refused():
    check_refused(new_indexed_image(), ['Image > Mode > RGB'], **QUICK)


# --- what happens meanwhile -----------------------------------------------------

def test_killing_the_plugin_leaves_image_and_profile_sound():
    image = new_image()
    generate(image, **QUICK)
    gimp.run(f'(gimp-image-clean-all {image})')
    before = state(image), images(), profile.files()
    for delay in (0.0, 0.3, 1.0):
        # an earlier one may take a moment to end
        wait_for(lambda: not gimp.plugin_pids(), 'earlier runs to be gone')
        work = Background(call(image, **LONG))
        # the process is not there at once
        while work.thread.is_alive() and not gimp.plugin_pids():
            threading.Event().wait(0.01)
        threading.Event().wait(delay)
        tap.check(work.thread.is_alive(), 'the run was over before it could be killed')
        for pid in gimp.plugin_pids():
            os.kill(pid, signal.SIGKILL)
        work.join()
        tap.check(work.error is not None, 'a killed plug-in is no error')
        tap.check_equal((state(image), images(), profile.files()), before, 'image and profile')
    found, layer = generate(image, **QUICK)
    tap.check_equal(layers(image)[0], layer, 'the layer made afterwards')


def test_nothing_of_ours_is_on_stderr():
    tap.check_equal(gimp.complaints(), [], 'complaints')


def main():
    global profile, gimp
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--plugin', required=True, help='the plug-in as it was built')
    parser.add_argument('--model', required=True, help='folder of a small model')
    arguments = parser.parse_args()

    profile = Profile(arguments.plugin, arguments.model)
    try:
        gimp = scripting.gimp = Gimp(profile)
        try:
            tap.run([test for name, test in globals().items() if name.startswith('test_')])
        finally:
            gimp.stop()
    finally:
        profile.remove()


if __name__ == '__main__':
    main()
