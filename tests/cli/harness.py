# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line have in common.

    test_NAME.py PROGRAM MODEL
"""
import os
import subprocess
import sys
import tempfile
import traceback

PROGRAM, MODEL = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


def run(folder, *arguments, **options):
    return subprocess.run([PROGRAM, *arguments], cwd=folder, capture_output=True, text=True, timeout=300, **options)


def check_success(result):
    assert result.returncode == 0 and result.stderr == "", (result.returncode, result.stderr)
    return result.stdout.splitlines()


def check_complaint(result, status, part):
    assert result.returncode == status, (result.returncode, result.stderr)
    assert result.stderr.startswith("hidiffusion: ") and result.stderr.count("\n") == 1, result.stderr
    assert part in result.stderr, result.stderr


def main(names):
    """Runs the functions that are called test_..., each in a folder of its own; prints TAP."""
    tests = [(name, test) for name, test in names.items() if name.startswith("test_")]
    print(f"1..{len(tests)}")
    failed = 0
    for number, (name, test) in enumerate(tests, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(folder)
                print(f"ok {number} {name}", flush=True)
            except Exception:
                failed += 1
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
                print(f"not ok {number} {name}", flush=True)
    sys.exit(1 if failed else 0)
