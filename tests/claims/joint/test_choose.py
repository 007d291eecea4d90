"""Which claims take part: every claim has one state, and the newest of each person is the one that goes."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims.joint.choose import KEPT, NEW, NEWER_CLAIM, NO_PERSON, choose
from claims.joint.settings import JointSettings, read_settings
from claims.nightly.results import Results
from drg.errors import InputError
from privacy.party import PartyConfig, TableSource
from tests.privacy.pairs import make_pair

Rows = list[tuple[str | None, int | None]]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> PartyConfig:
    return make_pair(tmp_path_factory.mktemp("pair")).initiator.config


def results(folder: Path, rows: Rows) -> Results:
    """``rows``: person and day of each claim."""
    cases = {
        "case_id": [f"c{number}" for number in range(len(rows))],
        "person": pa.array([person for person, _ in rows], pa.string()),
        "discharge_date": pa.array(
            [day if day is None else date(2026, 1, day) for _, day in rows], pa.date32()
        ),
    }
    features = {"case_id": cases["case_id"], "age": list(range(len(rows)))}
    outputs = []
    for name, table in (("cases", cases), ("features", features)):
        pq.write_table(pa.table(table), folder / f"{name}.parquet")
        outputs.append({"table": name, "file": f"{name}.parquet"})
    (folder / "parts").mkdir(exist_ok=True)
    (folder / "parts" / "p.json").write_text(json.dumps({"steps": {"s": {"outputs": outputs}}}))
    return Results(folder)


def source(folder: Path, **more: str) -> TableSource:
    return TableSource(path=folder / "t.parquet", id_column="id", policy=folder / "p", personal=False, **more)


def joint(folder: Path, **more: str) -> JointSettings:
    told = {"node": "n", "role": "responder", "table": "t", "columns": {"features": ["age"]}, **more}
    return read_settings(told, folder)


DAY = st.none() | st.integers(1, 28)
ROWS = st.lists(
    st.tuples(st.none() | st.sampled_from(["a", "b", "c", " a ", ""]), DAY), min_size=1, max_size=12
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.sets(st.integers(0, 11)))
def test_the_newest_claim_of_each_person_takes_part(
    tmp_path: Path, config: PartyConfig, rows: Rows, done: set[int]
) -> None:
    found = choose(
        results(tmp_path, rows),
        joint(tmp_path),
        config,
        source(tmp_path),
        None,
        done={f"c{number}" for number in done},
    )
    newest: dict[str, tuple[int, str]] = {}
    for number, (person, day) in enumerate(rows):
        id = (person or "").strip()
        if id:
            newest[id] = max(newest.get(id, (-2, "")), (-1 if day is None else day, f"c{number}"))
    is_newest = {case for _, case in newest.values()}
    wanted = []
    for number, (person, _) in enumerate(rows):
        case = f"c{number}"
        if not (person or "").strip():
            wanted.append(NO_PERSON)
        elif case not in is_newest:
            wanted.append(NEWER_CLAIM)
        else:
            wanted.append(KEPT if number in done else NEW)
    assert found.states.tolist() == wanted
    new = [number for number, state in enumerate(wanted) if state == NEW]
    assert found.ids == [(rows[number][0] or "").strip() for number in new]
    assert found.table.column("age").to_pylist() == new
    assert found.table.column("id").to_pylist() == found.ids


def test_ids_lead_from_the_pseudonym_to_the_person(tmp_path: Path, config: PartyConfig) -> None:
    (tmp_path / "ids.csv").write_text("person,id\npseudo-1,A\npseudo-2,B\n")
    found = choose(
        results(tmp_path, [("pseudo-2", 1), ("pseudo-3", 2)]),
        joint(tmp_path, ids="ids.csv"),
        config,
        source(tmp_path, day_column="day"),
        None,
    )
    assert found.states.tolist() == [NEW, NO_PERSON]
    assert found.table.to_pylist() == [{"id": "B", "day": date(2026, 1, 1), "age": 0}]


def test_a_column_that_stands_for_something_else_is_refused(tmp_path: Path, config: PartyConfig) -> None:
    with pytest.raises(InputError, match="age would be there twice"):
        choose(
            results(tmp_path, [("a", 1)]),
            joint(tmp_path),
            config,
            source(tmp_path, day_column="age"),
            None,
        )


def test_records_lead_from_the_pseudonym_of_a_night_to_the_person(
    tmp_path: Path, config: PartyConfig
) -> None:
    found = results(tmp_path, [("hidden 1", 1), ("hidden 2", 2), (None, 3)])
    records = {"case_id": ["c1", "c0", "c2"], "medical_record_number": ["n2", "n1", None]}
    pq.write_table(pa.table({**records, "id_number": ["x2", "x1", None]}), tmp_path / "records.parquet")
    manifest = {"steps": {"s": {"outputs": [{"table": "records", "file": "records.parquet"}]}}}
    (tmp_path / "parts" / "q.json").write_text(json.dumps(manifest))
    (tmp_path / "ids.csv").write_text("person,id\nn1,first\nhidden 2,second\n", encoding="utf-8")
    by_table = choose(found, joint(tmp_path, ids="ids.csv"), config, source(tmp_path), None)
    assert by_table.ids == ["first", "second"]
    by_record = choose(found, joint(tmp_path, person="records.id_number"), config, source(tmp_path), None)
    assert by_record.ids == ["x1", "x2"] and by_record.states.tolist() == [NEW, NEW, NO_PERSON]
