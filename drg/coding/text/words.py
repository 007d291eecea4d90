"""The word list that jieba brings, and its algorithm with other words.

jieba's own loader reads all words, for which a short text has no use, and keeps a cache in a shared folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file, files

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@cache
def jieba_words() -> tuple[pa.Array, pa.Array]:
    """The bundled words of jieba, each once, and how often each occurs."""
    from pyarrow import csv

    with as_file(files("jieba").joinpath("dict.txt")) as path:
        table = csv.read_csv(
            path,
            read_options=csv.ReadOptions(column_names=["word", "count", "tag"], use_threads=False),
            parse_options=csv.ParseOptions(delimiter=" ", quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types={"word": pa.string(), "count": pa.int64()},
                include_columns=["word", "count"],
                strings_can_be_null=False,
            ),
        )
    words, counts = (column.combine_chunks() for column in table.columns)
    first = pc.equal(pc.index_in(words, words), pa.array(np.arange(len(words), dtype=np.int32)))
    return words.filter(first), counts.filter(first)


class Tokenizer:
    """Cuts texts into the likeliest words of a list; of a word that is given twice the last count is taken.

    ``total``: the sum by which counts become shares.
    """

    def __init__(self, words: pa.Array, counts: pa.Array, total: int):
        import jieba  # type: ignore[import-untyped]

        first = pc.utf8_slice_codeunits(words, 0, 1).dictionary_encode()
        number = first.indices.to_numpy()
        order = pa.array(np.argsort(number, kind="stable"))
        self._words, self._counts = words.take(order), counts.take(order)
        sizes = np.bincount(number, minlength=len(first.dictionary))
        ends = np.cumsum(sizes)
        self._unread = dict(
            zip(
                first.dictionary.to_pylist(),
                zip((ends - sizes).tolist(), sizes.tolist(), strict=True),
                strict=True,
            )
        )
        self._known: dict[str, int] = {}
        self._jieba = jieba.Tokenizer()
        self._jieba.FREQ, self._jieba.total, self._jieba.initialized = self._known, total, True

    def cut(self, text: str) -> Iterator[str]:
        """The words of a text, one after the other."""
        for sign in self._unread.keys() & set(text):
            self._read(*self._unread.pop(sign))
        found: Iterator[str] = self._jieba.cut(text, HMM=False)
        return found

    def _read(self, start: int, size: int) -> None:
        """Make the words of a beginning known."""
        words = self._words.slice(start, size).to_pylist()
        self._known.update(zip(words, self._counts.slice(start, size).to_pylist(), strict=True))
        # jieba walks from a word's beginning to longer ones only over beginnings that it knows.
        for word in words:
            for end in range(len(word) - 1, 0, -1):
                if word[:end] in self._known:
                    break
                self._known[word[:end]] = 0
