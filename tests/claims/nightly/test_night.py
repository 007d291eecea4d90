"""A night from input to results: every row is a result or a rejection, and nothing is done twice."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import drg
from claims.nightly.config import load_config
from claims.nightly.features import NetworkRows
from claims.nightly.inputs import find_sources
from claims.nightly.plan import plan
from claims.nightly.reading import fee_lines, with_fee_lines
from claims.nightly.whole import WHOLE_STEPS
from claims.pseudonyms import PERSON, pseudonyms
from drg.case import CASE_SCHEMA
from drg.errors import InputError
from drg.records import read
from drg.scheme.pack import SCHEMES_FOLDER
from tests.claims.nightly.conftest import (
    DAY,
    KEY,
    SAMPLE,
    Installation,
    ids_of,
    make_installation,
    sample_rows,
)

PARTS = 3


def test_every_row_becomes_a_record_or_a_rejection(whole_night: Installation) -> None:
    results = whole_night.results
    rejected, records = results.table("rejected"), results.table("records")
    places = {
        ("a.csv" if one in FIRST_IDS else "b.csv", row)
        for one, row in zip(ids_of(records), _rows(records), strict=True)
    }
    places |= set(zip(rejected.column("source").to_pylist(), _rows(rejected), strict=True))
    assert {row for name, row in places if name == "b.csv"} == set(range(2, 62))
    assert {row for name, row in places if name == "a.csv"} == set(range(2, 152))
    assert all(rejected.column(f"text_{lang}").null_count == 0 for lang in ("en", "zh"))


FIRST_IDS = {f"SYN{number:08}-1" for number in range(1, 151)}


def _rows(table: pa.Table) -> list[int]:
    rows: list[int] = table.column("row").to_pylist()
    return rows


def test_cases_and_groups_are_those_of_the_library(whole_night: Installation) -> None:
    results = whole_night.results
    cases, groups = results.table("cases"), results.table("groups")
    one = next(read(whole_night.folder / "input" / "a.csv").batches()).cases
    other = next(read(whole_night.folder / "input" / "b.csv").batches()).cases
    expected = pa.concat_tables([one, other]).sort_by("case_id")
    persons = pseudonyms(expected.column("person").combine_chunks(), PERSON, KEY)
    expected_cases = expected.set_column(expected.column_names.index("person"), "person", persons)
    assert cases.select(CASE_SCHEMA.names).sort_by("case_id").equals(expected_cases)
    assert ids_of(groups) == ids_of(cases) == ids_of(results.table("prices"))
    direct = drg.group(expected, "chs-drg-1.1").column("drg").cast(pa.string()).to_pylist()
    assert groups.sort_by("case_id").column("drg").to_pylist() == direct


def test_findings_are_those_of_the_check(whole_night: Installation, tmp_path: Path) -> None:
    from drg.quality.files import Request, check_file
    from drg.quality.registry import load_rules

    class Kept:
        def __init__(self) -> None:
            self.tables: list[pa.Table] = []

        def write(self, checked: object) -> None:
            self.tables.append(checked.findings)  # type: ignore[attr-defined]

        def reject(self, rejections: pa.Table) -> None: ...

    kept = Kept()
    for name in ("a.csv", "b.csv"):
        rules = list(load_rules().values())
        path = whole_night.folder / "input" / name
        check_file(Request(path, rules, DAY, scheme="chs-drg-1.1", contract="template"), kept)
    direct = pa.concat_tables(kept.tables)
    found = whole_night.results.table("findings")
    # The check of a file also looks at earlier records in it, which a partition does not see.
    order = [(name, "ascending") for name in ("case_id", "rule", "check", "field")]
    columns = ["case_id", "rule", "check", "field", "value", "severity"]
    assert found.sort_by(order).select(columns).equals(direct.sort_by(order).select(columns))


def test_fee_lines_are_kept_with_their_cases(whole_night: Installation) -> None:
    lines = whole_night.results.table("lines")
    records = whole_night.results.table("records")
    of_a = [one for one in ids_of(records) if one in set(ids_of(lines))]
    assert len(lines) == 2 * len(of_a)
    assert set(ids_of(whole_night.results.table("hits"))) <= set(ids_of(records))


def test_fee_lines_come_apart_and_together_again() -> None:
    lists = pa.array([["1", "2"], [], ["3"]])
    records = pa.table({"case_id": ["a", "b", "c"], "fee_lines.code": lists})
    lines = fee_lines(records)
    assert lines is not None
    assert lines.to_pydict() == {"case_id": ["a", "a", "c"], "code": ["1", "2", "3"]}
    assert with_fee_lines(records.select(["case_id"]), lines).equals(records)


def test_features_have_the_order_of_the_cases(whole_night: Installation) -> None:
    results = whole_night.results
    assert ids_of(results.table("features")) == ids_of(results.table("cases"))
    costs = results.table("cases").column("total_cost_fen")
    assert results.table("features").column("total_cost_fen").equals(costs)


def test_results_are_read_by_case_and_column(whole_night: Installation) -> None:
    results = whole_night.results
    wanted = ids_of(results.table("cases"))[:2]
    found = results.table("cases", ["case_id", "drg"], wanted)
    assert found.column_names == ["case_id"] and sorted(ids_of(found)) == sorted(wanted)
    assert results.run()["state"] == "done" and results.complete
    with pytest.raises(InputError) as told:
        results.table("nothing")
    assert told.value.problems[0].code == "nightly.no_table"


def test_a_second_run_does_nothing(installation: Installation) -> None:
    first = installation.night()
    before = {path: path.stat().st_mtime_ns for path in _tables(installation)}
    assert (first.parts["done"], first.state, first.exit_code) == (PARTS, "done", 3)
    again = installation.night(day=DAY + dt.timedelta(days=1))
    assert (again.parts["done"], again.parts["skipped"], again.exit_code) == (0, PARTS, 0)
    assert set(again.seconds) == {"repeats", "summary"}
    assert {path: path.stat().st_mtime_ns for path in _tables(installation)} == before


def _tables(installation: Installation) -> list[Path]:
    return sorted(installation.out.rglob("*.parquet"))


def test_new_changed_and_removed_input(installation: Installation) -> None:
    installation.night()
    before = installation.hashes()
    (installation.folder / "input" / "c.csv").write_text(sample_rows(211, 230), encoding="utf-8")
    new = installation.night()
    assert (new.parts["done"], new.parts["skipped"]) == (1, PARTS)
    b = installation.folder / "input" / "b.csv"
    b.write_text(b.read_text(encoding="utf-8").replace("100000", "100001"), encoding="utf-8")
    changed = installation.night()
    assert (changed.parts["done"], changed.parts["retired"]) == (1, 1)
    (installation.folder / "input" / "c.csv").unlink()
    b.write_text(sample_rows(151, 210), encoding="utf-8")
    installation.night()
    assert installation.hashes() == before


def test_only_what_depends_on_a_change_runs_again(installation: Installation) -> None:
    installation.night()
    installation.configure('contract = "template"', 'contract = "jilin-2022"')
    seconds = installation.night().seconds
    assert "price" in seconds and not {"read", "keep", "group"} & set(seconds)


def test_other_claim_rules_check_claims_again_and_nothing_else(
    whole_night: Installation, tmp_path: Path
) -> None:
    shutil.copytree(whole_night.folder, tmp_path / "night")
    copy = Installation(tmp_path / "night")
    text = copy.config.read_text(encoding="utf-8")
    copy.config.write_text(text + '[rules]\nregion = "440300"\n', encoding="utf-8")
    seconds = copy.night().seconds
    assert (
        {"rules"}
        <= set(seconds)
        <= {
            "rules",
            "hits_across",
            "indicators",
            "features",
            "repeats",
            "summary",
        }
    )


def test_another_scheme_groups_again_but_does_not_read_again(
    installation: Installation, tmp_path: Path
) -> None:
    installation.configure('scheme = "chs-drg-1.1"', 'scheme = "scheme"')
    shutil.copytree(SCHEMES_FOLDER / "chs-drg-1.1", installation.folder / "scheme")
    installation.night()
    toml = installation.folder / "scheme" / "scheme.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    seconds = installation.night().seconds
    assert "group" in seconds and "read" not in seconds


def test_the_same_bytes_for_any_number_of_workers(installation: Installation, tmp_path: Path) -> None:
    installation.night(workers=1)
    other = make_installation(tmp_path / "other")
    other.night(workers=2)
    assert other.hashes() == installation.hashes()


def test_the_same_content_twice_is_read_once(installation: Installation) -> None:
    shutil.copy(installation.folder / "input" / "b.csv", installation.folder / "input" / "z.csv")
    night = installation.night()
    assert night.sources == {"found": 2, "same": 1}


def test_a_case_in_two_files_counts_once(installation: Installation) -> None:
    (installation.folder / "input" / "c.csv").write_text(sample_rows(1, 5), encoding="utf-8")
    installation.night()
    cases = ids_of(installation.results.table("cases"))
    assert len(cases) == len(set(cases))
    rejected = installation.results.table("rejected")
    again = rejected.filter(pc.equal(rejected.column("reason"), "nightly.case_elsewhere"))
    assert set(again.column("value").to_pylist()) == {"a.csv"} and set(
        again.column("source").to_pylist()
    ) == {"c.csv"}
    (installation.folder / "input" / "a.csv").unlink()
    installation.night()
    assert ids_of(installation.results.table("cases", None, cases[:1]))


def test_limit_leaves_files_for_the_next_run(installation: Installation) -> None:
    assert installation.night(limit=1).parts["done"] == 2
    assert installation.night(limit=1).parts == {"done": 1, "skipped": 2, "failed": 0, "retired": 0}


def test_plan_says_what_a_run_would_do(installation: Installation) -> None:
    config = load_config(installation.config)
    planned = plan(config, find_sources(config, DAY), workers=1)
    assert [one.state for one in planned.sources] == ["new", "new"] and planned.parts == PARTS
    assert abs(planned.rows - 210) < 30 and planned.seconds > 0 and not planned.measured
    assert not installation.out.exists()
    installation.night()
    after = plan(config, find_sources(config, DAY), workers=1)
    assert (after.rows, after.parts, after.changed) == (0, 0, ())
    installation.configure('"template"', '"jilin-2022"')
    config = load_config(installation.config)
    assert plan(config, find_sources(config, DAY), workers=1).changed == ("contract",)


def test_whole_records_and_settlement_lists_go_the_same_way(installation: Installation) -> None:
    shutil.rmtree(installation.folder / "input")
    (installation.folder / "input").mkdir()
    shutil.copytree(SAMPLE / "records", installation.folder / "records")
    shutil.copy(SAMPLE / "settlement_4101.json", installation.folder / "input")
    entries = '[[input]]\nname = "records"\npaths = ["records"]\n[[input]]\nname = "lists"\npaths = ["input/*.json"]\n'
    installation.configure("[[input]]", f"{entries}[[input]]")
    installation.night()
    cases = installation.results.table("cases")
    assert len(cases) == 12 + 40 - _overlap(installation)
    assert len(installation.results.table("lines")) > 100
    assert set(installation.results.table("groups").column("status").to_pylist()) <= {"grouped", "ungrouped"}


def _overlap(installation: Installation) -> int:
    rejected = installation.results.table("rejected")
    return int(pc.sum(pc.equal(rejected.column("reason"), "nightly.case_elsewhere")).as_py())


def test_manifests_have_no_time_in_them(whole_night: Installation) -> None:
    for path in sorted((whole_night.out / "parts").glob("*.json")):
        told = orjson.loads(path.read_bytes())
        assert set(told) == {"format", "name", "about", "steps"}
        assert set(told["about"]) == {"source", "input", "clinical", "history"}


def test_steps_over_the_whole_set_have_names_of_their_own() -> None:
    names = [step.name for step in WHOLE_STEPS]
    assert len(names) == len(set(names))


def test_the_log_and_the_metrics_name_no_person(whole_night: Installation) -> None:
    ids = ids_of(whole_night.results.table("cases"))
    (log,) = (whole_night.out / "runs").glob("*.log")
    text = log.read_text(encoding="utf-8") + (whole_night.out / "metrics.prom").read_text(encoding="utf-8")
    assert not any(one in text for one in ids)
    lines = [orjson.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {line["run_id"] for line in lines} == {whole_night.results.run()["id"]}
    assert sum(line["event"] == "done" and line["stage"] == "part" for line in lines) == PARTS


def test_metrics_are_in_the_format_of_prometheus(whole_night: Installation) -> None:
    lines = (whole_night.out / "metrics.prom").read_text(encoding="utf-8").splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert samples["drgbridge_nightly_last_success"] == "1"
    assert samples['drgbridge_nightly_parts{state="done"}'] == str(PARTS)
    assert all(line.startswith(("# HELP drgbridge_", "# TYPE drgbridge_", "drgbridge_")) for line in lines)
    assert all(float(value) >= 0 for value in samples.values())


def test_parquet_says_nothing_of_time_or_place(whole_night: Installation) -> None:
    for path in (whole_night.out / "cases").glob("*.parquet"):
        assert set(pq.read_metadata(path).metadata or {}) <= {b"ARROW:schema"}


def test_a_result_that_is_gone_or_damaged_is_made_again(whole_night: Installation, tmp_path: Path) -> None:
    shutil.copytree(whole_night.folder, tmp_path / "night")
    copy = Installation(tmp_path / "night")
    next((copy.out / "groups").glob("*.parquet")).unlink()
    victim = next((copy.out / "findings").glob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-3])
    seconds = copy.night().seconds
    assert {"group", "check"} <= set(seconds) and "read" not in seconds
    assert copy.hashes() == whole_night.hashes()


@pytest.mark.parametrize("left_out", [(), (0,), (2, 3), (5,), range(6)])
def test_the_network_is_found_partition_by_partition(left_out: Sequence[int]) -> None:
    cases = [f"c{number}" for number in range(6)]
    known = [number for number in range(6) if number not in left_out]
    ids = pa.array([cases[number] for number in known], pa.string())
    rows = NetworkRows(pa.table({"case_id": ids, "network_size": pa.array(known, pa.int64())}))
    found = [
        one for part in (cases[:3], cases[3:]) for one in rows.of(pa.array(part))["network_size"].to_pylist()
    ]
    assert found == [None if number in left_out else number for number in range(6)]
