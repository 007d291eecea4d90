"""Copied text: similarity, signatures, neighbours, bounds."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drg.quality.document.copying import (
    BANDS,
    MAX_CANDIDATES,
    MAX_MATCHED,
    ROWS,
    Filed,
    NoteIndex,
    bands,
    compared,
    longest_shared,
    signature,
)

NOTE = "患者今晨查房诉咳嗽较前减轻，痰量减少，夜间睡眠可，双肺呼吸音粗，右下肺湿啰音较前减少，继续抗感染、化痰治疗。"
TEXTS = st.text(alphabet="患者咳嗽减轻痰量少双肺呼吸音粗，。：0123456789\n", max_size=80)


def test_vital_signs_dates_headings_and_signatures_are_not_compared() -> None:
    one = f"日常病程记录\n2025-03-02 09:00\n{NOTE}T 36.5℃，P 80次/分，BP 120/80mmHg。\n医师签名：王甲"
    other = f"日常病程记录\n2025-03-03 10:20\n{NOTE}T 37.1℃，P 92次/分，BP 131/76mmHg。\n医师签名：李乙"
    assert compared(one).similarity(compared(other)) == 1.0
    assert "王甲" not in compared(one).text


def test_another_note_is_not_alike() -> None:
    other = "患者诉胸闷缓解，活动后无气促，下肢水肿消退，复查电解质正常，利尿剂减量，嘱低盐饮食。"
    assert compared(NOTE).similarity(compared(other)) < 0.1


@given(TEXTS, TEXTS)
def test_similarity_is_symmetric_and_between_0_and_1(one: str, other: str) -> None:
    first, second = compared(one), compared(other)
    assert first.similarity(second) == second.similarity(first)
    assert 0 <= first.similarity(second) <= 1
    if len(first.shingles):
        assert first.similarity(first) == 1


@given(TEXTS)
def test_what_is_left_keeps_its_place(text: str) -> None:
    left = compared(text)
    assert left.text == "".join(text[place] for place in left.places)


@given(TEXTS, TEXTS)
def test_the_shared_piece_stands_in_both(one: str, other: str) -> None:
    first, second = compared(one), compared(other)
    (start, end), (other_start, other_end) = longest_shared(first, second)
    assert compared(one[start:end]).text == compared(other[other_start:other_end]).text or end - start < 12


def test_the_signature_estimates_the_similarity() -> None:
    random = np.random.default_rng(7)
    pool = random.choice(1 << 32, 900, replace=False).astype(np.uint32)
    first, second = np.sort(pool[:600]), np.sort(pool[300:])
    same = float(np.mean(signature(first) == signature(second)))
    assert same == pytest.approx(1 / 3, abs=0.2)
    assert len(bands(first)) == BANDS
    assert len(signature(first)) == BANDS * ROWS


def test_like_sets_share_a_band_and_unlike_ones_do_not() -> None:
    random = np.random.default_rng(11)
    met = missed = 0
    for _ in range(200):
        pool = random.choice(1 << 32, 220, replace=False).astype(np.uint32)
        near = set(bands(np.sort(pool[:110]))) & set(bands(np.sort(pool[5:115])))
        far = set(bands(np.sort(pool[:110]))) & set(bands(np.sort(pool[110:])))
        met += bool(near)
        missed += bool(far)
    assert met >= 198
    assert missed <= 2


def filed(case: str, person: str, body: str = NOTE) -> Filed:
    return Filed(case, person, 1, body)


def test_the_nearest_note_is_of_the_same_author_and_another_patient() -> None:
    index = NoteIndex()
    text = compared(NOTE)
    assert index.nearest("王甲", filed("A", "1"), text) is None
    assert index.nearest("李乙", filed("B", "2"), text) is None
    assert index.nearest("王甲", filed("C", "1"), text) is None
    nearest = index.nearest("王甲", filed("D", "3"), text)
    assert nearest is not None
    assert nearest[0].case_id in ("A", "C")
    assert nearest[2] == 1.0


def test_the_oldest_notes_are_forgotten() -> None:
    index = NoteIndex(most=2)
    text = compared(NOTE)
    for number in range(5):
        index.nearest("王甲", filed(f"A{number}", "1"), text)
    nearest = index.nearest("王甲", filed("B", "2"), text)
    assert nearest is not None
    assert nearest[0].case_id in ("A3", "A4")
    assert len(index._notes) == 2
    assert sum(map(len, index._bands.values())) == 2 * BANDS


def test_long_notes_are_forgotten_by_their_length() -> None:
    index = NoteIndex(most_characters=2 * len(NOTE))
    for number in range(5):
        index.nearest("王甲", filed(f"A{number}", "1"), compared(NOTE))
    assert len(index._notes) == 2


def test_the_shared_piece_of_huge_notes_is_found_in_time() -> None:
    one, other = compared("啊" * 150_000), compared("啊" * 150_000)
    start = time.perf_counter()
    (first, last), _ = longest_shared(one, other)
    assert last - first == MAX_MATCHED
    assert time.perf_counter() - start < 10


def test_a_template_of_one_author_costs_a_bounded_number_of_comparisons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = NoteIndex()
    text = compared(NOTE)
    for number in range(100):
        index.nearest("王甲", filed(f"A{number}", "1"), text)
    calls: list[str] = []
    monkeypatch.setattr(
        "drg.quality.document.copying.compared", lambda body: calls.append(body) or compared(body)
    )
    index.nearest("王甲", filed("B", "2"), text)
    assert len(calls) == MAX_CANDIDATES
