"""The evaluation rules, sentence by sentence (``evaluation.yaml``), by the kernel and by the explainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import drg
from drg.case import Case, to_table
from drg.scheme.pack import Complication, Evaluation, Pack, Row, Settings, Validity
from tests.drg.scheme.variants import row

EXAMPLES = yaml.safe_load(Path(__file__).with_name("evaluation.yaml").read_text(encoding="utf-8"))
SETS = {
    "DI_HEART": {"I50.900"},
    "DI_LUNG": {"J96.000"},
    "DI_BOTH": {"I50.900", "J96.000"},
    "DI_PAIR": {"A18.808+I32.0*"},
    "DI_OWN": {"Z99.9x9"},
    "OP_GALL": {"51.2300"},
    "OP_ALL": {"51.2300", "50.5100"},
    "OP_MINOR": {"00.0100", "17.4100"},
    "OP_ROBOT": {"17.4100"},
}


def pack_of(rows: dict[str, str], switches: dict[str, str]) -> Pack:
    levels: dict[int, list[Row]] = {4: [], 3: [], 5: []}
    mdc = adrg = ""
    for code, rule in rows.items():
        if code.startswith("MDC"):
            mdc = code
            levels[4].append(row(code, rule))
        elif len(code) == 3:
            adrg = code
            levels[3].append(row(code, rule, mdc))
        else:
            levels[5].append(row(code, rule, adrg))
    validity = Validity.model_validate({"regions": ["*"], "from": "2020-01-01"})
    evaluation = Evaluation.model_validate({"weight": "birth", **switches})
    return Pack(
        Path("example"),
        Settings(
            id="example", name="", name_en="", issued="", source="", validity=validity, evaluation=evaluation
        ),
        tuple(levels[4]),
        tuple(levels[3]),
        tuple(levels[5]),
        {name: frozenset(codes) for name, codes in SETS.items()},
        {"J96.000": Complication("MCC", "1"), "E11.900": Complication("CC", "2")},
        {"1": frozenset({"I50.900"}), "2": frozenset()},
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example["name"]))
def test_example(example: dict[str, Any]) -> None:
    pack = pack_of(example["rows"], example.get("switches", {}))
    case = Case(case_id="1", **example["case"])
    explanation = drg.explain(case, pack)
    found = drg.group(to_table([case]), pack).to_pylist()[0]
    assert f"{found['status']} {found['drg']}" == example["result"]
    assert f"{explanation.grouping.status} {explanation.grouping.drg}" == example["result"]
    if "excluded" in example:
        assert found["excluded_cc"] == list(explanation.grouping.excluded_cc) == example["excluded"]
        assert [one.code for one in explanation.complications if not one.counted] == example["excluded"]
    for code in example.get("sentence", ()):
        assert f"{code} name of {code}" in explanation.sentence("en")
