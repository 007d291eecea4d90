"""The words that names and texts are made of."""

from __future__ import annotations

from functools import cache

import pyarrow.compute as pc

from drg.coding.text.words import Tokenizer, jieba_words

MAX_WORD, MIN_COUNT = 4, 3
"""Longer and rarer words of jieba are left out."""


@cache
def _splitter() -> Tokenizer:
    """The words of jieba of at most four characters: names fall into their parts."""
    words, counts = jieba_words()
    length = pc.utf8_length(words)
    usual = pc.and_(pc.less_equal(length, MAX_WORD), pc.greater_equal(counts, MIN_COUNT))
    kept = pc.or_(pc.equal(length, 1), usual)
    counts = counts.filter(kept)
    return Tokenizer(words.filter(kept), counts, pc.sum(counts).as_py())


def tokens(term: str) -> list[str]:
    """The words of a normalised term, without signs."""
    return [word for word in _splitter().cut(term) if word.isalnum()]
