"""Ids of persons: one spelling for one person, and keyed so that they mean nothing without the pair's secret.

The Chinese resident id follows GB 11643-1999: 6 digits region, 8 birth date, 3 sequence, 1 check character
(ISO 7064 MOD 11-2). An id of before 1999 has 15 digits: the century and the check character are left out.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from privacy.errors import Refused

FIRST_BIRTH = date(1850, 1, 1)
KEY_BYTES = 32
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_RESIDENT_ID = re.compile(r"\d{17}[\dX]|\d{15}", re.ASCII)
_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_LANDLINE = re.compile(r"0\d{9,11}", re.ASCII)
_COUNTRY = re.compile(r"^(?:\+|00)86(?=[01])|^86(?=1\d{10}$)", re.ASCII)
_MIDDLE_DOTS = re.compile("[·•‧∙⋅・･．.●]")
_DOT = "·"


@dataclass(frozen=True)
class ResidentId:
    """A resident id in its 18 character form; ``region_known`` is False where the province code does not exist."""

    number: str
    birth: date
    region_known: bool


def resident_id(text: str) -> ResidentId:
    """The resident id in ``text`` (full-width digits, blanks and hyphens allowed, 15 digits extended).

    Raises ``Refused``: ``ids.form``, ``ids.check``, ``ids.birth``. An unknown region is no error, because cards
    with abolished region codes are still valid.
    """
    digits = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()
    if not _RESIDENT_ID.fullmatch(digits):
        raise Refused("ids.form", kind="resident id")
    if len(digits) == 15:
        digits = digits[:6] + "19" + digits[6:]
        digits += check_character(digits)
    elif check_character(digits[:17]) != digits[17]:
        raise Refused("ids.check")
    try:
        birth = date(int(digits[6:10]), int(digits[10:12]), int(digits[12:14]))
    except ValueError as error:
        raise Refused("ids.birth") from error
    if not FIRST_BIRTH <= birth <= date.today():
        raise Refused("ids.birth")
    return ResidentId(digits, birth, digits[:2] in _provinces())


def check_character(first_17: str) -> str:
    """The 18th character of a resident id (ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True))
    return _CHECKS[total % 11]


def phone(text: str) -> str:
    """A phone number of mainland China as digits, without the country code. Raises ``Refused`` (``ids.form``)."""
    number = re.sub(r"[\s()-]", "", unicodedata.normalize("NFKC", text))
    number = _COUNTRY.sub("", number)
    if not (_MOBILE.fullmatch(number) or _LANDLINE.fullmatch(number)):
        raise Refused("ids.form", kind="phone")
    return number


def name(text: str) -> str:
    """A person's name in one spelling: NFKC, lower case, no blanks, one kind of middle dot.

    Raises ``Refused`` (``ids.form``) where nothing is left.
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    plain = "".join(c for c in plain if not c.isspace() and unicodedata.category(c)[0] != "C")
    # Without the blanks, characters may have come together that are one character in NFKC.
    plain = unicodedata.normalize("NFKC", _MIDDLE_DOTS.sub(_DOT, plain)).strip(_DOT)
    if not plain:
        raise Refused("ids.form", kind="name")
    return plain


def keyed(ids: Iterable[str], key: bytes, purpose: str) -> list[bytes]:
    """32 bytes for each id: BLAKE2b under the pair's secret. Differs by key and by ``purpose``.

    Without the key nobody can try all ids, so keep it as secret as the ids. Raises ``Refused`` (``ids.key``) for
    a key of fewer than 32 bytes.
    """
    state = hashlib.blake2b(key=derived_key(key, purpose), digest_size=32)
    found = []
    for id in ids:
        hashed = state.copy()
        hashed.update(id.encode())
        found.append(hashed.digest())
    return found


def derived_key(key: bytes, purpose: str) -> bytes:
    """A key for one purpose: HMAC-SHA256 of the purpose under the secret."""
    if len(key) < KEY_BYTES:
        raise Refused("ids.key", least=KEY_BYTES)
    return hmac.digest(key, purpose.encode(), "sha256")


def normalised(texts: Sequence[str], kind: str) -> list[str | None]:
    """Ids of one kind (``resident_id``, ``phone``, ``name``, ``text``) normalised; None for one that is not valid.

    ``text`` is NFKC without surrounding blanks, for ids that are neither. Raises ``Refused`` (``ids.kind``).
    """
    if kind not in _NORMALISERS:
        raise Refused("ids.kind", kind=kind)
    normalise = _NORMALISERS[kind]
    found: list[str | None] = []
    for text in texts:
        try:
            found.append(normalise(text))
        except Refused:
            found.append(None)
    return found


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain:
        raise Refused("ids.form", kind="text")
    return plain


_NORMALISERS = {
    "resident_id": lambda text: resident_id(text).number,
    "phone": phone,
    "name": name,
    "text": _plain,
}


@cache
def _provinces() -> frozenset[str]:
    path = Path(__file__).with_name("provinces.toml")
    return frozenset(tomllib.loads(path.read_text(encoding="utf-8")))
