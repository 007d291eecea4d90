"""The words that names and texts are made of."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _splitter() -> Any:
    """jieba with its bundled words of at most four characters: names fall into their parts."""
    import jieba  # type: ignore[import-untyped]

    counts: dict[str, int] = {}
    for line in files("jieba").joinpath("dict.txt").read_text(encoding="utf-8").splitlines():
        word, count, _ = line.split(" ")
        if len(word) == 1 or (len(word) <= 4 and int(count) >= 3):
            counts[word] = int(count)
    total = sum(counts.values())
    for word in list(counts):
        for end in range(1, len(word)):
            counts.setdefault(word[:end], 0)
    splitter = jieba.Tokenizer()
    splitter.FREQ, splitter.total, splitter.initialized = counts, total, True
    return splitter


def tokens(term: str) -> list[str]:
    """The words of a normalised term, without signs."""
    return [word for word in _splitter().cut(term, HMM=False) if word.isalnum()]
