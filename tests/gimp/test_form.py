# SPDX-License-Identifier: Apache-2.0
"""The form of the dialogs: its fields, driven as a screen reader or a keyboard would, on screens of several sizes."""

import argparse
import json
import pathlib
import re
import subprocess
import time

import scripting
import tap
import test_dialog as dialogs
from desktop import Desktop
from gimp_session import Gimp, Profile, ScriptError, wait_for
from scripting import layers, request_of

# Roles of what can be acted on.
ACTIVE = {'text', 'spin button', 'combo box', 'check box', 'button', 'push button', 'toggle button', 'slider', 'entry', 'table',
          'list', 'list item', 'menu', 'menu item', 'progress bar'}

STYLES = {
    'version': 1,
    'styles': [
        {'name': 'Ink', 'prompt': 'ink of {prompt}', 'negative_prompt': 'colour', 'steps': 3, 'width': 192, 'height': 128},
        {'name': 'Night', 'prompt': 'at night', 'guidance_scale': 4.5},
    ],
}

profile = None
desktop = None
screenshots = None
suffix = ''


def keys(*names):
    """Presses keys, as 'ctrl+Up'."""
    subprocess.run(['xdotool', 'key', '--delay', '60', *names], check=True)


def write_styles(text):
    """Replaces the file of the user's styles, as editors do."""
    path = profile.gimp / 'hidiffusion-styles.json'
    new = path.with_suffix('.new')
    new.write_text(text)
    new.rename(path)
    return path


def popover(dialog, button):
    """Opens what a button opens, or closes it."""
    dialog.window.wait_for('toggle button', button).press()


def find_window(title):
    application = desktop.application('hidiffusion')
    return application and application.find('dialog', title)


def prompt_of(dialog):
    return dialog.field('text', 'Prompt').text


def negative_of(dialog):
    return dialog.window.wait_for('text', 'Negative prompt', shown=False).text


# --- layout ---------------------------------------------------------------------

def extents(widget):
    box = widget.node.get_component_iface().get_extents(desktop.atspi.CoordType.SCREEN)
    return [desktop.scale * number for number in (box.x, box.y, box.width, box.height)]


def check_fits(window, name):
    """The whole window is on the screen."""
    root = desktop.gdk.get_default_root_window()
    x, y, width, height = extents(window)
    print(f'# {name}: {width} x {height}')
    tap.check(width <= root.get_width() and height <= root.get_height(),
              f'{name}: {width} x {height} on a screen of {root.get_width()} x {root.get_height()}')


def check_names(window):
    """Whatever can be acted on has a name, wherever it is in the dialog."""
    nameless = []
    for widget in window.walk():
        focusable = widget.has('focusable')
        if (focusable or widget.role in ACTIVE) and widget.has('visible') and not widget.name and widget.role != 'dialog':
            parents = [widget.node.get_parent()]
            while len(parents) < 4 and parents[-1] is not None:
                parents.append(parents[-1].get_parent())
            nameless.append((widget.role, [(p.get_role_name(), p.get_name()) for p in parents if p]))
    tap.check_equal(nameless, [], 'widgets without a name')


def unfold(dialog):
    for section in dialog.window.find_all('toggle button', shown=False):
        if section.has('expandable') and not section.has('expanded'):
            section.press()
            wait_for(lambda: section.has('expanded'), f'{section.name} to unfold')


def test_dialogs_fit_and_every_widget_has_a_name():
    image, _ = dialogs.open_image()
    dialogs.gimp.run(f'(gimp-image-select-ellipse {image} CHANNEL-OP-REPLACE 60 40 90 80)')
    for task in dialogs.TASKS:
        dialog = dialogs.Dialog(task=task)
        if dialog.window.find('text', 'Prompt'):
            dialog.field('text', 'Prompt').text = 'a red star'
        dialog.wait_until_ready()
        dialog.wait_for_text(r'^On CPU.*: .* of memory')
        check_fits(dialog.window, task)
        desktop.screenshot(screenshots / f'form-{task}{suffix}.png', dialog.window)
        unfold(dialog)
        time.sleep(0.5)
        check_fits(dialog.window, f'{task}, unfolded')
        desktop.screenshot(screenshots / f'form-{task}-unfolded{suffix}.png', dialog.window)
        check_names(dialog.window)
        dialogs.check_mnemonics(dialog.window, 8)
        dialogs.close_plugin()


# --- prompts and their history ------------------------------------------------------

def test_prompts_are_remembered():
    dialogs.open_image()
    dialog = dialogs.Dialog()
    tap.check(not dialog.window.wait_for('toggle button', 'Negative prompt').has('expanded'),
              'the negative prompt is not folded away')
    for prompt in ('a red star', 'a blue circle', 'a red heart'):
        dialog.describe(prompt)
        dialog.generate()
    dialogs.close_plugin()

    # the next session
    dialog = dialogs.Dialog()
    dialog.describe('something new')
    dialog.field('text', 'Prompt').node.get_component_iface().grab_focus()
    keys('ctrl+Up')
    wait_for(lambda: prompt_of(dialog) == 'a red heart', 'the latest prompt')
    keys('ctrl+Up', 'ctrl+Up', 'ctrl+Up')
    wait_for(lambda: prompt_of(dialog) == 'a red star', 'the oldest prompt')
    keys('ctrl+Down', 'ctrl+Down', 'ctrl+Down')
    wait_for(lambda: prompt_of(dialog) == 'something new', 'what was typed')

    popover(dialog, 'History')
    search = dialog.window.wait_for('text', 'Search the history')
    check_names(dialog.window)
    desktop.screenshot(screenshots / f'form-history{suffix}.png')
    search.text = 'RED a'
    wait_for(lambda: sorted(row.name for row in dialog.window.find_all('list item')) == ['a red heart', 'a red star'],
             'the prompts that are found')
    search.text = 'nowhere'
    dialog.wait_for_text('^No prompt has these words')
    search.text = 'circle'
    wait_for(lambda: [row.name for row in dialog.window.find_all('list item')] == ['a blue circle'], 'what is found')
    search.node.get_component_iface().grab_focus()
    keys('Return')
    wait_for(lambda: prompt_of(dialog) == 'a blue circle', 'the prompt that was chosen')

    popover(dialog, 'History')
    dialog.button('Clear').press()
    dialog.wait_for_text('history was cleared')
    tap.check_equal((profile.gimp / 'hidiffusion-history.jsonl').read_text(), '', 'what is kept')
    dialog.button('Undo Clear').press()
    wait_for(lambda: len(dialog.window.find_all('list item')) == 3, 'the prompts to come back')
    keys('Escape')
    wait_for(lambda: not dialog.window.find('text', 'Search the history'), 'the list to go')
    tap.check(dialogs.gimp.plugin_pids(), 'the dialog went with it')


def test_a_negative_prompt_is_never_hidden():
    dialogs.open_image()
    dialog = dialogs.Dialog()
    section = dialog.window.wait_for('toggle button', 'Negative prompt')
    section.press()
    wait_for(lambda: section.has('expanded'), 'the negative prompt to unfold')
    dialog.field('text', 'Negative prompt').text = 'blurry'
    dialog.describe('a red star')
    dialog.generate()
    dialog.button('Close').press()
    dialog.wait_until_closed()
    dialog = dialogs.Dialog()
    tap.check(dialog.window.wait_for('toggle button', 'Negative prompt').has('expanded'), 'it is folded away with text in it')
    tap.check_equal(negative_of(dialog), 'blurry', 'negative prompt')


# --- styles ---------------------------------------------------------------------

def choose_style(dialog, name):
    box = dialog.window.wait_for('check box', name)
    box.press()
    return box


def test_styles_are_combined_into_the_request():
    image, _ = dialogs.open_image()
    write_styles(json.dumps(STYLES))
    dialog = dialogs.Dialog()
    dialog.describe('a fox', steps=9)
    popover(dialog, 'Styles')
    choose_style(dialog, 'Ink')
    choose_style(dialog, 'Night')
    tap.check(dialog.window.find('check box', 'Photograph'), 'no style came along')
    check_names(dialog.window)
    desktop.screenshot(screenshots / f'form-styles{suffix}.png')
    popover(dialog, 'Styles: Ink, Night')
    # what the style sets is shown
    wait_for(lambda: dialog.field('spin button', 'Steps').value == 3, "the style's steps")
    wait_for(lambda: dialog.field('spin button', 'Guidance').value == 4.5, "the style's guidance")
    tap.check_equal([dialog.field('spin button', side).value for side in ('Width', 'Height')], [192, 128], 'size')
    dialog.wait_until_ready()
    dialog.generate()
    request = request_of(layers(image)[0])
    tap.check_equal([request[name] for name in ('prompt', 'negative_prompt', 'steps', 'guidance_scale')],
                    ['ink of a fox, at night', 'colour', 3, 4.5], 'request')
    # the history has what was typed
    tap.check_equal(json.loads((profile.gimp / 'hidiffusion-history.jsonl').read_text().splitlines()[-1]),
                    {'prompt': 'a fox'}, 'history')
    dialogs.close_plugin()
    # scripts name them
    _, layer = scripting.generate(image, prompt='a cat', styles='Night,Ink', width=128, height=128, seed=1)
    request = request_of(layer)
    tap.check_equal([request[name] for name in ('prompt', 'steps', 'width')], ['ink of a cat, at night', 3, 128],
                    "the script's request")
    try:
        scripting.generate(image, prompt='a cat', styles='Oil')
    except ScriptError as error:
        tap.check("There is no style 'Oil'" in str(error), f'message: {error}')
    else:
        tap.check(False, 'an unknown style is passed over')


def test_a_damaged_file_of_styles_is_explained():
    dialogs.open_image()
    path = write_styles(json.dumps(STYLES))
    dialog = dialogs.Dialog()
    dialog.describe('a fox')
    popover(dialog, 'Styles')
    choose_style(dialog, 'Ink')
    popover(dialog, 'Styles: Ink')
    write_styles('{"version": 1, "styles": [\n  {"name": "Ink", "steps": "many"}]}')
    dialog.wait_for_text(re.escape(f'{path}, style 1 ("Ink"): steps: expected a number, found "many"'))
    desktop.screenshot(screenshots / f'form-styles-damaged{suffix}.png', dialog.window)
    # what was known goes on
    dialog.wait_until_ready()
    write_styles(json.dumps({'version': 1, 'styles': []}))
    dialog.wait_for_text("There is no style 'Ink'")
    tap.check(not dialog.button('Generate').has('sensitive'), 'Generate can be pressed without the style')
    write_styles(json.dumps(STYLES))
    dialog.wait_until_ready()


def test_a_style_is_saved():
    dialogs.open_image()
    path = write_styles(json.dumps(STYLES))
    dialog = dialogs.Dialog()
    dialog.describe('a fox in the mist', steps=7)
    popover(dialog, 'Styles')
    dialog.button('Save as Style…').press()
    window = wait_for(lambda: find_window('Save as Style'), 'the dialog')
    check_names(window)
    dialogs.check_mnemonics(window, 5)
    save = window.wait_for('button', 'Save')
    tap.check(not save.has('sensitive'), 'a style without a name can be saved')
    window.find('text', 'Name').text = 'Ink'
    wait_for(lambda: any('takes the place' in label.text for label in window.find_all('label')), 'the warning')
    window.find('text', 'Name').text = 'Mist'
    window.find('text', 'Prompt').text = '{prompt} in the mist'
    desktop.screenshot(screenshots / f'form-save-style{suffix}.png', window)
    save.press()
    wait_for(lambda: 'Mist' in path.read_text(), 'the style to be written')
    saved = json.loads(path.read_text())['styles']
    tap.check_equal(saved[:2], STYLES['styles'], 'the other styles')
    tap.check_equal(saved[2], {'name': 'Mist', 'prompt': '{prompt} in the mist', 'steps': 7}, 'the style')
    popover(dialog, 'Styles')
    tap.check(dialog.window.wait_for('check box', 'Mist'), 'the style is not in the list')


# --- size, seed, model -----------------------------------------------------------

def size_of(dialog):
    return [dialog.field('spin button', side).value for side in ('Width', 'Height')]


def entries(dialog, combo):
    """What a list offers."""
    box = dialog.window.wait_for('combo box', combo)
    return [item.name for item in box.find_all('menu item', shown=False)]


def choose(dialog, combo, entry):
    """Chooses an entry of a list."""
    box = dialog.window.wait_for('combo box', combo)
    names = entries(dialog, combo)
    desktop.atspi.Selection.select_child(box.node.get_selection_iface(), names.index(entry))


def test_sizes_have_presets():
    dialogs.open_image()
    dialog = dialogs.Dialog()
    dialog.describe(width=200, height=96)
    swap = dialog.button('Swap width and height')
    swap.press()
    wait_for(lambda: size_of(dialog) == [96, 200], 'width and height to be swapped')
    # the demo model has learnt from pictures of 128 x 128, which a thread finds out
    wait_for(lambda: "Model's (128)" in entries(dialog, 'Scale'), 'what the model has learnt from')
    choose(dialog, 'Shape', '1:1')
    wait_for(lambda: size_of(dialog) == [128, 128], "the model's size")
    choose(dialog, 'Shape', '16:9')
    width, height = wait_for(lambda: size_of(dialog) != [128, 128] and size_of(dialog), 'another shape')
    tap.check(width * height <= 128 * 128 and 1.5 < width / height < 2.0, f'16:9 is {width} x {height}')
    choose(dialog, 'Scale', '2K')
    wait_for(lambda: size_of(dialog) == [2048, 1152], '2K at 16:9')
    swap.press()
    wait_for(lambda: size_of(dialog) == [1152, 2048], '2K at 9:16')
    follow = dialog.window.wait_for('check box', 'Size of the image')
    follow.press()
    wait_for(lambda: size_of(dialog) == [256, 192], 'the size of the image')
    desktop.screenshot(screenshots / f'form-size{suffix}.png', dialog.window)


def test_a_seed_is_drawn_and_kept():
    image, _ = dialogs.open_image()
    dialog = dialogs.Dialog()
    dialog.describe()
    random = dialog.field('check box', 'Random')
    tap.check(random.has('checked'), 'no other seed is drawn each time')
    seeds = set()
    for _ in range(3):
        dialog.button('Draw a seed').press()
        wait_for(lambda: not random.has('checked') and dialog.field('spin button', 'Seed').value not in seeds, 'a seed')
        seeds.add(dialog.field('spin button', 'Seed').value)
    seed = dialog.field('spin button', 'Seed').value
    tap.check_equal(dialog.generate(), seed, 'the seed of the picture')
    tap.check_equal(request_of(layers(image)[0])['seed'], seed, 'the seed of the layer')


def test_the_model_is_described():
    dialogs.open_image()
    dialog = dialogs.Dialog()
    pattern = re.compile(r'Stable Diffusion 1 · .*[kM]B · ~/gimp/plug-ins/hidiffusion/models')

    def is_told():
        return any(pattern.fullmatch(label.text) for label in dialog.window.find_all('label', shown=False))
    wait_for(is_told, 'family, size and folder of the model')
    dialog.window.wait_for('text', 'Model', shown=False).text = 'nonsense'
    wait_for(lambda: not is_told(), 'them to go')
    dialog.window.wait_for('text', 'Model', shown=False).text = 'demo'
    wait_for(is_told, 'them to be back')
    unfold(dialog)
    devices = dialog.window.wait_for('combo box', 'Device', shown=False)
    names = lambda: [item.name for item in devices.find_all('menu item', shown=False)]
    wait_for(lambda: any(re.search(r'none found|GiB of .* free', name) for name in names()), 'the graphics cards')


# --- what it takes ----------------------------------------------------------------

def test_what_it_takes_is_told():
    dialogs.open_image()
    dialog = dialogs.Dialog()
    # without a prompt, too
    dialog.wait_for_text(r'^On CPU.*: .* of memory \(.* free\); the first picture')
    dialog.wait_for_text('^The prompt is empty')
    dialog.describe(width=128, height=128, steps=4)
    dialog.generate()
    dialog.wait_for_text(r'^On CPU.*: .* of memory \(.* free\), about \d+ seconds?$')
    dialogs.close_plugin()
    # the next session knows it, for other pictures as well
    dialog = dialogs.Dialog()
    small = dialog.wait_for_text(r'^On CPU.* of memory .*, about (\d+) seconds?$')
    dialog.describe(width=1024, height=1024, steps=50)
    # what is shown still may be what it was
    larger = wait_for(lambda: (told := dialog.wait_for_text(r'^On CPU.* of memory .*, about \d+ (seconds|minutes?)$').group(0))
                      != small.group(0) and told, 'another text for a larger picture')
    tap.check(not larger.endswith('about 1 second'), f'a larger picture: {larger}')


def test_what_does_not_fit_is_explained():
    dialogs.open_image()
    dialog = dialogs.Dialog()
    dialog.describe(width=128, height=128)
    unfold(dialog)
    budget = dialog.window.wait_for('spin button', 'Memory budget', shown=False)
    budget.value = 512
    dialog.field('spin button', 'Width').value = 8192
    dialog.field('spin button', 'Height').value = 8192
    dialog.wait_for_text(r'^A picture of 8192 x 8192 needs at least .* of memory, the budget is .*; \d+ x \d+ would fit')
    tap.check(not dialog.button('Generate').has('sensitive'), 'Generate can be pressed')
    desktop.screenshot(screenshots / f'form-too-large{suffix}.png', dialog.window)
    dialog.field('spin button', 'Width').value = 128
    dialog.field('spin button', 'Height').value = 128
    dialog.wait_until_ready()


def test_keys():
    image, _ = dialogs.open_image()
    dialog = dialogs.Dialog()
    dialog.describe('a red star')
    prompt = dialog.field('text', 'Prompt')
    prompt.node.get_component_iface().grab_focus()
    wait_for(lambda: prompt.has('focused'), 'the prompt to have the focus')
    # through the form, one field after the other
    order = []
    for _ in range(8):
        keys('Tab')
        time.sleep(0.5)
        focused = [widget for widget in dialog.window.walk() if widget.has('focused')]
        print('#', [(widget.role, widget.name) for widget in focused])
        # lists do not say that they have it
        order.append(focused[0].name.split(' (')[0] if focused else None)
    tap.check_equal(order, ['Negative prompt', 'Styles: None', 'Size of the image', None, None, 'Width',
                            'Swap width and height', 'Height'], 'order of fields')
    keys('alt+n')
    wait_for(lambda: dialog.field('text', 'Negative prompt').has('focused'), 'the negative prompt to have the focus')
    keys('alt+p')
    wait_for(lambda: prompt.has('focused'), 'the prompt to have the focus again')
    keys('ctrl+Return')
    wait_for(lambda: len(layers(image)) == 2, 'the picture')
    dialog.wait_until_ready()
    keys('Escape')
    dialog.wait_until_closed()


def test_nothing_of_ours_is_on_stderr():
    tap.check_equal(dialogs.gimp.complaints(), [], 'complaints')


def forget():
    """Neither settings nor history nor styles from the test before."""
    for path in profile.gimp.glob('hidiffusion-*'):
        path.unlink()


def with_fresh_profile(test):
    fresh = dialogs.with_fresh_screen(test)

    def run():
        forget()
        try:
            fresh()
        except Exception:
            desktop.screenshot(screenshots / f'form-failed{suffix}.png')
            raise
    run.__name__ = test.__name__
    return run


def main():
    global profile, desktop, screenshots, suffix
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--plugin', required=True, help='the plug-in as it was built')
    parser.add_argument('--model', required=True, help='folder of a small model')
    parser.add_argument('--data', required=True, help="the project's folder data/")
    parser.add_argument('--screenshots', required=True, help='folder for pictures of the dialogs')
    parser.add_argument('--screen', default='1366x768', help='size of the screen')
    parser.add_argument('--scale', default='1', help='how many pixels of the screen are one of the dialog')
    parser.add_argument('--only', default='', help='only tests whose name has this in it')
    arguments = parser.parse_args()
    width, height = map(int, arguments.screen.split('x'))
    dialogs.screenshots = screenshots = pathlib.Path(arguments.screenshots)
    suffix = f'-{arguments.screen}' + ('' if arguments.scale == '1' else f'@{arguments.scale}')

    dialogs.desktop = desktop = Desktop(width, height, int(arguments.scale))
    dialogs.profile = profile = Profile(arguments.plugin, arguments.model)
    (profile.plugin / 'data').symlink_to(pathlib.Path(arguments.data).resolve())
    try:
        dialogs.gimp = scripting.gimp = Gimp(profile, 'gimp', profile.environment(GDK_SCALE=arguments.scale))
        try:
            only = re.compile(arguments.only)
            tap.run([with_fresh_profile(test) for name, test in globals().items()
                     if name.startswith('test_') and only.search(name)])
        finally:
            dialogs.gimp.stop()
    finally:
        profile.remove()
        desktop.close()


if __name__ == '__main__':
    main()
