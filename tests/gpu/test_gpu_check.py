#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/gpu-check where there is no GPU: what it says then, and a little of each part with the emulated one.

    test_gpu_check.py PROJECT MODULE [BUILD]

PROJECT has the checkout and the pack; with BUILD a pack is made of what is built there, and used in a folder of its own.
MODULE is the emulated device. Needs nothing but Python; prints TAP.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

PROJECT, MODULE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
BUILD = pathlib.Path(sys.argv[3]).resolve() if len(sys.argv) > 3 else None
MOST_PACK = 64 << 20


def check(project, *arguments, module=True):
    """Runs it."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HIDIFFUSION_CUBLASLT": ""}
    return subprocess.run([sys.executable, str(project / "tools" / "gpu-check"), "--tiny", *arguments,
                           *(["--module", str(MODULE)] if module else [])], capture_output=True, text=True,
                          env=environment, timeout=550)


def make_project(folder):
    """What of the checkout the check reads, and a pack."""
    for name in ("tools", "data/clip", "tests/golden"):
        shutil.copytree(PROJECT / name, folder / name)
    result = check(folder, "--collect", "--build", str(BUILD))
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_no_pack(project):
    pack = project / "build" / "gpu-pack" / "hidiffusion-gpu.tar.xz"
    aside = pack.with_suffix(".aside")
    assert 0 < pack.stat().st_size <= MOST_PACK
    pack.rename(aside)
    try:
        result = check(project)
    finally:
        aside.rename(pack)
    assert result.returncode == 1 and "make it with tools/gpu-check --pack" in result.stderr, result


def test_wrong_part(project):
    result = check(project, "--only", "ops,nonsense")
    assert result.returncode == 2 and "expected ops, golden, sanitize, bench, found 'nonsense'" in result.stderr, result


def test_no_card(project):
    if BUILD:
        return "the pack is of this machine, for the emulated device"
    result = check(project, module=False)
    assert result.returncode == 2, result
    assert "no card: There is no NVIDIA" in result.stderr, result
    return None


def test_overtime(project):
    """A call that is over before it has begun says so, and the next one goes on."""
    result = check(project, "--minutes", "0.0001", "--only", "golden")
    assert result.returncode == 3 and "golden: there is more to do" in result.stdout, result


def test_parts(project):
    with tempfile.TemporaryDirectory() as folder:
        result = check(project, "--output", folder)
        assert result.returncode == 0, result.stdout + result.stderr
        results = json.loads(pathlib.Path(folder, "results.json").read_text())
        table = pathlib.Path(folder, "table.md").read_text()
    assert results["card"]["name"].startswith("Emulated GPU"), results["card"]
    parts = {name.split("/")[0] for name in results}
    assert parts >= {"ops", "golden", "bench"} and all(item["passed"] for item in results.values()), parts
    assert "skipped sanitize" in result.stdout, result.stdout
    assert "| of the ceiling |" in table and "| sd15 | 64 | off |" in table, table
    assert table in result.stdout, result.stdout
    print("".join(f"# {line}\n" for line in table.splitlines()), end="")


def test_resumed(project):
    """What is done is not done again; on another machine, from the results that were carried there."""
    before = (project / "build" / "gpu-check" / "results.json").read_text()
    result = check(project)
    assert result.returncode == 0 and "ok     " not in result.stdout, result.stdout

    carried = project / "build" / "gpu-pack" / "results.json"
    shutil.move(project / "build" / "gpu-check" / "results.json", carried)
    result = check(project)
    carried.unlink()
    assert result.returncode == 0 and "ok     " not in result.stdout, result.stdout
    assert (project / "build" / "gpu-check" / "results.json").read_text() == before


def main():
    tests = [test_no_card, test_no_pack, test_wrong_part, test_overtime, test_parts, test_resumed]
    failed = 0
    print(f"1..{len(tests)}")
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(pathlib.Path(folder)) if BUILD else PROJECT
        for number, test in enumerate(tests, 1):
            try:
                skipped = test(project)
                print(f"ok {number} {test.__name__}{f' # SKIP {skipped}' if skipped else ''}", flush=True)
            except Exception:  # pylint: disable=broad-except
                failed += 1
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
                print(f"not ok {number} {test.__name__}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
