"""FHIR claims as claim records: hand-written resources, rejections, hostile files."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.lines import ClaimSource, read_claims
from drg.errors import InputError
from drg.records import render_rejections

HERE = Path(__file__).parent
EXPECTED = yaml.safe_load((HERE / "expected.yaml").read_text(encoding="utf-8"))
CLAIM = json.loads((HERE / "claim.json").read_text(encoding="utf-8"))


def read(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Records and rejections of a file."""
    batches = list(read_claims(ClaimSource(path)))
    records = [row for batch in batches for row in batch.records.to_pylist()]
    rejections = [row for batch in batches for row in render_rejections(batch.rejections).to_pylist()]
    return records, rejections


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    """The claim with something else at a place."""
    claim: dict[str, Any] = deepcopy(CLAIM)
    inner: Any = claim
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return claim


@pytest.mark.parametrize("name", EXPECTED)
def test_hand_written_resources(name: str) -> None:
    (record,), rejections = read(HERE / name)
    assert rejections == []
    assert record["dialect"] == "fhir"
    assert {field: record.get(field) for field in EXPECTED[name]} == EXPECTED[name]


WRONG = {
    "another currency": (changed("item", 0, "net", "currency", to="USD"), "fhir.currency", "USD"),
    "an unknown code system": (
        changed("diagnosis", 0, "diagnosisCodeableConcept", "coding", 0, "system", to="urn:x"),
        "fhir.code_system",
        "diagnosis: urn:x",
    ),
    "no status": ({key: value for key, value in CLAIM.items() if key != "status"}, "fhir.invalid", "Claim: "),
    "a text for a period": (changed("billablePeriod", to="2026"), "fhir.invalid", "Claim: billablePeriod"),
    "an unknown element": (changed("diagnosys", to=[]), "fhir.invalid", "Claim: diagnosys"),
    "another resource": ({"resourceType": "Patient", "id": "p"}, "fhir.other_resource", "Patient"),
    "no object": ([1], "fhir.other_resource", "None"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_used_is_rejected_beside_what_can(tmp_path: Path, name: str) -> None:
    wrong, message, told = WRONG[name]
    path = tmp_path / "claims.ndjson"
    path.write_text(
        "\n".join(json.dumps(one) for one in (changed("id", to="A"), wrong, changed("id", to="B")))
    )
    records, rejections = read(path)
    assert [record["case_id"] for record in records] == ["A", "B"]
    (rejection,) = rejections
    assert (rejection["row"], rejection["reason"]) == (2, message)
    assert rejection["value"].startswith(told)
    assert rejection["reason_text"] and rejection["remedy"]


def test_a_value_of_a_person_is_never_told(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    path.write_text(json.dumps([changed("contained", 0, "birthDate", to="王五 1960"), CLAIM]))
    _, rejections = read(path)
    assert len(rejections) == 1
    assert "王五" not in json.dumps(rejections, ensure_ascii=False)


def test_an_invalid_patient_of_a_bundle_is_told_and_not_used(tmp_path: Path) -> None:
    bundle = json.loads((HERE / "bundle.json").read_text(encoding="utf-8"))
    bundle["entry"][0]["resource"]["gender"] = {"a": 1}
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(bundle))
    (record,), (rejection,) = read(path)
    assert "sex" not in record
    assert rejection["value"].startswith("Patient: gender")


@pytest.mark.parametrize(
    "text",
    [
        '{"resourceType": "Claim"',
        '{"resourceType":' + "[" * 100_000,
        '{"resourceType": NaN}',
        '{"resourceType": 1' + "0" * 5000,
    ],
    ids=["cut off", "deep", "not a number", "long number"],
)
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "claims.json"
    path.write_text(text)
    with pytest.raises(InputError, match="cannot be read as JSON"):
        read(path)


def test_a_line_that_is_no_json_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "claims.ndjson"
    path.write_text(f"{json.dumps(CLAIM)}\n{{broken\n")
    records, rejections = read(path)
    assert [record["case_id"] for record in records] == ["CL-1"]
    assert [(row["row"], row["reason"]) for row in rejections] == [(2, "fhir.not_json")]


def test_amounts_are_never_rounded(tmp_path: Path) -> None:
    path = tmp_path / "claim.json"
    path.write_text(json.dumps(CLAIM).replace("8123.45", "0.1000000000000000055511151231257827"))
    (record,), _ = read(path)
    assert record["total_cost"] == "0.1000000000000000055511151231257827"


PLACES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["coding", "code", "value"]), inner)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(CLAIM)), PLACES)
@settings(max_examples=60, deadline=None)
def test_any_change_gives_a_record_or_a_rejection(tmp_path_factory: Any, name: str, value: Any) -> None:
    path = tmp_path_factory.mktemp("f") / "claim.ndjson"
    path.write_text(f"{json.dumps(changed(name, to=value))}\n{json.dumps(changed('id', to='B'))}\n")
    records, rejections = read(path)
    assert {row["row"] for row in records} | {row["row"] for row in rejections} == {1, 2}
    assert records[-1]["case_id"] == "B"
