#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-page.py TEMPLATE METAINFO DATADIR PROGRAM... prints the manual page of PROGRAM.

All that the program tells about its commands and options with --help goes into the template, so that the page knows
what the program knows. The page's date is that of the last release.
"""

import os
import pathlib
import re
import subprocess
import sys
import textwrap
import xml.etree.ElementTree

# Options that at least so many commands have, in the same words, are described once.
COMMON = 3

OPTION = re.compile(r'^  (?P<names>(-\w, )?--[\w-]+)(?P<value>=\S.*?)?( {2,}(?P<text>\S.*))?$')
COMMAND = re.compile(r'^  (?P<name>\w+) {2,}(?P<summary>\S.*)$')


class Command:
    """A command, by its help: what comes before its options, these in groups, and the last paragraphs."""

    def __init__(self, program, name, summary):
        self.name = name
        self.summary = summary
        self.options = []    # (group, names, value, text)
        self.description = []
        self.arguments = ''
        group = None
        lines = ask(program, name, '--help-all').splitlines()
        if not any('--help-all' in line for line in lines):
            lines = ask(program, name, '--help').splitlines()
        for line in lines:
            option = OPTION.match(line)
            if line.startswith(f'  hidiffusion {name}'):
                self.arguments = line.split(name, 1)[1].strip()
            elif line.endswith(':') and not line.startswith(' '):
                group = line.rstrip(':')
            elif option and group != 'Help Options':
                self.options.append((group, option['names'], option['value'] or '', option['text'] or ''))
            elif line.strip() and not option and not line.startswith('Usage'):
                if line.startswith(' '):
                    sys.exit(f'make-page.py: hidiffusion {name} --help: not understood: {line!r}')
                self.description.append(line)


def ask(program, *arguments):
    """What the program prints."""
    environment = dict(os.environ, LC_ALL='C.UTF-8', LANGUAGE='')
    return subprocess.run([*program, *arguments], env=environment, check=True, capture_output=True,
                          encoding='utf-8').stdout


def roff(text):
    """Text that means itself to roff."""
    text = text.replace('\\', r'\e').replace('-', r'\-').replace("'", r'\(aq').replace('~', r'\(ti')
    text = text.replace('^', r'\(ha').replace('`', r'\(ga').replace('…', '...')
    return r'\&' + text if text.startswith('.') else text


def paragraph(text):
    """Text in lines that are not too long."""
    return textwrap.wrap(roff(text), 79, break_long_words=False, break_on_hyphens=False)


def option_lines(options):
    """Entries of a list, under subheadings where the program has groups."""
    lines, last = [], 'Application Options'
    # The program's own order, but its main group first, as nobody looks for it at the end.
    for group, names, value, text in sorted(options, key=lambda option: option[0] != 'Application Options'):
        if group != last:
            lines += ['.PP', roff(group) + ':']
            last = group
        shown = ', '.join(rf'\fB{roff(name)}\fP' for name in names.split(', '))
        if value:
            shown += rf'=\fI{roff(value[1:])}\fP'
        lines += ['.TP', shown, *(paragraph(text) or [r'\&'])]
    return lines


def listed(names):
    return '\nand '.join(filter(None, [',\n'.join(names[:-1]), names[-1]]))


def long_name(option):
    return rf'\fB{roff(option[1].split(", ")[-1])}\fP'


def command_lines(command, common):
    lines = [f'.SS {roff(command.name)} {roff(command.arguments)}'.rstrip()]
    for text in command.description or [f'{command.summary[:1].upper()}{command.summary[1:]}.']:
        lines += ['.PP', *paragraph(text)]
    lines.remove('.PP')
    lines += option_lines([option for option in command.options if option not in common])
    taken = [option for option in common if option in command.options]
    missing = [option for option in common if option not in command.options]
    if taken:
        names = [long_name(option) for option in (missing if len(missing) < len(taken) else taken)]
        if not missing:
            text = 'All of the common options.'
        elif len(missing) < len(taken):
            text = f'All of the common options but\n{listed(names)}.'
        else:
            text = f'Of the common options\n{listed(names)}.'
        lines += ['.PP', text]
    return lines


def main():
    template, metainfo, datadir, *program = sys.argv[1:]
    release = xml.etree.ElementTree.parse(metainfo).find('releases/release')
    version = ask(program, '--version').split()[-1]
    commands = [Command(program, found['name'], found['summary'])
                for found in map(COMMAND.match, ask(program, '--help').splitlines())
                if found and found['name'] != 'hidiffusion']
    every = [option for command in commands for option in command.options]
    common = [option for index, option in enumerate(every)
              if every.count(option) >= COMMON and option not in every[:index]]

    synopsis = []
    for command in commands:
        synopsis += [rf'.B hidiffusion {command.name}', roff(command.arguments), '.br']
    synopsis += [r'.B hidiffusion', r'\fICOMMAND\fP \fB\-\-help\fP', '.br',
                 r'.B hidiffusion \-\-version']
    fields = {
        '@DATE@': release.get('date'),
        '@VERSION@': version,
        '@DATADIR@': roff(datadir),
        '@SYNOPSIS@': '\n'.join(synopsis),
        '@COMMANDS@': '\n'.join(['.SH COMMANDS',
                                 r'Every command tells its options with \fB\-\-help\fP or \fB\-h\fP,',
                                 r'and those of all groups with \fB\-\-help\-all\fP, where there is more than one.']
                                + [line for command in commands for line in command_lines(command, common)]),
        '@COMMON@': '\n'.join(['.SH COMMON OPTIONS'] + option_lines(common)),
    }
    page = pathlib.Path(template).read_text(encoding='utf-8')
    for field, text in fields.items():
        page = page.replace(field, text)
    sys.stdout.reconfigure(encoding='utf-8')
    sys.stdout.write(page)


if __name__ == '__main__':
    main()
