# SPDX-License-Identifier: Apache-2.0
"""The documents: what they quote, link to and show is as it is in the program."""

import argparse
import pathlib
import re
import subprocess
import sys

import tap

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'tests' / 'text'), str(TOP / 'tools')]
import catalog  # noqa: E402
import c_source  # noqa: E402
import diagrams  # noqa: E402

# The most bytes of a picture.
LARGEST = 150_000

FOLDERS = ('plugin', 'ui', 'metadata', 'engine', 'kernels', 'tools')
SUFFIXES = {'.c', '.h', '.cpp', '.cu', '.cuh'}
ERRORS = {'g_set_error': 3, 'g_set_error_literal': 3, 'g_error_new': 2, 'g_error_new_literal': 2, 'fail': 1}
CONVERSION = re.compile(r'%G_G\w+_FORMAT|' + re.sub(r'\(\?P<\w+>', '(?:', catalog.CONVERSION.pattern))

program = None


def documents():
    return [TOP / 'README.md', TOP / 'CONTRIBUTING.md', *sorted((TOP / 'docs').glob('*.md'))]


def without_code(text):
    return re.sub(r'```.*?```|`[^`\n]*`', '', text, flags=re.DOTALL)


def anchors(text):
    """What the headings of a document are called in links."""
    return {re.sub(r'[^\w\- ]', '', title.lower()).strip().replace(' ', '-')
            for title in re.findall(r'^#+ (.*)$', text, re.MULTILINE)}


def test_links_lead_somewhere():
    checked = 0
    for document in documents():
        for target in re.findall(r'\]\(([^)\s]+)\)', without_code(document.read_text())):
            if re.match(r'https?:', target):
                continue
            name, _, anchor = target.partition('#')
            path = document.parent / name if name else document
            tap.check(path.exists(), f'{document.name}: {target}: there is no such file')
            if anchor:
                tap.check(anchor in anchors(path.read_text()), f'{document.name}: {target}: there is no such heading')
            checked += 1
    tap.check(checked > 30, f'only {checked} links were found')


def test_every_document_is_linked():
    """From the README, or from a document that is."""
    reached, left = set(), [TOP / 'README.md']
    while left:
        document = left.pop()
        if document in reached:
            continue
        reached.add(document)
        left += [(document.parent / name).resolve() for name in re.findall(r'\]\(([^)#\s]+\.md)', document.read_text())]
    tap.check_equal(sorted(set(documents()) - reached), [], 'documents that nobody finds')


def test_pictures_are_small_and_shown():
    shown = ''.join(document.read_text() for document in documents())
    for picture in sorted((TOP / 'docs' / 'images').iterdir()):
        if picture.suffix in ('.png', '.svg'):
            tap.check(picture.stat().st_size <= LARGEST, f'{picture.name}: {picture.stat().st_size} bytes')
            tap.check(f'images/{picture.name}' in shown, f'{picture.name} is shown nowhere')


def test_diagrams_are_those_that_are_drawn():
    for name, draw in (('rau-net', diagrams.rau_net), ('msw-msa', diagrams.msw_msa)):
        tap.check((TOP / 'docs' / 'images' / f'{name}.svg').read_text() == draw(),
                  f'{name}.svg is old: run tools/env python3 tools/pictures PROGRAM')


# --- messages ---------------------------------------------------------------------

def generalise(text):
    """A format with … for what is put into it."""
    text = CONVERSION.sub(lambda found: '%' if found.group() == '%%' else '…', text)
    return re.sub(r'…(?:[.x/]?…)*', '…', re.sub(r'\s+', ' ', text)).strip()


def read_texts():
    """All texts of the sources, generalised, and which of them are the program's errors for users."""
    known, errors = set(), {}
    for path in sorted(path for folder in FOLDERS for path in (TOP / folder).rglob('*') if path.suffix in SUFFIXES):
        for text in c_source.texts(path.read_text()):
            known.add(generalise(text.value))
            if text.is_marked and any(ERRORS.get(name) == argument for name, argument in zip(text.calls, text.arguments)):
                errors[generalise(text.value)] = f'{path.relative_to(TOP)}:{text.line}'
    return known, errors


def quoted():
    """The messages of the list items of the document."""
    text = (TOP / 'docs' / 'troubleshooting.md').read_text()
    return [generalise(message) for message in re.findall(r'^- `([^`]+)`$', text, re.MULTILINE)]


def test_quoted_messages_exist():
    known, _ = read_texts()
    unknown = [message for message in quoted() if message not in known]
    tap.check(not unknown, 'docs/troubleshooting.md quotes what the program does not say:\n' + '\n'.join(unknown))
    twice = {message for message in quoted() if quoted().count(message) > 1}
    tap.check_equal(twice, set(), 'messages that are quoted twice')


def test_every_message_is_explained():
    _, errors = read_texts()
    tap.check(len(errors) > 50, f'only {len(errors)} messages were found')
    missing = [f'{place}: {message}' for message, place in errors.items() if message not in quoted()]
    tap.check(not missing, 'not in docs/troubleshooting.md:\n' + '\n'.join(missing))


# --- figures ----------------------------------------------------------------------

def test_arithmetic_of_the_parts():
    """The table of docs/how-it-works.md is what the dry run counts."""
    rows = re.findall(r'^\| (without HiDiffusion|MSW-MSA alone|RAU-Net alone|both) \| ([\d.]+) TFLOP \| (\d+) % \|$',
                      (TOP / 'docs' / 'how-it-works.md').read_text(), re.MULTILINE)
    tap.check_equal(len(rows), 4, 'rows of the table')
    whole = None
    for (name, teraflop, share), (rau_net, msw_msa) in zip(rows, (('off', 'off'), ('off', 'on'), ('on', 'off'), ('on', 'on'))):
        counted = subprocess.run([program, 'estimate', '--model', TOP / 'data' / 'demo-model', '--size', '320x320', '--steps', '20',
                                  '--rau-net', rau_net, '--msw-msa', msw_msa], check=True, capture_output=True, text=True).stdout
        found = float(re.search(r'^arithmetic\s+([\d.]+) TFLOP', counted, re.MULTILINE).group(1))
        whole = whole or found
        tap.check_equal((float(teraflop), int(share)), (found, round(100 * found / whole)), name)


def main():
    global program
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('program', help='the command as it was built')
    program = parser.parse_args().program
    tap.run([test for name, test in globals().items() if name.startswith('test_')])


if __name__ == '__main__':
    main()
