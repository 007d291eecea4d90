"""The analyst's desk over synthetic claims whose rules were run and whose model was trained."""

from __future__ import annotations

import datetime as dt
import io
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineSheet, CalamineWorkbook

from claims.across.hits import HIT_SCHEMA
from claims.across.rule import load_across_rules
from claims.claim_desk import assessment, evidence, export, patterns, peers, words, worklist
from claims.claim_desk.visits import Visits, read_visits
from claims.nightly.results import Results
from claims.risk.catalogue import catalogue
from claims.risk.scoring import score
from claims.rules import library
from claims.rules.library import load_claim_rules, planned
from claims.store import Filter, Kind, Order, Reason, State, Store, assign, open_items
from drg.errors import InputError
from tests.ui.claims_fixture import Desk, desk_in

NOW = dt.datetime(2027, 1, 5, 8, 0, tzinfo=dt.UTC)
WIDE = Filter(Kind.CLAIM, tuple(State))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_in(tmp_path_factory.mktemp("desk") / "installation")


@pytest.fixture(scope="module")
def results(desk: Desk) -> Results:
    return desk.results


@pytest.fixture(scope="module")
def visits(results: Results) -> Visits:
    return read_visits(results)


@pytest.fixture
def store(desk: Desk) -> Iterator[Store]:
    with desk.open_store() as store:
        yield store


def of_rule(results: Results, rule: str) -> str:
    """The first case that a rule hits."""
    hits = results.table("hits", ["rule", "case_id"])
    case: str = hits.filter(pc.equal(hits.column("rule"), rule)).column("case_id")[0].as_py()
    return case


def test_every_pattern_names_rules_and_features_that_there_are() -> None:
    known = {*load_claim_rules(), *load_across_rules(), *planned(), *not_scriptable(), *catalogue()}
    for pattern in patterns.patterns().values():
        assert pattern.codes, pattern.id
        assert pattern.codes <= known, pattern.codes - known


def not_scriptable() -> dict[str, object]:
    path = Path(library.__file__).with_name("not_scriptable.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_the_scenes_of_payers_come_first_and_every_rule_has_a_pattern() -> None:
    scenes = ["异常家庭规模", "亲属雷同诊疗", "个人雷同诊疗", "挂床", "分解住院", "低标准入院", "高套"]
    assert [pattern.zh for pattern in patterns.patterns().values()][: len(scenes)] == scenes
    named = {code for pattern in patterns.patterns().values() for code in pattern.codes}
    assert {*load_claim_rules(), *load_across_rules()} - {"C071"} <= named
    assert "C071" not in named, "coding too little is no pattern of claims"


def test_a_feature_that_lowers_the_risk_shows_no_pattern() -> None:
    raising, lowering = Reason("days_since_last_claim", {}, 0.4), Reason("days_since_last_claim", {}, -0.4)
    assert [pattern.zh for pattern in patterns.patterns_of([raising, Reason("C058", {})])] == [
        "挂床",
        "分解住院",
    ]
    assert patterns.patterns_of([lowering]) == []


def test_a_reason_is_told_in_words_with_money_in_yuan() -> None:
    cost = Reason("total_cost_fen", {"value": "21,131,355", "middle": "858,549"}, 2.9)
    assert words.reason_text(cost, "zh") == "总费用 211,314 元（通常 8,585）"
    assert words.reason_text(Reason("drug_share", {"value": "0.512", "middle": None}, 1.0), "en") == (
        "share of drugs 51.2% (usual –)"
    )
    assert (
        words.reason_text(Reason("age", {"value": None, "middle": "60"}, 1.0), "zh")
        == "年龄 未知 岁（通常 60）"
    )
    assert words.reason_text(Reason("C022", {}), "zh") == "内涵包含项目重复收费"
    assert words.reason_text(Reason("C999", {}), "zh") == "C999"


def test_the_list_is_in_the_order_of_risk_times_amount_with_two_reasons(store: Store, visits: Visits) -> None:
    items = open_items(store, WIDE, size=500).items
    lines = worklist.lines_of(items, visits.elsewhere([item.case_id for item in items]), NOW, "zh")
    priorities = [line.item.priority for line in lines]
    assert priorities == sorted(priorities, reverse=True)
    assert all(1 <= len(line.main_reasons) <= 2 for line in lines)
    assert {line.days for line in lines} == {(NOW - items[0].created_at).days}


def test_suspicious_elsewhere_is_a_risky_visit_of_the_same_person_at_another_hospital(visits: Visits) -> None:
    rows = visits.table.to_pylist()
    asked = [row["case_id"] for row in rows]
    expected = {}
    for row in rows:
        others = [
            one
            for one in rows
            if one["person"] == row["person"]
            and one["hospital"] != row["hospital"]
            and one["band"] in ("high", "medium")
        ]
        if others:
            expected[row["case_id"]] = len(others)
    assert expected
    assert visits.elsewhere(asked) == expected
    assert visits.elsewhere([]) == {}


def test_items_are_found_by_hospital_and_by_the_codes_of_a_pattern(store: Store) -> None:
    every = open_items(store, WIDE, size=500).items
    hospital = every[0].hospital
    of_hospital = open_items(store, replace(WIDE, hospital=hospital), size=500).items
    assert {item.id for item in of_hospital} == {item.id for item in every if item.hospital == hospital}
    for pattern in patterns.patterns().values():
        found = open_items(store, replace(WIDE, codes=tuple(sorted(pattern.codes))), size=500).items
        expected = {item.id for item in every if pattern in patterns.patterns_of(item.reasons)}
        assert {item.id for item in found} == expected, pattern.id


def test_a_batch_goes_on_past_an_item_that_somebody_changed(store: Store) -> None:
    items = list(open_items(store, replace(WIDE, states=(State.OPEN,)), size=3).items)
    taken = assign(store, items[1].id, items[1].version, "wang", "wang")
    done = worklist.assign_each(store, items, "li", "li")
    assert [item.id for item in done.done] == [items[0].id, items[2].id]
    ((item, error),) = done.refused
    assert item.id == taken.id and "wang" in error.render("zh")


def test_a_hit_tells_clause_reasoning_and_the_fee_lines_that_it_saw(results: Results) -> None:
    case = of_rule(results, "C022")
    (hit,) = [hit for hit in evidence.hits_of(results, case, "zh") if hit.rule == "C022"]
    assert hit.severity == "suspicion" and hit.is_open
    assert "第三十八条" in hit.basis and hit.why and hit.check and hit.answer
    lines = evidence.fee_lines(results, case).to_pylist()
    seen = [line["code"] for line in lines if line["position"] in hit.lines]
    assert seen == ["SYN-S014", "SYN-S015"]


def test_suspicions_stand_before_clues_and_unknown_rules_are_told_as_they_are(
    results: Results, tmp_path: Path
) -> None:
    hits = results.table("hits")
    case = of_rule(results, "C022")
    rows = hits.filter(pc.equal(hits.column("case_id"), case)).to_pylist()
    clue = {**rows[0], "rule": "C058", "severity": "clue"}
    alien = {**rows[0], "rule": "X001", "severity": "clue"}
    other = one_table(tmp_path, "hits", pa.Table.from_pylist([clue, alien, *rows], hits.schema))
    found = evidence.hits_of(other, case, "zh")
    assert [hit.severity for hit in found] == sorted((hit.severity for hit in found), reverse=True)
    (unknown,) = [hit for hit in found if hit.rule == "X001"]
    assert (unknown.title, unknown.basis) == ("X001", "")


def test_a_hit_over_many_visits_names_the_others(tmp_path: Path) -> None:
    row = {
        "rule": "C061",
        "severity": "suspicion",
        "case_id": "B",
        "other_cases": ["A"],
        "sentence_zh": "再次入住",
    }
    alien = {**row, "rule": "C999"}
    found = evidence.hits_of(
        one_table(tmp_path, "hits_across", pa.Table.from_pylist([row, alien], HIT_SCHEMA)), "B", "zh"
    )
    assert [(hit.rule, hit.message, hit.others) for hit in found] == [
        ("C061", "再次入住", ("A",)),
        ("C999", "再次入住", ("A",)),
    ]
    assert "第三十八条" in found[0].basis and found[1].basis == ""
    assert words.reason_text(Reason("C061", {}), "zh") == found[0].title


def one_table(folder: Path, name: str, table: pa.Table) -> Results:
    (folder / "parts").mkdir()
    pq.write_table(table, folder / "t.parquet")
    steps = {"steps": {"one": {"outputs": [{"table": name, "file": "t.parquet"}]}}}
    (folder / "parts" / "p.json").write_bytes(orjson.dumps(steps))
    return Results(folder)


def test_fee_lines_are_also_found_in_the_lists_of_a_record(results: Results, tmp_path: Path) -> None:
    case = of_rule(results, "C022")
    lines = results.table("lines", None, [case])
    names = [name for name in lines.column_names if name != "case_id"]
    record = {"case_id": [case], **{name: [lines.column(name).to_pylist()] for name in names}}
    other = one_table(tmp_path, "records", pa.table(record))
    assert evidence.fee_lines(other, case) == evidence.fee_lines(results, case)
    assert len(evidence.fee_lines(other, "nobody")) == 0


def test_peers_are_of_the_same_group_and_not_chosen_by_cost(results: Results, visits: Visits) -> None:
    rows = visits.table.to_pylist()
    case = next(row for row in rows if sum(one["drg"] == row["drg"] for one in rows) > 25)
    found = peers.compare(results, visits, case["case_id"])
    assert found is not None
    assert len(found.peers) == peers.MOST_PEERS
    assert {one["drg"] for one in found.peers} == {case["drg"]}
    assert case["case_id"] not in {one["case_id"] for one in found.peers}
    same_kind = [one["principal_dx"][:3] == case["principal_dx"][:3] for one in found.peers]
    assert same_kind == sorted(same_kind, reverse=True)
    cost = next(one for one in found.measures if one.id == "total_cost")
    costs = sorted(one["total_cost_fen"] for one in found.peers)
    assert cost.own == case["total_cost_fen"]
    assert cost.middle == (costs[9] + costs[10]) / 2


def test_fees_by_category_add_up_to_the_lines_of_the_claim(results: Results, visits: Visits) -> None:
    case = next(row for row in visits.table.to_pylist() if row["drg"] == "ES35")["case_id"]
    found = peers.compare(results, visits, case)
    assert found is not None
    total = sum(float(line["amount"]) for line in evidence.fee_lines(results, case).to_pylist())
    assert sum(one.own or 0 for one in found.fees) == pytest.approx(total * 100)
    assert {one.id for one in found.fees} == {"services", "drugs", "consumables"}


def test_a_claim_without_a_group_or_alone_in_it_has_no_peers(results: Results, visits: Visits) -> None:
    rows = visits.table.to_pylist()
    alone = next(row for row in rows if sum(one["drg"] == row["drg"] for one in rows) == 1)
    assert peers.compare(results, visits, alone["case_id"]) is None
    assert peers.compare(results, visits, "nobody") is None


def test_a_value_that_differs_by_rounding_only_is_not_outside() -> None:
    measure = peers.Measure("share", "share", 0.28001, 0.28, 0.28, 0.28, 20)
    assert not measure.is_outside
    assert replace(measure, own=0.31).is_outside
    assert not replace(measure, own=None).is_outside


def test_the_assessment_is_that_of_the_model_with_the_rows_behind_each_reason(
    desk: Desk, results: Results
) -> None:
    stored, table = desk.model, results.table("features")
    scored = score(table, stored.model).to_pylist()
    place = min(range(len(scored)), key=lambda number: scored[number]["rank"])
    case = table.column("case_id")[place].as_py()
    found = assessment.assess(results, stored, "name", case, "zh")
    assert found is not None
    assert found.score == pytest.approx(scored[place]["score"])
    assert (found.band, found.model) == (scored[place]["band"], "name")
    shares = [abs(one.contribution) for one in found.reasons]
    assert shares and shares == sorted(shares, reverse=True)
    assert all(one.rows == assessment.rows_of(one.feature) for one in found.reasons)
    assert found.known and case not in {one.case_id for one in found.known}
    assert found.changes and all("其余不变" in sentence for sentence in found.changes)
    assert assessment.assess(results, stored, "name", "nobody", "zh") is None


def test_rows_behind_features_are_of_features_that_there_are() -> None:
    assert set(assessment._rows()) <= set(catalogue())
    assert assessment.rows_of("claims_12m") == assessment.Rows("visits", days=365)
    assert assessment.rows_of("drug_share").fees == ("drug", "herb")
    assert assessment.rows_of("age").kind == "claim"


def lines_for_export(store: Store) -> list[worklist.Line]:
    found = export.all_items(store, WIDE, Order.PRIORITY)
    assert not found.is_cut
    return worklist.lines_of(found.items, {}, NOW, "zh")


HEADER = export.Header("li", NOW, (("分组方案", "chs-drg-1.1"), ("=HYPERLINK(1)", "@SUM(1)")))


def test_a_workbook_has_a_header_sheet_and_nothing_that_is_a_formula(store: Store) -> None:
    lines = lines_for_export(store)
    hostile = replace(
        lines[0], item=replace(lines[0].item, case_id='=HYPERLINK("http://x","y")', owner="@SUM(A1)")
    )
    data = export.written("xlsx", [hostile, *lines[1:]], HEADER, False, "zh")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert not any(b"<f>" in archive.read(name) for name in archive.namelist() if "sheet" in name)
    header, rows = (sheet.to_python() for sheet in sheets(data))
    told = {str(row[0]): str(row[1]) for row in header if row and row[0]}
    assert told["导出人"] == "li" and told["导出时间（UTC）"] == "2027-01-05 08:00:00"
    assert told["分组方案"] == "chs-drg-1.1"
    assert len(rows) == len(lines) + 1
    assert rows[1][0] == '\'=HYPERLINK("http://x","y")' and rows[1][3] == "'@SUM(A1)"
    amounts = [row[6] for row in rows[1:]]
    assert amounts == [pytest.approx((line.item.amount_fen or 0) / 100) for line in lines]


def sheets(data: bytes) -> list[CalamineSheet]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    return [book.get_sheet_by_name(name) for name in book.sheet_names]


def test_parquet_keeps_the_values_and_tells_what_made_it(store: Store) -> None:
    lines = lines_for_export(store)
    table = pq.read_table(io.BytesIO(export.written("parquet", lines, HEADER, True, "zh")))
    assert table.column("case_id").to_pylist() == [line.item.case_id for line in lines]
    assert table.column("amount_fen").to_pylist() == [line.item.amount_fen for line in lines]
    told = orjson.loads(table.schema.metadata[export.HEADER_KEY])
    assert told["导出人"] == "li" and "截断" in told["案件数"]


def test_an_export_is_capped_and_says_so(store: Store) -> None:
    found = export.all_items(store, WIDE, Order.PRIORITY, 10)
    assert len(found.items) == 10 and found.is_cut
    with pytest.raises(InputError, match="xlsx"):
        export.written("csv", [], HEADER, False, "en")


def test_without_groups_and_scores_the_visits_are_still_there(results: Results, tmp_path: Path) -> None:
    only = one_table(tmp_path, "cases", results.table("cases"))
    visits = read_visits(only)
    assert len(visits.table) == len(results.table("cases"))
    assert set(visits.table.column("band").to_pylist()) == {None}
    with pytest.raises(InputError):
        read_visits(Results(tmp_path / "nowhere"))
