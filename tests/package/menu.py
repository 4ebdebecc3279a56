#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""menu.py RESULTS: starts the installed GIMP, opens our dialog from its menu, and leaves pictures of both in RESULTS."""

import os
import pathlib
import signal
import subprocess
import sys
import time

from desktop import Desktop
from gimp_session import wait_for

results = pathlib.Path(sys.argv[1])
profile = pathlib.Path.home() / '.config' / 'GIMP' / '3.0'
profile.mkdir(parents=True, exist_ok=True)
(profile / 'gimprc').write_text('(config-version "3.0.4")\n(show-welcome-dialog no)\n(check-updates no)\n')

desktop = Desktop(1366, 768)
gimp = subprocess.Popen(['gimp', '--no-splash', '--new-instance', '--console-messages'], stdin=subprocess.DEVNULL,
                        start_new_session=True)
try:
    application = wait_for(lambda: desktop.application('gimp'), 'GIMP', timeout=120)
    # Level by level, as a hand would: menus that are not open have no place on the screen.
    window = application.wait_for('frame', timeout=60)
    path = ['Filters', 'Render', 'HiDiffusion', 'Generate']
    menus = [window.wait_for('menu', path[0], timeout=60)]
    for name in path[1:]:
        kind = 'menu item' if name == path[-1] else 'menu'
        menus.append(wait_for(lambda: menus[-1].find(kind, name, shown=False), name))
    for menu in menus[:-1]:
        menu.press()
    wait_for(lambda: menus[-1].has('showing'), 'the menu to open')
    time.sleep(1)  # to be drawn
    desktop.screenshot(results / 'menu.png')
    names = ' > '.join(menu.name for menu in menus)
    menus[-1].press()
    ours = wait_for(lambda: desktop.application('hidiffusion'), 'the plug-in', timeout=60)
    dialog = ours.wait_for('dialog', timeout=60)
    wait_for(lambda: dialog.find('button', 'Cancel') or dialog.find('button', 'Close'), 'the buttons')
    desktop.screenshot(results / 'dialog.png')
    print(f'{names} and its dialog "{dialog.name}"')
finally:
    os.killpg(gimp.pid, signal.SIGKILL)
    gimp.wait()
    desktop.close()
