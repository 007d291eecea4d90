"""Names and numbers of persons who do not exist: well formed, in unused ranges, made from the case number."""

from __future__ import annotations

import datetime as dt

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK = "10X98765432"
_UNUSED_DIVISION = "999999"


def person_name(number: int) -> str:
    """合成患者00000001: nobody is called that."""
    return f"合成患者{number:08d}"


def identity_number(number: int, born: dt.date, sex: int) -> str:
    """18 characters with a valid check character (GB 11643) in a division that GB/T 2260 does not assign."""
    serial = number % 499 * 2 + sex % 2
    body = f"{_UNUSED_DIVISION}{born:%Y%m%d}{serial:03d}"
    return body + check_character(body)


def check_character(body: str) -> str:
    """The 18th character of an identity number, from its 17 digits (GB 11643)."""
    remainder = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, body, strict=True)) % 11
    return _ID_CHECK[remainder]
