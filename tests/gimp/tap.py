# SPDX-License-Identifier: Apache-2.0
"""Test functions, run one after the other and reported in the Test Anything Protocol."""

import sys
import traceback


class Failure(Exception):
    """What a test expected did not come about."""


class Skip(Exception):
    """A test cannot be run here; the text says why."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def check_equal(found, expected, what):
    check(found == expected, f'{what}: expected {expected!r}, found {found!r}')


def run(tests):
    """Runs the functions of a list; exits with 1 if one of them failed."""
    failed = 0
    print(f'1..{len(tests)}', flush=True)
    for number, test in enumerate(tests, 1):
        name = test.__name__.removeprefix('test_').replace('_', ' ')
        try:
            test()
        except Skip as reason:
            print(f'ok {number} - {name} # SKIP {reason}')
        except Exception as error:  # the next tests tell more than an early end
            failed += 1
            if not isinstance(error, Failure):
                traceback.print_exc()
            print(f'not ok {number} - {name}')
            for line in str(error).splitlines():
                print(f'# {line}')
        else:
            print(f'ok {number} - {name}')
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
