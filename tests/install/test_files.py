# SPDX-License-Identifier: Apache-2.0
"""What `meson install` puts where, and that programs find what was put there."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import tap

NAME = 'org.gimp.GIMP.Plugin.HiDiffusion'

parser = argparse.ArgumentParser()
parser.add_argument('build')
parser.add_argument('plugindir')
parser.add_argument('data')
options = parser.parse_args()

folder = tempfile.TemporaryDirectory(prefix='hd-install-')
root = pathlib.Path(folder.name)
subprocess.run(['meson', 'install', '-C', options.build, '--no-rebuild', '--quiet', '--destdir', root],
               check=True, stdout=sys.stderr)
prefix = options.data.removesuffix('/share/hidiffusion')
has_plugin = (root / options.plugindir.lstrip('/')).exists()


def installed(path):
    return root / path.lstrip('/')


def check_file(path, executable=False):
    file = installed(path)
    tap.check(file.is_file() and file.stat().st_size > 0, f'{path} is not installed')
    tap.check_equal(bool(file.stat().st_mode & 0o111), executable, f'{path}: whether it can be executed')


def test_command():
    check_file(f'{prefix}/bin/hidiffusion', executable=True)
    check_file(f'{prefix}/share/licenses/hidiffusion/LICENSE')


def test_manual_page():
    page = installed(f'{prefix}/share/man/man1/hidiffusion.1')
    if not page.exists():
        raise tap.Skip('the build machine cannot run the program')
    tap.check(f'{options.data}/models/demo/' in page.read_text().replace('\\-', '-'),
              'the page does not name the folder of the demo model')


def test_plug_in():
    if not has_plugin:
        raise tap.Skip('built without the plug-in')
    check_file(f'{options.plugindir}/hidiffusion', executable=True)
    linguas = pathlib.Path(__file__).parents[2] / 'po' / 'LINGUAS'
    for language in linguas.read_text().split():
        check_file(f'{options.plugindir}/locale/{language}/LC_MESSAGES/hidiffusion.mo')
    check_file(f'{prefix}/share/metainfo/{NAME}.metainfo.xml')
    check_file(f'{prefix}/share/icons/hicolor/scalable/apps/{NAME}.svg')


def test_data_is_there_once():
    check_file(f'{options.data}/clip/merges.txt.gz')
    found = [path for path in root.rglob('*.safetensors')]
    expected = {installed(f'{options.data}/models/demo/{part}.safetensors')
                for part in ('text_encoder/model', 'unet/diffusion_pytorch_model', 'vae/diffusion_pytorch_model')}
    tap.check_equal(set(found), expected, 'files with weights')


def test_only_what_is_known():
    known = ('bin/hidiffusion', 'share/doc/hidiffusion/examples/', 'share/hidiffusion/', 'share/licenses/hidiffusion/',
             'share/man/man1/hidiffusion.1', 'lib/', 'lib64/', f'share/metainfo/{NAME}', f'share/icons/hicolor/scalable/apps/{NAME}')
    for path in root.rglob('*'):
        name = '/' + str(path.relative_to(root))
        if not path.is_file() or name.startswith(options.plugindir + '/'):
            continue
        tap.check(name.removeprefix(prefix + '/').startswith(known), f'{name} is installed, which nobody expects')
        tap.check(not name.startswith((f'{prefix}/lib/', f'{prefix}/lib64/')) or '/hidiffusion/' in name, f'{name} lies among other programs\' libraries')


def test_demo_model_is_found():
    """Where nothing else is: by the data's place relative to the program."""
    environment = {'HOME': str(root / 'home'), 'PATH': os.environ['PATH'],
                   'XDG_DATA_DIRS': str(installed(f'{prefix}/share')),
                   'ASAN_OPTIONS': 'detect_leaks=0'}
    found = subprocess.run([installed(f'{prefix}/bin/hidiffusion'), 'models', '--json'], env=environment,
                           capture_output=True, text=True)
    tap.check_equal(found.returncode, 0, f'exit status of hidiffusion models ({found.stderr})')
    tap.check_equal([model['name'] for model in json.loads(found.stdout)], ['demo'], 'models')


tap.run([test_command, test_manual_page, test_plug_in, test_data_is_there_once, test_only_what_is_known,
         test_demo_model_is_found])
