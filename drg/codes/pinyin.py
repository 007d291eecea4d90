"""Pinyin initials of Chinese names, for :mod:`drg.codes.build` alone: pypinyin is not needed at run time."""

from __future__ import annotations

import csv
import itertools
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pypinyin import Style, pinyin

MAX_READINGS = 4


@dataclass(frozen=True)
class Polyphones:
    """Reviewed readings: phrase (longest first) -> its alternative initials, the usual one first."""

    readings: dict[str, tuple[str, ...]]

    @classmethod
    def load(cls, path: Path) -> Polyphones:
        """Reads ``polyphones.tsv``: phrase, initials (``|`` between alternatives), why."""
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
        longest_first = sorted(rows, key=lambda row: (-len(row["phrase"]), row["phrase"]))
        return cls({row["phrase"]: tuple(row["initials"].split("|")) for row in longest_first})

    def initials(self, name: str) -> list[str]:
        """The initials of a name, one string a plausible reading (at most ``MAX_READINGS``), usual one first.

        Lower-case letters and digits of the name stand for themselves, all other signs are left out:
        ``人类免疫缺陷病毒[HIV]病`` -> ``rlmyqxbdhivb``.
        """
        text = unicodedata.normalize("NFKC", name).lower()
        # A list keeps one item a sign where there is no pinyin; the stub of pypinyin knows only strings.
        usual = pinyin(text, style=Style.FIRST_LETTER, errors=cast(Any, list))
        pieces: list[tuple[str, ...]] = []
        position = 0
        while position < len(text):
            phrase = next((p for p in self.readings if text.startswith(p, position)), None)
            if phrase is None:
                pieces.append((_letter(usual[position][0]),))
                position += 1
            else:
                pieces.append(self.readings[phrase])
                position += len(phrase)
        return ["".join(reading) for reading in itertools.islice(itertools.product(*pieces), MAX_READINGS)]


def _letter(initial: str) -> str:
    """The initial if it is a plain letter or digit, else nothing."""
    return initial if initial.isascii() and initial.isalnum() else ""
