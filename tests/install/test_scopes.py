# SPDX-License-Identifier: Apache-2.0
"""Built and installed by one user alone, and configured as the Flatpak extension: what lies where, and that GIMP finds it."""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import tap
from gimp_session import GIMPRC, Gimp

parser = argparse.ArgumentParser()
parser.add_argument('source')
options = parser.parse_args()
source = pathlib.Path(options.source)

folder = tempfile.TemporaryDirectory(prefix='hd-scopes-')
root = pathlib.Path(folder.name).resolve()

# Of an own plug-in folder GIMP wants to know its version.
PLUGIN = '.config/GIMP/3.0/plug-ins/hidiffusion'


def meson(*arguments, home=root, capture=False):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(('XDG_CONFIG', 'XDG_DATA'))}
    environment['HOME'] = str(home)
    return subprocess.run(['meson', *map(str, arguments)], env=environment, check=True, text=True,
                          stdout=subprocess.PIPE if capture else sys.stderr).stdout


def plan(build):
    """Where the installed files come to lie."""
    return set(json.loads(meson('introspect', '--installed', build, capture=True)).values())


# --- one user ---------------------------------------------------------------------

class Home:
    """A home folder in which it is built and installed, as a profile for Gimp."""

    def __init__(self, path):
        self.root = path
        self.build = path / 'build'
        self.files = []

    def environment(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith('XDG_')}
        environment.update(HOME=str(self.root), OMP_WAIT_POLICY='passive')
        environment.pop('GIMP3_DIRECTORY', None)
        return environment

    def installed(self):
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob('*')
                      if path.is_file() and not path.is_relative_to(self.build))


home = Home(root / 'home')


def test_one_user_builds_and_installs_it():
    home.root.mkdir()
    # Nobody waits for an optimising compiler here.
    meson('setup', home.build, source, '-Dscope=user', f'--prefix={home.root}/.local', '-Dplugin=enabled',
          '-Dcuda=disabled', '-Dtests=false', '-Dbuildtype=plain', home=home.root)
    meson('compile', '-C', home.build, home=home.root)
    meson('install', '-C', home.build, '--no-rebuild', '--quiet', home=home.root)
    home.files = home.installed()
    outside = [name for name in home.files if not name.startswith(('.local/bin/', '.local/share/', f'{PLUGIN}/'))]
    tap.check_equal(outside, [], 'files in other places')
    for name in (f'{PLUGIN}/hidiffusion', f'{PLUGIN}/locale/de/LC_MESSAGES/hidiffusion.mo', '.local/bin/hidiffusion',
                 '.local/share/hidiffusion/models/demo/model_index.json', '.local/share/man/man1/hidiffusion.1',
                 '.local/share/metainfo/org.gimp.GIMP.Plugin.HiDiffusion.metainfo.xml',
                 '.local/share/icons/hicolor/scalable/apps/org.gimp.GIMP.Plugin.HiDiffusion.svg'):
        tap.check(name in home.files, f'{name} is not installed')


def test_gimp_has_it_for_that_user():
    profile = home.root / '.config' / 'GIMP' / '3.0'
    (profile / 'gimprc').write_text(GIMPRC)
    gimp = Gimp(home)
    try:
        layers = gimp.run('(caddr (plug-in-hidiffusion-generate #:run-mode RUN-NONINTERACTIVE #:prompt "a red star" '
                          '#:width 64 #:height 64 #:steps 1))')
        tap.check(layers.startswith('#(') and len(layers) > 3, f'layers: {layers}')
        tap.check_equal(gimp.complaints(), [], 'messages')
    finally:
        gimp.stop()


def test_the_command_finds_the_demo_model():
    found = subprocess.run([home.root / '.local/bin/hidiffusion', 'models', '--json'], env=home.environment(), check=True,
                           capture_output=True, text=True)
    tap.check_equal([model['name'] for model in json.loads(found.stdout)], ['demo'], 'models')


def test_uninstalling_leaves_nothing():
    subprocess.run(['ninja', '-C', home.build, 'uninstall'], env=home.environment(), check=True, stdout=sys.stderr)
    left = set(home.files) & set(home.installed())
    tap.check(home.files and not left, f'files that are left: {left}')


def test_a_prefix_outside_of_the_home_folder_is_refused():
    environment = dict(os.environ, HOME=str(home.root))
    found = subprocess.run(['meson', 'setup', root / 'refused', source, '-Dscope=user', '--prefix=/usr/local'],
                           env=environment, capture_output=True, text=True)
    tap.check(found.returncode != 0 and f'--prefix={home.root}/.local' in found.stdout, found.stdout[-500:])


# --- Flatpak -----------------------------------------------------------------------

def test_the_flatpak_extension_is_complete():
    """As far as it can be told without its runtime: its options are ours, and GIMP finds what they install."""
    manifest = json.loads((source / 'data' / 'flatpak' / 'org.gimp.GIMP.Plugin.HiDiffusion.json').read_text())
    prefix = manifest['build-options']['prefix']
    module = next(module for module in manifest['modules'] if module['name'] == 'hidiffusion')
    build = root / 'flatpak'
    meson('setup', build, source, f'--prefix={prefix}', '--libdir=lib', *module['config-opts'])
    files = plan(build)
    # org.gimp.GIMP merges its extensions' folders of this name.
    tap.check(f'{prefix}/plug-ins/hidiffusion/hidiffusion' in files, f'the plug-in is not among {sorted(files)}')
    tap.check(f'{prefix}/share/metainfo/{manifest["id"]}.metainfo.xml' in files, 'the metadata is missing')
    tap.check(f'{prefix}/share/hidiffusion/models/demo' in files, 'the demo model is missing')
    tap.check_equal([file for file in files if not file.startswith(prefix + '/')], [], 'files outside of the extension')


try:
    tap.run([test_one_user_builds_and_installs_it, test_gimp_has_it_for_that_user, test_the_command_finds_the_demo_model,
             test_uninstalling_leaves_nothing, test_a_prefix_outside_of_the_home_folder_is_refused,
             test_the_flatpak_extension_is_complete])
finally:
    shutil.rmtree(root, ignore_errors=True)
