# SPDX-License-Identifier: Apache-2.0
"""A GIMP with a profile of its own that runs the plug-in and answers Script-Fu.

Script-Fu goes through GIMP's own Script-Fu server: one process serves all tests
of a program, and what is asked of it can also be asked while the plug-in works.
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROCEDURE = 'plug-in-hidiffusion-generate'

GIMPRC = """\
(config-version "3.0.4")
(show-welcome-dialog no)
(check-updates no)
(save-session-info no)
(restore-session no)
(undo-levels 20)
"""

# Lines on GIMP's stderr that are ours to explain.
OURS = re.compile(r'hidiffusion|hd-(engine|kernels)', re.IGNORECASE)
# What GIMP says by itself: error messages of procedures, and that the pipe to a
# plug-in is gone that was killed, or that it hung up on after an error.
GIMPS_OWN = re.compile(r'^GIMP-Error|LibGimp(Base)?-WARNING.*(unexpected EOF|Broken pipe)')


class ScriptError(Exception):
    """A script that failed; its text is GIMP's message."""


def wait_for(condition, what, timeout=30.0, interval=0.05):
    """The first true result of condition()."""
    end = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f'waited {timeout} s for {what}')
        time.sleep(interval)


def quote(text):
    """A string literal of Scheme."""
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n') + '"'


class Profile:
    """A GIMP profile in a temporary folder, with the plug-in as it is installed."""

    def __init__(self, plugin, model, locale=None):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix='hd-gimp-'))
        self.gimp = self.root / 'gimp'
        self.plugin = self.gimp / 'plug-ins' / 'hidiffusion'
        self.models = self.plugin / 'models'
        self.models.mkdir(parents=True)
        self.data = self.root / 'data'
        shutil.copy2(plugin, self.plugin / 'hidiffusion')
        (self.plugin / 'locale').mkdir()
        for catalog in pathlib.Path(locale or '/nonexistent').glob('*/LC_MESSAGES/hidiffusion.mo'):
            target = self.plugin / 'locale' / catalog.parts[-3] / 'LC_MESSAGES'
            target.mkdir(parents=True)
            shutil.copy2(catalog, target)
        self.model = pathlib.Path(model).resolve()
        (self.models / 'demo').symlink_to(self.model)
        (self.gimp / 'gimprc').write_text(GIMPRC)

    def environment(self, **more):
        environment = dict(os.environ)
        environment.update(
            GIMP3_DIRECTORY=str(self.gimp),
            HOME=str(self.root),
            XDG_DATA_HOME=str(self.data),
            XDG_CONFIG_HOME=str(self.root / 'config'),
            # a processor shared by tests
            OMP_WAIT_POLICY='passive',
        )
        environment.update(more)
        return environment

    def remember_settings(self, **settings):
        """Makes these what the procedure was last run with, as GIMP does after a dialog."""
        folder = self.gimp / 'plug-in-settings'
        folder.mkdir(exist_ok=True)
        lines = [f'({name.replace("_", "-")} {quote(value) if isinstance(value, str) else value})'
                 for name, value in settings.items()]
        (folder / f'GimpProcedureConfigRun-{PROCEDURE}.last').write_text('\n'.join(lines) + '\n')

    def forget_settings(self):
        """Deletes what the procedure was last run with."""
        shutil.rmtree(self.gimp / 'plug-in-settings', ignore_errors=True)

    def files(self):
        """What GIMP reads at its next start, but for caches."""
        return {str(path.relative_to(self.gimp)): path.read_bytes()
                for path in sorted(self.gimp.rglob('*'))
                if path.is_file() and path.suffix != '.log' and 'models' not in path.parts}

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)


class Gimp:
    """A running GIMP."""

    def __init__(self, profile, program='gimp-console', environment=None):
        self.profile = profile
        self.port = self._find_port()
        self.log_path = profile.root / f'{program}-{self.port}.log'
        server = ('(plug-in-script-fu-server #:run-mode RUN-NONINTERACTIVE '
                  f'#:ip "127.0.0.1" #:port {self.port} '
                  f'#:logfile {quote(str(profile.root / "server.log"))})')
        command = [program, '--no-splash', '--new-instance', '--console-messages',
                   '--batch-interpreter=plug-in-script-fu-eval', '-b', server]
        if program == 'gimp-console':
            command.insert(1, '--no-interface')
        self.log = open(self.log_path, 'wb')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log,
                                        env=environment or profile.environment(),
                                        start_new_session=True)
        wait_for(self._is_up, 'the Script-Fu server', timeout=120)

    @staticmethod
    def _find_port():
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            return probe.getsockname()[1]

    def _is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError('GIMP ended early:\n' + self.messages())
        try:
            return self.run('1') == '1'
        except OSError:
            return False

    def run(self, script, timeout=300.0):
        """The printed result of a script."""
        code = script.encode()
        with socket.create_connection(('127.0.0.1', self.port), timeout=timeout) as link:
            link.sendall(b'G' + len(code).to_bytes(2, 'big') + code)
            header = self._read(link, 4)
            text = self._read(link, int.from_bytes(header[2:4], 'big')).decode()
        if header[1]:
            raise ScriptError(text)
        return text

    @staticmethod
    def _read(link, size):
        data = b''
        while len(data) < size:
            part = link.recv(size - len(data))
            if not part:
                raise ConnectionError('the Script-Fu server hung up')
            data += part
        return data

    def number(self, script):
        return int(float(self.run(script)))

    def messages(self):
        """What GIMP wrote on its terminal so far."""
        return self.log_path.read_text(errors='replace')

    def is_alive(self):
        """Whether GIMP and its Script-Fu server still answer."""
        try:
            return self.process.poll() is None and self.run('1', timeout=30) == '1'
        except OSError:
            return False

    def complaints(self):
        """Lines of our own making, such as warnings of GLib."""
        return [line for line in self.messages().splitlines()
                if OURS.search(line) and not GIMPS_OWN.search(line)
                and re.search(r'WARNING|CRITICAL|ERROR|assert', line, re.IGNORECASE)]

    def plugin_pids(self):
        """Processes of ours that run a procedure."""
        found = []
        for entry in pathlib.Path('/proc').iterdir():
            try:
                arguments = (entry / 'cmdline').read_bytes().split(b'\0')
            except (OSError, NotADirectoryError):
                continue
            if (entry.name.isdigit() and b'-run' in arguments
                    and arguments[0] == str(self.profile.plugin / 'hidiffusion').encode()):
                found.append(int(entry.name))
        return found

    def stop(self):
        """Ends GIMP with all that it has started."""
        try:
            self.run('(gimp-quit 1)', timeout=10)
        except (OSError, ScriptError):
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.log.close()
