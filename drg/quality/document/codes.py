"""Codes against sets of prefixes and ranges (``J12-J18 J98.4``)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from drg.quality.code_sets import CodeSet, parse_code_set


@cache
def code_set(text: str) -> CodeSet:
    """A set of codes as written in a data file; procedures begin with a digit."""
    return parse_code_set(text, procedures=text.lstrip()[:1].isdigit())


def members(codes: Iterable[str], text: str) -> list[str]:
    """Those of ``codes`` that belong to a set."""
    listed = sorted({code for code in codes if code})
    return [code for code, inside in zip(listed, code_set(text).members(listed), strict=True) if inside]
