"""Training: splits without leaks, planted leaks, determinism, groups, what columns are."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims.risk import split as splits
from claims.risk.api import evaluate_table
from claims.risk.columns import detect, without_leaks
from claims.risk.metrics import auc
from claims.risk.scoring import score
from claims.risk.split import make_split
from claims.risk.store import Stored, load
from claims.risk.table import read_table
from claims.risk.training import Result, Task, prepare, train
from data_samples.risk_claims import make
from drg.errors import InputError
from tests.claims.risk.conftest import TASK, save

RANDOM = np.random.default_rng(11)


def text_table(frame: pd.DataFrame) -> pa.Table:
    return pa.table({name: pa.array(frame[name].astype(str), pa.string()) for name in frame.columns})


def states(table: pa.Table, task: Task) -> dict[str, str]:
    return {column.name: column.refused for column in prepare(table, task).schema.columns}


def test_no_group_is_in_two_folds_and_the_order_of_rows_does_not_matter() -> None:
    labels = (RANDOM.random(2000) < 0.1).astype(np.int64)
    group = RANDOM.integers(0, 120, 2000)
    names = [f"H{number}" for number in range(120)]
    split = make_split(labels, "group", group, names, None)
    for number in range(120):
        assert len(set(split.folds[group == number].tolist())) <= 1
    order = RANDOM.permutation(2000)
    again = make_split(labels[order], "group", group[order], names, None)
    assert (again.folds == split.folds[order]).all()
    shares = [labels[split.folds == fold].mean() for fold in range(-1, 5)]
    assert max(shares) < 2 * min(shares)


def test_a_split_by_time_trains_before_and_tests_after() -> None:
    labels = (RANDOM.random(900) < 0.2).astype(np.int64)
    day = RANDOM.integers(20_000, 20_100, 900).astype(np.float64)
    split = make_split(labels, "time", None, [], day)
    assert day[split.train].max() < day[split.test].min()


def test_a_split_by_group_and_time_leaves_out_later_rows_of_training_groups() -> None:
    labels = (RANDOM.random(3000) < 0.3).astype(np.int64)
    group = RANDOM.integers(0, 900, 3000)
    day = RANDOM.integers(0, 100, 3000) + 40.0 * (group >= 450)
    split = make_split(labels, "group-time", group, [str(number) for number in range(900)], day)
    assert day[split.train].max() < day[split.test].min()
    assert not set(group[split.train].tolist()) & set(group[split.test].tolist())
    assert (split.folds == splits.LEFT_OUT).any()


def test_groups_that_span_the_time_are_drawn_for_the_test() -> None:
    labels = (RANDOM.random(3000) < 0.3).astype(np.int64)
    group, day = RANDOM.integers(0, 60, 3000), RANDOM.integers(0, 100, 3000).astype(np.float64)
    split = make_split(labels, "group-time", group, [str(number) for number in range(60)], day)
    assert day[split.train].max() < day[split.test].min()
    assert not set(group[split.train].tolist()) & set(group[split.test].tolist())
    assert split.train.mean() > 0.5


def test_groups_are_never_broken(table: pa.Table) -> None:
    with pytest.raises(InputError, match="both sides"):
        prepare(table, replace(TASK, how="rows"))


def test_planted_future_columns_are_refused(table: pa.Table) -> None:
    labels = np.array(table.column("suspicious").to_pylist(), np.int64)
    planted = table.append_column("later", pa.array(labels * 3 + RANDOM.normal(0, 0.2, len(labels))))
    # Known only where it was recovered: the gaps tell the label.
    paid = pa.array([1.0 if label else None for label in labels.tolist()])
    planted = planted.append_column("paid_back", paid)
    # A day after the claim, the same for both labels.
    day = pd.to_datetime(pd.Series(table.column("claim_date").to_pylist()))
    after = (day + pd.to_timedelta(RANDOM.integers(1, 9, len(day)), unit="D")).dt.strftime("%Y-%m-%d")
    planted = planted.append_column("closed_on", pa.array(after.tolist()))
    found = states(planted, replace(TASK, time="claim_date", how="group", exclude=()))
    assert found["later"] == found["paid_back"] == found["recovered"] == "risk.refused_leak"
    assert found["closed_on"] == "risk.refused_after"
    assert found["total_cost"] == found["issue_date"] == ""


def test_days_between_dates_that_tell_the_label_are_refused(table: pa.Table) -> None:
    labels = np.array(table.column("suspicious").to_pylist(), np.int64)
    day = pd.to_datetime(pd.Series(table.column("claim_date").to_pylist()))
    decided = (day + pd.to_timedelta(np.where(labels == 1, 60, 5), unit="D")).dt.strftime("%Y-%m-%d")
    planted = table.append_column("decided_on", pa.array(decided.tolist()))
    assert states(planted, TASK)["decided_on"] == "risk.refused_leak"


def test_a_kept_column_is_used_with_a_warning(table: pa.Table) -> None:
    schema = prepare(table, replace(TASK, exclude=(), keep=("recovered",))).schema
    (column,) = [column for column in schema.columns if column.name == "recovered"]
    assert not column.refused
    assert "risk.warning_kept" in column.warnings


@pytest.mark.parametrize(
    ("values", "kind", "refused"),
    [
        (["1", "2.5", "-3e2", "4"] * 10, "number", ""),
        (["001", "002", "003", "004"] * 10, "category", ""),
        (["男", "女"] * 20, "category", ""),
        (["2025-01-31", "2025/2/1"] * 20, "date", ""),
        (["7"] * 40, "constant", "risk.refused_constant"),
        ([None] * 40, "empty", "risk.refused_empty"),
        ([f"A{number}" for number in range(40)], "identifier", "risk.refused_identifier"),
        ([str(number) for number in range(1000, 1040)], "identifier", "risk.refused_identifier"),
        (["患者因反复咳嗽三年加重伴发热两天入院，" * 3] * 39 + ["另一段"], "text", "risk.refused_text"),
    ],
)
def test_what_a_column_is(values: list[str | None], kind: str, refused: str) -> None:
    found = detect("spalte", pa.chunked_array([pa.array(values, pa.string())]), "label")
    assert (found.kind, found.refused) == (kind, refused)


def test_lists_are_refused_by_their_type() -> None:
    column = pa.chunked_array([pa.array([["a"], ["b"]])])
    assert detect("dx", column, "label").refused == "risk.refused_type"


def test_values_that_are_no_numbers_are_counted(table: pa.Table) -> None:
    values = table.column("age").to_pylist()
    values[3] = "unbekannt"
    column = detect("age", pa.chunked_array([pa.array(values, pa.string())]), "label")
    assert (column.kind, column.unreadable) == ("number", 1)


def test_the_model_finds_more_than_chance_and_is_calibrated(result: Result) -> None:
    metrics = result.test.metrics
    assert metrics["auc"].value > 0.75
    assert metrics["auc"].low > 0.6
    assert 0.4 < metrics["calibration_slope"].value < 2.5
    assert result.test.by_expected_amount is not None


def test_same_input_same_bytes(table: pa.Table, folder: Path, result: Result, tmp_path: Path) -> None:
    again = train(table, TASK, result.model.manifest["data_sha256"])
    save(tmp_path / "again", again)
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_groups_with_one_label_are_scored_as_groups(tmp_path: Path) -> None:
    size = RANDOM.integers(3, 20, 400)
    fraud = RANDOM.random(400) < 0.15
    provider = np.repeat(np.arange(400), size)
    frame = pd.DataFrame(
        {
            "provider": [f"P{number}" for number in provider],
            "beneficiary": [f"B{number}" for number in RANDOM.integers(0, 3000, len(provider))],
            "paid": np.exp(RANDOM.normal(6, 1, len(provider)) + 0.8 * fraud[provider]).round(2),
            "fraud": np.where(fraud[provider], "Yes", "No"),
        }
    )
    table = text_table(frame)
    result = train(table, Task(label="fraud", group="provider"), "")
    assert result.model.schema.unit == "group"
    assert {"rows", "mean(paid)", "sum(paid)", "distinct(beneficiary)"} <= {
        feature.name for feature in result.model.features
    }
    scored = score(table, result.model)
    assert scored.column("id").to_pylist() == list(dict.fromkeys(frame["provider"]))
    assert auc(fraud.astype(np.int64), scored.column("score").to_numpy()) > 0.8


def test_evaluation_leaves_out_what_was_trained_on(stored: Stored, table: pa.Table, result: Result) -> None:
    found = evaluate_table(stored, table, None, None, ())
    assert found.units == result.test.units
    assert found.seen == len(table) - found.units
    assert found.metrics["auc"].value == pytest.approx(result.test.metrics["auc"].value)


def test_evaluation_of_training_rows_alone_is_refused(stored: Stored, table: pa.Table) -> None:
    unseen = stored.split.filter(pa.compute.greater_equal(stored.split.column("fold"), 0))
    from claims.risk.evaluation import _hashed

    trained = np.isin(_hashed(table.column("hospital").to_pylist()), unseen.column("key").to_numpy())
    with pytest.raises(InputError, match="nothing is left to test on"):
        evaluate_table(stored, table.filter(pa.array(trained)), None, None, ())


def test_evaluation_needs_the_column_that_tells_training_units(stored: Stored, table: pa.Table) -> None:
    with pytest.raises(InputError, match="lacks the column hospital"):
        evaluate_table(stored, table.drop_columns(["hospital"]), None, None, ())


@pytest.mark.parametrize("levels", [2, 3, 60])
def test_levels_that_tell_nothing_are_no_leak_and_those_that_tell_are(levels: int) -> None:
    labels = (RANDOM.random(800) < 0.1).astype(np.int64)
    idle = [f"L{number}" for number in RANDOM.integers(0, levels, 800)]
    told = [f"T{number}" for number in labels]
    table = pa.table({"idle": idle, "told": told})
    columns = [detect(name, table.column(name), "label") for name in table.column_names]
    found = without_leaks(columns, table, labels, None, ())
    assert [column.refused for column in found] == ["", "risk.refused_leak"]


def test_without_a_group_rows_are_recognised_by_their_values(tmp_path: Path) -> None:
    table = text_table(make(900, 4).drop(columns=["hospital", "claim_id", "recovered"]))
    result = train(table, Task(label="suspicious"), "")
    save(tmp_path / "model", result)
    order = RANDOM.permutation(len(table))
    found = evaluate_table(load(tmp_path / "model"), table.take(pa.array(order)), None, None, ())
    assert found.units == result.test.units


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no name"),
        (b"a,label\n", "no rows"),
        (b"a,a,label\n1,2,1\n", "same name"),
        (b"a,label\n1,perhaps\n", "neither yes nor no"),
        (b"a,label\n1,1\n2,0\n", "too few labelled"),
        (b"a,label\n1,1,3\n", "cannot be read"),
        (b"\xff\xfea\x00,\x00", "neither UTF-8"),
        (b"a,other\n1,1\n", "no column label"),
    ],
)
def test_hostile_tables_are_refused_with_a_sentence(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        prepare(read_table(path), Task(label="label"))


def test_a_parquet_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(path)


def test_gb18030_and_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("编号;性别\n1;男\n2;女\n".encode("gb18030"))
    assert read_table(path).to_pydict() == {"编号": ["1", "2"], "性别": ["男", "女"]}


def test_parquet_columns_of_every_type(tmp_path: Path) -> None:
    """Types are read as they are; what cannot be a feature is refused, not converted."""
    rows = 400
    label = RANDOM.random(rows) < 0.3
    day = np.datetime64("2025-01-01") + RANDOM.integers(0, 300, rows)
    gone = np.where(RANDOM.random(rows) < 0.2, np.nan, RANDOM.normal(size=rows))
    table = pa.table(
        {
            "flag": pa.array(RANDOM.random(rows) < 0.5),
            "money": pa.array([Decimal(number) / 100 for number in range(rows, 0, -1)], pa.decimal128(12, 2)),
            "at": pa.array(day.astype("datetime64[us]"), pa.timestamp("us", tz="Asia/Shanghai")),
            "until": pa.array(day + 3, pa.date32()),
            "level": pa.array(["三级", "二级"] * (rows // 2)).dictionary_encode(),
            "long": pa.array(["a", "b", "c", None] * (rows // 4), pa.large_string()),
            "gone": pa.array(gone),
            "dx": pa.array([["I10"]] * rows),
            "raw": pa.array([b"\x00"] * rows),
            "signal": pa.array(label + RANDOM.normal(0, 0.8, rows)),
            "label": pa.array(label),
        }
    )
    path = tmp_path / "table.parquet"
    pq.write_table(table, path)
    ready = prepare(read_table(path), Task("label"))
    kinds = {column.name: (column.kind, column.refused) for column in ready.schema.columns}
    assert {kinds[name] for name in ("flag", "money", "gone", "signal")} == {("number", "")}
    assert {kinds[name] for name in ("level", "long")} == {("category", "")}
    assert {kinds[name] for name in ("at", "until")} == {("date", "")}
    assert {kinds[name] for name in ("dx", "raw")} == {("unsupported", "risk.refused_type")}
    place = [feature.name for feature in ready.made.features].index("gone")
    assert np.isnan(ready.made.values[:, place]).sum() == np.isnan(gone).sum()
