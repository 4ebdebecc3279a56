#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps docs/reference.md what the procedures themselves declare.

tools/env tools/reference.py [PLUGIN]

Starts GIMP with the plug-in (build/test/plugin/hidiffusion, if it is not named), asks its procedure database for every
procedure of ours with its texts, arguments, types, ranges, defaults and results, and writes them into docs/reference.md,
between the lines <!-- generated: WHAT --> and <!-- end -->. What stands outside of these is written by hand; the
examples there are run by tests/gimp/test_reference.py.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'gimp'))

from gimp_session import Gimp, Profile, quote  # noqa: E402

DOCUMENT = ROOT / 'docs' / 'reference.md'
PREFIX = 'plug-in-hidiffusion-'

# What GIMP hands over: a procedure's declarations as libgimp knows them, which are those that scripts meet.
QUESTION = '''
import json
from gi.repository import Gimp

def describe (spec):
    found = {'name': spec.name, 'type': spec.value_type.name, 'text': spec.get_blurb() or ''}
    for name in ('minimum', 'maximum', 'default_value'):
        value = getattr(spec, name, None)
        if isinstance(value, (bool, int, float, str)):
            found[name] = value
    if isinstance(spec, Gimp.ParamChoice):
        found['choices'] = spec.get_choice().list_nicks()
    return found

pdb = Gimp.get_pdb()
answer = []
for name in pdb.query_procedures('^PREFIX', '', '', '', '', '', '', ''):
    procedure = pdb.lookup_procedure(name)
    answer.append({
        'name': name,
        'blurb': procedure.get_blurb() or '',
        'help': procedure.get_help() or '',
        'label': procedure.get_menu_label() or '',
        'menus': procedure.get_menu_paths(),
        'arguments': [describe(spec) for spec in procedure.get_arguments()],
        'results': [describe(spec) for spec in procedure.get_return_values()],
    })
with open(FILE, 'w', encoding='utf-8') as file:
    json.dump(answer, file)
'''

# Types as users of both languages call them.
TYPES = {
    'gint': 'integer', 'gdouble': 'number', 'gchararray': 'string', 'gboolean': 'boolean', 'GFile': 'file',
    'GimpRunMode': 'run mode', 'GimpImage': 'image', 'GimpDrawable': 'drawable', 'GimpLayer': 'layer',
    'GimpItem': 'item', 'GimpCoreObjectArray': 'vector', 'GimpChoice': 'choice',
}


def run_python(gimp, script, folder):
    """Runs Python-Fu in a GIMP; a file of @folder takes it there, as Script-Fu's strings are short."""
    file = pathlib.Path(folder) / 'script.py'
    file.write_text(script, encoding='utf-8')
    command = f'exec(open({str(file)!r}, encoding="utf-8").read())'
    gimp.run(f'(python-fu-eval #:run-mode RUN-NONINTERACTIVE #:script {quote(command)})')


def ask(gimp, folder):
    """What GIMP knows of our procedures, a dictionary each."""
    answer = pathlib.Path(folder) / 'procedures.json'
    run_python(gimp, QUESTION.replace('PREFIX', PREFIX).replace('FILE', repr(str(answer))), folder)
    return json.loads(answer.read_text(encoding='utf-8'))


# --- Markdown -----------------------------------------------------------------------

def cell(text):
    return re.sub(r'\s+', ' ', text).strip().replace('|', '\\|')


def show(value):
    """A value as both languages write it, as far as they agree."""
    if isinstance(value, bool):
        return '`TRUE`' if value else '`FALSE`'
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, float):
        return f'`{value:g}`' if not value.is_integer() else f'`{int(value)}`'
    return f'`{value}`'


def show_values(spec):
    if 'choices' in spec:
        return ', '.join(f'`{choice}`' for choice in spec['choices'])
    if 'minimum' in spec and spec['type'] in ('gint', 'gdouble'):
        return f'{show(spec["minimum"])} to {show(spec["maximum"])}'
    return ''


def show_type(spec):
    return TYPES.get(spec['type'], spec['type'])


def argument_table(specs):
    lines = ['| argument | type | values | default | |', '|---|---|---|---|---|']
    for spec in specs:
        default = show(spec['default_value']) if 'default_value' in spec else ''
        lines.append(f'| `{spec["name"]}` | {show_type(spec)} | {show_values(spec)} | {default} | {cell(spec["text"])} |')
    return lines


def result_table(specs):
    lines = ['| result | type | |', '|---|---|---|']
    return lines + [f'| `{spec["name"]}` | {show_type(spec)} | {cell(spec["text"])} |' for spec in specs]


class Declarations:
    """All procedures; what they have in common is told once."""

    # GIMP gives these to every procedure on an image, with no word of what they mean to ours.
    GIMPS_OWN = {
        'run-mode': '`RUN-NONINTERACTIVE`: as the arguments say; `RUN-WITH-LAST-VALS`: as the dialog was left; '
                    '`RUN-INTERACTIVE`: with the dialog',
        'image': 'The image that is worked on. Only to generate it may be left out: the picture opens as a new one.',
        'drawables': 'The layer that is worked on, as a vector of one; if it is left out, the selected one',
    }

    def __init__(self, procedures):
        self.procedures = {procedure['name']: procedure for procedure in procedures}
        self.own = {name: [spec for spec in procedure['arguments'] if spec['name'] not in self.GIMPS_OWN]
                    for name, procedure in self.procedures.items()}
        tasks = [specs for specs in self.own.values() if specs]
        self.common = [spec for spec in tasks[0] if all(spec in specs for specs in tasks)]

    def describe(self, what):
        if what == 'every-procedure':
            specs = next(iter(self.procedures.values()))['arguments']
            return argument_table([{'name': spec['name'], 'type': spec['type'], 'text': self.GIMPS_OWN[spec['name']]}
                                   for spec in specs if spec['name'] in self.GIMPS_OWN])
        if what == 'results':
            return result_table(next(iter(self.procedures.values()))['results'])
        if what == 'common':
            return argument_table(self.common)
        return self.describe_procedure(self.procedures[what])

    def describe_procedure(self, procedure):
        lines = [f'{cell(procedure["blurb"])}.', '', cell(procedure['help'])]
        for menu in procedure['menus']:
            path = [*menu.removeprefix('<Image>/').split('/'), procedure['label'].replace('_', '')]
            lines += ['', f'Menu: {" > ".join(path)}']
        own = [spec for spec in self.own[procedure['name']] if spec not in self.common]
        if own:
            lines += ['', *argument_table(own)]
        if len(own) < len(self.own[procedure['name']]):
            lines += ['', 'And the [arguments of all tasks](#arguments-of-all-tasks).']
        return lines


GENERATED = re.compile(r'(<!-- generated: (?P<what>[\w-]+) -->\n)(?P<text>.*?)(<!-- end -->\n)', re.S)


def render(document, procedures):
    """The document with its generated parts as these procedures declare them."""
    declarations = Declarations(procedures)
    missing = set(declarations.procedures) - {match['what'] for match in GENERATED.finditer(document)}
    if missing:
        sys.exit(f'{DOCUMENT.name}: no part is there for {", ".join(sorted(missing))}: add a section with the lines '
                 '<!-- generated: NAME --> and <!-- end -->')
    return GENERATED.sub(lambda match: match[1] + '\n'.join(declarations.describe(match['what'])) + '\n' + match[4],
                         document)


def examples(document, language):
    """The blocks of code in a language, in their order."""
    return re.findall(rf'^```{language}\n(.*?)^```$', document, re.S | re.M)


def main():
    plugin = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / 'build' / 'test' / 'plugin' / 'hidiffusion')
    if len(sys.argv) > 2 or not pathlib.Path(plugin).is_file():
        sys.exit(f'usage: tools/env tools/reference.py [PLUGIN]; expected the built plug-in in {plugin}')
    profile = Profile(plugin, ROOT / 'data' / 'demo-model')
    try:
        gimp = Gimp(profile)
        try:
            procedures = ask(gimp, profile.root)
        finally:
            gimp.stop()
    finally:
        profile.remove()
    DOCUMENT.write_text(render(DOCUMENT.read_text(encoding='utf-8'), procedures), encoding='utf-8')


if __name__ == '__main__':
    main()
