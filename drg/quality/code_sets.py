"""Sets of codes as prefixes and ranges: ``C51-C58 D06 D07.0-D07.3``."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drg.quality.values import Mask

_PREFIX = re.compile(r"[A-Z][0-9]{0,5}(\.[0-9x]{1,7})?|M[0-9]{4,5}(/[0-9]?)?|[0-9]{1,2}(\.[0-9x]{0,7})?")
_AFTER_ALL = "\U0010ffff"


@dataclass(frozen=True)
class CodeSet:
    """Ranges of code beginnings, both ends included: a code belongs when its first ``len(end)`` signs lie in one."""

    ranges: tuple[tuple[str, str], ...]

    def members(self, codes: Sequence[str]) -> Mask:
        """Which of ``codes`` (in plain string order) belong to the set."""
        found = np.zeros(len(codes), np.bool_)
        for start, end in self.ranges:
            found[bisect_left(codes, start) : bisect_right(codes, end + _AFTER_ALL)] = True
        return found


class BadPrefixError(ValueError):
    """A part of a code set that is no prefix and no range; ``offset`` is its place in the text."""

    def __init__(self, part: str, offset: int):
        super().__init__(part)
        self.part = part
        self.offset = offset


def parse_code_set(text: str, procedures: bool) -> CodeSet:
    """Prefixes and ranges separated by blanks. Raises ``BadPrefixError`` for the first part that is neither.

    Diagnosis prefixes begin with a letter, ``procedures`` with a digit; both ends of a range are equally long.
    """
    ranges = []
    for match in re.finditer(r"\S+", text):
        start, dash, end = match[0].partition("-")
        end = end if dash else start
        good = all(_PREFIX.fullmatch(prefix) and prefix[0].isdigit() == procedures for prefix in (start, end))
        if not good or len(start) != len(end) or start > end:
            raise BadPrefixError(match[0], match.start())
        ranges.append((start, end))
    if not ranges:
        raise BadPrefixError(text, 0)
    return CodeSet(tuple(sorted(ranges)))
