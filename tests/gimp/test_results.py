# SPDX-License-Identifier: Apache-2.0
"""The dialogs: the picture that grows, those that were made, and that none of them is lost."""

import argparse
import os
import pathlib
import re
import subprocess
import time

import scripting
import tap
import test_dialog as dialogs
from desktop import Desktop
from gimp_session import Gimp, Profile, wait_for
from scripting import children, images, layer_name, layers, offsets, pixel, request_of
from test_dialog import CANCEL_LIMIT, Dialog, menu_item, open_image

IN_PROGRESS = 'The picture in progress'

desktop = None
gimp = None
profile = None
only_layout = False


# --- what the tests ask of the dialog -------------------------------------------

def view(dialog):
    """The name of the picture that is shown large; '' if there is none."""
    found = dialog.window.find('image')
    return found.name if found else ''


def thumbnails(dialog):
    """Names of the pictures that were made, the newest first."""
    return [item.name for item in dialog.window.find_all('list item', 'Seed ')]


def seed_of(name):
    return int(re.match(r'Seed (\d+)', name).group(1))


def choose(dialog, index):
    """Selects a thumbnail, as a click does."""
    desktop.atspi.Selection.select_child(
        dialog.window.wait_for('table', 'Pictures made').node.get_selection_iface(), index)
    wait_for(lambda: view(dialog) == thumbnails(dialog)[index], 'the picture that was chosen')


def make(dialog, prompt, count=1, **settings):
    """Makes pictures; their seeds, the newest first."""
    dialog.describe(prompt, **settings)
    dialog.field('spin button', 'Pictures').value = count
    dialog.generate()
    return [seed_of(name) for name in thumbnails(dialog)[:count]]


def close(dialog):
    dialog.button('Close').press()
    dialog.wait_until_closed()


def look(widget):
    """What a part of the screen looks like."""
    path = profile.root / 'look.png'
    desktop.screenshot(path, widget)
    return path.read_bytes()


def corners(layer):
    """Some pixels of a layer of 128 x 128."""
    return [pixel(layer, x, y) for x in (3, 64, 120) for y in (5, 64, 99)]


def undo(name):
    wait_for(lambda: desktop.application('gimp').find('menu item', f'Undo {name}', shown=False), 'Undo').press()


def delete(layer):
    gimp.run(f'(gimp-image-remove-layer (car (gimp-item-get-image {layer})) {layer})')


# --- while it works --------------------------------------------------------------

def test_a_picture_is_seen_growing():
    image, _ = open_image()
    dialog = Dialog()
    dialog.window.wait_for('label', 'Pictures are shown here')
    status = dialog.start_long_run()
    wait_for(lambda: view(dialog) == IN_PROGRESS, 'the preview')
    shown = dialog.window.find('image')
    first = look(shown)
    wait_for(lambda: look(shown) != first, 'the preview to change')
    wait_for(lambda: re.search(r'^Step \d+ of 1000, about \d+ \w+ left', status.text), 'step and time left')
    dialogs.check_names(dialog.window)
    desktop.screenshot(dialogs.screenshots / 'growing.png')
    started = time.monotonic()
    dialog.button('Cancel').press()
    wait_for(lambda: status.text == 'Cancelled.', 'the end of the work', interval=0.02)
    tap.check(time.monotonic() - started <= CANCEL_LIMIT, f'cancelled in {time.monotonic() - started:.2f} s')
    tap.check_equal((view(dialog), thumbnails(dialog)), ('', []), 'pictures after a run that was cancelled')


def test_an_earlier_picture_can_be_looked_at_meanwhile():
    open_image()
    dialog = Dialog()
    make(dialog, 'a red star')
    dialog.start_long_run()
    wait_for(lambda: view(dialog) == IN_PROGRESS, 'the preview')
    choose(dialog, 0)
    time.sleep(0.5)
    tap.check(view(dialog).startswith('Seed '), 'the preview has come back by itself')
    tap.check(not dialog.button('Use Settings').has('sensitive'), 'the form can be filled while it works')
    dialog.button('Back to the Picture in Progress').press()
    wait_for(lambda: view(dialog) == IN_PROGRESS, 'the preview')
    dialog.button('Cancel').press()
    wait_for(lambda: view(dialog).startswith('Seed '), 'the picture before')
    dialog.wait_until_ready()


# --- afterwards ------------------------------------------------------------------

def test_pictures_of_one_run_are_in_a_group():
    image, _ = open_image()
    below = layers(image)
    dialog = Dialog()
    seeds = make(dialog, 'a red star', 3)
    group, *rest = layers(image)
    tap.check_equal((layer_name(group), rest), ('a red star', below), 'the group, and what is below it')
    tap.check_equal([layer_name(layer) for layer in children(group)], [f'Seed {seed}' for seed in seeds], 'names')
    tap.check_equal([request_of(layer)['seed'] for layer in children(group)], seeds, 'seeds')
    # a picture of something else stands by itself, and goes with one undo
    make(dialog, 'a blue fish')
    tap.check_equal([layer_name(layer) for layer in layers(image)], ['a blue fish', 'a red star', 'below'], 'layers')
    undo('Generate')
    wait_for(lambda: layers(image) == [group] + below, 'the layer to go')
    # another variation goes to the others
    more = make(dialog, 'a red star')
    tap.check_equal((layers(image), [request_of(layer)['seed'] for layer in children(group)]),
                    ([group] + below, more + seeds), 'layers after a variation')
    tap.check_equal(len(thumbnails(dialog)), 5, 'number of thumbnails')
    desktop.screenshot(dialogs.screenshots / 'group.png', dialog.window)
    # the first step of undo is that of the group
    for number in (3, 2, 1):
        undo('Generate')
        wait_for(lambda: len(children(group)) == number, 'a picture to go')
    undo('Generate')
    wait_for(lambda: layers(image) == below, 'the group to go')


def test_pictures_are_brought_back():
    image, display = open_image()
    below = layers(image)
    dialog = Dialog()
    make(dialog, 'a red star')
    layer = layers(image)[0]
    before = corners(layer), request_of(layer), offsets(layer)
    make(dialog, 'a blue fish', 2)
    group = layers(image)[0]
    tap.check(view(dialog) == thumbnails(dialog)[0], 'the last picture is not shown')
    delete(layer)
    choose(dialog, 2)
    dialog.button('Insert Again').press()
    wait_for(lambda: len(layers(image)) == 3, 'the layer to come back')
    again = next(found for found in layers(image) if found not in below + [group])
    tap.check_equal((corners(again), request_of(again), offsets(again)), before, 'the layer')
    # as often as one likes, but only where it is missing
    gimp.run(f'(gimp-item-set-visible {again} FALSE)')
    dialog.button('Insert Again').press()
    dialog.wait_for_text('^The layer is still in the image')
    tap.check_equal((len(layers(image)), gimp.number(f'(car (gimp-item-get-visible {again}))')), (3, 1), 'layers')
    # two of a group that was deleted have one group again
    seeds = [request_of(layer)['seed'] for layer in children(group)]
    delete(group)
    for index in (1, 0):
        choose(dialog, index)
        dialog.button('Insert Again').press()
        wait_for(lambda: any(len(children(found)) == 2 - index for found in layers(image)
                             if gimp.number(f'(car (gimp-item-is-group {found}))')), 'the picture to come back')
    group = next(found for found in layers(image) if gimp.number(f'(car (gimp-item-is-group {found}))'))
    tap.check_equal((layer_name(group), [request_of(layer)['seed'] for layer in children(group)]),
                    ('a blue fish', seeds), 'the group')
    # without its image a picture has one of its own
    gimp.run(f'(gimp-display-delete {display})')
    choose(dialog, 2)
    dialog.button('Insert Again').press()
    dialog.wait_for_text('^The image was closed')
    found, = images()
    tap.check_equal([corners(layer) for layer in layers(found)], [before[0]], 'the layer in the new image')


def test_seeds_and_settings_are_used_again():
    image, _ = open_image()
    dialog = Dialog()
    make(dialog, 'a red star', steps=3)
    first = request_of(layers(image)[0])
    before = corners(layers(image)[0])
    dialog.window.wait_for('toggle button', 'Advanced', shown=False).press()
    dialog.window.wait_for('spin button', 'T1', shown=False).value = 0.5
    make(dialog, 'a green moon', width=192, steps=5)
    random = dialog.field('check box', 'Random')
    tap.check(random.has('checked'), 'the seed is not random any more')
    choose(dialog, 1)
    dialog.button('Use Seed').press()
    wait_for(lambda: not random.has('checked'), 'the seed')
    tap.check_equal([dialog.field('spin button', name).value for name in ('Seed', 'Steps')], [first['seed'], 5], 'numbers')
    dialog.button('Use Settings').press()
    wait_for(lambda: dialog.field('spin button', 'Steps').value == 3, 'the settings')
    tap.check_equal((dialog.field('text', 'Prompt').text,
                     [dialog.field('spin button', name).value for name in ('Seed', 'Width', 'Pictures')]),
                    ('a red star', [first['seed'], 128, 1]), 'what is shown')
    dialog.wait_until_ready()
    dialog.generate()
    tap.check_equal((request_of(layers(image)[0]), corners(layers(image)[0])), (first, before), 'the same picture')


# --- nothing is lost ---------------------------------------------------------------

def start_slowly(dialog, steps=60, **settings):
    dialog.describe(width=384, height=384, steps=steps, **settings)
    dialog.start()
    dialog.wait_for_text(rf'^Step \d+ of \d+')


def test_a_layer_deleted_meanwhile_leaves_the_picture_where_it_was():
    image, _ = open_image(width=384, height=384)
    source, = layers(image)
    gimp.run(f'(begin (gimp-layer-set-offsets {source} 16 -32) (gimp-layer-add-alpha {source}))')
    dialog = Dialog(task='transform')
    start_slowly(dialog)
    delete(source)
    dialog.wait_for_text('^The layer was deleted in the meantime')
    tap.check_equal([(layer_name(layer), offsets(layer)) for layer in layers(image)],
                    [('a red star', [16, -32])], 'layers')
    dialogs.close_plugin()


def test_a_selection_dropped_meanwhile_is_still_filled():
    image, _ = open_image(width=384, height=384)
    gimp.run(f'(gimp-image-select-rectangle {image} CHANNEL-OP-REPLACE 100 100 120 90)')
    dialog = Dialog(task='fill')
    start_slowly(dialog)
    gimp.run(f'(begin (gimp-selection-none {image}) (gimp-layer-set-offsets {layers(image)[0]} 7 7))')
    dialog.wait_for_text('^Done', timeout=120)
    filled = layers(image)[0]
    mask = gimp.number(f'(car (gimp-layer-get-mask {filled}))')
    x, y = offsets(filled)
    tap.check_equal([pixel(mask, 101 - x, 101 - y)[0], pixel(mask, 99 - x, 99 - y)[0]], [255, 0], 'the mask')
    dialogs.close_plugin()


def test_several_pictures_outlast_their_image():
    image, display = open_image()
    other, _ = open_image()
    before = layers(other)
    # in the menus of the image that was shown last
    dialog = Dialog()
    dialog.describe(width=384, height=384, steps=20)
    dialog.field('spin button', 'Pictures').value = 3
    dialog.start()
    status = dialog.window.wait_for('label', 'Picture 1 of 3')
    wait_for(lambda: status.text.startswith('Picture 2 of 3'), 'the second picture', timeout=120)
    gimp.run('(for-each (lambda (display) (if (= 1 (car (gimp-display-id-is-valid display))) (gimp-display-delete display)))'
             f' (list {display} {display + 1}))')
    tap.check_equal(images() & {image, other}, set(), 'the images')
    dialog.wait_for_text('^The image was closed in the meantime', timeout=120)
    dialog.wait_for_text('^Done', timeout=120)
    tap.check_equal(len(thumbnails(dialog)), 3, 'pictures in the dialog')
    found, = images()
    group, = layers(found)
    tap.check_equal((layer_name(group), len(children(group))), ('a red star', 2), 'what is in the new image')
    # the first went with the image, but not for good
    choose(dialog, 2)
    dialog.button('Insert Again').press()
    wait_for(lambda: len(children(group)) == 3, 'the first picture')
    tap.check_equal(images(), {found}, 'images')
    desktop.screenshot(dialogs.screenshots / 'image-closed.png')


# --- once more -------------------------------------------------------------------

def test_every_task_can_be_repeated():
    image, _ = open_image(width=128, height=128)
    below = layers(image)
    gimp.run(f'(gimp-image-select-ellipse {image} CHANNEL-OP-REPLACE 30 20 70 80)')
    for task in ('generate', 'transform', 'fill'):
        gimp.run(f'(gimp-image-set-selected-layers {image} (vector {below[0]}))')
        dialog = Dialog(task=task)
        dialog.describe(f'a red star, {task}')
        close_after(dialog)
        gimp.run(f'(gimp-image-set-selected-layers {image} (vector {below[0]}))')
        first = repeat(image)
        tap.check_equal(layer_name(first).split(' #')[0], f'a red star, {task}', f'{task}: the layer')
        tap.check_equal(request_of(first)['task'], task, 'task')
    # what is made again is made from the layer that is selected
    gimp.run(f'(gimp-image-set-selected-layers {image} (vector {first}))')
    made = request_of(first)
    dialog = Dialog(menu='_Again...', task='fill')
    dialog.wait_until_ready()
    close_after(dialog)
    gimp.run(f'(gimp-image-set-selected-layers {image} (vector {first}))')
    tap.check_equal(request_of(repeat(image)), made, 'the request of a layer that is made again')
    gimp.run(f'(gimp-image-set-selected-layers {image} (vector {below[0]}))')
    dialog = Dialog(task='upscale')
    dialog.describe('', steps=2)
    close_after(dialog)
    before = images()
    menu_item('Repeat').press()
    wait_for(lambda: len(images()) == len(before) + 1, 'another image')
    wait_for(lambda: not gimp.plugin_pids(), 'the plug-in to end')


def close_after(dialog):
    dialog.generate()
    close(dialog)


def repeat(image):
    """Filters > Repeat; the layer that it makes."""
    before = layers(image)
    menu_item('Repeat').press()
    made = wait_for(lambda: [layer for layer in layers(image) if layer not in before], 'another layer')[0]
    wait_for(lambda: not gimp.plugin_pids(), 'the plug-in to end')
    return made


# --- on any screen -----------------------------------------------------------------

def test_the_dialog_fits_and_is_driven_by_keys():
    image, _ = open_image()
    dialog = Dialog()
    make(dialog, 'a red star on a sky background', 2, steps=6)
    area = dialog.window.node.get_component_iface().get_extents(desktop.atspi.CoordType.SCREEN)
    screen = desktop.gdk.get_default_root_window()
    tap.check(area.width <= screen.get_width() and area.height <= screen.get_height(),
              f'the dialog is {area.width} x {area.height} on {screen.get_width()} x {screen.get_height()}')
    dialogs.check_names(dialog.window)
    desktop.screenshot(dialogs.screenshots / f'results-{desktop.name}.png')
    # from the thumbnails to the next, and back into the image
    first, second = thumbnails(dialog)
    group = layers(image)[0]
    delete(children(group)[1])
    table = dialog.window.find('table', 'Pictures made')
    table.node.get_component_iface().grab_focus()
    dialog.window.find('list item', first).node.get_component_iface().grab_focus()
    keys('Right', 'space')
    wait_for(lambda: view(dialog) == second, 'the second picture by keys')
    keys('Return')
    wait_for(lambda: len(children(group)) == 2, 'the second picture in the image')
    dialogs.close_plugin()


def keys(*names):
    subprocess.run(['xdotool', 'key', *names], check=True)
    time.sleep(0.3)


def test_nothing_of_ours_is_on_stderr():
    tap.check_equal(gimp.complaints(), [], 'complaints')


LAYOUT = {test_the_dialog_fits_and_is_driven_by_keys, test_nothing_of_ours_is_on_stderr}


def main():
    global desktop, gimp, profile
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--plugin', required=True, help='the plug-in as it was built')
    parser.add_argument('--model', required=True, help='folder of a small model')
    parser.add_argument('--screenshots', required=True, help='folder for pictures of the dialog')
    parser.add_argument('--screen', default='1366x768', help='its size in pixels')
    parser.add_argument('--scale', type=int, default=1, help='pixels for a unit of length')
    parser.add_argument('--layout', action='store_true', help='only what depends on the screen')
    parser.add_argument('--only', default='', help='only tests whose name has this in it')
    arguments = parser.parse_args()
    dialogs.screenshots = pathlib.Path(arguments.screenshots)

    desktop = dialogs.desktop = Desktop(*map(int, arguments.screen.split('x')))
    desktop.name = f'{arguments.screen}-{arguments.scale}'
    profile = dialogs.profile = Profile(arguments.plugin, arguments.model)
    try:
        gimp = dialogs.gimp = scripting.gimp = Gimp(profile, 'gimp', profile.environment(GDK_SCALE=str(arguments.scale)))
        try:
            tap.run([dialogs.with_fresh_screen(test) for name, test in globals().items()
                     if name.startswith('test_') and arguments.only in name
                     and (test in LAYOUT or not arguments.layout)])
        finally:
            dialogs.gimp.stop()
    finally:
        profile.remove()
        desktop.close()


if __name__ == '__main__':
    main()
