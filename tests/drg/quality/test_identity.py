"""Identity numbers read as columns: the same as one by one, also for texts that are none."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from data_samples.person import check_character
from drg.quality.identity import FIRST_YEAR, LAST_YEAR, identity_numbers

DAY = 86_400
EPOCH = dt.date(1970, 1, 1)


def _one_by_one(text: str | None) -> tuple[bool, float | None, str | None]:
    """Whether the check character is right, birth in seconds since 1970, and sex: the slow way."""
    text = text or ""
    digits = text[:6] + "19" + text[6:] if len(text) == 15 else text[:17]
    if len(text) not in (15, 18) or not (digits.isascii() and digits.isdigit()):
        return False, None, None
    if len(text) == 18 and text[17] not in "0123456789Xx":
        return False, None, None
    checked = len(text) == 15 or check_character(digits) == text[17].upper()
    sex = "1" if int(digits[16]) % 2 else "2"
    try:
        born = dt.date(int(digits[6:10]), int(digits[10:12]), int(digits[12:14]))
    except ValueError:
        return checked, None, sex
    seconds = float((born - EPOCH).days * DAY) if FIRST_YEAR <= born.year <= LAST_YEAR else None
    return checked, seconds, sex


def _as_columns(texts: list[str | None]) -> list[tuple[bool, float | None, str | None]]:
    numbers = identity_numbers(pa.array(texts, pa.string()))
    seconds, real = numbers.births
    births = [value if known else None for value, known in zip(seconds.tolist(), real.tolist(), strict=True)]
    return list(zip(numbers.checked.tolist(), births, numbers.sexes.to_pylist(), strict=True))


_days = st.dates(dt.date(1800, 1, 1), dt.date(2200, 12, 31)).map(lambda day: f"{day:%Y%m%d}")
_digits = st.text("0123456789", min_size=8, max_size=8)
_bodies = st.builds(
    lambda born, serial: f"119999{born}{serial:03d}", st.one_of(_days, _digits), st.integers(0, 999)
)
_numbers = st.one_of(
    _bodies.map(lambda body: body + check_character(body)),
    _bodies.map(lambda body: (body + check_character(body)).lower()),
    st.builds(lambda body, last: body + last, _bodies, st.sampled_from("0123456789XxAx１ ")),
    _bodies.map(lambda body: body[:6] + body[8:]),
    st.text(max_size=20),
    st.text("0123456789X\n", min_size=15, max_size=18),
    st.none(),
)


@settings(deadline=None)
@given(st.lists(_numbers, max_size=12))
def test_columns_read_as_one_by_one(texts: list[str | None]) -> None:
    assert _as_columns(texts) == [_one_by_one(text) for text in texts]


def test_known_numbers() -> None:
    body, old = "11999919800101001", "119999800101001"
    right = check_character(body)
    wrong = "1" if right != "1" else "2"
    born = float((dt.date(1980, 1, 1) - EPOCH).days * DAY)
    assert _as_columns([body + right, old]) == [(True, born, "1"), (True, born, "1")]
    assert _as_columns([body + wrong, body + "A"]) == [(False, born, "1"), (False, None, None)]


def test_a_slice_of_a_column_is_read_from_its_beginning() -> None:
    texts = pa.array(["11999919800101001X", None, "119999800101002", "x"], pa.string())
    assert identity_numbers(texts.slice(2)).sexes.to_pylist() == ["2", None]
