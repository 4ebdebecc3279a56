# SPDX-License-Identifier: Apache-2.0
"""The dialogs in other languages, and in one that nobody speaks: longer by 40 %, with accents, from right to left."""

import argparse
import gettext
import os
import pathlib
import re
import subprocess
import sys
import time

import scripting
import tap
import test_dialog as dialogs
from desktop import Desktop, gone
from gimp_session import Gimp, Profile, wait_for

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'text'))
import catalog  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]

# A locale that is there; which language it is, LANGUAGE says.
PSEUDO_LOCALE = 'de_DE.UTF-8'
# GTK and GIMP have catalogs of it, so that GTK turns its widgets round.
PSEUDO_LANGUAGE = 'ar'

# What is not translated: names that are the same everywhere, numbers with units, what the test has typed, and GIMP's own
# texts that its Arabic catalog lacks.
SAME_EVERYWHERE = re.compile(r'DDIM|Euler|Heun|DPM\+\+ 2M( SDE)?|UniPC|LCM|Karras|Turbo|Lightning|RAU-Net|MSW-MSA|T[12]|demo'
                             r'|Stable Diffusion( \w+)*'
                             r'|a red star|below|#\w+|[a-z-]+-symbolic')
GIMPS_OWN = {'Load Saved Settings', 'Save Settings', 'Store current settings for later reuse',
             'Load settings saved with "Save Settings" button'}

arguments = None
profile = None
desktop = None


def start(language, locale, folder):
    """A GIMP in that language, with the catalogs of that folder; gettext's function for our texts."""
    known = subprocess.run(['locale', '-a'], capture_output=True, text=True, check=True).stdout.lower()
    if locale.lower().replace('-', '') not in known.replace('-', ''):
        raise tap.Skip(f'this system has no locale {locale}')
    if dialogs.gimp:
        dialogs.gimp.stop()
    dialogs.gimp = scripting.gimp = Gimp(profile, 'gimp', profile.environment(LANG=locale, LC_ALL=locale, LANGUAGE=language))
    return gettext.translation('hidiffusion', folder, [language]).gettext


def make_pseudo_language():
    """Compiles a catalog in which every text of the program is replaced."""
    pot = profile.root / 'hidiffusion.pot'
    po = profile.root / f'{PSEUDO_LANGUAGE}.po'
    target = profile.plugin / 'locale' / PSEUDO_LANGUAGE / 'LC_MESSAGES' / 'hidiffusion.mo'
    if target.exists():
        return
    target.parent.mkdir(parents=True)
    catalog.extract(TOP, pot)
    catalog.write_pretended(catalog.read(pot.read_text())[0], po)
    subprocess.run(['msgfmt', '-o', target, po], check=True)


def show(task, translate):
    """The dialog of a task with a prompt in it."""
    dialog = dialogs.Dialog(translate, task)
    dialog.field('text', dialog.name('_Prompt')).text = 'a red star'
    time.sleep(1.0)
    return dialog


def unfold(dialog):
    """Opens all that is folded away."""
    for section in dialog.window.find_all('toggle button', shown=False):
        if section.has('expandable') and not section.has('expanded'):
            section.press()
            wait_for(lambda: section.has('expanded'), f'{section.name} to unfold')


def texts_of(window):
    """What can be read in a window, or heard: labels, names and tooltips."""
    found = set()
    for widget in window.walk():
        try:
            if not widget.has('visible') or widget.role in ('text', 'spin button'):
                texts = (widget.name, widget.node.get_description())
            else:
                texts = (widget.name, widget.text, widget.node.get_description())
        except gone():
            continue
        found.update(text for text in texts if text)
    return found


def is_translated(text):
    """Whether a text is from the pseudo catalog, or needs no translation."""
    if catalog.RIGHT_TO_LEFT_MARK in text or text in GIMPS_OWN or os.sep in text:
        return True
    return not re.search(r'[A-Za-z]{2}', SAME_EVERYWHERE.sub('', text))


def check_language(language, locale):
    translate = start(language, locale, profile.plugin / 'locale')
    dialogs.open_image()
    for task in dialogs.TASKS:
        dialog = show(task, translate)
        desktop.screenshot(dialogs.screenshots / f'{task}-{language}.png', dialog.window)
        dialogs.check_mnemonics(dialog.window)
        dialogs.close_plugin()
    tap.check_equal(dialogs.gimp.complaints(), [], 'complaints')


def test_the_dialogs_speak_german():
    check_language('de', 'de_DE.UTF-8')


def test_the_dialogs_speak_japanese():
    check_language('ja', 'ja_JP.UTF-8')


def check_mnemonics_of(language):
    """Of dialogs in a language whose locale is not needed: their letters, GIMP's own buttons among them."""
    translate = start(language, PSEUDO_LOCALE, profile.plugin / 'locale')
    dialogs.open_image()
    for task in dialogs.TASKS:
        dialogs.check_mnemonics(show(task, translate).window)
        dialogs.close_plugin()


def test_no_letter_is_used_twice_in_the_other_languages():
    for language in (TOP / 'po' / 'LINGUAS').read_text().split():
        if language not in ('de', 'ja'):
            check_mnemonics_of(language)


def test_every_text_of_the_dialogs_is_translated_and_fits():
    make_pseudo_language()
    translate = start(PSEUDO_LANGUAGE, PSEUDO_LOCALE, profile.plugin / 'locale')
    image, _ = dialogs.open_image()
    dialogs.gimp.run(f'(gimp-image-select-ellipse {image} CHANNEL-OP-REPLACE 60 40 90 80)')
    foreign = {}
    for task in dialogs.TASKS:
        dialog = show(task, translate)
        desktop.screenshot(dialogs.screenshots / f'{task}-pseudo.png', dialog.window)
        unfold(dialog)
        time.sleep(0.5)
        desktop.screenshot(dialogs.screenshots / f'{task}-pseudo-unfolded.png', dialog.window)
        foreign.update({text: task for text in texts_of(dialog.window) if not is_translated(text)})
        check_mirrored(dialog)
        check_fits(dialog)
        dialogs.close_plugin()
    tap.check_equal(foreign, {}, 'texts that are not translated, each with a dialog that shows it')
    tap.check_equal(dialogs.gimp.complaints(), [], 'complaints')


def test_every_text_of_the_first_run_is_translated():
    make_pseudo_language()
    translate = start(PSEUDO_LANGUAGE, PSEUDO_LOCALE, profile.plugin / 'locale')
    demo = profile.models / 'demo'
    demo.rename(profile.root / 'demo')
    try:
        dialogs.open_image()
        dialog = dialogs.Dialog(translate)
        dialog.window.wait_for('label', translate('No model is installed yet'))
        desktop.screenshot(dialogs.screenshots / 'first-run-pseudo.png', dialog.window)
        tap.check_equal({text for text in texts_of(dialog.window) if not is_translated(text)}, set(), 'texts that are not translated')
        check_fits(dialog)
    finally:
        dialogs.close_plugin()
        (profile.root / 'demo').rename(demo)


def extents(widget):
    return widget.node.get_component_iface().get_extents(desktop.atspi.CoordType.SCREEN)


def check_mirrored(dialog):
    """Labels are to the right of their fields."""
    name = dialog.name('S_ampler')
    label = next(widget for widget in dialog.window.find_all('label') if widget.name.startswith(name[:5]))
    field = dialog.window.find('combo box', name)
    tap.check(extents(label).x >= extents(field).x + extents(field).width, 'the sampler is not to the left of its label')


def check_fits(dialog):
    """The dialog is on the screen, and nothing in it is wider than it."""
    window = extents(dialog.window)
    tap.check(window.width <= 1366, f'the dialog is {window.width} wide')
    for widget in dialog.window.find_all():
        if widget.role in ('label', 'button', 'combo box', 'spin button', 'check box'):
            area = extents(widget)
            tap.check(area.x >= window.x and area.x + area.width <= window.x + window.width,
                      f'{widget.role} {widget.name!r} is beyond the edge of the dialog')


def main():
    global arguments, profile, desktop
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--plugin', required=True, help='the plug-in as it was built')
    parser.add_argument('--model', required=True, help='folder of a small model')
    parser.add_argument('--locale', required=True, help='folder of the translations as they were built')
    parser.add_argument('--screenshots', required=True, help='folder for pictures of the dialog')
    parser.add_argument('--only', default='', help='only tests whose name has this in it')
    arguments = parser.parse_args()

    desktop = dialogs.desktop = Desktop(1366, 1000)
    profile = dialogs.profile = Profile(arguments.plugin, arguments.model, arguments.locale)
    dialogs.screenshots = pathlib.Path(arguments.screenshots)
    try:
        tap.run([test for name, test in globals().items() if name.startswith('test_') and arguments.only in name])
    finally:
        if dialogs.gimp:
            dialogs.gimp.stop()
        profile.remove()
        desktop.close()


if __name__ == '__main__':
    main()
