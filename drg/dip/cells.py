"""The cells of a DIP catalogue: codes joined by ``|`` (or) and ``+`` (and), and bands of numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from drg.codes.normalise import normalise_code

Cell = tuple[tuple[str, ...], ...]
"""Alternatives, each a tuple of codes that must all be there; no alternative: an empty cell."""

Band = tuple[int | None, int | None]
"""The least and the most that is inside; ``None`` where there is no bound."""

# A plus before an asterisk code joins the two halves of one dagger code.
_AND = re.compile(r"\+(?![A-Z][0-9][0-9A-Za-z.]*\*)")
_OR = re.compile(r"[|｜]")
_CODE = re.compile(r"[A-Z0-9][0-9][0-9A-Za-z.+*/]*")
_CODE_RANGE = re.compile(r"([A-Z][0-9]{2}(?:\.[0-9]+)?)(?:[-~–—]([A-Z][0-9]{2}(?:\.[0-9]+)?))?")
_BLANKS = re.compile(r"\s+")
_COMPARED = re.compile(r"(<=|>=|<|>)([0-9]+)")
_BETWEEN = re.compile(r"([0-9]+)[^0-9<>=]*?[-~–—至][^0-9<>=]*?([0-9]+)")
_SIGNS = {
    "≤": "<=",
    "≦": "<=",
    "≥": ">=",
    "≧": ">=",
    "小于等于": "<=",
    "大于等于": ">=",
    "小于": "<",
    "大于": ">",
}
_AT_MOST = re.compile(r"([0-9]+)[^0-9<>=]*以下")
_MOST_DIGITS = re.compile(r"[0-9]{8}")
_AT_LEAST = re.compile(r"([0-9]+)[^0-9<>=]*以上")


def parse_cell(text: str) -> Cell:
    """The alternatives of a cell, codes in catalogue spelling.

    A ``+`` before an asterisk code belongs to a dagger code. Raises ``ValueError`` with the part that is no code.
    """
    cell: list[tuple[str, ...]] = []
    for alternative in _OR.split(_BLANKS.sub("", text)):
        if not alternative:
            continue
        codes = tuple(normalise_code(part) for part in _AND.split(unicodedata.normalize("NFKC", alternative)))
        for code in codes:
            if not _CODE.fullmatch(code):
                raise ValueError(code)
        cell.append(codes)
    return tuple(dict.fromkeys(cell))


def cell_text(cell: Cell) -> str:
    """The inverse of :func:`parse_cell`."""
    return "|".join("+".join(codes) for codes in cell)


def code_ranges(text: str) -> Iterator[tuple[str, str]]:
    """First and last of each code range in a sentence: ``A00-A09|C15`` gives (A00, A09) and (C15, C15)."""
    for match in _CODE_RANGE.finditer(unicodedata.normalize("NFKC", text)):
        yield match[1], match[2] or match[1]


def parse_band(text: str) -> Band:
    """A band of whole numbers: ``..28``, ``1000..1499``, or as people write it (``<29天``, ``1000g≤体重<1500g``).

    Raises ``ValueError`` for text that gives no bound, or one that no age or weight has.
    """
    plain = _BLANKS.sub("", unicodedata.normalize("NFKC", text))
    if _MOST_DIGITS.search(plain):
        raise ValueError(text)
    if ".." in plain:
        least, _, most = plain.partition("..")
        return int(least) if least else None, int(most) if most else None
    for sign, meaning in _SIGNS.items():
        plain = plain.replace(sign, meaning)
    if match := _BETWEEN.fullmatch(plain.strip("gG克天岁")):
        return int(match[1]), int(match[2])
    lower, upper = _bounds(plain)
    if lower is None and upper is None:
        raise ValueError(text)
    return lower, upper


def _bounds(plain: str) -> Band:
    lower: int | None = None
    upper: int | None = None
    # "1000g<=x<1500g": the bound before the first sign reads from right to left.
    if match := re.match(r"([0-9]+)[^0-9<>=]*(<=|<)(?=[^0-9])", plain):
        lower = int(match[1]) + (match[2] == "<")
        plain = plain[match.end() :]
    for sign, digits in _COMPARED.findall(plain):
        number = int(digits)
        if sign.startswith("<"):
            upper = number - (sign == "<")
        else:
            lower = number + (sign == ">")
    if match := _AT_MOST.search(plain):
        upper = int(match[1])
    if match := _AT_LEAST.search(plain):
        lower = int(match[1])
    return lower, upper


def band_text(band: Band) -> str:
    """``1000..1499``; empty for no bound at all."""
    least, most = band
    if least is None and most is None:
        return ""
    return f"{'' if least is None else least}..{'' if most is None else most}"
