"""The functions that claims add to the condition language, against what a person would count."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.knowledge.points import LIMIT_COLUMNS, PAIR_COLUMNS, load_knowledge
from claims.parameters.settings import load_parameters
from claims.rules.library import sample_vocabulary, vocabulary
from drg.errors import InputError
from drg.quality.condition import parse_condition
from drg.quality.examples import record_table, record_values
from drg.quality.frame import Evaluation, Frame
from drg.quality.rule import Example
from drg.quality.vocabulary import Vocabulary

RUN_DATE = dt.date(2026, 12, 31)


def answer(condition: str, *records: Mapping[str, Any], names: Vocabulary | None = None) -> list[bool | None]:
    names = names or sample_vocabulary()
    values = [record_values(Example.model_validate(record), names) for record in records]
    frame = Frame(record_table(values, names), RUN_DATE, vocabulary=names)
    found = Evaluation(frame).truth(parse_condition(condition, names))
    return [True if yes else False if no else None for yes, no in zip(found.yes, found.no, strict=True)]


def folder(tmp_path: Path, limits: str = "", pairs: str = "") -> Path:
    (tmp_path / "limits.tsv").write_text("\t".join(LIMIT_COLUMNS) + "\n" + limits, encoding="utf-8")
    (tmp_path / "pairs.tsv").write_text("\t".join(PAIR_COLUMNS) + "\n" + pairs, encoding="utf-8")
    return tmp_path


LIMITED = 'any(fee_lines, limited(code, "sex") and limit(code, "sex") != sex)'


def test_a_limit_holds_on_its_days_only(tmp_path: Path) -> None:
    rows = "A\tx\tsex\t1\t\t2025-12-31\tb\nA\tx\tsex\t2\t2026-01-01\t\tb\n"
    names = vocabulary(load_knowledge(folder(tmp_path, rows)), load_parameters())
    man = {"sex": "1", "fee_lines": [{"code": "A"}]}
    assert answer(
        LIMITED,
        {**man, "discharge_time": "2025-12-31"},
        {**man, "discharge_time": "2026-01-01"},
        man,
        {**man, "fee_lines": [{"code": "B"}]},
        {**man, "fee_lines": [{"name": "no code"}]},
        names=names,
    ) == [False, True, True, False, None]


def test_codes_are_covered_by_prefix_and_range(tmp_path: Path) -> None:
    rows = "A\tx\tindication\tE11-E13 I10\t\t\tb\n"
    names = vocabulary(load_knowledge(folder(tmp_path, rows)), load_parameters())
    ask = 'any(fee_lines, covers(code, texts(diagnoses, code), "indication"))'
    found = answer(
        ask,
        *(
            {"dx": dx, "fee_lines": [{"code": "A"}]}
            for dx in (["E12.900"], ["E14.900", "I10.x00"], ["E14.900"], ["XE11"])
        ),
        names=names,
    )
    assert found == [True, True, False, False]


def test_a_parameter_is_that_of_region_and_day() -> None:
    ask = 'param("readmission_days") == {}'
    record = {"region": "999900", "discharge_time": "2025-12-31"}
    assert answer(ask.format(10), record) == [True]
    assert answer(ask.format(14), {**record, "discharge_time": "2026-01-01"}) == [True]
    assert answer(ask.format(15), {**record, "region": "440300"}, {"discharge_time": "2026-01-01"}) == [
        True,
        True,
    ]


def test_a_region_falls_back_on_its_province(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(
        'region = "440000"\n[readmission_days]\ntitle = {en = "x", zh = "x"}\nvalues = [{value = 12, source = "t"}]\n'
    )
    names = vocabulary(load_knowledge(), load_parameters([path]))
    assert answer(
        'param("readmission_days") == 12', {"region": "440300"}, {"region": "330100"}, names=names
    ) == [
        True,
        False,
    ]


@pytest.mark.parametrize("ask", ['limited(code, "nonsense")', 'covers(code, code, "sex")'])
def test_an_unknown_kind_of_point_is_told_when_the_rule_is_read(ask: str) -> None:
    with pytest.raises(InputError, match="does not know"):
        parse_condition(f"any(fee_lines, {ask})", sample_vocabulary())


def test_an_unknown_parameter_is_told_when_the_rule_is_read() -> None:
    with pytest.raises(InputError, match="readmission_days"):
        parse_condition('param("readmission_dyas") == 1', sample_vocabulary())


LINES = st.lists(
    st.fixed_dictionaries(
        {
            "code": st.sampled_from(["A", "B", "C", "D"]),
            "date": st.sampled_from(["2026-03-01", "2026-03-02", "2026-03-05"]),
            "quantity": st.sampled_from(["1", "2", "-1", "0.5"]),
        }
    ),
    max_size=8,
)
PAIRS = "includes\tA\tx\tB\tx\tb\nincludes\tA\tx\tC\tx\tb\nincludes\tD\tx\tB\tx\tb\n"
REQUIRED = "first_line\tA\tx\tB\tx\tb\nfirst_line\tA\tx\tC\tx\tb\n"
COUNTED = "counted_by\tA\tx\tB\tx\tb\ncounted_by\tA\tx\tC\tx\tb\n"


@settings(max_examples=60, deadline=None)
@given(claims=st.lists(LINES, min_size=1, max_size=4))
def test_sums_and_pairs_are_those_of_plain_python(
    claims: list[list[dict[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = folder(tmp_path_factory.mktemp("points"), pairs=PAIRS + REQUIRED + COUNTED)
    names = vocabulary(load_knowledge(home), load_parameters())
    records = [{"fee_lines": lines} for lines in claims]

    def asked(condition: str) -> list[bool | None]:
        return answer(condition, *records, names=names)

    assert asked("exceeds(fee_lines, quantity, pair(code, date), 1.5)") == [
        any(total > 1.5 for total in _sums(lines).values()) for lines in claims
    ]
    assert asked("includes(fee_lines, code, date)") == [
        any(
            {a, b} <= codes
            for codes in _by_day(lines).values()
            for a, b in (("A", "B"), ("A", "C"), ("D", "B"))
        )
        for lines in claims
    ]
    assert asked("lacks_first_line(fee_lines, code)") == [
        "A" in (codes := {line["code"] for line in lines}) and not codes & {"B", "C"} for lines in claims
    ]
    assert asked("several(fee_lines, code, date)") == [
        any(len(codes) > 1 for codes in _by_day(lines).values()) for lines in claims
    ]
    assert asked('unaccompanied(fee_lines, date, code == "A", code == "B")') == [
        any("A" in codes and "B" not in codes for codes in _by_day(lines).values()) for lines in claims
    ]
    assert asked("outnumbers(fee_lines, quantity, code)") == [_outnumbered(lines) for lines in claims]
    assert asked("again_within(fee_lines, code, date, 3)") == [_again(lines, 3) for lines in claims]


def _sums(lines: list[dict[str, str]]) -> Counter[tuple[str, str]]:
    sums: Counter[tuple[str, str]] = Counter()
    for line in lines:
        sums[line["code"], line["date"]] += float(line["quantity"])  # type: ignore[assignment]
    return sums


def _by_day(lines: list[dict[str, str]]) -> dict[str, set[str]]:
    days: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        days[line["date"]].add(line["code"])
    return days


def _outnumbered(lines: list[dict[str, str]]) -> bool:
    totals = {code: sum(float(line["quantity"]) for line in lines if line["code"] == code) for code in "ABC"}
    return any(line["code"] == "A" for line in lines) and totals["A"] > totals["B"] + totals["C"]


def _again(lines: list[dict[str, str]], most: int) -> bool:
    days = [(line["code"], dt.date.fromisoformat(line["date"])) for line in lines]
    return any(a == b and 0 < (later - day).days <= most for a, day in days for b, later in days)


def test_what_is_unknown_leaves_the_answer_open_only_where_it_matters() -> None:
    ask = 'exceeds(fee_lines, quantity, code, number(limit(code, "per_stay")))'
    assert answer(
        ask,
        {"fee_lines": [{"code": "SYN-S003"}]},
        {"fee_lines": [{"code": "SYN-S003"}, {"code": "SYN-S003", "quantity": "9"}]},
        {"fee_lines": [{"code": "OTHER"}]},
        {"fee_lines": []},
    ) == [None, True, False, False]


def test_group_functions_show_the_rows_that_they_went_by() -> None:
    names = sample_vocabulary()
    function = names.group_functions["includes"]
    record = {"fee_lines": [{"code": code, "date": "2026-03-01"} for code in ("X", "SYN-S014", "SYN-S015")]}
    frame = Frame(
        record_table([record_values(Example.model_validate(record), names)], names),
        RUN_DATE,
        vocabulary=names,
    )
    code, date = (frame.column("fee_lines", name).value for name in ("code", "date"))
    assert function.blames is not None
    assert function.blames(frame.rows("fee_lines"), code, date).tolist() == [False, True, True]
