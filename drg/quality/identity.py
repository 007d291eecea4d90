"""Identity numbers of residents (GB 11643-1999), whole columns at a time: birth, sex, check character."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.quality.values import Mask

WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
CHECKS = np.frombuffer(b"10X98765432", np.uint8)
"""Check characters of an 18-digit identity number by the weighted sum modulo 11 (GB 11643-1999)."""
DECIMAL = np.array([1000, 100, 10, 1])
SECONDS_OF_DAY = 86_400
FIRST_YEAR, LAST_YEAR = 1900, 2150
"""The years in which quality checks take dates for real."""

Digits = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class IdentityNumbers:
    """Texts that may be identity numbers. ``formed``: 15 digits, or 17 and a digit or X; ``digits``: uint8[n, 17],
    those of the present form (zeros where not formed); ``checked``: 15 digits, or the check character is right."""

    formed: Mask
    checked: Mask
    digits: Digits

    @property
    def births(self) -> tuple[npt.NDArray[np.float64], Mask]:
        """Days of birth as seconds since 1970, and which of the numbers name a real day."""
        year = self.digits[:, 6:10] @ DECIMAL
        month = self.digits[:, 10:12] @ DECIMAL[2:]
        day = self.digits[:, 12:14] @ DECIMAL[2:]
        months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
        start, end = (one.astype("datetime64[D]").astype(np.int64) for one in (months, months + 1))
        real = self.formed & (year >= FIRST_YEAR) & (year <= LAST_YEAR)
        real &= (month >= 1) & (month <= 12) & (day >= 1) & (start + day <= end)
        return np.where(real, (start + day - 1) * SECONDS_OF_DAY, 0).astype(np.float64), real

    @property
    def sexes(self) -> pa.Array:
        """1 male, 2 female; null for another text."""
        return pa.DictionaryArray.from_arrays(
            pa.array(np.where(self.digits[:, 16] % 2 == 1, 0, 1), mask=~self.formed), pa.array(["1", "2"])
        ).cast(pa.string())


def identity_numbers(texts: pa.Array) -> IdentityNumbers:
    """Reads texts (strings, null where there is none) as identity numbers."""
    digits = np.zeros((len(texts), 17), np.uint8)
    checked = np.zeros(len(texts), np.bool_)
    formed = checked.copy()
    places, signs = _of_length(texts, 18)
    last = signs[:, 17] & np.where(signs[:, 17] == ord("x"), 0xDF, 0xFF).astype(np.uint8)
    good = _all_digits(signs[:, :17]) & ((last == ord("X")) | _all_digits(last[:, None]))
    places, numbers = places[good], signs[good, :17] - ord("0")
    formed[places], digits[places] = True, numbers
    checked[places] = CHECKS[(numbers @ WEIGHTS) % 11] == last[good]
    places, signs = _of_length(texts, 15)
    good = _all_digits(signs)
    places, numbers = places[good], signs[good] - ord("0")
    formed[places] = checked[places] = True
    digits[places] = np.insert(numbers, [6, 6], [1, 9], axis=1)
    return IdentityNumbers(formed, checked, digits)


def _of_length(texts: pa.Array, length: int) -> tuple[npt.NDArray[np.int64], Digits]:
    """The places of the texts of ``length`` bytes, and these bytes, uint8[n, length]."""
    fits = pc.fill_null(pc.equal(pc.binary_length(texts), length), False)
    places = np.flatnonzero(fits.to_numpy(zero_copy_only=False))
    if not len(places):
        return places, np.zeros((0, length), np.uint8)
    data = texts.take(pa.array(places)).buffers()[2]
    return places, np.frombuffer(data, np.uint8, len(places) * length).reshape(-1, length)


def _all_digits(signs: Digits) -> Mask:
    """The rows that are digits only; what lies before ``0`` wraps around."""
    return np.asarray((signs - np.uint8(ord("0")) <= 9).all(axis=1))
