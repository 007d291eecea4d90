"""The parts of a lookup: the oblivious function, the labelled table, the encrypted index, the rate."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy import ristretto
from privacy.errors import Refused
from privacy.he.bfv import Bfv
from privacy.he.fixed_point import PLAIN_MODULUS, SLOTS, Integers, sum_modulo
from privacy.protocols.lookup import index, labelled, messages, oprf
from privacy.protocols.lookup.rate import LIMITS, Limit, Limits, QuestionRate
from privacy.protocols.lookup.records import Records, first_months, month_text
from privacy.table import Table

# RFC 9497, appendix A.1.1, OPRF(ristretto255, SHA-512), test vector 1.
SEED, INFO = b"\xa3" * 32, b"test key"
KEY = "5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e"
BLIND = "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706"
BLINDED = "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c"
EVALUATED = "7ec6578ae5120958eb2db1745758ff379e77cb64fe77b0b2d8cc917ea0869c7e"
OUTPUT = (
    "527759c3d9366f277d8c6020418d96bb393ba2afb20ff90df23fb7708264e2f3"
    "ab9135e3bd69955851de4b1f9fe8a0973396719b7912ba9ee8aa7d0b5e24bcf6"
)
# Not canonical, negative, the identity, too short.
BAD_ELEMENTS = [b"\xff" * 32, b"\x01" + bytes(31), bytes(32), b"\x02" * 31]


def test_the_function_is_that_of_rfc_9497() -> None:
    key = oprf.derived_key(SEED, INFO)
    blinded = oprf.multiply(bytes.fromhex(BLIND), oprf.hash_to_group(b"\x00"))
    evaluated = oprf.multiply(key, blinded)
    assert (key.hex(), blinded.hex(), evaluated.hex()) == (KEY, BLINDED, EVALUATED)
    opened = oprf.unblind(bytes.fromhex(BLIND), evaluated)
    assert oprf.finalize(b"\x00", opened).hex() == OUTPUT


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=100), st.binary(min_size=32, max_size=32), st.binary(max_size=20))
def test_the_client_gets_what_the_server_would_reckon(value: bytes, seed: bytes, info: bytes) -> None:
    key, blind = oprf.derived_key(seed, info), ristretto.random_scalar()
    blinded = oprf.multiply(blind, oprf.hash_to_group(value))
    found = oprf.finalize(value, oprf.unblind(blind, oprf.multiply(key, blinded)))
    assert found == oprf.evaluate(key, value)
    assert found != oprf.evaluate(oprf.derived_key(seed, info + b"x"), value)


def test_one_question_blinded_twice_has_nothing_in_common() -> None:
    element = oprf.hash_to_group(b"question")
    assert oprf.multiply(ristretto.random_scalar(), element) != oprf.multiply(
        ristretto.random_scalar(), element
    )


@pytest.mark.parametrize("bad", BAD_ELEMENTS)
def test_bad_elements_are_refused(bad: bytes) -> None:
    with pytest.raises(Refused, match=r"lookup\.element"):
        oprf.in_threads(lambda element: oprf.multiply(ristretto.random_scalar(), element), [bad])
    with pytest.raises(Refused, match=r"lookup\.element"):
        oprf.split(bytes(33))


def of(keyed: list[bytes], months: list[int], entries: int | None = None) -> Records:
    """Records of a table that has as many rows, where nothing else is said."""
    return Records(keyed, months, len(keyed) if entries is None else entries)


def keys(count: int, start: int = 0) -> list[bytes]:
    """Keyed questions as ``privacy.ids.keyed`` makes them: 32 bytes that look random."""
    return [oprf.expand(number.to_bytes(4, "big"), b"test")[:32] for number in range(start, start + count)]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 4095), max_size=20))
def test_a_labelled_table_has_the_month_of_each_question_and_of_no_other(months: list[int]) -> None:
    key = oprf.derived_key(SEED, INFO)
    records = of(keys(len(months)), months)
    held = labelled.HeldTable(labelled.build(key, records))
    assert [held.month_of(oprf.evaluate(key, each)) for each in records.keys] == months
    assert held.month_of(oprf.evaluate(key, b"absent")) is None


def test_a_labelled_table_is_kept_and_gets_a_new_key_when_the_records_change(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    records, fewer = of(keys(5), [1, 2, 3, 4, 5]), of(keys(4), [1, 2, 3, 4])
    first = labelled.table_of(tmp_path, "a", records)
    again = labelled.table_of(tmp_path, "a", records)
    assert (again.key, again.data, again.entries) == (first.key, first.data, 5)
    changed = labelled.table_of(tmp_path, "a", fewer)
    assert changed.key != first.key
    # A question of the old table, evaluated under the new key, opens nothing of it.
    held = labelled.HeldTable(first.data)
    assert all(held.month_of(oprf.evaluate(changed.key, each)) is None for each in records.keys)


def test_the_size_says_nothing_of_how_many_have_a_group() -> None:
    few, many = of(keys(3), [1, 2, 3], 500), of(keys(400), [1] * 400, 500)
    key = oprf.derived_key(SEED, INFO)
    tables = [labelled.build(key, records) for records in (few, many)]
    assert {len(table) for table in tables} == {500 * labelled.ENTRY_BYTES}
    held = labelled.HeldTable(tables[0])
    assert [held.month_of(oprf.evaluate(key, each)) for each in keys(4)] == [1, 2, 3, None]
    shapes = [(asked.blocks, asked.layers) for asked in map(index.KeywordIndex, (few, many))]
    assert shapes[0] == shapes[1]


def test_layers_hold_what_an_index_has() -> None:
    for entries in (1, 100, 10_000, index.MOST_INDEX_ENTRIES):
        asked = index.KeywordIndex(of(keys(entries), [1] * entries))
        assert asked.layers <= messages.MOST_LAYERS
        assert asked.blocks <= messages.MOST_BLOCKS


def test_no_more_tables_than_some_are_kept(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for number in range(labelled.KEPT_TABLES + 3):
        labelled.keep(tmp_path, f"{number:064x}", b"")
    assert len(list((tmp_path / labelled.FOLDER).glob("held-*"))) == labelled.KEPT_TABLES


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, PLAIN_MODULUS - 1), st.integers(0, PLAIN_MODULUS - 1)),
        min_size=1,
        max_size=9,
    )
)
def test_products_modulo_t_are_those_of_python(pairs: list[tuple[int, int]]) -> None:
    left, right = np.array(pairs, np.int64).T
    assert index.multiply(left, right).tolist() == [a * b % PLAIN_MODULUS for a, b in pairs]


@pytest.fixture(scope="module")
def scheme() -> Bfv:
    """A scheme in this process with a key of its own, both halves."""
    made = Bfv()
    public, secret = made.make_key()
    made.use_secret_key(secret)
    made.use_public_key(public)
    return made


def answer(scheme: Bfv, asked: index.KeywordIndex, slots: Integers) -> Integers:
    """What the initiator decrypts."""
    return scheme.decrypt(scheme.combine(scheme.encrypt(slots), asked.factors(), asked.masks()))


def test_the_index_answers_what_is_in_it_and_nothing_else(scheme: Bfv) -> None:
    months = list(range(1, 61))
    asked = index.KeywordIndex(of(keys(60), months))
    assert asked.blocks == 1
    for place in (0, 17, 59):
        slots = index.question_slots(keys(60)[place], asked.blocks)
        assert index.month_of(answer(scheme, asked, slots)) == months[place]
    for absent in keys(2, start=1000):
        assert index.month_of(answer(scheme, asked, index.question_slots(absent, asked.blocks))) is None


def test_an_index_of_several_blocks_and_layers(scheme: Bfv) -> None:
    count = index.ENTRIES_A_BUCKET * SLOTS + 1000
    records = of(keys(count), [1 + number % 4095 for number in range(count)])
    asked = index.KeywordIndex(records)
    assert (asked.blocks, asked.layers > 8) == (2, True)
    for place in (3, count - 1):
        slots = index.question_slots(records.keys[place], asked.blocks)
        assert index.month_of(answer(scheme, asked, slots)) == records.months[place]


def test_an_empty_index_answers_no(scheme: Bfv) -> None:
    asked = index.KeywordIndex(of([], []))
    assert index.month_of(answer(scheme, asked, index.question_slots(keys(1)[0], asked.blocks))) is None


def test_the_same_bucket_with_another_fingerprint_says_nothing_of_its_entry(scheme: Bfv) -> None:
    """A neighbour's entry is asked for over and over: what comes back is uniform, as for an empty bucket."""
    (entry,) = keys(1)
    neighbour = entry[:8] + bytes(8) + entry[16:]
    asked = index.KeywordIndex(of([entry], [7]))
    sums = [int(sum_modulo(answer(scheme, asked, index.question_slots(neighbour, 1)))[0]) for _ in range(40)]
    assert len(set(sums)) == 40
    assert 7 not in sums
    upper = sum(value > PLAIN_MODULUS // 2 for value in sums)
    # A fair coin gives at most 4 or at least 36 of 40 once in ten million runs.
    assert 4 < upper < 36


def test_who_asks_for_many_buckets_at_once_learns_no_more_than_their_sum(scheme: Bfv) -> None:
    """The slots themselves are masked; and with one question that has no entry the sum says nothing either."""
    records = of(keys(50), [9] * 50)
    asked = index.KeywordIndex(records)
    slots = np.maximum.reduce([index.question_slots(key, 1) for key in records.keys])
    found = answer(scheme, asked, slots)
    assert not np.isin(found, np.arange(1, 4096)).any()
    assert sum_modulo(found)[0] == 50 * 9
    slots = np.maximum(slots, index.question_slots(keys(1, start=1000)[0], 1))
    assert index.month_of(answer(scheme, asked, slots)) is None


def test_an_index_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MOST_INDEX_ENTRIES", 10)
    with pytest.raises(Refused, match=r"lookup\.index_too_large"):
        index.KeywordIndex(of(keys(11), [1] * 11))


def records_table(rows: list[tuple[str, str | None, str | None]]) -> Table:
    ids, groups, days = zip(*rows, strict=True)
    return Table(list(ids), {}, {"group": list(groups), "day": list(days)})


def test_the_first_month_before_the_day_counts() -> None:
    table = records_table(
        [
            ("a", "X", "2024-03-31"),
            ("a", "X", "2023-12-01"),
            ("a", "Y", "2024-06-30"),
            ("b", "X", "2024-07-01"),
            ("c", None, "2020-01-01"),
            ("d", "X", None),
            ("e", "Z", "2020-01-01"),
        ]
    )
    found = first_months(table, "group", "day", ["X", "Y"], date(2024, 7, 1))
    assert {question: month_text(month) for question, month in found.items()} == {
        ("a", "X"): "2023-12",
        ("a", "Y"): "2024-06",
    }


@pytest.mark.parametrize("day", ["yesterday", "1850-01-01", "2999-01-01"])
def test_a_day_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(Refused, match=r"lookup\.day"):
        first_months(records_table([("a", "X", day)]), "group", "day", ["X"], date(2024, 7, 1))


def test_the_rate_outlives_a_restart_and_ends_with_time(tmp_path: Path) -> None:
    now = [1000.0]
    limits = [Limit(hours=1, questions=10), Limit(hours=24, questions=15)]

    def rate() -> QuestionRate:
        return QuestionRate(tmp_path / "rate.sqlite", limits, lambda: now[0])

    rate().charge("insurer", "visits", 8)
    with pytest.raises(Refused, match=r"lookup\.rate"):
        rate().charge("insurer", "visits", 3)
    rate().charge("insurer", "visits", 2)
    rate().charge("other", "visits", 10)
    now[0] += 3601
    rate().charge("insurer", "visits", 5)
    with pytest.raises(Refused, match=r"lookup\.rate"):
        rate().charge("insurer", "visits", 1)
    now[0] += 24 * 3600
    rate().charge("insurer", "visits", 10)


def test_limits_of_the_state_folder_come_before_the_default(tmp_path: Path) -> None:
    assert len(Limits.load(tmp_path).limits) == 2
    own = tmp_path / LIMITS
    own.write_text("[[limits]]\nhours = 2\nquestions = 3\n", encoding="utf-8")
    assert Limits.load(tmp_path).limits == [Limit(hours=2, questions=3)]
    for bad in ("limits = []", "[[limits]]\nhours = 0\nquestions = 3", "x"):
        own.write_text(bad, encoding="utf-8")
        with pytest.raises(Refused, match=r"lookup\.limits_unreadable"):
            Limits.load(tmp_path)
