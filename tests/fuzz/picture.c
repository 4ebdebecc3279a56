/* SPDX-License-Identifier: Apache-2.0 */

/* The input is a picture's file, the text in it, and the comment of its Exif data. */

#include <string.h>

#include "engine/infotext.h"
#include "metadata/exif_comment.h"
#include "metadata/picture_settings.h"
#include "tests/fuzz/fuzz.h"

static void
check_file (const uint8_t *data,
            size_t         size)
{
  g_autoptr (GError)            error = NULL;
  g_autoptr (HdPictureSettings) settings = hd_picture_settings_read (fuzz_file (data, size), &error);

  g_assert_true ((settings != NULL) == (error == NULL));
  if (settings == NULL)
    return;

  g_assert_true (hd_request_check_settings (settings->request, &error));
  for (int i = 0; settings->left_out[i] != NULL; i++)
    g_assert_true (g_utf8_validate (settings->left_out[i], -1, NULL));
}

/* What is understood of a text is understood of what is written from that. */
static void
check_text (const char *text)
{
  g_auto (GStrv)        left_out = NULL;
  g_autoptr (HdRequest) request = hd_infotext_read (text, &left_out, NULL);
  g_autoptr (HdRequest) again = NULL;
  g_autofree char      *written = NULL;

  if (request == NULL)
    return;

  g_assert_true (hd_request_check_settings (request, NULL));
  written = hd_infotext_write (request);
  g_assert_true (g_utf8_validate (written, -1, NULL) && hd_infotext_is_ours (written));
  again = hd_infotext_read (written, NULL, NULL);
  g_assert_nonnull (again);
  g_assert_cmpint (again->width, ==, request->width);
  g_assert_cmpint (again->seed, ==, request->seed);
  g_assert_cmpstr (again->sampler, ==, request->sampler);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  g_autofree char *text = g_strndup (size > 0 ? (const char *) data : "", size);
  g_autofree char *comment = hd_exif_decode_comment (data, size);

  check_file (data, size);
  check_text (text);
  g_assert_true (comment == NULL || (*comment != '\0' && g_utf8_validate (comment, -1, NULL)));

  return 0;
}
