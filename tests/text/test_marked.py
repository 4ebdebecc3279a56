# SPDX-License-Identifier: Apache-2.0
"""Every text that users see is marked for translation."""

import argparse
import pathlib
import re

import c_source
import tap

top = None

# Calls whose argument of that number, from 0, is shown to users, whatever it looks like.
SHOWING = {
    'gtk_label_new': (0,), 'gtk_label_new_with_mnemonic': (0,), 'gtk_label_set_text': (1,), 'gtk_label_set_label': (1,),
    'gtk_label_set_markup': (1,), 'gtk_button_new_with_label': (0,), 'gtk_button_new_with_mnemonic': (0,),
    'gtk_button_set_label': (1,), 'gtk_check_button_new_with_label': (0,), 'gtk_check_button_new_with_mnemonic': (0,),
    'gtk_toggle_button_new_with_label': (0,), 'gtk_toggle_button_new_with_mnemonic': (0,),
    'gtk_radio_button_new_with_label': (1,), 'gtk_radio_button_new_with_mnemonic': (1,),
    'gtk_expander_new': (0,), 'gtk_expander_new_with_mnemonic': (0,), 'gtk_frame_new': (0,), 'gimp_frame_new': (0,),
    'gtk_menu_item_new_with_label': (0,), 'gtk_menu_item_new_with_mnemonic': (0,),
    'gtk_widget_set_tooltip_text': (1,), 'gtk_widget_set_tooltip_markup': (1,), 'gimp_help_set_help_data': (1,),
    'gtk_entry_set_placeholder_text': (1,), 'gtk_window_set_title': (1,), 'gtk_dialog_new_with_buttons': (0, 3, 5, 7),
    'gtk_dialog_add_button': (1,), 'gtk_dialog_add_buttons': (1, 3, 5), 'gtk_info_bar_add_button': (1,),
    'gtk_file_chooser_dialog_new': (0, 3, 5), 'gtk_file_chooser_native_new': (0, 3, 4), 'gtk_file_filter_set_name': (1,),
    'gtk_message_dialog_new': (4,), 'gtk_progress_bar_set_text': (1,), 'gtk_combo_box_text_append': (2,),
    'gtk_tree_view_column_new_with_attributes': (0,), 'atk_object_set_name': (1,), 'atk_object_set_description': (1,),
    'gimp_message': (0,), 'g_message': (0,), 'gimp_progress_init': (0,), 'gimp_progress_set_text': (0,),
    'gimp_image_undo_group_start': (1,), 'gimp_procedure_set_menu_label': (1,), 'gimp_procedure_set_documentation': (1, 2),
    'gimp_procedure_dialog_new': (2,), 'gimp_procedure_dialog_set_ok_label': (1,),
    'g_set_error': (3,), 'g_set_error_literal': (3,), 'g_error_new': (2,), 'g_error_new_literal': (2,), 'g_prefix_error': (1,),
}
COMPOSING = {'g_strdup', 'g_strdup_printf', 'g_strconcat'}
SHOWING_PATTERN = re.compile(r'gimp_procedure_add_\w+_(argument|return_value|aux_argument)')

ERRORS = {'g_set_error': 3, 'g_set_error_literal': 3, 'g_error_new': 2, 'g_error_new_literal': 2}

# Texts that are the same in all languages, or that no user sees, each with the reason.
EXCEPTIONS = {
    'ui': {
        '*.safetensors': 'a pattern',
        '* { background: none; }': 'CSS',
        'Ag': 'measures the height of a line',
        'progress, trough { min-height: 8px; }': 'CSS',
        '<a href="%s">%s</a>': 'markup',
        'Hugging Face': 'a name',
        'Civitai': 'a name',
    },
    'plugin': {
        'HiDiffusion for GIMP': "the program's name, as its author",
        '[\\s\\p{Cc}]+': 'a regular expression',
        "R'G'B'A float": 'a format of pixels',
        'RGBA float': 'a format of pixels',
        'Y float': 'a format of pixels',
        'charset=Ascii ': "a word of Exif's comments",
        'RAU-Net': "the paper's term",
        'MSW-MSA': "the paper's term",
        'T1': "the paper's term",
        'T2': "the paper's term",
    },
}
# Names of samplers and the like, which are the same everywhere.
NAMES = {'DDIM', 'Euler', 'Heun', 'DPM++ 2M', 'DPM++ 2M SDE', 'UniPC', 'LCM', 'Karras', 'Turbo', 'Lightning'}

# Files of the engine whose messages are for whoever repairs a file or reports a fault: they name tensors, fields of
# JSON, shapes and addresses, and stay in English, as they are searched for.
DIAGNOSTICS = {
    'engine/bpe.c': 'lines of a vocabulary',
    'engine/canny.c': 'memory that the estimate has checked',
    'engine/config_reader.c': 'fields of a configuration',
    'engine/config_shapes.c': "tensors' shapes",
    'engine/control_net_load.c': 'one message that is put together from words of English',
    'engine/data_file.c': 'an incomplete installation',
    'engine/engine.c': 'memory that the estimate has checked',
    'engine/estimate.c': 'memory that the estimate has checked',
    'engine/file.c': 'bytes of a damaged file',
    'engine/image.c': 'memory that the estimate has checked',
    'engine/job.c': 'memory that the estimate has checked',
    'engine/json.c': 'bytes of a damaged file',
    'engine/lora.c': "tensors' names",
    'engine/lora_layer.c': "tensors' shapes",
    'engine/lora_metadata.c': 'fields of the metadata',
    'engine/lora_term.c': "tensors' values",
    'engine/model.c': "tensors' shapes",
    'engine/model_check.c': "tensors' shapes",
    'engine/model_files.c': 'fields of an index',
    'engine/model_hints.c': 'fields of the metadata',
    'engine/model_library.c': 'for the command line: the dialog has messages of its own',
    'engine/pipeline.c': 'memory that the estimate has checked',
    'engine/pipeline_start.c': 'memory that the estimate has checked',
    'engine/request.c': 'arguments that the dialog cannot give',
    'engine/request_json.c': 'fields of a parasite',
    'engine/safetensors.c': 'bytes of a damaged file',
    'engine/sampler.c': 'arguments that the dialog cannot give',
    'engine/text_models.c': "tensors' shapes",
    'engine/tokenizer.c': 'fields of a vocabulary',
    'engine/weights.c': "tensors' shapes",
    'kernels/': 'shapes, and calls of libraries that failed',
}
# Of these every message is one for users, although they are in the folders above.
ALWAYS_MARKED = ('engine/fill.c', 'kernels/cuda/cuda_device.cpp', 'kernels/cuda/cuda_loader.c')

CONVERSION = re.compile(r'%(\d+\$)?[-+0 #\']*(\d+|\*)?(\.(\d+|\*))?(hh|h|ll|l|z|j|t)?[a-zA-Z]|%G_G\w+_FORMAT')


def is_language(text):
    """Whether a literal reads as words, and not as an identifier, a signal's name, a path or a mere format."""
    plain = CONVERSION.sub('', text)
    if '\\x' in text:
        return False
    return bool(re.search(r'[^\W\d_]{2}', plain)) and not re.fullmatch(r'[a-z0-9_.:/*=;+~\s-]*', plain.strip())


def reads_as_sentence(text):
    """The same for what may be of small letters alone: two words with a space between."""
    return bool(re.search(r'[^\W\d_]{2,} [^\W\d_]{2,}', CONVERSION.sub('', text)))


def is_shown(text):
    """Whether the call that it is given to shows it, as it is or as a part."""
    calls = [call for call in zip(text.calls, text.arguments) if call[0] not in COMPOSING]
    name, argument = calls[-1] if calls else ('', 0)
    return ((argument in SHOWING.get(name, ()) or SHOWING_PATTERN.fullmatch(name) and argument in (2, 3))
            and bool(re.search(r'[^\W\d_]', CONVERSION.sub('', text.value))))


def unmarked(source):
    """The texts of a file that would have to be marked."""
    return [text for text in c_source.texts(source) if not text.is_marked and 'g_debug' not in text.calls
            and (is_shown(text) or is_language(text.value) or reads_as_sentence(text.value))]


def test_texts_of_the_dialog_and_the_procedures_are_marked():
    wrong, used = [], set()
    for folder, exceptions in EXCEPTIONS.items():
        files = sorted((top / folder).glob('*.[ch]'))
        tap.check(len(files) > 10, f'{folder}: only {len(files)} files')
        for path in files:
            for text in unmarked(path.read_text()):
                if text.value in NAMES or text.value in exceptions:
                    used.add(text.value)
                else:
                    wrong.append(f'{path.relative_to(top)}:{text.line}: {text.value!r}')
    tap.check(not wrong, 'not marked with _() or N_():\n' + '\n'.join(wrong))
    listed = NAMES.union(*EXCEPTIONS.values())
    tap.check_equal(sorted(listed - used), [], 'exceptions for what is there no more')


def messages(source):
    """The texts of GErrors."""
    return [text for text in c_source.texts(source)
            if any(name in ERRORS and argument == ERRORS[name] for name, argument in zip(text.calls, text.arguments))
            and re.search(r'[^\W\d_]{2}', CONVERSION.sub('', text.value))]


def test_messages_of_the_engine_are_marked_or_diagnostic():
    wrong, used, marked = [], set(), 0
    for folder in ('metadata', 'engine', 'kernels'):
        for path in sorted(path for path in (top / folder).rglob('*') if path.suffix in ('.c', '.h', '.cpp', '.cu', '.cuh')):
            name = str(path.relative_to(top))
            reason = next((key for key in DIAGNOSTICS if name.startswith(key) and name not in ALWAYS_MARKED), None)
            for text in messages(path.read_text()):
                marked += text.is_marked
                if not text.is_marked and reason:
                    used.add(reason)
                elif not text.is_marked:
                    wrong.append(f'{name}:{text.line}: {text.value!r}')
    tap.check(not wrong, 'not marked with _():\n' + '\n'.join(wrong))
    tap.check_equal(sorted(DIAGNOSTICS.keys() - used), [], 'files listed that need it no more')
    tap.check(marked > 40, f'only {marked} messages are marked')


def test_unmarked_texts_are_found():
    """The test above would see each of these."""
    for source, expected in (
            ('gtk_label_new ("prompt");', ['prompt']),
            ('gtk_label_new (_("Prompt"));', []),
            ('g_set_error (error, D, C, "%s: wrong " "kind", name);', ['%s: wrong kind']),
            ('g_set_error (error, D, C, "%s: %s", a, b);', []),
            ('f (g_strdup_printf (open ? _("one of %d") : "all of %d", n));', ['all of %d']),
            ('static const char *names[] = { N_("On"), "Off" };', ['Off']),
            ('g_signal_connect (a, "notify::value", b, "model-name");', []),
            ('/* "Not a text" */ f (\'"\', "no \\" text"); // "Nor this"', ['no " text']),
            ('f (_("A quote \\" in (it)"), "Next");', ['Next']),
            ('gimp_procedure_add_int_argument (p, "width", "w", _("Width"), 0);', ['w'])):
        tap.check_equal([text.value for text in unmarked(source)], expected, source)


def main():
    global top
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--source', required=True, help="the project's folder")
    top = pathlib.Path(parser.parse_args().source).resolve()
    tap.run([test for name, test in globals().items() if name.startswith('test_')])


if __name__ == '__main__':
    main()
