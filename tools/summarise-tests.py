#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the single tests in logs that `meson test` left (testlog.json).

A program that prints TAP counts as many times as it reports a test, and once
as failed if it crashed, ran out of time or stopped before its plan's end with
no failure reported.  Any other program counts once.  Exits with 1 if anything failed.
"""

import argparse
import json
import re
import sys
from pathlib import Path

TAP_LINE = re.compile(r'^(not )?ok\b\s*\d*\s*-?\s*(.*?)\s*(?:#\s*(SKIP|TODO)\b\S*\s*(.*))?$',
                      re.IGNORECASE)
LOG_LINES = 300


class Summary:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def add_program(self, build, test):
        """Counts one program of one build folder; returns whether it failed."""
        name = f'{build}: {test["name"]}'
        failures = len(self.failed)
        reported = False
        for line in test.get('stdout', '').splitlines():
            match = TAP_LINE.match(line)
            if not match:
                continue
            reported = True
            failed, title, directive, reason = match.groups()
            if directive and directive.upper() == 'SKIP':
                self.skipped.append((f'{name}: {title}', reason))
            elif failed:
                self.failed.append(f'{name}: {title}')
            else:
                self.passed += 1
        result = test['result']
        if result == 'SKIP':
            if not reported:
                self.skipped.append((name, 'the program skipped itself'))
        elif result in ('OK', 'EXPECTEDFAIL'):
            if not reported:
                self.passed += 1
        elif len(self.failed) == failures:
            self.failed.append(f'{name}: {result.lower()}, exit status {test["returncode"]}')
        return len(self.failed) > failures


def print_log(build, test):
    for stream in ('stdout', 'stderr'):
        lines = test.get(stream, '').splitlines()
        if not lines:
            continue
        print(f'\n-- {build}: {test["name"]}, {stream}')
        if len(lines) > LOG_LINES:
            print(f'({len(lines) - LOG_LINES} lines left out)')
        print('\n'.join(lines[-LOG_LINES:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('logs', nargs='*', type=Path)
    parser.add_argument('--broken', action='append', default=[],
                        help='something else that failed')
    arguments = parser.parse_args()

    summary = Summary()
    for path in arguments.logs:
        build = path.parent.parent.name
        for line in path.read_text(encoding='utf-8', errors='replace').splitlines():
            test = json.loads(line)
            if summary.add_program(build, test):
                print_log(build, test)
    summary.failed += arguments.broken

    if summary.skipped:
        print()
    for name, reason in summary.skipped:
        print(f'skipped: {name}: {reason or "no reason given"}')
    if summary.failed:
        print()
    for name in summary.failed:
        print(f'FAILED: {name}')
    print(f'{summary.passed} passed, {len(summary.failed)} failed')
    return 1 if summary.failed else 0


if __name__ == '__main__':
    sys.exit(main())
