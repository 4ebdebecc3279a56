# SPDX-License-Identifier: Apache-2.0
"""The string literals of C sources, and the calls that they stand in."""

import dataclasses
import re

TOKEN = re.compile(r'''
    (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)
  | (?P<string>"(?:\\.|[^"\\\n])*")
  | (?P<char>'(?:\\.|[^'\\\n])+')
  | (?P<word>[A-Za-z_]\w*)
  | (?P<space>\s+)
  | (?P<other>.)
''', re.VERBOSE | re.DOTALL | re.MULTILINE)

ESCAPES = {'n': '\n', 't': '\t', 'r': '\r', 'v': '\v', 'f': '\f', 'b': '\b', 'a': '\a', '0': '\0'}

# What stands for a part of a format in <inttypes.h> and GLib.
MACRO = re.compile(r'G_G\w+_FORMAT|PRI[a-zA-Z]\w+')

MARKS = {'_', 'N_', 'C_', 'NC_', 'Q_', 'ngettext', 'g_dngettext', 'g_dgettext'}


@dataclasses.dataclass
class Text:
    """A string literal, whose parts are joined, with '%' and the macro's name where a format's macro was."""
    value: str
    line: int
    calls: tuple       # names of the calls around it, the outermost first
    arguments: tuple   # which argument of each it is, or is in, from 0

    @property
    def is_marked(self):
        return bool(MARKS.intersection(self.calls))


def _unescape(literal):
    body = literal[1:-1]

    def replace(found):
        code = found.group(1)
        if code[0] == 'x':
            return '\\' + code
        return ESCAPES.get(code, code)
    return re.sub(r'\\(x[0-9a-fA-F]+|.)', replace, body, flags=re.DOTALL)


def _tokens(source):
    line = 1
    for found in TOKEN.finditer(source):
        kind, text = found.lastgroup, found.group()
        if kind not in ('comment', 'space', 'directive'):
            yield kind, text, line
        line += text.count('\n')


def texts(source):
    """All string literals, in their order."""
    found = []
    stack = []          # [name of the call or '', number of the argument]
    previous = None     # the last token, if it was a word
    current = None      # the literal that is being read
    for kind, text, line in _tokens(source):
        if kind == 'string':
            if current is None:
                current = Text('', line, tuple(name for name, _ in stack if name),
                               tuple(argument for name, argument in stack if name))
                found.append(current)
            current.value += _unescape(text)
            previous = None
            continue
        if current is not None and kind == 'word' and MACRO.fullmatch(text):
            current.value += text
            continue
        if current is not None and kind == 'word' and text.isupper():
            # another macro that holds a text
            current.value += f'%{{{text}}}'
            continue
        current = None
        if kind == 'other':
            if text in '({[':
                stack.append([previous if text == '(' and previous else '', 0])
            elif text in ')}]' and stack:
                stack.pop()
            elif text == ',' and stack:
                stack[-1][1] += 1
        previous = text if kind == 'word' else None
    return found
