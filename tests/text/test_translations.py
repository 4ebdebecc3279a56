# SPDX-License-Identifier: Apache-2.0
"""The translations are whole and fit the program's texts."""

import argparse
import gettext
import pathlib
import re
import subprocess
import tempfile

import catalog
import c_source
import tap

# Folders with texts for users: the dialog shows the messages of all of them.
FOLDERS = ('plugin', 'ui', 'metadata', 'engine', 'kernels')
SUFFIXES = {'.c', '.h', '.cpp', '.cu', '.cuh'}

# GIMP's own buttons in our dialogs, and their catalog.
GIMPS_BUTTONS = ('_Reset', '_Load Saved Settings', '_Save Settings')
GIMPS_CATALOG = 'gimp30-libgimp'
DIALOG_FILES = ('plugin/arguments.c', 'ui/')
OWN_WINDOWS = ('ui/folders-dialog.c', 'ui/save-style-dialog.c', 'ui/welcome-page.c')
MENU_ITEMS = {'_File…', 'F_older…'}

top = None
languages = []


def run(*command):
    """Output of a program that must succeed."""
    done = subprocess.run(command, cwd=top, capture_output=True, text=True, env={'LANGUAGE': '', 'LC_ALL': 'C.UTF-8',
                                                                               'PATH': '/usr/bin:/bin'})
    tap.check(done.returncode == 0, f'{" ".join(map(str, command))}:\n{done.stderr}')
    return done.stdout + done.stderr


def listed(name):
    lines = (top / 'po' / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def sources():
    return [path for folder in FOLDERS for path in sorted((top / folder).rglob('*')) if path.suffix in SUFFIXES]


def entries_of(language):
    return catalog.read((top / 'po' / f'{language}.po').read_text())[0]


def test_translations_are_well_formed():
    for language in languages:
        run('msgfmt', '--check', '-o', '/dev/null', top / 'po' / f'{language}.po')


def test_every_text_is_translated():
    with tempfile.TemporaryDirectory() as folder:
        pot = pathlib.Path(folder) / 'hidiffusion.pot'
        catalog.extract(top, pot)
        for language in languages:
            merged = pathlib.Path(folder) / f'{language}.po'
            run('msgmerge', '--quiet', '--no-fuzzy-matching', '-o', merged, top / 'po' / f'{language}.po', pot)
            lacking = [entry.msgid for entry in catalog.read(merged.read_text())[0]
                       if 'fuzzy' in entry.flags or not all(entry.translations)]
            tap.check(not lacking, f'{language}: {len(lacking)} texts are not translated, the first: {lacking[:1]!r}')
            tap.check('#~' not in merged.read_text(), f'{language}: translations of texts that are no more')
            tap.check(re.fullmatch(r'\d+ translated messages\.\s*',
                                   run('msgfmt', '--statistics', '-o', '/dev/null', merged)), f'{language}: msgfmt')


def test_translations_fit_their_texts():
    """Placeholders, mnemonics, white space at the edges, lines and the dots at the end."""
    wrong = [f'{language}: {entry.msgid!r}: {fault}' for language in languages for entry in entries_of(language)
             if all(entry.translations) for fault in catalog.faults(entry)]
    tap.check(not wrong, '\n'.join(wrong))


def test_faults_in_translations_are_found():
    """The test above would see each of these."""
    def entry(msgid, *translations, plural='', flags=('c-format',)):
        return catalog.Entry(msgid=msgid, plural=plural, translations=list(translations), flags=set(flags))

    for good in (entry('%d of %s', '%2$s, %1$d'), entry('_Width', '幅(_W)'), entry('Add…', 'Hinzufügen…'),
                 entry('%d second', 'eine Sekunde', '%d Sekunden', plural='%d seconds', flags=()),
                 entry('100 %', '100 %', flags=()), entry('a__b', 'c__d')):
        tap.check_equal(catalog.faults(good), [], good.msgid)
    for bad in (entry('%d of %s', '%s, %d'), entry('%.1f', '%f'), entry('%s', 'x'), entry('_Width', 'Breite'),
                entry('_Width', '_Brei_te'), entry('Width', '_Breite'), entry('Add…', 'Hinzufügen'), entry('a', ''),
                entry('a\n', 'b'), entry(' a', 'b'), entry('%d a', '%d b', '%s c', plural='%d as')):
        tap.check(catalog.faults(bad), f'{bad.msgid!r}, {bad.translations!r}: nothing found')


def test_mnemonics_that_differ_in_english_differ_everywhere():
    """Fields of one dialog; two that share a letter in English are never shown together."""
    def letters(text):
        return catalog.mnemonics(text)

    for language in languages:
        found = []
        for entry in entries_of(language):
            files = {place.split(':')[0] for place in entry.places}
            if (letters(entry.msgid) and entry.msgid not in MENU_ITEMS
                    and any(name.startswith(DIALOG_FILES) for name in files - set(OWN_WINDOWS))):
                found.append(entry)
        tap.check(len(found) >= 15, f'{language}: only {len(found)} texts with mnemonics')
        gimps = gettext.translation(GIMPS_CATALOG, languages=[language], fallback=True)
        taken = {letters(gimps.gettext(button))[0]: gimps.gettext(button) for button in GIMPS_BUTTONS
                 if letters(gimps.gettext(button))}
        buttons = [entry for entry in entries_of(language) if letters(entry.msgid) and not entry.msgid.endswith('...')
                   and all(place.startswith('plugin/tasks.c') for place in entry.places)]
        tap.check_equal([f'{entry.translations[0]!r} and {taken[letters(entry.translations[0])[0]]!r}' for entry in found + buttons
                         if all(entry.translations) and letters(entry.translations[0])[0] in taken], [],
                        f"{language}: the letters of GIMP's buttons")
        wrong = [f'{language}: {one.translations[0]!r} and {other.translations[0]!r}'
                 for i, one in enumerate(found) for other in found[:i]
                 if letters(one.msgid) != letters(other.msgid)
                 and letters(one.translations[0]) == letters(other.translations[0])]
        tap.check(not wrong, '\n'.join(wrong))


def test_every_file_with_texts_is_listed():
    using = [str(path.relative_to(top)) for path in sources()
             if any(text.is_marked for text in c_source.texts(path.read_text()))]
    using += [str(path.relative_to(top)) for path in (top / 'data').glob('*.metainfo.xml')]
    tap.check_equal((sorted(set(using) - set(listed('POTFILES'))), sorted(set(listed('POTFILES')) - set(using))), ([], []),
                    'files that are missing in POTFILES, and those that have no texts')


def test_the_pseudo_language_is_whole():
    """What tests of the dialog show instead of a translation."""
    with tempfile.TemporaryDirectory() as folder:
        pot = pathlib.Path(folder) / 'hidiffusion.pot'
        po = pathlib.Path(folder) / 'ar.po'
        catalog.extract(top, pot)
        entries = catalog.read(pot.read_text())[0]
        catalog.write_pretended(entries, po)
        run('msgfmt', '--check', '-o', '/dev/null', po)
        for original, entry in zip(entries, catalog.read(po.read_text())[0], strict=True):
            entry.flags = original.flags
            tap.check_equal((entry.msgid, catalog.faults(entry)), (original.msgid, []), 'entry of the pseudo language')


def main():
    global top, languages
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--source', required=True, help="the project's folder")
    top = pathlib.Path(parser.parse_args().source).resolve()
    languages = listed('LINGUAS')
    tap.check(len(languages) >= 2, f'languages: {languages}')
    tap.run([test for name, test in globals().items() if name.startswith('test_')])


if __name__ == '__main__':
    main()
