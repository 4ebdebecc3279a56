/* SPDX-License-Identifier: Apache-2.0 */

/* synth MANIFEST.json FOLDER [MERGES.txt.gz]: writes the synthetic model, with its tokenizer if it is given
 * CLIP's merges. */

#include "tests/golden/synth.h"

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char   *tokenizer = NULL;

  if (argc < 3 || argc > 4)
    {
      g_printerr ("Usage: %s MANIFEST.json FOLDER [MERGES.txt.gz]\n", argv[0]);
      return 2;
    }

  tokenizer = g_build_filename (argv[2], "tokenizer", NULL);
  if (!hd_synth_write_model (argv[1], argv[2], &error)
      || (argc == 4 && !hd_synth_write_tokenizer (argv[3], tokenizer, "<|endoftext|>", &error)))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  return 0;
}
