# SPDX-License-Identifier: Apache-2.0
"""The job array of data/slurm on a real Slurm: one node of four processors, made for this test.

Four tasks make the pictures of a sheet. The process of one is killed in mid-run, and another task is requeued in mid-run.
In the end each picture is there, was made once, and is the one that a single run makes.
"""

import argparse
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import tap
from gimp_session import wait_for

ROWS = 20
TASKS = 4
# As `hidiffusion batch` tells that a picture was made.
MADE = re.compile(r' row (\d+) of \d+: \S+ .* in [\d:]+$', re.M)

CONFIGURATION = """\
ClusterName=farm
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmdParameters=config_overrides
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def find_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(('127.0.0.1', 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Slurm:
    """A cluster that is this machine, with all its files in a folder; it ends with the test."""

    DAEMONS = ('munged', 'slurmctld', 'slurmd')

    def __init__(self, root):
        self.root = root
        self.processes = []
        for name in ('state', 'spool'):
            (root / name).mkdir()
        (root / 'slurm.conf').write_text(CONFIGURATION.format(
            host=socket.gethostname().split('.')[0], ports=find_ports(2), user=pwd.getpwuid(os.getuid()).pw_name,
            root=root))
        (root / 'cgroup.conf').write_text('CgroupPlugin=disabled\n')
        key = root / 'munge.key'
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
        os.environ['SLURM_CONF'] = str(root / 'slurm.conf')

    def start(self):
        # The folder lies where others may write, which munged calls insecure.
        self._run('munged', '--foreground', '--force', f'--key-file={self.root}/munge.key',
                  f'--socket={self.root}/munge.socket', f'--pid-file={self.root}/munged.pid',
                  f'--seed-file={self.root}/munged.seed', f'--log-file={self.root}/munged.log')
        wait_for((self.root / 'munge.socket').exists, 'munge')
        self._run('slurmctld', '-D', '-i')
        self._run('slurmd', '-D')
        wait_for(lambda: 'idle' in self.ask('sinfo', '-h', '-o', '%T'), 'the node', timeout=90)

    def _run(self, name, *arguments):
        log = open(self.root / f'{name}.out', 'wb')
        program = shutil.which(name, path=f'{os.environ["PATH"]}:/usr/sbin:/sbin')
        self.processes.append(subprocess.Popen([program, *arguments], stdout=log, stderr=log))

    def ask(self, *command):
        """What a command of Slurm's prints; nothing while it has no answer."""
        return subprocess.run(command, capture_output=True, text=True).stdout

    def order(self, *command):
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def stop(self):
        if len(self.processes) == len(self.DAEMONS):
            self.ask('scancel', '--signal=KILL', '--full', '--user', pwd.getpwuid(os.getuid()).pw_name)
            end = time.monotonic() + 15
            while self.ask('squeue', '-h').strip() and time.monotonic() < end:
                time.sleep(0.2)
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def messages(self):
        return '\n'.join(f'{path.name}: {line}' for path in sorted(self.root.glob('*.out'))
                         for line in path.read_text(errors='replace').splitlines()[-15:])


class Array:
    """The sheet's pictures, by the tasks of a job array in the folder `farm`."""

    def __init__(self, slurm, folder):
        self.slurm = slurm
        self.folder = folder
        self.job = slurm.order('sbatch', '--parsable', f'--array=1-{TASKS}', '--cpus-per-task=1', f'--chdir={folder}',
                               options.script, 'sheet.csv', '--model', options.model, '--output', 'farm')

    def log(self, task):
        path = self.folder / f'hidiffusion-{self.job}_{task}.log'
        return path.read_text(errors='replace') if path.exists() else ''

    def made(self, task):
        """The rows that a task tells to have made."""
        return [int(row) for row in MADE.findall(self.log(task))]

    def state(self, task):
        return self.slurm.ask('squeue', '-h', '-j', f'{self.job}_{task}', '-o', '%t').strip()

    def wait_for_rows(self, task, count):
        wait_for(lambda: len(self.made(task)) >= count, f'{count} pictures of task {task}', timeout=300)

    def process(self, task):
        """The process that makes a task's pictures."""
        for entry in pathlib.Path('/proc').iterdir():
            try:
                words = (entry / 'cmdline').read_bytes().split(b'\0')
                if b'batch' in words and f'{task}/{TASKS}'.encode() in words and (entry / 'cwd').resolve() == self.folder \
                        and b'bash' not in words[0]:
                    return int(entry.name)
            except OSError:
                continue
        raise tap.Failure(f'the process of task {task} was not found')

    def start_again(self, task):
        """Slurm lets requeued tasks wait for two minutes. It has to be more than a second, its clock's step: to the node, what
        begins when another life of the task was ended is that life."""
        wait_for(lambda: self.state(task) == 'PD', f'task {task} to be requeued', timeout=60)
        time.sleep(3)
        self.slurm.order('scontrol', 'update', f'JobId={self.job}_{task}', 'StartTime=now')

    def is_over(self):
        return not self.slurm.order('squeue', '-h')


def write_sheet(path):
    colours, shapes = ('red', 'orange', 'yellow', 'green', 'blue'), ('star', 'heart', 'ball', 'square')
    rows = [f'a {colours[i % 5]} {shapes[i % 4]} on a sky background,256,256,20,{i + 1}.png' for i in range(ROWS)]
    path.write_text('\n'.join(['prompt,width,height,steps,output', *rows]) + '\n')


def run_alone(folder):
    subprocess.run(['hidiffusion', 'batch', 'sheet.csv', '--model', options.model, '--output', 'single', '--threads', '1'],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL)


def pictures(folder):
    """Name, file number, time and content of each picture."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
            for path in folder.iterdir() if path.suffix == '.png'}


def say(text):
    print(f'# {text}', flush=True)


def test_a_killed_and_a_requeued_task_lose_nothing_and_make_nothing_twice():
    folder = root / 'work'
    folder.mkdir()
    write_sheet(folder / 'sheet.csv')
    begun = time.monotonic()
    run_alone(folder)
    say(f'a single run took {time.monotonic() - begun:.0f} s')

    begun = time.monotonic()
    array = Array(slurm, folder)
    array.wait_for_rows(3, 2)
    os.kill(array.process(3), signal.SIGKILL)
    before = pictures(folder / 'farm')
    say(f'task 3 was killed after {len(array.made(3))} of its rows')
    array.wait_for_rows(2, 2)
    slurm.order('scontrol', 'requeue', f'{array.job}_2')
    before |= pictures(folder / 'farm')
    say(f'task 2 was requeued after {len(array.made(2))} of its rows')
    array.start_again(3)
    array.start_again(2)
    wait_for(array.is_over, 'the end of all tasks', timeout=300, interval=0.5)

    tap.check('the process was killed; the task is requeued' in array.log(3), f'the log of task 3: {array.log(3)}')
    single, farm = pictures(folder / 'single'), pictures(folder / 'farm')
    tap.check_equal(sorted(path.name for path in (folder / 'farm').iterdir()),
                    sorted(f'{row}.png' for row in range(1, ROWS + 1)), 'files')
    other = [name for name in single if single[name][2] != farm[name][2]]
    tap.check_equal(other, [], 'pictures that a single run makes otherwise')
    tap.check_equal([name for name in before if farm[name] != before[name]], [], 'pictures that were made again')
    rows = [row for task in range(1, TASKS + 1) for row in array.made(task)]
    # Who is killed between writing a picture and telling so has made it nevertheless.
    tap.check(len(rows) == len(set(rows)) and len(rows) >= ROWS - 2, f'rows that were made: {sorted(rows)}')
    say(f'{len(farm)} pictures by {TASKS} tasks in {time.monotonic() - begun:.0f} s, each made once and identical to a '
        'single run\'s')


def missing():
    path = f'{os.environ["PATH"]}:/usr/sbin:/sbin'
    return [name for name in (*Slurm.DAEMONS, 'sbatch') if shutil.which(name, path=path) is None]


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--program', required=True, help='the command')
parser.add_argument('--model', required=True, help='name or path of the demo model')
parser.add_argument('--script', required=True, help='the script of the job array')
options = parser.parse_args()

if missing():
    print(f'1..0 # SKIP {", ".join(missing())}: not installed')
    sys.exit(0)

root = pathlib.Path(tempfile.mkdtemp(prefix='hd-farm-')).resolve()
root.chmod(0o755)
# The script calls the command by its name.
(root / 'bin').mkdir()
(root / 'bin' / 'hidiffusion').symlink_to(pathlib.Path(shutil.which(options.program)).resolve())
os.environ['PATH'] = f'{root}/bin:{os.environ["PATH"]}'
slurm = Slurm(root)
status = 1
try:
    slurm.start()
    say(slurm.order('sbatch', '--version'))
    tap.run([test_a_killed_and_a_requeued_task_lose_nothing_and_make_nothing_twice])
except SystemExit as end:
    status = end.code
finally:
    slurm.stop()
    if status:
        print(slurm.messages(), file=sys.stderr)
    shutil.rmtree(root, ignore_errors=True)
sys.exit(status)
