"""Codes as people and spreadsheets write them, brought to the spelling of the NHSA catalogue."""

from __future__ import annotations

import re
import unicodedata

MAX_TEXT_LENGTH = 128
"""Longer text is no code; it is left alone, so a huge cell costs nothing."""

_CLEAN = re.compile(r"[A-Z0-9][A-WYZ0-9.x+*/]*")
_EXCEL_ESCAPE = re.compile(r"_x00[01][0-9a-f]_", re.IGNORECASE)
_LATER_X = re.compile(r"(?<=[^+])X")
_BLANK_CATEGORIES = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf"))
_ASCII_UPPER = {ord(letter): letter.upper() for letter in "abcdefghijklmnopqrstuvwxyz"}
_CODE_SIGNS = str.maketrans({"。": ".", "†": "+", "×": "X"}) | _ASCII_UPPER


def normalise_code(text: str) -> str:
    """A code in catalogue spelling: no blanks, full-width to ASCII, letters upper-case but ``x``.

    The placeholder ``x`` is lower-case (``A00.100x001``, ``01.6x00``); a code of ICD-10 chapter X keeps its
    first letter (``X59.900``). Blanks are those of Unicode, zero-width characters and the control characters
    that Excel writes as ``_x000D_``. A dagger sign becomes ``+``. The result need not be a code of any
    catalogue. Text above ``MAX_TEXT_LENGTH`` characters is returned as it is. Idempotent.
    """
    if _CLEAN.fullmatch(text):
        return text
    code = text
    # Removing a blank can join a letter with a combining mark, so one pass is not always enough.
    while len(code) <= MAX_TEXT_LENGTH and (cleaner := _clean_once(code)) != code:
        code = cleaner
    return code


def _clean_once(text: str) -> str:
    text = _EXCEL_ESCAPE.sub("", unicodedata.normalize("NFKC", text))
    text = "".join(sign for sign in text if unicodedata.category(sign) not in _BLANK_CATEGORIES)
    return _LATER_X.sub("x", text.translate(_CODE_SIGNS))
