"""The comparison on synthetic tables, with a real node: no leak, joint equals pooled, intervals hold their values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from claims.joint.report import JSON, METRICS, write_report
from claims.joint.simulation import Comparison, Spec, compare, settings
from claims.risk.metrics import auc
from data_samples.two_parties import make
from drg.errors import InputError

SPEC = Spec("id", "suspicious", "amount_fen", target="returned", capacity=60, rounds=3)


def tables(persons: int, curved: bool = False) -> tuple[pa.Table, pa.Table]:
    made = make(persons, 3, curved)
    return tuple(
        pa.Table.from_pandas(made[f"{name}.csv"], preserve_index=False) for name in ("hospital", "insurer")
    )


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare(*tables(1500), SPEC, tmp_path_factory.mktemp("pair") / "pair", lambda name: None)


def test_all_models_are_judged_on_the_same_persons(comparison: Comparison) -> None:
    assert [one.name for one in comparison.models] == [told["name"] for told in settings()["models"]]
    for one in comparison.models:
        assert one.probabilities.shape == comparison.labels.shape
        assert ((one.probabilities > 0) & (one.probabilities < 1)).all()


def test_nobody_is_trained_on_and_tested(comparison: Comparison) -> None:
    persons = comparison.persons
    trained = {one.name: one.trained_on for one in comparison.models}
    assert trained["joint_raw"] == trained["pooled_trees"] == persons["common_train"]
    assert trained["insurer_logistic"] == persons["insurer"] - persons["test"]
    common = set(make(1500, 3)["insurer.csv"]["id"]) & set(make(1500, 3)["hospital.csv"]["id"])
    assert persons["common_train"] + persons["test"] == len(common)


def test_encryption_changes_no_score(comparison: Comparison) -> None:
    by_name = {one.name: one.probabilities for one in comparison.models}
    np.testing.assert_allclose(by_name["joint_raw"], by_name["pooled_logistic"], rtol=0, atol=1e-12)


def test_labels_that_are_noise_are_not_found(tmp_path: Path) -> None:
    """With shuffled labels no model can be good: one that is has seen the test."""
    hospital, insurer = tables(1500)
    place = insurer.column_names.index("suspicious")
    shuffled = np.random.default_rng(5).permutation(insurer.column("suspicious").to_numpy())
    insurer = insurer.set_column(place, "suspicious", pa.array(shuffled))
    told = compare(
        hospital, insurer, Spec("id", "suspicious", "amount_fen", rounds=2), tmp_path / "p", lambda _: None
    )
    assert "joint_leaves" not in {one.name for one in told.models}
    for one in told.models:
        assert 0.38 < auc(told.labels, one.probabilities) < 0.62, one.name


def test_the_report_has_intervals_and_says_what_it_is(comparison: Comparison, tmp_path: Path) -> None:
    told = write_report(comparison, tmp_path / "report")
    assert json.loads((tmp_path / "report" / JSON).read_text()) == told
    for one in [*told["models"], *told["differences"]]:
        for metric in METRICS:
            figure = one["metrics"][metric]
            assert figure["low"] <= figure["value"] <= figure["high"] or metric == "amount_found", (
                one,
                metric,
            )
    by_name = {one["name"]: one["metrics"] for one in told["models"]}
    truth = comparison.labels[np.argsort(-comparison.models[0].probabilities, kind="stable")[:60]]
    assert by_name["insurer_logistic"]["precision"]["value"] == round(float(truth.mean()), 6)
    assert by_name["joint_raw"]["amount_found"]["value"] <= told["amount_of_positives_fen"]
    (same,) = [d for d in told["differences"] if (d["model"], d["from"]) == ("joint_raw", "pooled_logistic")]
    assert same["metrics"]["auc"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    for lang, word in (("en", "Synthetic persons"), ("zh", "人员均为合成")):
        assert word in (tmp_path / "report" / f"joint-report.{lang}.md").read_text(encoding="utf-8")
    (tmp_path / "report" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        write_report(comparison, tmp_path / "report")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "nothing"}, "no column nothing"),
        ({"label": "premium"}, "must be 0 or 1"),
        ({"target": "nothing"}, "no column nothing"),
    ],
)
def test_tables_that_do_not_fit_are_told(change: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        compare(*tables(60), Spec(**{**vars(SPEC), **change}), tmp_path / "p", lambda _: None)


def test_repeated_and_few_persons_are_refused(tmp_path: Path) -> None:
    hospital, insurer = tables(60)
    with pytest.raises(InputError, match="one row a person"):
        compare(pa.concat_tables([hospital, hospital]), insurer, SPEC, tmp_path / "p", lambda _: None)
    with pytest.raises(InputError, match="persons are in both"):
        compare(hospital, insurer, SPEC, tmp_path / "p", lambda _: None)


def test_curved_tables_need_more_than_a_line() -> None:
    straight, curved = make(200, 1), make(200, 1, curved=True)
    for name in ("hospital.csv", "insurer.csv"):
        features = [c for c in straight[name].columns if c not in ("suspicious", "returned")]
        pd.testing.assert_frame_equal(straight[name][features], curved[name][features])
    assert (straight["insurer.csv"]["suspicious"] != curved["insurer.csv"]["suspicious"]).any()
