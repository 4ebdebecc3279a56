#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The module for NVIDIA GPUs as it was built: for which GPUs, and that it loads where there is none.

    test_module.py MODULE ARCHITECTURE,...    prints TAP
"""
import collections
import ctypes
import pathlib
import struct
import subprocess
import sys
import traceback

MODULE = sys.argv[1]
ARCHITECTURES = {int(name.rstrip("af")) for name in sys.argv[2].split(",")}
LEAST = 80   # the PTX's, for cards to come

# CUDA's container of code for several GPUs, of which the module has one for each source.
MAGIC = struct.pack("<I", 0xBA55ED50)
PTX, ELF = 1, 2


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def read_entries():
    """(kind, architecture) of all code that is in the module."""
    data = pathlib.Path(MODULE).read_bytes()
    place = data.find(MAGIC)
    while place >= 0:
        header, size = struct.unpack_from("<HQ", data, place + 6)
        entry, end = place + header, place + header + size
        while entry < end:
            kind, _, entry_header, entry_size = struct.unpack_from("<HHIQ", data, entry)
            yield kind, struct.unpack_from("<I", data, entry + 28)[0]
            entry += entry_header + entry_size
        place = data.find(MAGIC, end)


def test_code():
    """Machine code for every one of them and PTX of the oldest, in every file that has kernels."""
    found = collections.Counter(read_entries())
    print("#", ", ".join(f"{count} of {'PTX' if kind == PTX else 'machine code'} for {architecture}"
                         for (kind, architecture), count in sorted(found.items())))
    assert set(found) == {(ELF, architecture) for architecture in ARCHITECTURES} | {(PTX, LEAST)}, found
    assert len(set(found.values())) == 1, found


def test_loads():
    """Without a driver; nothing of CUDA's is needed, and nothing but the one function is seen."""
    ctypes.CDLL(MODULE).hd_cuda_module_open.restype = ctypes.c_void_p
    needed = run("ldd", MODULE)
    assert "libcuda" not in needed and "not found" not in needed, needed
    symbols = [line.split()[-1] for line in run("nm", "--dynamic", "--defined-only", MODULE).splitlines()]
    assert symbols == ["hd_cuda_module_open"], symbols


def main():
    tests = [test_code, test_loads]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} {test.__name__}")
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
            print(f"not ok {number} {test.__name__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
