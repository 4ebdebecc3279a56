# SPDX-License-Identifier: Apache-2.0
"""The dialogs of the plug-in in GIMP on a virtual screen, driven as a screen reader would."""

import argparse
import os
import pathlib
import re
import shutil
import signal
import time

import scripting
import tap
from desktop import Desktop
from gimp_session import Gimp, Profile, wait_for
from scripting import children, images, layer_name, layers, new_image, request_of, size

# Cancel is to stop the work within this many seconds.
CANCEL_LIMIT = 1.0

profile = None
desktop = None
gimp = None
screenshots = None


# --- what the tests ask of GIMP -------------------------------------------------

def open_image(kind='RGB', width=256, height=192):
    """An image with a layer, on the screen; its number and the display's."""
    image = new_image(kind, width, height)
    gimp.run(f'(begin (gimp-drawable-fill {layers(image)[0]} FILL-WHITE) (gimp-image-clean-all {image}))')
    return image, gimp.number(f'(car (gimp-display-new {image}))')


def has_request(layer):
    return gimp.number(f'(vector-length (list->vector (car (gimp-item-get-parasite-list {layer}))))') > 0


def close_plugin():
    for pid in gimp.plugin_pids():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not gimp.plugin_pids(), 'the plug-in to end')
    wait_for(lambda: desktop.application('hidiffusion') is None, 'the dialog to go')


def close_everything():
    """No image on the screen, no dialog, and nothing remembered."""
    close_plugin()
    for display in range(1, 100):
        if gimp.run(f'(car (gimp-display-id-is-valid {display}))') in ('1', '#t'):
            gimp.run(f'(gimp-display-delete {display})')
    profile.forget_settings()


def menu_item(name):
    return desktop.application('gimp').wait_for('menu item', name, shown=False)


# --- what the tests ask of the dialog -------------------------------------------

# For each task, what is in the menu, and on the button that begins the work.
TASKS = {
    'generate': ('_Generate...', '_Generate'),
    'transform': ('_Transform...', 'Trans_form'),
    'fill': ('_Fill Selection...', '_Fill'),
    'upscale': ('_Upscale...', 'Upscal_e'),
}


class Dialog:
    """A dialog, opened from the menu. Widgets are named in English; @translate knows them in the user's language."""

    def __init__(self, translate=None, task='generate', menu=None):
        self.translate = translate
        self.ok = self.label(TASKS[task][1])
        item = menu_item(self.label(menu or TASKS[task][0]))
        wait_for(lambda: item.has('sensitive'), 'the menu item')
        item.press()
        application = wait_for(lambda: desktop.application('hidiffusion'), 'the plug-in')
        self.window = application.wait_for('dialog')
        wait_for(lambda: self.window.find('button', self.ok), 'the buttons')

    def label(self, text):
        """The label of a button or menu item as it is shown."""
        text = self.translate(text) if self.translate else text
        return text.replace('_', '')

    def name(self, text):
        """The name of a field: its label, without the mnemonic that some languages have in brackets."""
        text = self.translate(text) if self.translate else text
        return re.sub(r'\(_.\)', '', text).replace('_', '')

    def field(self, role, name):
        return self.window.wait_for(role, name)

    def button(self, name):
        """The button of that name; that which begins the work has its own already in the user's language."""
        return self.window.wait_for('button', name if name == self.ok else self.label(name))

    def texts(self):
        return [label.text for label in self.window.find_all('label')]

    def wait_for_text(self, pattern, timeout=60.0):
        """The first label that matches."""
        def search():
            return next((found for found in map(re.compile(pattern).search, self.texts()) if found), None)
        return wait_for(search, f'a label like {pattern!r}', timeout)

    def describe(self, prompt='a red star', width=128, height=128, steps=2):
        """Fills in the form."""
        self.field('text', 'Prompt').text = prompt
        follow = self.window.find('check box', 'Size of the image')
        if follow and follow.has('checked'):
            follow.press()
        if self.window.find('spin button', 'Width'):
            self.field('spin button', 'Width').value = width
            self.field('spin button', 'Height').value = height
        self.field('spin button', 'Steps').value = steps
        self.wait_until_ready()

    def wait_until_ready(self):
        wait_for(lambda: self.button(self.ok).has('sensitive'), f'{self.ok} to be sensitive')

    def start(self):
        """Begins the work; what the last picture has left in the dialog is gone afterwards."""
        self.wait_until_ready()
        before = self.texts()
        self.button(self.ok).press()
        wait_for(lambda: self.texts() != before, 'the work to begin')

    def generate(self):
        """Makes a picture and waits for it; the seed that it was made with."""
        self.start()
        return int(self.wait_for_text(r'^Done\b.* seeds? (?:from )?(\d+)', timeout=120).group(1))

    def start_long_run(self):
        """Starts a run that takes minutes, waits for its first steps, and returns the label that tells of them."""
        self.describe(width=512, height=512, steps=1000)
        self.start()
        self.wait_for_text(r'^Step \d+ of 1000')
        return next(label for label in self.window.find_all('label') if label.text.startswith('Step '))

    def wait_until_closed(self, timeout=30.0):
        wait_for(lambda: not gimp.plugin_pids(), 'the plug-in to end', timeout)


# --- the tests ------------------------------------------------------------------

def test_the_dialog_opens_from_the_menu():
    open_image()
    dialog = Dialog()
    tap.check(not dialog.button('Generate').has('sensitive'), 'Generate can be pressed without a prompt')
    dialog.wait_for_text('The prompt is empty')
    desktop.screenshot(screenshots / 'generate-empty.png', dialog.window)
    dialog.field('text', 'Prompt').text = 'a red star'
    wait_for(lambda: dialog.button('Generate').has('sensitive'), 'Generate to be sensitive')
    dialog.wait_for_text(r'^On CPU.*: .* of memory')
    dialog.field('text', 'Prompt').text = ' '
    wait_for(lambda: not dialog.button('Generate').has('sensitive'), 'Generate to be grey again')


def test_every_field_has_a_name():
    open_image()
    check_names(Dialog().window)


def check_names(window):
    roles = {'text', 'spin button', 'combo box', 'check box', 'button', 'progress bar'}
    nameless = [widget.role for widget in window.walk()
                if widget.role in roles and widget.has('showing') and not widget.name]
    tap.check_equal(nameless, [], 'widgets without a name')


def test_no_mnemonic_is_used_twice():
    open_image()
    check_mnemonics(Dialog().window)


def check_mnemonics(window, least=12):
    letters = {}
    for widget in window.walk():
        if widget.has('showing') and widget.mnemonic.startswith('<Alt>'):
            letters.setdefault(widget.mnemonic.lower(), []).append(widget.name)
    tap.check(len(letters) >= least, f'only {len(letters)} mnemonics: {letters}')
    tap.check_equal({key: names for key, names in letters.items() if len(names) > 1}, {}, 'mnemonics used twice')


def test_a_picture_becomes_a_layer():
    image, _ = open_image()
    below = layers(image)
    dialog = Dialog()
    dialog.describe('a red star on the sea', width=256, height=192, steps=8)
    dialog.wait_for_text(r'^On CPU.*: .* of memory')
    desktop.screenshot(screenshots / 'generate-ready.png', dialog.window)
    seed = dialog.generate()
    desktop.screenshot(screenshots / 'generate-done.png', dialog.window)
    tap.check_equal(layers(image)[1:], below, 'the layers below')
    tap.check_equal(layer_name(layers(image)[0]), 'a red star on the sea', 'name of the layer')
    tap.check_equal(dialog.field('spin button', 'Seed').value, seed, 'the seed shown')
    tap.check(dialog.button('Generate').has('sensitive'), 'the dialog cannot be used again')

    dialog.describe(steps=2)
    dialog.generate()
    tap.check_equal(len(layers(image)), 3, 'layers after a second picture')
    dialog.button('Close').press()
    dialog.wait_until_closed()


def test_progress_is_shown_and_gimp_can_be_used_meanwhile():
    image, _ = open_image()
    below = layers(image)
    dialog = Dialog()
    status = dialog.start_long_run()
    bar = dialog.window.wait_for('progress bar')
    before = status.text, bar.value
    tap.check(not dialog.field('text', 'Prompt').has('sensitive'), 'the form can be changed while it works')
    tap.check(not dialog.button('Generate').has('sensitive'), 'Generate can be pressed while it works')
    started = time.monotonic()
    tap.check_equal(layers(image), below, 'layers while it works')
    tap.check(time.monotonic() - started < 2.0, 'GIMP was blocked')
    wait_for(lambda: status.text != before[0] and bar.value > before[1], 'progress')
    wait_for(lambda: re.search(r'about \d+ \w+ left', status.text), 'the time left')
    desktop.screenshot(screenshots / 'generate-working.png', dialog.window)
    dialog.button('Cancel').press()
    wait_for(lambda: status.text == 'Cancelled.', 'the end of the work')
    tap.check(dialog.field('text', 'Prompt').has('sensitive'), 'the form cannot be changed afterwards')


def test_one_undo_removes_the_layer():
    image, _ = open_image()
    below = layers(image)
    dialog = Dialog()
    dialog.describe()
    dialog.generate()
    dialog.button('Close').press()
    dialog.wait_until_closed()
    layer = layers(image)[0]
    tap.check(layer not in below, 'no layer')

    undo = wait_for(lambda: desktop.application('gimp').find('menu item', 'Undo Generate', shown=False), 'Undo')
    undo.press()
    wait_for(lambda: layers(image) == below, 'the layer to go')
    tap.check_equal(gimp.number(f'(car (gimp-image-is-dirty {image}))') & 1, 0, 'dirty after undo')
    redo = wait_for(lambda: desktop.application('gimp').find('menu item', 'Redo Generate', shown=False), 'Redo')
    redo.press()
    wait_for(lambda: layers(image) == [layer] + below, 'the layer to come back')
    tap.check(has_request(layer), 'the request did not come back')


def test_cancel_stops_within_a_second():
    image, _ = open_image()
    before = layers(image)
    dialog = Dialog()
    for attempt in range(3):
        status = dialog.start_long_run()
        cancel = dialog.button('Cancel')
        started = time.monotonic()
        cancel.press()
        wait_for(lambda: status.text == 'Cancelled.', 'the end of the work', interval=0.02)
        seconds = time.monotonic() - started
        print(f'# cancelled in {seconds:.2f} s')
        tap.check(seconds <= CANCEL_LIMIT, f'cancelled in {seconds:.2f} s, expected at most {CANCEL_LIMIT}')
        tap.check_equal(layers(image), before, 'layers')
    # the engine is as usable as before
    dialog.describe()
    dialog.generate()
    tap.check_equal(len(layers(image)), 2, 'layers')


def test_closing_while_working_stops():
    image, _ = open_image()
    before = layers(image)
    dialog = Dialog()
    dialog.start_long_run()
    started = time.monotonic()
    desktop.close_window('Generate a Layer')
    dialog.wait_until_closed()
    seconds = time.monotonic() - started
    print(f'# closed in {seconds:.2f} s')
    tap.check(seconds <= CANCEL_LIMIT + 0.5, f'closed in {seconds:.2f} s')
    tap.check_equal(layers(image), before, 'layers')


def test_errors_are_shown_in_the_dialog():
    image, _ = open_image()
    before = layers(image)
    dialog = Dialog()
    dialog.describe()
    dialog.field('text', 'Model').text = '/no/such/folder'
    dialog.wait_for_text('/no/such/folder')
    tap.check(not dialog.button('Generate').has('sensitive'), 'Generate can be pressed without its model')

    doomed = profile.root / 'doomed'
    shutil.copytree(profile.model, doomed)
    dialog.field('text', 'Model').text = str(doomed)
    dialog.wait_until_ready()
    dialog.wait_for_text(r'^On CPU.*: .* of memory')
    shutil.rmtree(doomed)
    dialog.start()
    bar = dialog.window.wait_for('info bar', 'Error')
    tap.check(any(str(doomed) in label.text for label in bar.find_all('label')), 'the message is not in the bar')
    desktop.screenshot(screenshots / 'generate-error.png', dialog.window)
    tap.check_equal(layers(image), before, 'layers')

    dialog.field('text', 'Model').text = 'nonsense'
    dialog.wait_for_text("'nonsense'")
    tap.check(not dialog.button('Generate').has('sensitive'), 'Generate can be pressed with an unknown model')

    dialog.field('text', 'Model').text = 'demo'
    dialog.generate()
    tap.check(dialog.window.find('info bar') is None, 'the error is still there')
    tap.check_equal(len(layers(image)), 2, 'layers')


def test_a_seed_can_be_kept():
    image, _ = open_image()
    dialog = Dialog()
    dialog.describe()
    seed = dialog.generate()
    random = dialog.field('check box', 'Random')
    random.press()
    wait_for(lambda: not random.has('checked'), 'the check mark to go')
    tap.check_equal(dialog.generate(), seed, 'seed of the second picture')
    random.press()
    wait_for(lambda: random.has('checked'), 'the check mark')
    tap.check(dialog.generate() != seed, 'the seed of the third picture is not another one')


def test_an_image_closed_meanwhile_leaves_the_picture_in_a_new_one():
    image, display = open_image()
    dialog = Dialog()
    dialog.describe(width=512, height=512, steps=60)
    dialog.start()
    dialog.wait_for_text(r'^Step \d+ of 60')
    gimp.run(f'(gimp-display-delete {display})')
    tap.check(image not in images(), 'the image is still open')
    dialog.wait_for_text(r'^The image was closed in the meantime', timeout=300)
    found = images()
    tap.check_equal(len(found), 1, 'images')
    tap.check_equal([layer_name(layer) for layer in layers(found.pop())], ['a red star'], 'layers')
    desktop.screenshot(screenshots / 'generate-image-closed.png')


def test_an_image_with_a_palette_can_be_converted():
    image, _ = open_image()
    gimp.run(f'(gimp-image-convert-indexed {image} CONVERT-DITHER-NONE CONVERT-PALETTE-GENERATE 4 FALSE FALSE "")')
    dialog = Dialog()
    dialog.field('text', 'Prompt').text = 'a red star'
    dialog.wait_for_text('^The image has a palette')
    tap.check(not dialog.button('Generate').has('sensitive'), 'Generate can be pressed')
    desktop.screenshot(screenshots / 'generate-palette.png', dialog.window)
    dialog.button('Convert to RGB').press()
    wait_for(lambda: dialog.button('Generate').has('sensitive'), 'Generate to be sensitive')
    tap.check_equal(gimp.run(f'(car (gimp-image-get-base-type {image}))'), '0', 'the image is RGB')
    dialog.describe()
    dialog.generate()
    tap.check_equal(len(layers(image)), 2, 'layers')


def test_without_an_image_a_new_one_is_shown():
    dialog = Dialog()
    tap.check(dialog.window.find('check box', 'Size of the image') is None, 'the size of no image is offered')
    width = dialog.field('spin button', 'Width')
    wait_for(lambda: width.value == 128, 'the width that suits the model')
    dialog.describe(width=160)
    dialog.generate()
    found = images()
    tap.check_equal(len(found), 1, 'images')
    image = found.pop()
    # a second picture of that size goes beside the first, one of another size has an image of its own
    dialog.generate()
    tap.check_equal((images(), len(layers(image))), ({image}, 2), 'image and number of layers')
    dialog.field('spin button', 'Width').value = 192
    dialog.generate()
    tap.check_equal(len(images()), 2, 'images')
    dialog.button('Close').press()
    dialog.wait_until_closed()


def test_the_last_run_can_be_repeated():
    image, _ = open_image()
    dialog = Dialog()
    dialog.describe('a blue circle')
    dialog.generate()
    dialog.button('Close').press()
    dialog.wait_until_closed()
    menu_item('Repeat').press()
    wait_for(lambda: len(layers(image)) == 3, 'the second layer')
    tap.check(layer_name(layers(image)[0]).startswith('a blue circle'), 'name of the second layer')
    wait_for(lambda: not gimp.plugin_pids(), 'the plug-in to end')
    # and the dialog opens with what was used last
    dialog = Dialog()
    tap.check_equal(dialog.field('text', 'Prompt').text, 'a blue circle', 'prompt')
    tap.check_equal(dialog.field('spin button', 'Steps').value, 2, 'steps')


def test_settings_can_be_saved_and_reset():
    open_image()
    dialog = Dialog()
    dialog.describe('a green leaf', width=192, height=320, steps=17)
    dialog.field('text', 'Model').text = 'demo'
    random = dialog.field('check box', 'Random')
    random.press()
    wait_for(lambda: not random.has('checked'), 'the check mark to go')
    dialog.field('spin button', 'Seed').value = 99

    def shown():
        return ([dialog.field('text', name).text for name in ('Prompt', 'Model')]
                + [dialog.field('spin button', name).value for name in ('Width', 'Height', 'Steps', 'Seed')]
                + [random.has('checked'), dialog.window.find('check box', 'Size of the image').has('checked')])

    saved = shown()
    dialog.button('Save Settings').press()
    wait_for(lambda: dialog.button('Load Saved Settings').has('sensitive'), 'the settings to be saved')
    dialog.button('Reset').press()
    dialog.window.wait_for('button', 'Reset to Factory Defaults').press()
    wait_for(lambda: dialog.field('text', 'Prompt').text == '', 'the prompt to be reset')
    tap.check_equal(shown(), ['', '', 256, 192, 25, 99, True, True], 'what is shown after a reset')
    dialog.button('Load Saved Settings').press()
    wait_for(lambda: dialog.field('text', 'Prompt').text == 'a green leaf', 'the prompt to be loaded')
    tap.check_equal(shown(), saved, 'what is shown after loading')


def test_killing_the_plugin_leaves_gimp_alive():
    image, _ = open_image()
    before = layers(image)
    dialog = Dialog()
    dialog.start_long_run()
    for pid in gimp.plugin_pids():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not gimp.plugin_pids(), 'the plug-in to end')
    tap.check_equal(layers(image), before, 'layers')
    wait_for(lambda: desktop.application('hidiffusion') is None, 'the dialog to go')
    dialog = Dialog()
    dialog.describe()
    dialog.generate()
    tap.check_equal(len(layers(image)), 2, 'layers')


# --- the other tasks ------------------------------------------------------------

def check_task(dialog, name):
    """Takes a picture of a dialog, looks at its names and mnemonics, and runs it."""
    dialog.wait_until_ready()
    dialog.wait_for_text(r'^On CPU.*: .* of memory')
    check_names(dialog.window)
    check_mnemonics(dialog.window)
    desktop.screenshot(screenshots / f'{name}.png', dialog.window)
    dialog.generate()


def test_a_layer_is_transformed():
    image, _ = open_image()
    below = layers(image)
    dialog = Dialog(task='transform')
    tap.check(not dialog.button('Transform').has('sensitive'), 'Transform can be pressed without a prompt')
    strength = dialog.field('spin button', 'Strength')
    wait_for(lambda: strength.value == 0.75, 'the strength that suits the task')
    dialog.describe('a red star on a sky background', steps=8)
    strength.value = 0.5
    dialog.field('spin button', 'Pictures').value = 3
    check_task(dialog, 'transform')
    group, *rest = layers(image)
    tap.check_equal(rest, below, 'the layers below')
    tap.check_equal(layer_name(group), 'a red star on a sky background', 'name of the group')
    made = children(group)
    tap.check_equal([request_of(layer)['strength'] for layer in made], [0.5] * 3, 'strength')
    seeds = [request_of(layer)['seed'] for layer in made]
    tap.check_equal(seeds, [seeds[2] + 2, seeds[2] + 1, seeds[2]], 'seeds')


def test_a_selection_is_filled():
    image, _ = open_image()
    dialog = Dialog(task='fill')
    dialog.wait_for_text('^Nothing is selected')
    tap.check(not dialog.button('Fill').has('sensitive'), 'Fill can be pressed')
    close_plugin()
    gimp.run(f'(gimp-image-select-ellipse {image} CHANNEL-OP-REPLACE 60 40 90 80)')
    dialog = Dialog(task='fill')
    dialog.describe('a red star on a sky background', steps=8)
    check_task(dialog, 'fill')
    made = layers(image)[0]
    tap.check(gimp.number(f'(car (gimp-layer-get-mask {made}))') > 0, 'no mask')


def test_a_layer_is_upscaled():
    image, _ = open_image(width=96, height=64)
    before = layers(image)
    dialog = Dialog(task='upscale')
    dialog.field('spin button', 'Enlarge by').value = 4
    check_task(dialog, 'upscale')
    tap.check_equal(layers(image), before, 'layers')
    large, = images() - {image}
    tap.check_equal(size(layers(large)[0]), [384, 256], 'size')


def test_a_layer_is_made_again():
    image, _ = open_image()
    dialog = Dialog(task='transform')
    dialog.describe('a red star on a sky background', steps=3)
    dialog.generate()
    first = request_of(layers(image)[0])
    dialog.button('Close').press()
    dialog.wait_until_closed()
    dialog = Dialog(task='transform', menu='_Again...')
    tap.check_equal(dialog.field('text', 'Prompt').text, first['prompt'], 'prompt')
    tap.check_equal([dialog.field('spin button', name).value for name in ('Steps', 'Seed', 'Strength')],
                    [3, first['seed'], 0.75], 'numbers')
    check_task(dialog, 'again')
    tap.check_equal(len(layers(image)), 3, 'layers')
    tap.check_equal(request_of(layers(image)[0]), first, 'request')


def test_what_is_missing_is_explained_when_a_layer_is_made_again():
    image, _ = open_image()
    dialog = Dialog()
    dialog.describe()
    dialog.generate()
    dialog.button('Close').press()
    dialog.wait_until_closed()
    demo = profile.models / 'demo'
    demo.rename(demo.with_name('other'))
    try:
        dialog = Dialog(menu='_Again...')
        dialog.wait_for_text("There is no model 'demo'")
        desktop.screenshot(screenshots / 'again-missing.png', dialog.window)
        dialog.field('text', 'Model').text = 'other'
        dialog.wait_until_ready()
    finally:
        close_plugin()
        demo.with_name('other').rename(demo)


def test_settings_that_suit_the_model_are_shown_until_they_are_changed():
    open_image()
    turbo = profile.models / 'demo-turbo'
    shutil.copytree(profile.model, turbo)
    try:
        dialog = Dialog()
        dialog.field('text', 'Prompt').text = 'a red star'
        suited = dialog.field('check box', 'As suits the model')
        steps = dialog.field('spin button', 'Steps')
        wait_for(lambda: steps.value == 25, "the model's steps")
        dialog.field('text', 'Model').text = 'demo-turbo'
        wait_for(lambda: steps.value == 4, "the other model's steps")
        tap.check(suited.has('checked'), 'the settings do not suit the model')
        steps.value = 9
        wait_for(lambda: not suited.has('checked'), 'the check mark to go')
        dialog.field('text', 'Model').text = 'demo'
        dialog.wait_until_ready()
        time.sleep(1.0)
        tap.check_equal(steps.value, 9, 'the steps that were chosen')
        suited.press()
        wait_for(lambda: steps.value == 25, "the model's steps again")
    finally:
        shutil.rmtree(turbo)


def test_folders_can_be_added():
    open_image()
    folder = profile.root / 'elsewhere'
    shutil.copytree(profile.model, folder / 'star-maker')
    dialog = Dialog()
    dialog.describe()
    dialog.field('text', 'Model').text = 'star-maker'
    dialog.wait_for_text("There is no model 'star-maker'")
    try:
        (profile.gimp / 'hidiffusion.ini').write_text(f'[models]\nfolders=/nonexistent;{folder};\n')
        close_plugin()
        dialog = Dialog()
        dialog.describe()
        dialog.field('text', 'Model').text = 'star-maker'
        dialog.wait_until_ready()
        dialog.button('Folders…').press()
        folders = desktop.application('hidiffusion').wait_for('dialog', 'Folders with Models')
        rows = [cell.name for cell in folders.wait_for('table', 'Folders').find_all('table cell')]
        tap.check_equal(rows, ['/nonexistent', str(folder)], 'folders')
        check_mnemonics(folders, 4)
        desktop.screenshot(screenshots / 'folders.png', folders)
        table = folders.find('table', 'Folders').node.get_table_iface()
        desktop.atspi.Table.add_row_selection(table, 1)
        wait_for(lambda: desktop.atspi.Table.is_row_selected(table, 1), 'the row to be selected')
        folders.find('button', 'Remove').press()
        folders.find('button', 'OK').press()
        dialog.wait_for_text("There is no model 'star-maker'")
        tap.check('/nonexistent' in (profile.gimp / 'hidiffusion.ini').read_text(), 'the other folder is gone, too')
    finally:
        (profile.gimp / 'hidiffusion.ini').unlink()


def test_sections_are_folded_away_until_they_are_used():
    image, _ = open_image()
    dialog = Dialog()
    dialog.describe()
    for title in ('LoRAs', 'ControlNet', 'Advanced'):
        section = dialog.window.wait_for('toggle button', title, shown=False)
        tap.check(not section.has('expanded'), f'the section {title} is not folded away')
        section.press()
        wait_for(lambda: section.has('expanded'), 'the section to unfold')
    dialog.button('Add a LoRA').press()
    dialog.field('text', 'LoRA').text = 'nonsense'
    dialog.wait_for_text("There is no LoRA 'nonsense'")
    check_names(dialog.window)
    check_mnemonics(dialog.window)
    desktop.screenshot(screenshots / 'sections.png', dialog.window)
    dialog.button('Remove').press()
    dialog.wait_until_ready()
    dialog.field('text', 'ControlNet').text = str(profile.model)
    dialog.wait_for_text('needs a layer to follow')
    dialog.field('text', 'ControlNet').text = ''
    dialog.window.wait_for('spin button', 'T1', shown=False).value = 0.5
    dialog.wait_until_ready()
    dialog.generate()
    tap.check_equal(request_of(layers(image)[0])['t1'], 0.5, 'T1')
    dialog.button('Close').press()
    dialog.wait_until_closed()
    dialog = Dialog()
    tap.check_equal([dialog.window.wait_for('toggle button', title, shown=False).has('expanded')
                     for title in ('ControlNet', 'Advanced')],
                    [False, True], 'which sections are open')


def test_nothing_of_ours_is_on_stderr():
    tap.check_equal(gimp.complaints(), [], 'complaints')


def clear_the_screen():
    """A GIMP that shows nothing: another one, if this one went down while it was cleared."""
    global gimp
    for last in (False, True):
        if not gimp.is_alive():
            gimp.stop()
            gimp = scripting.gimp = Gimp(profile, 'gimp')
        try:
            close_everything()
            return
        except ConnectionError:
            if last:
                raise


def with_fresh_screen(test):
    """The test with nothing left over from the one before, not even a GIMP that is gone."""
    def run():
        clear_the_screen()
        try:
            test()
        except Exception:
            if not gimp.is_alive():
                print('# GIMP or its Script-Fu server is gone; its last words:')
                for line in gimp.messages().splitlines()[-20:]:
                    print(f'#   {line}')
            raise
    run.__name__ = test.__name__
    return run


def main():
    global profile, desktop, gimp, screenshots
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--plugin', required=True, help='the plug-in as it was built')
    parser.add_argument('--model', required=True, help='folder of a small model')
    parser.add_argument('--locale', required=True, help='folder of the translations as they were built')
    parser.add_argument('--screenshots', required=True, help='folder for pictures of the dialog')
    parser.add_argument('--screen', default='1280x1000', help='its size in pixels')
    parser.add_argument('--scale', type=int, default=1, help='pixels for a unit of length')
    parser.add_argument('--only', default='', help='only tests whose name has this in it')
    arguments = parser.parse_args()
    screenshots = pathlib.Path(arguments.screenshots)

    desktop = Desktop(*map(int, arguments.screen.split('x')), arguments.scale)
    profile = Profile(arguments.plugin, arguments.model, arguments.locale)
    try:
        gimp = scripting.gimp = Gimp(profile, 'gimp', profile.environment(GDK_SCALE=str(arguments.scale)))
        try:
            tap.run([with_fresh_screen(test) for name, test in globals().items()
                     if name.startswith('test_') and arguments.only in name])
        finally:
            gimp.stop()
    finally:
        profile.remove()
        desktop.close()


if __name__ == '__main__':
    main()
