# SPDX-License-Identifier: Apache-2.0
"""A screen of its own, and what is on it as a screen reader sees it (AT-SPI)."""

import ctypes
import os
import pathlib
import subprocess
import tempfile

from gimp_session import wait_for


def gone():
    """What AT-SPI says of what is no longer there; only after a desktop was made."""
    from gi.repository import GLib
    return GLib.Error


class Desktop:
    """A virtual X server with a session bus; to be made before anything uses GTK."""

    def __init__(self, width=1280, height=1000, scale=1):
        # pixels of the screen for one of a program that is run with GDK_SCALE, as AT-SPI counts
        self.scale = scale
        read_end, write_end = os.pipe()
        self.server = subprocess.Popen(
            ['Xvfb', '-displayfd', str(write_end), '-screen', '0', f'{width}x{height}x24', '-nolisten', 'tcp'],
            pass_fds=[write_end], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            number = pipe.readline().strip()
        self.bus = subprocess.Popen(['dbus-daemon', '--session', '--nofork', '--print-address=1'],
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.runtime = tempfile.TemporaryDirectory(prefix='hd-runtime-')
        os.environ.update(DISPLAY=f':{number}',
                          DBUS_SESSION_BUS_ADDRESS=self.bus.stdout.readline().strip(),
                          XDG_RUNTIME_DIR=self.runtime.name,
                          GTK_MODULES='gail:atk-bridge')
        os.environ.pop('WAYLAND_DISPLAY', None)
        os.environ.pop('NO_AT_BRIDGE', None)

        import gi
        gi.require_version('Atspi', '2.0')
        gi.require_version('Gdk', '3.0')
        from gi.repository import Atspi, Gdk
        self.atspi = Atspi
        self.gdk = Gdk
        Atspi.init()
        # where no tooltip is
        subprocess.run(['xdotool', 'mousemove', str(width - 1), str(height - 1)], check=True)

    def application(self, name):
        """The application of that name, if it is there; others may go away meanwhile."""
        desktop = self.atspi.get_desktop(0)
        for index in range(desktop.get_child_count()):
            try:
                child = desktop.get_child_at_index(index)
                if child is not None and child.get_name() == name:
                    return Widget(self, child)
            except gone():
                continue
        return None

    def screenshot(self, path, window=None):
        """Writes a PNG of the screen, or of where a window is on it."""
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        root = self.gdk.get_default_root_window()
        area = (0, 0, root.get_width(), root.get_height())
        if window is not None:
            extents = window.node.get_component_iface().get_extents(self.atspi.CoordType.SCREEN)
            x, y, width, height = (self.scale * number for number in (extents.x, extents.y, extents.width, extents.height))
            area = (x, y, min(width, area[2]), min(height, area[3]))
        self.gdk.pixbuf_get_from_window(root, *area).savev(str(path), 'png', [], [])

    def close_window(self, title):
        """What a window manager does when the cross of a window is pressed."""
        found = subprocess.run(['xdotool', 'search', '--onlyvisible', '--name', f'^{title}$'],
                               capture_output=True, text=True, check=True).stdout.split()
        x11 = Xlib()
        for window in found:
            x11.send_delete(int(window))
        x11.close()

    def close(self):
        for process in (self.bus, self.server):
            process.terminate()
            process.wait()
        self.runtime.cleanup()


class Xlib:
    """The few calls of libX11 that are needed to ask a window to close."""

    CLIENT_MESSAGE = 33

    class Event(ctypes.Structure):
        _fields_ = [('type', ctypes.c_int), ('serial', ctypes.c_ulong), ('send_event', ctypes.c_int),
                    ('display', ctypes.c_void_p), ('window', ctypes.c_ulong), ('message_type', ctypes.c_ulong),
                    ('format', ctypes.c_int), ('data', ctypes.c_long * 5), ('rest', ctypes.c_long * 24)]

    def __init__(self):
        self.lib = ctypes.CDLL('libX11.so.6')
        self.lib.XOpenDisplay.restype = ctypes.c_void_p
        self.lib.XInternAtom.restype = ctypes.c_ulong
        self.display = ctypes.c_void_p(self.lib.XOpenDisplay(None))

    def _atom(self, name):
        return self.lib.XInternAtom(self.display, name, 0)

    def send_delete(self, window):
        event = self.Event(type=self.CLIENT_MESSAGE, window=window,
                           message_type=self._atom(b'WM_PROTOCOLS'), format=32)
        event.data[0] = self._atom(b'WM_DELETE_WINDOW')
        self.lib.XSendEvent(self.display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(event))

    def close(self):
        self.lib.XCloseDisplay(self.display)


class Widget:
    """A thing on the screen."""

    def __init__(self, desktop, node):
        self.desktop = desktop
        self.node = node

    @property
    def name(self):
        return self.node.get_name() or ''

    @property
    def role(self):
        return self.node.get_role_name()

    def has(self, state):
        kind = getattr(self.desktop.atspi.StateType, state.upper())
        return self.node.get_state_set().contains(kind)

    def children(self):
        for index in range(self.node.get_child_count()):
            child = self.node.get_child_at_index(index)
            if child is not None:
                yield Widget(self.desktop, child)

    def walk(self):
        """This widget and all inside it; what goes away meanwhile is left out."""
        yield self
        try:
            children = list(self.children())
        except gone():
            return
        for child in children:
            yield from child.walk()

    def find_all(self, role=None, name=None, shown=True):
        """All widgets of a role whose name begins like that."""
        found = []
        for widget in self.walk():
            try:
                if ((role is None or widget.role == role)
                        and (name is None or widget.name.startswith(name))
                        and (not shown or widget.has('showing'))):
                    found.append(widget)
            except gone():
                continue
        return found

    def find(self, role=None, name=None, shown=True):
        """The first of find_all(), or None."""
        found = self.find_all(role, name, shown)
        return found[0] if found else None

    def wait_for(self, role=None, name=None, shown=True, timeout=30.0):
        return wait_for(lambda: self.find(role, name, shown), f'{role} {name!r}', timeout)

    def press(self):
        """Does what a click does."""
        if not self.node.get_action_iface().do_action(0):
            raise RuntimeError(f'{self.role} {self.name!r} cannot be pressed')

    @property
    def text(self):
        interface = self.node.get_text_iface()
        return self.desktop.atspi.Text.get_text(interface, 0, -1) if interface else self.name

    @text.setter
    def text(self, value):
        self.node.get_editable_text_iface().set_text_contents(value)

    @property
    def value(self):
        return self.node.get_value_iface().get_current_value()

    @value.setter
    def value(self, number):
        self.node.get_value_iface().set_current_value(number)

    @property
    def mnemonic(self):
        """The letter of Alt+letter; '' without one."""
        interface = self.node.get_action_iface()
        if interface is None or interface.get_n_actions() == 0:
            return ''
        return interface.get_key_binding(0).split(';')[0]

    def is_gone(self):
        try:
            return self.node.get_role() is None or self.has('defunct') or not self.has('showing')
        except gone():
            return True
