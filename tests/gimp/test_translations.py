# SPDX-License-Identifier: Apache-2.0
"""The translations are whole and fit the program's texts."""

import argparse
import pathlib
import re
import subprocess
import tempfile

import tap

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


def extract(folder):
    """The texts of the program as they are now."""
    pot = pathlib.Path(folder) / 'hidiffusion.pot'
    run('xgettext', '--from-code=UTF-8', '--keyword=_', '--keyword=N_', '--keyword=ngettext:1,2', '--add-comments',
        '--flag=g_strdup_printf:1:c-format', '--flag=g_set_error:4:c-format', '-o', pot, *listed('POTFILES'))
    return pot


def test_translations_are_well_formed():
    for language in languages:
        run('msgfmt', '--check', '-o', '/dev/null', top / 'po' / f'{language}.po')


def test_every_text_is_translated():
    with tempfile.TemporaryDirectory() as folder:
        pot = extract(folder)
        for language in languages:
            merged = pathlib.Path(folder) / f'{language}.po'
            run('msgmerge', '--quiet', '-o', merged, top / 'po' / f'{language}.po', pot)
            found = run('msgfmt', '--statistics', '-o', '/dev/null', merged)
            tap.check(re.fullmatch(r'\d+ translated messages\.\s*', found), f'{language}: {found}')
            tap.check('#~' not in merged.read_text(), f'{language}: translations of texts that are no more')


def test_every_file_with_texts_is_listed():
    using = {str(path.relative_to(top)) for folder in ('plugin', 'ui') for path in (top / folder).glob('*.c')
             if re.search(r'\b(_|N_|ngettext) \("', path.read_text()) or re.search(r'\b(_|N_)\("', path.read_text())}
    tap.check_equal(sorted(listed('POTFILES')), sorted(using), 'POTFILES')


def test_the_layers_below_have_no_texts_for_users():
    using = [str(path) for folder in ('engine', 'kernels') for path in (top / folder).rglob('*.[ch]')
             if 'gi18n' in path.read_text()]
    tap.check_equal(using, [], 'files with gettext')


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
