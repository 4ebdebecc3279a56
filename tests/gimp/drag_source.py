# SPDX-License-Identifier: Apache-2.0
"""A small window from which files can be dragged, as from a file manager: drag_source.py X Y URI..."""

import sys

import gi

gi.require_version('Gdk', '3.0')
gi.require_version('Gtk', '3.0')
from gi.repository import Gdk, Gtk  # noqa: E402


def main():
    x, y, *uris = sys.argv[1:]
    window = Gtk.Window(title='Files')
    window.set_default_size(60, 60)
    window.move(int(x), int(y))
    box = Gtk.EventBox()
    box.add(Gtk.Label(label='drag me'))
    window.add(box)
    # as file managers do, which bring the names as text, too
    box.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [], Gdk.DragAction.COPY)
    box.drag_source_add_uri_targets()
    box.drag_source_add_text_targets()

    def give(_box, _context, data, _info, _time):
        if data.get_target().name() == 'text/uri-list':
            data.set_uris(uris)
        else:
            data.set_text('\n'.join(uris), -1)
    box.connect('drag-data-get', give)

    def fail(*_):
        print('refused', flush=True)
        Gtk.main_quit()
        return True
    box.connect('drag-failed', fail)

    def end(*_):
        print('finished', flush=True)
        Gtk.main_quit()
    box.connect('drag-end', end)
    window.connect('map-event', lambda *_: print('shown', flush=True))
    window.show_all()
    Gtk.main()


if __name__ == '__main__':
    main()
