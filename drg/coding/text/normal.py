"""Text as it is compared: one character for one, so that offsets stay those of the original."""

from __future__ import annotations

import unicodedata

_ROMAN = {roman: str(number) for number, roman in enumerate("ⅠⅡⅢⅣⅤⅥⅦⅧⅨ", start=1)}
_ROMAN |= {roman: str(number) for number, roman in enumerate("ⅰⅱⅲⅳⅴⅵⅶⅷⅸ", start=1)}
_SAME = {
    "～": "~",
    "—": "-",
    "–": "-",
    "－": "-",
    "．": ".",
    "﹣": "-",
    "μ": "u",
    "µ": "u",
    "×": "x",
    "，": ",",
    "（": "(",
    "）": ")",
}


class _Table(dict[int, str]):
    """Code point -> character as compared, filled as characters are met."""

    def __missing__(self, point: int) -> str:
        sign = chr(point)
        plain = _ROMAN.get(sign) or _SAME.get(sign) or unicodedata.normalize("NFKC", sign).lower()
        self[point] = plain if len(plain) == 1 else sign
        return self[point]


_TABLE = _Table()


def plain(text: str) -> str:
    """Lower case, full width to ASCII, Roman numeral signs to digits; as long as ``text``."""
    return text.translate(_TABLE)
