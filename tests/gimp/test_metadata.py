# SPDX-License-Identifier: Apache-2.0
"""What tells how pictures were made: in exported files, for other programs, and back in the dialog."""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import scripting
import tap
import test_dialog as dialogs
from desktop import Desktop
from gimp_session import Gimp, Profile, ScriptError, quote, wait_for
from scripting import call, generate, layers, new_image, request_of

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'cli'))
import png  # noqa: E402

PICTURES = pathlib.Path(__file__).resolve().parent.parent / 'unit' / 'pictures'

QUICK = {'prompt': 'a red star', 'negative_prompt': 'fog', 'width': 64, 'height': 64, 'steps': 1, 'seed': 7}
WIDE = 'ein Häuschen — 海 \U0001f30a'

profile = None
desktop = None
gimp = None
command = None


# --- what the tests ask of GIMP -------------------------------------------------

def export(image, kind, comment=False):
    """A file with all that GIMP exports when it is told to."""
    path = profile.root / f'exported.{kind}'
    path.unlink(missing_ok=True)
    name = {'jpg': 'jpeg'}.get(kind, kind)
    more = f'#:include-comment {"TRUE" if comment else "FALSE"}' if kind != 'webp' else ''
    gimp.run(f'(file-{name}-export #:run-mode RUN-NONINTERACTIVE #:image {image} #:file {quote(str(path))} '
             f'#:include-exif TRUE {more})')
    return path


def comment_of(image):
    if 'gimp-comment' not in scripting.text(f'(car (gimp-image-get-parasite-list {image}))'):
        return None
    return scripting.text(f'(caddr (car (gimp-image-get-parasite {image} "gimp-comment")))')


def set_comment(image, text):
    gimp.run(f'(gimp-image-attach-parasite {image} (list "gimp-comment" 1 {quote(text)}))')


def read_back(path):
    """The request that our command line takes from a file."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([command, 'generate', '--again', path, '--folder', profile.models, '--output', 'out.png'],
                              cwd=folder, capture_output=True, text=True, env=profile.environment())
        tap.check_equal((done.returncode, done.stderr), (0, ''), f'what is read of {path.name}')
        text = [content for kind, content in png.chunks(os.path.join(folder, 'out.png'))
                if kind == b'iTXt' and content.startswith(b'hidiffusion-request')][0]
        return scripting.json.loads(text.split(b'\0', 5)[5])


# --- what is written ------------------------------------------------------------

def test_only_the_layer_knows_it_unless_more_is_asked_for():
    image = new_image(width=64, height=64)
    generate(image, **QUICK)
    tap.check_equal(comment_of(image), None, 'comment')
    for kind in ('png', 'jpg', 'webp'):
        content = export(image, kind, comment=True).read_bytes()
        tap.check(b'a red star' not in content and b'hidiffusion' not in content.lower(), f'{kind}: it is in the file')


def test_exif_has_it_for_every_reader():
    """Pure ASCII with the mark of that, which the standard and all readers know."""
    image = new_image(width=64, height=64)
    _, layer = generate(image, metadata='exif', **QUICK)
    tap.check_equal(comment_of(image), None, 'comment')
    for kind in ('png', 'jpg', 'webp'):
        path = export(image, kind)
        tap.check(b'ASCII\0\0\0a red star\nNegative prompt: fog\nSteps: 1, Sampler: ' in path.read_bytes(), f'{kind}: no comment')
        found, expected = read_back(path), request_of(layer)
        for name in ('prompt', 'negative_prompt', 'steps', 'seed', 'sampler', 'schedule', 'width', 'model_hash'):
            tap.check_equal(found[name], expected[name], f'{kind}: {name}')


def test_other_letters_are_utf_8():
    image = new_image(width=64, height=64)
    generate(image, metadata='exif', **(QUICK | {'prompt': WIDE}))
    for kind in ('png', 'jpg', 'webp'):
        path = export(image, kind)
        tap.check(bytes(8) + WIDE.encode() + b'\nNegative prompt: fog\n' in path.read_bytes(), f'{kind}: no comment')
        tap.check_equal(read_back(path)['prompt'], WIDE, kind)


def test_the_comment_has_it_too_if_that_is_asked_for():
    image = new_image(width=64, height=64)
    for prompt in ('a red star', WIDE):
        generate(image, metadata='comment', **(QUICK | {'prompt': prompt}))
        tap.check(comment_of(image).startswith(f'{prompt}\nNegative prompt: fog\nSteps: 1, '), f'comment: {comment_of(image)}')
        for kind in ('png', 'jpg', 'webp'):
            tap.check_equal(read_back(export(image, kind, comment=True))['prompt'], prompt, kind)
    # GIMP's export takes the place of the one in Exif by the image's.
    generate(image, metadata='exif', **QUICK)
    tap.check_equal(comment_of(image), None, 'comment afterwards')


def test_gimps_own_comment_gives_way_and_others_stay():
    standard = scripting.text('(car (gimp-get-default-comment))')
    image = new_image(width=64, height=64)
    set_comment(image, standard)
    generate(image, metadata='exif', **QUICK)
    tap.check_equal(comment_of(image), None, 'comment')

    for where in ('exif', 'comment'):
        set_comment(image, 'Holidays in Rome')
        before = gimp.messages().count('comment of its own')
        generate(image, metadata=where, **QUICK)
        tap.check_equal(comment_of(image), 'Holidays in Rome', 'comment')
        tap.check_equal(gimp.messages().count('comment of its own'), before + 1, 'messages')


def test_exif_comments_of_others_stay():
    """A picture of another program is opened, whose comment GIMP takes for the image's, and a layer added."""
    image = gimp.number(f'(car (gimp-file-load RUN-NONINTERACTIVE {quote(str(PICTURES / "plain.jpg"))}))')
    before = gimp.messages().count('comment of its own')
    generate(image, metadata='exif', **QUICK)
    tap.check_equal(gimp.messages().count('comment of its own'), before + 1, 'messages')
    tap.check(b'a red star' not in export(image, 'jpg').read_bytes(), 'the comment was replaced')


def test_a_new_image_has_it_and_bad_names_are_refused():
    image, _ = generate(metadata='comment', **QUICK)
    tap.check(comment_of(image).startswith('a red star\n'), 'no comment')
    try:
        gimp.run(call(image, metadata='nonsense', **QUICK))
    except ScriptError as error:
        tap.check('nonsense' in str(error) and 'exif' in str(error), str(error))
    else:
        raise tap.Failure('no error')


def test_one_undo_takes_it_back():
    image, _ = dialogs.open_image()
    standard = scripting.text('(car (gimp-get-default-comment))')
    set_comment(image, standard)
    below = layers(image)
    for where in ('comment', 'exif'):
        generate(image, metadata=where, **QUICK)
        gimp.run('(gimp-displays-flush)')
        tap.check(comment_of(image) != standard, 'the comment is as it was')
        undo = wait_for(lambda: desktop.application('gimp').find('menu item', 'Undo Generate', shown=False), 'Undo')
        undo.press()
        wait_for(lambda: layers(image) == below, 'the layer to go')
        tap.check_equal(comment_of(image), standard, f'{where}: comment after undo')
        tap.check(b'a red star' not in export(image, 'png', comment=True).read_bytes(), f'{where}: it is still in Exif')


# --- what is read -----------------------------------------------------------------

def choose(entry):
    """Opens the menu of the button and takes an entry; the dialog."""
    dialog = dialogs.Dialog()
    # Models are listed by then.
    dialog.wait_for_text('The prompt is empty')
    press(dialog, entry)
    return dialog


def press(dialog, entry):
    dialog.window.wait_for('toggle button', 'Settings from a Picture').press()
    wait_for(lambda: desktop.application('hidiffusion').find('button', entry), entry).press()


def shown(dialog):
    def value(name):
        return int(dialog.window.wait_for('spin button', name, shown=False).value)
    return {'prompt': dialog.window.wait_for('text', 'Prompt', shown=False).text,
            'negative_prompt': dialog.window.wait_for('text', 'Negative prompt', shown=False).text,
            'width': value('Width'), 'height': value('Height'), 'steps': value('Steps'), 'seed': value('Seed')}


def test_the_selected_layer_fills_the_dialog():
    image, _ = dialogs.open_image()
    generate(image, **QUICK)
    dialog = choose('From the Selected Layer')
    dialog.wait_for_text("These are the settings of 'a red star'")
    tap.check_equal(shown(dialog), QUICK, 'fields')


def test_a_layer_that_does_not_know_changes_nothing():
    dialogs.open_image()
    dialog = dialogs.Dialog()
    dialog.describe('a blue ball')
    before = shown(dialog)
    press(dialog, 'From the Selected Layer')
    dialog.wait_for_text('does not know how it was made')
    tap.check_equal(shown(dialog), before, 'fields')


def test_a_damaged_layer_changes_nothing():
    image, _ = dialogs.open_image()
    _, layer = generate(image, **QUICK)
    for text, told in (('{"steps": 5000}', 'steps'), ('{"sampler": "x"}', 'sampler'), ('{', 'JSON'), ('{"seed": 1e12}', 'seed')):
        gimp.run(f'(gimp-item-attach-parasite {layer} (list "hidiffusion-request" 1 {quote(text)}))')
        dialog = choose('From the Selected Layer')
        dialog.wait_for_text(told)
        tap.check_equal(shown(dialog)['prompt'], '', f'prompt after {text}')
        dialogs.close_plugin()


def test_a_file_can_be_chosen():
    """The chooser does not hold the dialog; without a choice nothing changes."""
    dialogs.open_image()
    dialog = choose('From a File')
    chooser = wait_for(lambda: desktop.application('hidiffusion').find('file chooser'), 'the chooser')
    tap.check(chooser.find('combo box', shown=False) is not None, 'no filter')
    chooser.wait_for('button', 'Cancel', shown=False).press()
    wait_for(chooser.is_gone, 'the chooser to go')
    tap.check_equal(shown(dialog)['prompt'], '', 'prompt')


def test_nothing_of_ours_is_on_stderr():
    tap.check_equal(gimp.complaints(), [], 'complaints')


def main():
    global profile, desktop, gimp, command
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--plugin', required=True, help='the plug-in as it was built')
    parser.add_argument('--command', required=True, help='the command line as it was built')
    parser.add_argument('--model', required=True, help='folder of a small model')
    parser.add_argument('--screenshots', required=True, help='folder for pictures of the dialogs')
    parser.add_argument('--screen', default='1366x768', help='its size in pixels')
    parser.add_argument('--scale', type=int, default=1, help='pixels for a unit of length')
    parser.add_argument('--only', default='', help='only tests whose name has this in it')
    arguments = parser.parse_args()
    command = os.path.abspath(arguments.command)

    dialogs.screenshots = pathlib.Path(arguments.screenshots)
    dialogs.desktop = desktop = Desktop(*map(int, arguments.screen.split('x')), arguments.scale)
    dialogs.profile = profile = Profile(arguments.plugin, arguments.model)
    try:
        dialogs.gimp = gimp = scripting.gimp = Gimp(profile, 'gimp', profile.environment(GDK_SCALE=str(arguments.scale)))
        try:
            tap.run([dialogs.with_fresh_screen(test) for name, test in globals().items()
                     if name.startswith('test_') and arguments.only in name])
        finally:
            gimp.stop()
    finally:
        profile.remove()
        desktop.close()


if __name__ == '__main__':
    main()
