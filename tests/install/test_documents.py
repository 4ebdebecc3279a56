# SPDX-License-Identifier: Apache-2.0
"""The manual page is complete and sound; the metadata is what software centres accept."""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

import tap

parser = argparse.ArgumentParser()
parser.add_argument('page')
parser.add_argument('program')
parser.add_argument('metainfo')
options = parser.parse_args()

page = pathlib.Path(options.page).read_text()
# as it is read
plain = re.sub(r'\\f[BIRP]', '', page).replace('\\-', '-')


def ask(*arguments):
    return subprocess.run([options.program, *arguments], check=True, capture_output=True, text=True,
                          env=dict(os.environ, LC_ALL='C.UTF-8')).stdout


def commands():
    listed = ask('--help').split('Commands:\n', 1)[1].split('\n\n', 1)[0]
    return [line.split()[0] for line in listed.splitlines()]


def need(tool):
    if shutil.which(tool) is None:
        raise tap.Skip(f'{tool} is not installed')


def test_every_command_is_in_the_page():
    tap.check(len(commands()) >= 5, f'commands found in the help: {commands()}')
    for command in commands():
        tap.check(re.search(rf'^\.SS {command}\b', plain, re.M), f'{command} has no section')


def test_every_option_is_in_the_page():
    checked = 0
    for command in commands():
        for name in re.findall(r'(?<![\w-])--?[A-Za-z][\w-]*', ask(command, '--help') + ask(command, '--help-all')
                               if '--help-all' in ask(command, '--help') else ask(command, '--help')):
            if re.match(r'--help-(?!all)', name):
                continue
            tap.check(re.search(rf'(?<![\w-]){re.escape(name)}(?![\w-])', plain), f'{command} {name}: not in the page')
            checked += 1
    tap.check(checked > 50, f'only {checked} options were found')


def test_nothing_is_left_to_fill_in():
    tap.check(not re.search(r'@[A-Z]+@', page), 'a field of the template was not filled')


def test_groff_is_content():
    need('groff')
    found = subprocess.run(['groff', '-K', 'utf8', '-man', '-T', 'utf8', '-ww', '-z', options.page],
                           capture_output=True, text=True)
    tap.check_equal((found.returncode, found.stderr), (0, ''), 'groff')


def test_mandoc_is_content():
    need('mandoc')
    found = subprocess.run(['mandoc', '-T', 'lint', '-W', 'all', options.page], capture_output=True, text=True)
    tap.check_equal((found.returncode, found.stdout), (0, ''), 'mandoc')


def test_metadata_is_valid():
    need('appstreamcli')
    found = subprocess.run(['appstreamcli', 'validate', '--no-net', options.metainfo], capture_output=True, text=True)
    tap.check_equal(found.returncode, 0, f'appstreamcli: {found.stdout}')


def test_release_is_this_version():
    version = ask('--version').split()[-1]
    releases = re.findall(r'<release version="([^"]+)"', pathlib.Path(options.metainfo).read_text())
    tap.check_equal(releases[:1], [version], 'the first release in the metadata')
    changelog = pathlib.Path(options.metainfo).parents[1] / 'debian' / 'changelog'
    tap.check_equal(re.match(r'hidiffusion \(([^)]+)\)', changelog.read_text())[1], version, 'version of the packages')


tap.run([test_every_command_is_in_the_page, test_every_option_is_in_the_page, test_nothing_is_left_to_fill_in,
         test_groff_is_content, test_mandoc_is_content, test_metadata_is_valid, test_release_is_this_version])
