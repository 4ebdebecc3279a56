# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/cookbook.md, one after the other, with the demo model and at an eighth of the size."""

import argparse
import os
import pathlib
import re
import subprocess
import tempfile

import tap
from gimp_session import Gimp, Profile, quote

SMALLER = 8
STEPS = 3

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--plugin', required=True)
parser.add_argument('--model', required=True)
parser.add_argument('--program', required=True, help='the command as it was built')
parser.add_argument('--source', required=True, help="the project's folder")
options = parser.parse_args()

top = pathlib.Path(options.source)
folder = tempfile.TemporaryDirectory(prefix='hd-cookbook-')
kitchen = pathlib.Path(folder.name)
profile = Profile(options.plugin, options.model)
gimp = Gimp(profile)


def recipes():
    """The document's blocks of code: the title above, the language, the text."""
    title = ''
    text = (top / 'docs' / 'cookbook.md').read_text()
    for found in re.finditer(r'^## (?P<title>[^\n]*)$|^```(?P<language>\w+)\n(?P<code>.*?)^```$', text, re.MULTILINE | re.DOTALL):
        if found['title']:
            title = found['title']
        else:
            yield title, found['language'], found['code']


def smaller(number):
    return str(int(number) // SMALLER)


def run_shell(code):
    code = re.sub(r'\bNAME\b', str(pathlib.Path(options.model).resolve()), code)
    code = re.sub(r'\b(\d{3,})x(\d{3,})\b', lambda found: f'{smaller(found[1])}x{smaller(found[2])}', code)
    code = re.sub(r'^(hidiffusion (?:generate|transform|upscale|fill|batch) .*?)( --steps \d+)?( -o .*)?$',
                  lambda found: f'{found[1]} --steps {STEPS}{found[3] or ""}', code, flags=re.MULTILINE)
    (kitchen / 'bin').mkdir(exist_ok=True)
    link = kitchen / 'bin' / 'hidiffusion'
    if not link.is_symlink():
        link.symlink_to(pathlib.Path(options.program).resolve())
    done = subprocess.run(['bash', '-euo', 'pipefail', '-c', code], cwd=kitchen, capture_output=True, text=True, timeout=300,
                          env=profile.environment(PATH=f'{kitchen / "bin"}:{os.environ["PATH"]}'))
    tap.check(done.returncode == 0 and not done.stderr, f'{code}\n{done.stderr}')


def run_scheme(code):
    code = re.sub(r'\b(\d{2,})\b', lambda found: smaller(found[1]), re.sub(r'#:seed \d+', '#:seed 5', code))
    code = re.sub(r'"([\w-]+\.scm)"', lambda found: quote(str(top / 'data' / 'script-fu' / found[1])), code)
    code = re.sub(r'"([\w-]+\.(?:png|xcf))"', lambda found: quote(str(kitchen / found[1])), code)
    code = re.sub(r'(#:prompt )', rf'#:model "demo" \1', code)
    gimp.run(f'(begin {code})')


def outputs(code):
    """The files that a block names as its results."""
    return re.findall(r' -o ([\w-]+\.png)', code) + re.findall(r'gimp-file-save RUN-NONINTERACTIVE \w+ "([\w.-]+)"', code)


def size(name):
    data = (kitchen / name).read_bytes()
    return int.from_bytes(data[16:20], 'big'), int.from_bytes(data[20:24], 'big')


def make_test(title, number, language, code):
    def run():
        {'sh': run_shell, 'scheme': run_scheme}[language](code)
        for name in outputs(code):
            several = list(kitchen.glob(f'{pathlib.Path(name).stem}-*.png'))
            tap.check((kitchen / name).exists() or several, f'{name} was not made')
    run.__name__ = f'{title}: block {number}, {language}'
    return run


def test_results_are_what_is_said():
    tap.check_equal(size('poster.png'), (3840 // SMALLER, 2160 // SMALLER), 'the poster from the shell')
    tap.check_equal(size('poster-2.png'), (3840 // SMALLER, 2160 // SMALLER), 'the poster from Script-Fu')
    tap.check_equal(size('lake.png'), (1536 // SMALLER, 1024 // SMALLER), 'the lake')
    tap.check_equal(size('sheet.png'), (5 * 512 // SMALLER, 4 * 512 // SMALLER), 'the contact sheet')
    tap.check_equal(len(list((kitchen / 'castles').glob('castle-*.png'))), 20, 'pictures of the sheet')
    tap.check_equal(len(list(kitchen.glob('castles-[0-9][0-9].png'))), 20, 'pictures of twenty seeds')


def test_the_texture_tiles():
    """Across its edges it changes no more than within."""
    import gi
    gi.require_version('GdkPixbuf', '2.0')
    from gi.repository import GdkPixbuf
    import numpy
    pixbuf = GdkPixbuf.Pixbuf.new_from_file(str(kitchen / 'bricks.png'))
    height, width, stride = pixbuf.get_height(), pixbuf.get_width(), pixbuf.get_rowstride()
    channels = pixbuf.get_n_channels()
    data = numpy.frombuffer(pixbuf.get_pixels(), numpy.uint8)
    picture = numpy.stack([data[y * stride:y * stride + channels * width] for y in range(height)])
    picture = picture.reshape(height, width, channels)[..., :3].astype(float)
    for axis, other in ((0, (1, 2)), (1, (0, 2))):
        steps = numpy.abs(numpy.diff(picture, axis=axis)).mean(other)
        edge = numpy.abs(picture.take(0, axis) - picture.take(-1, axis)).mean()
        tap.check(edge <= 1.5 * steps.max(), f'axis {axis}: {edge:.2f} across the edge, at most {steps.max():.2f} within')


def test_nobody_complains():
    tap.check_equal(gimp.complaints(), [], 'messages')


blocks = list(recipes())
tests = [make_test(title, number, language, code) for number, (title, language, code) in enumerate(blocks, 1)]
try:
    tap.check(len(blocks) >= 10, f'only {len(blocks)} blocks of code were found')
    tap.run(tests + [test_results_are_what_is_said, test_the_texture_tiles, test_nobody_complains])
finally:
    gimp.stop()
    profile.remove()
    folder.cleanup()
