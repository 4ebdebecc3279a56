# SPDX-License-Identifier: Apache-2.0
"""docs/reference.md says what the procedures declare, and its examples work."""

import argparse
import difflib
import json
import pathlib
import sys

import tap
from gimp_session import Gimp, Profile

parser = argparse.ArgumentParser()
parser.add_argument('--plugin', required=True)
parser.add_argument('--model', required=True)
parser.add_argument('--source', required=True)
options = parser.parse_args()

sys.path.insert(0, str(pathlib.Path(options.source) / 'tools'))
import reference  # noqa: E402

profile = Profile(options.plugin, options.model)
gimp = Gimp(profile)
document = reference.DOCUMENT.read_text(encoding='utf-8')

# What the examples leave behind, in either language: names of the image's layers, and sizes of both images.
MADE = (['a red heart on a sky background', 'a blue star on a night background', 'a yellow moon on a night background',
         'a red ball on a night background'], [256, 256], [512, 512])


def test_it_is_what_the_procedures_declare():
    current = reference.render(document, reference.ask(gimp, profile.root))
    changes = difflib.unified_diff(document.splitlines(), current.splitlines(), n=0, lineterm='')
    tap.check(current == document, 'docs/reference.md is stale: run `tools/env tools/reference.py`, which changes\n'
              + '\n'.join(list(changes)[:20]))


def distinct(names):
    """The names in the order of the layers from the bottom; GIMP numbers those that are there already."""
    return list(dict.fromkeys(name.split(' #')[0] for name in reversed(names)))


def test_examples_in_script_fu():
    blocks = reference.examples(document, 'scheme')
    tap.check(len(blocks) >= 5, f'only {len(blocks)} examples were found')
    for block in blocks:
        gimp.run(f'(begin {block})')
    names = gimp.run('(map (lambda (layer) (list (car (gimp-item-get-name layer)))) '
                     '(vector->list (car (gimp-image-get-layers image))))')
    names = [name.strip('()"') for name in names.strip('()').split(') (')]
    tap.check_equal(len(names), 7, f'layers ({names})')

    def sides(image):
        return [gimp.number(f'(car (gimp-image-get-{side} {image}))') for side in ('width', 'height')]
    tap.check_equal((distinct(names), sides('image'), sides('large')), MADE, 'what the examples made')
    tap.check_equal(json.loads(gimp.run('(display request)').removesuffix('#t'))['seed'], 3, 'seed of the first')


def test_examples_in_python_fu():
    blocks = reference.examples(document, 'python')
    tap.check(len(blocks) >= 5, f'only {len(blocks)} examples were found')
    answer = profile.root / 'answer.json'
    ending = f"""
with open({str(answer)!r}, 'w') as file:
    json.dump([[layer.get_name() for layer in image.get_layers()], [image.get_width(), image.get_height()],
               [large.get_width(), large.get_height()], request['seed']], file)
"""
    reference.run_python(gimp, '\n'.join(blocks) + ending, profile.root)
    names, size, large, seed = json.loads(answer.read_text())
    tap.check_equal(len(names), 7, f'layers ({names})')
    tap.check_equal((distinct(names), size, large, seed), (*MADE, 3), 'what the examples made')


def test_errors_are_as_described():
    answer = profile.root / 'errors.json'
    reference.run_python(gimp, f"""
import json
from gi.repository import Gimp

procedure = Gimp.get_pdb().lookup_procedure('plug-in-hidiffusion-generate')
config = procedure.create_config()
found = []
for argument, value in (('prompt', ''), ('model', '/no/such/folder')):
    config.set_property('prompt', 'a red star')
    config.set_property(argument, value)
    found.append((procedure.run(config).index(0).value_nick, Gimp.get_pdb().get_last_error()))
with open({str(answer)!r}, 'w') as file:
    json.dump(found, file)
""", profile.root)
    for (status, message), (expected, word) in zip(json.loads(answer.read_text()),
                                                   [('calling-error', 'prompt'), ('execution-error', '/no/such/folder')]):
        tap.check(status == expected and word in message, f'expected {expected} and {word!r}, found {status}: {message!r}')


def test_nobody_complains():
    tap.check_equal(gimp.complaints(), [], 'messages')


try:
    tap.run([test_it_is_what_the_procedures_declare, test_examples_in_script_fu, test_examples_in_python_fu,
             test_errors_are_as_described, test_nobody_complains])
finally:
    gimp.stop()
    profile.remove()
