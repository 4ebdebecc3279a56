# SPDX-License-Identifier: Apache-2.0
"""The dialogs where no model is installed yet, and what happens to files that are dropped onto them."""

import argparse
import pathlib
import shutil
import subprocess
import sys
import time
import zlib

import companions
import numpy
import scripting
import tap
import test_dialog as dialogs
from desktop import Desktop
from gimp_session import Gimp, Profile, wait_for
from scripting import layers, request_of
from test_dialog import Dialog, open_image

desktop = None
gimp = None
profile = None
files = None
source = None    # where files are dragged from, in pixels of the screen: beside the dialog


# --- files ----------------------------------------------------------------------

def write_tensor(name, tensor, shape):
    """A safetensors file with one tensor."""
    path = files / name
    companions.write_tensors(path, {tensor: numpy.zeros(shape, '<f2')})
    return path


def write(name, data):
    path = files / name
    path.write_bytes(data)
    return path


def make_png(**texts):
    """A gray PNG file of one pixel, with texts by their keywords."""
    chunks = [(b'IHDR', bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0])),
              *((b'tEXt', name.encode() + b'\0' + text.encode()) for name, text in texts.items()),
              (b'IDAT', zlib.compress(b'\0\x80')), (b'IEND', b'')]
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        len(data).to_bytes(4, 'big') + kind + data + zlib.crc32(kind + data).to_bytes(4, 'big') for kind, data in chunks)


# --- dropping ---------------------------------------------------------------------

def xdotool(*arguments):
    subprocess.run(['xdotool', *map(str, arguments)], check=True)


def drop(paths, target):
    """Drags files from another window onto the middle of a widget; "finished" if they were taken, "refused" if not."""
    area = target.node.get_component_iface().get_extents(desktop.atspi.CoordType.SCREEN)
    end = desktop.scale * (area.x + area.width // 2), desktop.scale * (area.y + area.height // 2)
    start = source[0] + 30, source[1] + 30
    program = pathlib.Path(__file__).with_name('drag_source.py')
    dragged = subprocess.Popen([sys.executable, program, *map(str, source), *[path.as_uri() for path in paths]],
                               stdout=subprocess.PIPE, text=True)
    try:
        tap.check_equal(dragged.stdout.readline(), 'shown\n', 'the window to drag from')
        xdotool('mousemove', *start, 'mousedown', 1)
        for i in range(1, 11):
            xdotool('mousemove', *[a + (b - a) * i // 10 for a, b in zip(start, end)])
            time.sleep(0.03)
        time.sleep(0.3)
        xdotool('mouseup', 1)
        found = dragged.communicate(timeout=20)[0].split()[0]
    finally:
        dragged.kill()
        dragged.wait()
    # where no tooltip is
    xdotool('mousemove', *source)
    return found


def drop_and_read(dialog, path, pattern):
    """Drops a file onto the prompt, which would take its name for text, and waits for a message."""
    # a machine that is busy may not have said in time that it takes the file
    tap.check('finished' in (drop([path], dialog.field('text', 'Prompt')) for _ in range(3)), f'{path.name} is refused')
    dialog.wait_for_text(pattern, timeout=20)
    tap.check_equal(dialog.field('text', 'Prompt').text, '', 'the prompt')


# --- the tests --------------------------------------------------------------------

def test_without_a_model_the_dialog_says_where_to_get_one():
    hidden = profile.models.with_name('models-hidden')
    profile.models.rename(hidden)
    image, _ = open_image()
    try:
        dialog = Dialog()
        dialog.wait_for_text('^No model is installed yet')
        text = ' '.join(dialog.texts())
        for word in (str(profile.data / 'hidiffusion' / 'models'), 'hidiffusion-data', 'data/demo-model', 'Hugging Face',
                     'Civitai', '.safetensors'):
            tap.check(word in text, f'the page does not tell of {word}: {text}')
        tap.check(not dialog.button('Generate').has('sensitive'), 'Generate can be pressed')
        tap.check(dialog.window.find('text', 'Prompt') is None, 'the form is shown')
        dialogs.check_names(dialog.window)
        dialogs.check_mnemonics(dialog.window, 7)
        desktop.screenshot(dialogs.screenshots / 'first-run.png')

        # what is put there is found
        own = profile.data / 'hidiffusion' / 'models' / 'mine'
        shutil.copytree(profile.model, own)
        dialog.button('Look Again').press()
        wait_for(lambda: dialog.window.find('text', 'Prompt'), 'the form')
        dialogs.close_plugin()
        shutil.rmtree(own)

        # the list of folders is there, too
        dialog = Dialog()
        dialog.wait_for_text('^No model is installed yet')
        dialog.button('Folders…').press()
        folders = desktop.application('hidiffusion').wait_for('dialog', 'Folders with Models')
        folders.find('button', 'Cancel').press()

        # a chooser for what dropping does
        dialog.button('Choose a Folder…').press()
        chooser = wait_for(lambda: desktop.application('hidiffusion').find('file chooser'), 'the chooser')
        chooser.find('button', 'Cancel').press()

        # what is wrong is explained where it is dropped
        title = dialog.window.find('label', 'No model is installed yet')
        flux = write_tensor('flux.safetensors', 'double_blocks.0.img_attn.qkv.weight', (8, 8))
        tap.check('finished' in (drop([flux], title) for _ in range(3)), 'a file is refused')
        dialog.wait_for_text('holds a Flux model. What can be used are')
        desktop.screenshot(dialogs.screenshots / 'wrong-file.png', dialog.window)
        tap.check(dialog.window.find('text', 'Prompt') is None, 'the form is shown after a wrong file')

        # and the model itself is taken
        folder = files / 'star-maker'
        shutil.copytree(profile.model, folder)
        tap.check('finished' in (drop([folder], title) for _ in range(3)), 'a folder is refused')
        dialog.wait_for_text("^The model 'star-maker' is selected")
        wait_for(lambda: dialog.window.find('text', 'Prompt'), 'the form')
        wait_for(lambda: dialog.window.wait_for('text', 'Model', shown=False).text == 'star-maker', "the model's name")
        tap.check(str(folder) in (profile.gimp / 'hidiffusion.ini').read_text(), 'the folder is not in the list')
        dialog.describe()
        dialog.generate()
        tap.check_equal(request_of(layers(image)[0])['model'], 'star-maker', 'model')
        dialogs.close_plugin()
    finally:
        hidden.rename(profile.models)
        (profile.gimp / 'hidiffusion.ini').unlink(missing_ok=True)


def test_with_the_demo_model_alone_there_is_a_hint():
    open_image()
    dialog = Dialog()
    dialog.window.wait_for('label', 'Only the demo model is installed')
    dialog.button('Get Models…').press()
    dialog.window.wait_for('label', 'Models')
    tap.check(dialog.window.find('label', 'No model is installed') is None, 'it says that there is no model')
    dialog.button('Back').press()
    wait_for(lambda: dialog.window.find('text', 'Prompt'), 'the form')
    dialog.button('Try It').press()
    wait_for(lambda: dialog.field('text', 'Prompt').text.startswith('a red star'), 'the prompt')
    dialog.wait_until_ready()


def test_what_is_dropped_is_used():
    open_image()
    dialog = Dialog()
    dialog.window.wait_for('label', 'Only the demo model is installed')
    try:
        lora = files / 'ink, blue.safetensors'
        companions.make_lora(profile.model, lora)
        drop_and_read(dialog, lora, "^The LoRA 'ink, blue.safetensors'")
        wait_for(lambda: any(entry.text == 'ink, blue' for entry in dialog.window.find_all('text', 'LoRA', shown=False)),
                 'the LoRA in the list')
        control = files / 'edges'
        control.mkdir()
        companions.make_control_net(profile.model, control)
        drop_and_read(dialog, control, "^The ControlNet 'edges' is selected")
        wait_for(lambda: dialog.window.find('text', 'ControlNet', shown=False).text == 'edges', 'the ControlNet')
        drop_and_read(dialog, write_tensor('odd-hands.safetensors', 'emb_params', (2, 768)), 'write embedding:odd-hands')
        collection = files / 'collection' / 'deeper'
        collection.mkdir(parents=True)
        companions.make_lora(profile.model, collection / 'chalk.safetensors')
        drop_and_read(dialog, collection.parent, '^What is in the folder .*collection. can be chosen now')
        desktop.screenshot(dialogs.screenshots / 'dropped.png', dialog.window)
        # a second time it is nothing new
        before = (profile.gimp / 'hidiffusion.ini').read_text()
        drop_and_read(dialog, lora, "^The LoRA 'ink, blue.safetensors'")
        tap.check_equal((profile.gimp / 'hidiffusion.ini').read_text(), before, 'the settings')
        tap.check_equal(len(dialog.window.find_all('text', 'LoRA', shown=False)), 1, 'rows of LoRAs')
        # a picture brings its settings
        picture = write('ball.png', make_png(parameters='a green ball\nSteps: 7, Sampler: Euler, CFG scale: 5, Seed: 42, '
                                                        'Size: 192x128'))
        tap.check('finished' in (drop([picture], dialog.field('text', 'Prompt')) for _ in range(3)), 'a picture is refused')
        wait_for(lambda: dialog.field('text', 'Prompt').text == 'a green ball', "the picture's prompt")
        tap.check_equal([dialog.window.find('spin button', name, shown=False).value for name in ('Steps', 'Seed', 'Width')],
                        [7, 42, 192], "the picture's settings")
    finally:
        (profile.gimp / 'hidiffusion.ini').unlink(missing_ok=True)


def test_what_cannot_be_used_is_explained():
    open_image()
    dialog = Dialog()
    dialog.window.wait_for('label', 'Only the demo model is installed')
    (files / 'empty').mkdir()
    for path, pattern in [
            (write('old.ckpt', b'PK\3\4' + bytes(100)), 'old.ckpt: expected a safetensors file, found a PyTorch file'),
            (write('page.safetensors', b'<!DOCTYPE html>' + bytes(100)), 'page.safetensors: .* found a web page'),
            (write('short.safetensors', b'abc'), 'short.safetensors: expected a safetensors file, found 3 bytes'),
            (write('photo.gif', b'GIF89a' + bytes(100)), 'photo.gif. holds a picture, but not as PNG'),
            (write('photo.png', make_png()), 'photo.png: expected a picture with the settings that made it, found none'),
            (profile.model / 'vae' / 'diffusion_pytorch_model.safetensors', 'safetensors. holds a VAE alone'),
            (files / 'empty', 'empty')]:
        drop_and_read(dialog, path, pattern)
        tap.check(dialog.window.find('info bar', 'Error') is not None, f'{path.name} is no error')
    tap.check(not (profile.gimp / 'hidiffusion.ini').exists(), 'something was added to the folders')
    # while it works nothing is taken
    dialog.start_long_run()
    lora = files / 'pencil.safetensors'
    companions.make_lora(profile.model, lora)
    tap.check_equal(drop([lora], dialog.window.find('image')), 'refused', 'dropping while it works')
    time.sleep(0.5)
    tap.check(not any('pencil' in text for text in dialog.texts()), 'a LoRA was taken while it works')


def test_nothing_of_ours_is_on_stderr():
    tap.check_equal(gimp.complaints(), [], 'complaints')


def main():
    global desktop, gimp, profile, files, source
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--plugin', required=True, help='the plug-in as it was built')
    parser.add_argument('--model', required=True, help='folder of a small model')
    parser.add_argument('--screenshots', required=True, help='folder for pictures of the dialog')
    parser.add_argument('--screen', default='1366x768', help='its size in pixels')
    parser.add_argument('--scale', type=int, default=1, help='pixels for a unit of length')
    parser.add_argument('--only', default='', help='only tests whose name has this in it')
    arguments = parser.parse_args()
    width, height = map(int, arguments.screen.split('x'))
    dialogs.screenshots = pathlib.Path(arguments.screenshots)

    desktop = dialogs.desktop = Desktop(width, height, arguments.scale)
    source = width - 166, height - 148
    profile = dialogs.profile = Profile(arguments.plugin, arguments.model)
    files = profile.root / 'files'
    files.mkdir()
    try:
        gimp = dialogs.gimp = scripting.gimp = Gimp(profile, 'gimp', profile.environment(GDK_SCALE=str(arguments.scale)))
        try:
            tap.run([dialogs.with_fresh_screen(test) for name, test in globals().items()
                     if name.startswith('test_') and arguments.only in name])
        finally:
            dialogs.gimp.stop()
    finally:
        profile.remove()
        desktop.close()


if __name__ == '__main__':
    main()
