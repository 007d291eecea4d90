"""Terms as they are compared, and the parts of a compound term."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from drg.coding.text.lexicon import load_lexicon, tokenizer
from drg.coding.text.normal import plain

DATA = Path(__file__).with_name("data")
MAX_TERM = 120
"""Characters of a term that count."""
MAX_PARTS = 6
MIN_PART = 2

_CHINESE_DIGITS = {"一": "1", "二": "2", "三": "3", "四": "4", "五": "5", "六": "6"}
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}
_CHINESE_GRADE = re.compile(r"(?<![十百])([一二三四五六])(?=[型级期度])")
_ROMAN_GRADE = re.compile(r"(?<![a-z])(vi|iv|v|i{1,3})(?=[型级期度°]|[abc]?[型级期度])")
_NUMBERING = re.compile(r"(?:^|(?<=[;,、。\s]))\s*(?:\(?\d{1,2}\)|\d{1,2}[.、](?!\d))\s*")
_DROPPED = re.compile(r"[\s\"'“”‘’·*#]+")
_OPEN, _CLOSE = "(（[［【<《", ")）]］】>》"
_BRACKETS = str.maketrans(dict.fromkeys(_OPEN, "(") | dict.fromkeys(_CLOSE, ")"))


def normalise(text: str) -> str:
    """A term as compared: lower case, ASCII width, one kind of brackets, numbered grades in digits, no blanks."""
    short = plain(text[: 4 * MAX_TERM]).translate(_BRACKETS)
    short = _NUMBERING.sub(";", short)
    short = _CHINESE_GRADE.sub(lambda found: _CHINESE_DIGITS[found[1]], short)
    short = _ROMAN_GRADE.sub(lambda found: _ROMAN[found[1]], short)
    return _DROPPED.sub("", short).strip(";,、。.:-")[:MAX_TERM]


@cache
def _separator() -> re.Pattern[str]:
    words = (DATA / "separators.txt").read_text(encoding="utf-8").split()
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<!不)(?:{'|'.join(map(re.escape, longest_first))})(?!有)|[()]")


def parts(term: str) -> list[str]:
    """The parts of a normalised term that may be coded each: ``2型糖尿病伴肾病`` -> 2型糖尿病, 肾病.

    A term that cannot be divided has none. A separator may be part of a name too (和 in a name): parts are
    proposals beside the whole term, never instead of it.
    """
    pieces = [piece for piece in _separator().split(term) if len(piece) >= MIN_PART]
    found = [*pieces, *(word for piece in pieces for word in known_terms(piece))]
    return [piece for piece in dict.fromkeys(found) if piece != term][:MAX_PARTS]


def known_terms(piece: str) -> list[str]:
    """The terms of the medical dictionary that a piece is made of: 冠心病不稳定心绞痛 -> 冠心病, 不稳定心绞痛."""
    terms = load_lexicon().words
    words = (word for word in tokenizer().cut(piece) if len(word) >= MIN_PART)
    return [word for word in words if word in terms]
