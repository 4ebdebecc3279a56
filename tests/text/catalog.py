# SPDX-License-Identifier: Apache-2.0
"""gettext's catalogs: reading them, comparing a translation with its text, and a pseudo translation."""

import ast
import collections
import dataclasses
import os
import re
import subprocess

CONVERSION = re.compile(r"%(?:(?P<position>\d+)\$)?(?P<flags>[-+0 #']*)(?P<width>\d+|\*)?(?P<precision>\.(?:\d+|\*))?"
                        r'(?P<length>hh|h|ll|l|z|j|t)?(?P<kind>[a-zA-Z%])')
# "_W" as in "_Width"; "__" is a plain underscore.
MNEMONIC = re.compile(r'(?<!_)_(?=[^\W\d_])')


@dataclasses.dataclass
class Entry:
    msgid: str = ''
    context: str = ''
    plural: str = ''
    translations: list = dataclasses.field(default_factory=list)
    flags: set = dataclasses.field(default_factory=set)
    places: list = dataclasses.field(default_factory=list)

    @property
    def is_format(self):
        return 'c-format' in self.flags


def extract(top, pot):
    """Writes the texts of the program as they are now, as the build does, to a file."""
    names = [line for line in (top / 'po' / 'POTFILES').read_text().splitlines() if line and not line.startswith('#')]
    subprocess.run(['xgettext', '--from-code=UTF-8', '--keyword=_', '--keyword=N_', '--keyword=ngettext:1,2',
                    '--add-comments', '--flag=g_strdup_printf:1:c-format', '--flag=g_set_error:4:c-format',
                    '--flag=g_error_new:3:c-format', '--flag=g_string_append_printf:2:c-format',
                    '--flag=ngettext:1:pass-c-format', '--flag=ngettext:2:pass-c-format', '--flag=_:1:pass-c-format',
                    '--flag=N_:1:pass-c-format', '-o', pot, *names],
                   cwd=top, check=True, stderr=subprocess.DEVNULL, env=dict(os.environ, LANGUAGE='', LC_ALL='C.UTF-8'))


def read(text):
    """The entries of a .po or .pot file but its header, and the header's text."""
    entries = []
    for block in re.split(r'\n\s*\n', text):
        lines = [line for line in block.splitlines() if not line.startswith('#~')]
        entry, field = Entry(), None
        values = collections.defaultdict(str)
        for line in lines:
            if line.startswith('#,'):
                entry.flags |= {flag.strip() for flag in line[2:].split(',')}
            elif line.startswith('#:'):
                entry.places += line[2:].split()
            elif line.startswith('#'):
                continue
            else:
                found = re.match(r'(msg\w+(?:\[\d+\])?)\s+', line)
                if found:
                    field, line = found.group(1), line[found.end():]
                values[field] += ast.literal_eval(line)
        if 'msgid' not in values:
            continue
        entry.msgid, entry.plural, entry.context = values['msgid'], values['msgid_plural'], values['msgctxt']
        entry.translations = [values[name] for name in sorted(values) if name.startswith('msgstr')]
        entries.append(entry)
    header = next((entry.translations[0] for entry in entries if not entry.msgid), '')
    return [entry for entry in entries if entry.msgid], header


def conversions(text):
    """What printf would take for a text: the argument's number and how it is written, in the arguments' order."""
    found, number = [], 0
    for part in CONVERSION.finditer(text):
        if part['kind'] == '%':
            continue
        number += 1
        written = ''.join(part[name] or '' for name in ('width', 'precision', 'length', 'kind'))
        found.append((int(part['position'] or number), written))
    return sorted(found)


def mnemonics(text):
    """The letters of Alt+letter."""
    return [text[found.end()].lower() for found in MNEMONIC.finditer(text)]


def faults(entry):
    """What is wrong with the translations of a text, as a list of sentences."""
    found = []
    plain = entry.msgid
    for number, translation in enumerate(entry.translations):
        if not translation:
            found.append('is not translated')
            continue
        if entry.is_format:
            allowed = [conversions(text) for text in ([plain, entry.plural] if entry.plural else [plain])]
            if conversions(translation) not in allowed:
                found.append(f'placeholders: expected {allowed[0]}, found {conversions(translation)}')
        if len(mnemonics(plain)) != len(mnemonics(translation)):
            found.append(f'mnemonics: expected {len(mnemonics(plain))}, found {mnemonics(translation)}')
        for edge in (r'^\s*', r'\s*$'):
            if re.search(edge, plain).group() != re.search(edge, translation).group():
                found.append('begins or ends with other white space')
        if plain.count('\n') != translation.count('\n'):
            found.append('has another number of lines')
        if bool(re.search(r'(…|\.\.\.)$', plain)) != bool(re.search(r'(…|\.\.\.)(\(_\w\))?$', translation)):
            found.append('the dots at the end, which say that a dialog follows')
    return found


# --- a language that nobody speaks ------------------------------------------------

ACCENTS = str.maketrans('aeiounycszgAEIOUNYCSZG', 'áéíóúñýçšžğÁÉÍÓÚÑÝÇŠŽĞ')
RIGHT_TO_LEFT_MARK = '\u200f'


def pretend(text, grow=0.4):
    """@text with accents, as many per cent longer as other languages need, and as right-to-left text. Placeholders,
    mnemonics, markup and the white space at the edges stay."""
    parts = re.split(r"(%(?:\d+\$)?[-+0 #']*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t)?[a-zA-Z%]|<[^>]*>)", text)
    accented = ''.join(part if number % 2 else part.translate(ACCENTS) for number, part in enumerate(parts))
    letters = sum(character.isalpha() for character in re.sub(r'%\S*[a-zA-Z]|<[^>]*>', '', text))
    more = '~' * round(letters * grow)
    body, edge = re.fullmatch(r'(.*?)((?:\.\.\.|…)?\s*)', accented, flags=re.DOTALL).groups()
    lead = re.match(r'\s*', body).group()
    return f'{lead}{RIGHT_TO_LEFT_MARK}{body[len(lead):]}{more}{edge}'


def write_pretended(entries, path):
    """A .po file of a right-to-left pseudo language with all @entries."""
    lines = ['msgid ""', 'msgstr ""', '"Language: ar\\n"', '"MIME-Version: 1.0\\n"',
             '"Content-Type: text/plain; charset=UTF-8\\n"', '"Content-Transfer-Encoding: 8bit\\n"',
             '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"', '']
    for entry in entries:
        if entry.context:
            lines.append(f'msgctxt {quote(entry.context)}')
        lines.append(f'msgid {quote(entry.msgid)}')
        if entry.plural:
            lines += [f'msgid_plural {quote(entry.plural)}', f'msgstr[0] {quote(pretend(entry.msgid))}',
                      f'msgstr[1] {quote(pretend(entry.plural))}', '']
        else:
            lines += [f'msgstr {quote(pretend(entry.msgid))}', '']
    path.write_text('\n'.join(lines))


def quote(text):
    escaped = text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n').replace('\t', '\\t')
    return f'"{escaped}"'
