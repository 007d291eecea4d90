"""Pseudonyms and date shifts of persons, both keyed: who has not the key can neither make nor undo them."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from privacy.errors import Refused
from privacy.ids import keyed

PSEUDONYM_BYTES = 15
SECONDS_A_DAY = 86_400


def pseudonyms(values: pa.Array, key: bytes, recipient: str, domain: str) -> pa.Array:
    """A pseudonym (24 characters) for each text: equal for equal ones, another for another recipient or domain."""
    encoded = pc.dictionary_encode(values.cast(pa.string()))
    hashes = keyed(encoded.dictionary.to_pylist(), key, f"pseudonym\n{recipient}\n{domain}")
    names = [base64.b32encode(digest[:PSEUDONYM_BYTES]).decode("ascii") for digest in hashes]
    return pa.array(names, pa.string()).take(encoded.indices)


def shift_days(persons: Sequence[str], key: bytes, recipient: str, maximum: int) -> np.ndarray:
    """Days (int64) by which a person's dates move: from -maximum to maximum, never 0, the same for all of them."""
    hashes = keyed(persons, key, f"date shift\n{recipient}")
    steps = [int.from_bytes(digest[:16], "big") % (2 * maximum) for digest in hashes]
    days = np.array(steps, dtype=np.int64) - maximum
    # The steps are -maximum to maximum - 1; those from 0 on move up by one, so that nobody stays in place.
    return days + (days >= 0)


def shifted(dates: pa.Array, days: np.ndarray, column: str) -> pa.Array:
    """The dates (or times; texts in ISO form are read) moved by ``days``; missing ones stay missing.

    Raises ``Refused`` (``deidentify.date``) for what is no date.
    """
    moments = _moments(dates, column)
    kind = moments.type
    seconds = moments.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    moved = pc.add(seconds, pa.array(days * SECONDS_A_DAY)).cast(pa.timestamp("s"))
    return moved.cast(pa.date32()) if pa.types.is_date(kind) else moved


def _moments(dates: pa.Array, column: str) -> pa.Array:
    if pa.types.is_date(dates.type) or pa.types.is_timestamp(dates.type):
        return dates
    for kind in (pa.date32(), pa.timestamp("s")):
        try:
            return dates.cast(kind) if pa.types.is_string(dates.type) else _not_dates(column)
        except pa.ArrowInvalid:
            continue
    return _not_dates(column)


def _not_dates(column: str) -> pa.Array:
    raise Refused("deidentify.date", column=column)
