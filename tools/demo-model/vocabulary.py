# SPDX-License-Identifier: Apache-2.0
"""A byte-pair vocabulary in CLIP's format, learnt from the captions' words, and the encoder for it."""
import collections
import functools
import re

import pictures

START, END, LENGTH = "<|startoftext|>", "<|endoftext|>", 77
PATTERN = re.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+", re.IGNORECASE)


def byte_letters():
    """The printable letter that stands for each byte, in the order of CLIP's vocabulary."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, spare = {b: chr(b) for b in plain}, 256
    for b in range(256):
        if b not in table:
            table[b], spare = chr(spare), spare + 1
    return table


def _pieces(word):
    letters = [byte_letters()[b] for b in word.encode()]
    return tuple(letters[:-1] + [letters[-1] + "</w>"])


def _join(pieces, pair):
    out, k = [], 0
    while k < len(pieces):
        if pieces[k:k + 2] == pair:
            out.append(pieces[k] + pieces[k + 1])
            k += 2
        else:
            out.append(pieces[k])
            k += 1
    return tuple(out)


@functools.lru_cache(None)
def merges():
    """Byte pairs in order of rank: the most frequent pair is joined until every word of the captions is one piece."""
    counts = collections.Counter(w for text in pictures.all_words() for w in PATTERN.findall(text.lower()))
    words, found = {_pieces(w): n for w, n in counts.items()}, []
    while True:
        pairs = collections.Counter()
        for pieces, n in words.items():
            for pair in zip(pieces, pieces[1:]):
                pairs[pair] += n
        if not pairs:
            return found
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        found.append(best)
        words = {_join(pieces, best): n for pieces, n in words.items()}


@functools.lru_cache(None)
def vocabulary():
    letters = list(byte_letters().values())
    return {token: k for k, token in enumerate(letters + [c + "</w>" for c in letters] + ["".join(pair) for pair in merges()] + [START, END])}


@functools.lru_cache(None)
def _encode_word(word):
    ranks, pieces = {pair: k for k, pair in enumerate(merges())}, _pieces(word)
    while len(pieces) > 1:
        pair = min(zip(pieces, pieces[1:]), key=lambda q: ranks.get(q, len(ranks)))
        if pair not in ranks:
            break
        pieces = _join(pieces, pair)
    return [vocabulary()[piece] for piece in pieces]


def encode(text):
    """77 token numbers: start, the text's, end, and the end token again as padding."""
    ids = [vocabulary()[START]]
    for word in PATTERN.findall(" ".join(text.lower().split())):
        ids += _encode_word(word)
    return (ids[:LENGTH - 1] + [vocabulary()[END]] * LENGTH)[:LENGTH]
