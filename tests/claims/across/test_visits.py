"""What the input may be: columns, types, rejections, and rules that a missing column makes not applicable."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims.across.hits import Settings, check
from claims.across.rule import load_across_rules
from claims.across.tables import sources_of
from claims.across.visits import MAX_VISITS_OF_PERSON, Sources
from claims.parameters.settings import load_parameters
from drg.errors import InputError
from tests.claims.across.conftest import found, write

HEADER = "case_id,person,hospital,admission_date,discharge_date"
OVERLAP = f"{HEADER}\nA,p1,H1,2026-03-01,2026-03-08\nB,p1,H2,2026-03-05,2026-03-10\n"


def only(*ids: str, **more: object) -> Settings:
    return Settings(rules=[load_across_rules()[id] for id in ids], **more)  # type: ignore[arg-type]


def from_csv(folder: Path, text: str, name: str = "visits.csv") -> Sources:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    work = folder / f"work-{name}"
    work.mkdir()
    return sources_of([path], [], None, work)


def test_a_csv_is_read_and_a_hit_says_everything(folder: Path) -> None:
    (hit,), summary = found(folder, from_csv(folder, "\ufeff" + OVERLAP), only("C056"))
    assert hit == {
        "rule": "C056",
        "severity": "suspicion",
        "as_of": dt.date(2026, 3, 10),
        "case_id": "B",
        "person": "p1",
        "hospital": "H2",
        "doctor": None,
        "other_cases": ["A"],
        "peer_group": None,
        "peers": None,
        "figure": None,
        "threshold": None,
        "evidence": '{"other_cases":["A"],"nights":3}',
        "sentence_en": "The stay overlaps that of A in another hospital by 3 nights.",
        "sentence_zh": "本次住院与另一机构的住院（A）重叠 3 晚。",
    }
    assert summary.visits == 2 and summary.stays_assumed


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ("C,p1,H1,2026-02-30,2026-03-08", "admission_date", "across.misfit"),
        ("C,p1,H1,March,2026-03-08", "admission_date", "across.misfit"),
        (f"C,p1,{'H' * 201},2026-03-01,2026-03-08", "hospital", "across.misfit"),
        (",p1,H1,2026-03-01,2026-03-08", None, "across.key_missing"),
        ("A,p9,H9,2026-03-01,2026-03-08", None, "across.case_twice"),
        ("C,p1,H1,2026-03-09,2026-03-08", None, "across.discharge_first"),
    ],
)
def test_rows_that_do_not_fit_are_rejected_with_their_reason(
    folder: Path, row: str, field: str | None, reason: str
) -> None:
    out = folder / "hits.parquet"
    summary = check(from_csv(folder, OVERLAP + row + "\n"), out, only("C056"))
    assert (summary.visits, summary.rejected, summary.hits) == (2, 1, 1)
    (told,) = pq.read_table(folder / "hits_rejected.parquet").to_pylist()
    assert (told["source"], told["row"], told["field"], told["reason"]) == ("visits.csv", 3, field, reason)


@pytest.mark.parametrize(
    ("name", "values", "kept"),
    [
        ("total_cost_fen", ["12", "12.5", "x", "-3", ""], ["A", "D", "E"]),
        ("planned_readmission", ["true", "1", "2", "FALSE", ""], ["A", "D", "E"]),
        ("weight", ["1.25", "nan", "inf", "0", ""], ["A", "D", "E"]),
        ("dx", ["J18.900|I10", "", "|".join(["A"] * 501), "J18", "K35"], ["A", "B", "D", "E"]),
    ],
)
def test_what_a_value_may_be(folder: Path, name: str, values: list[str], kept: list[str]) -> None:
    rows = [
        {"case_id": case, "discharge_date": dt.date(2026, 3, 1), "invoice": "V", name: value}
        for case, value in zip("ABCDE", values, strict=True)
    ]
    hits, summary = found(folder, write(folder, rows), only("C089"))
    assert summary.rejected == 5 - len(kept)
    assert [hit["case_id"] for hit in hits] == kept[1:]


def test_a_column_that_is_missing_or_empty_makes_a_rule_not_applicable(folder: Path) -> None:
    hits, summary = found(
        folder, from_csv(folder, OVERLAP.replace(",H1,", ",,").replace(",H2,", ",,")), only("C056", "C083")
    )
    assert not hits
    told = {outcome.rule: outcome.missing for outcome in summary.outcomes}
    assert told["C056"] == ("visits.hospital",)
    assert told["C083"] == ("visits.visit_kind", "lines.case_id", "lines.code", "lines.kind")


def test_visits_that_a_rule_could_not_judge_are_counted(folder: Path) -> None:
    _, summary = found(folder, from_csv(folder, OVERLAP + "C,,H1,2026-03-01,2026-03-02\n"), only("C056"))
    assert summary.outcomes[0].left_out == 1


def test_a_placeholder_is_nobody(folder: Path) -> None:
    rows = [
        {
            "case_id": f"V{number}",
            "person": "0",
            "hospital": f"H{number}",
            "admission_date": dt.date(2026, 3, 1),
            "discharge_date": dt.date(2026, 3, 5),
        }
        for number in range(MAX_VISITS_OF_PERSON + 1)
    ]
    hits, summary = found(folder, write(folder, rows), only("C056"))
    assert not hits and summary.crowded == MAX_VISITS_OF_PERSON + 1
    hits, summary = found(folder, write(folder, rows[:3]), only("C056"))
    assert len(hits) == 2 and summary.crowded == 0


def test_parameters_of_the_region_and_the_day_hold(folder: Path) -> None:
    """The sample region has a window of 10 days until 2025 and of 14 from 2026; the province below one of 5 days."""
    given = folder / "province.toml"
    given.write_text(
        'region = "440000"\n[readmission_days]\ntitle = { en = "days", zh = "天数" }\n'
        'values = [{ value = 5, source = "test" }]\n',
        encoding="utf-8",
    )
    rows = [
        {
            "case_id": f"{region}-{year}-{turn}",
            "person": f"{region}{year}",
            "hospital": "H1",
            "region": region,
            "admission_date": dt.date(year, 3, 1) + dt.timedelta(16 * turn),
            "discharge_date": dt.date(year, 3, 4) + dt.timedelta(16 * turn),
            "dx": ["J18.900"],
            "planned_readmission": False,
        }
        for region in ("999900", "440300", "110000", None)
        for year in (2025, 2026)
        for turn in range(2)
    ]
    settings = only("C061", parameters=load_parameters([given], "440100"))
    hits, _ = found(folder, write(folder, rows), settings)
    assert {hit["case_id"] for hit in hits} == {"110000-2025-1", "110000-2026-1", "999900-2026-1"}


def test_files_that_are_no_tables_are_refused(folder: Path) -> None:
    broken = folder / "broken.parquet"
    broken.write_bytes(b"PAR1" + b"\0" * 40)
    for sources in ([broken], [folder / "nowhere.csv"]):
        with pytest.raises(InputError):
            check(sources_of(sources, [], None, folder), folder / "out.parquet", only("C056"))
    with pytest.raises(InputError, match="case_id"):
        check(from_csv(folder, "id,person\n1,2\n"), folder / "out.parquet", only("C056"))
    assert not (folder / "out.parquet").exists() and not list(folder.glob(".*.part"))


def test_names_and_values_that_look_like_sql_stay_what_they_are(folder: Path) -> None:
    rows = [
        {
            "case_id": "A'); DROP TABLE visits; --",
            "person": "p'1",
            "hospital": f"H{number}",
            "admission_date": dt.date(2026, 3, 1),
            "discharge_date": dt.date(2026, 3, 5),
            '"; DROP TABLE visits; --': "x",
        }
        for number in range(2)
    ]
    rows[1]["case_id"] = "B{case_id}"
    (hit,), _ = found(folder, write(folder, rows), only("C056"))
    assert hit["other_cases"] == ["A'); DROP TABLE visits; --"] and hit["case_id"] == "B{case_id}"


def test_tables_that_belong_together_are_joined_by_case(folder: Path) -> None:
    cases = pa.table(
        {
            "case_id": ["A", "B"],
            "person": ["p", "p"],
            "hospital": ["H", "H"],
            "department": ["1", "2"],
            "admission_date": [dt.date(2026, 3, 1), dt.date(2026, 3, 5)],
            "discharge_date": [dt.date(2026, 3, 5), dt.date(2026, 3, 9)],
        }
    )
    groups = pa.table({"case_id": ["B", "A"], "drg": pa.array(["G2", "G1"]).dictionary_encode()})
    paths = [folder / "cases.parquet", folder / "groups.parquet"]
    for path, table in zip(paths, (cases, groups), strict=True):
        pq.write_table(table, path)
    (hit,), _ = found(folder, Sources([[paths[0]], [paths[1]]]), only("C063"))
    assert "1 (G1, A)" in hit["sentence_en"] and "2 (G2)" in hit["sentence_en"]


def test_it_works_within_little_memory(folder: Path) -> None:
    from bench.across import synthetic_visits

    sources = write(folder, synthetic_visits(20_000, 3, 20_000))
    rules = [rule for rule in load_across_rules().values() if not rule.lines]
    full, _ = found(folder, sources, Settings(rules=rules, folder=folder))
    little, _ = found(folder, sources, Settings(rules=rules, folder=folder, memory="40MB", threads=1))
    assert little == full and full
