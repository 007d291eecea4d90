"""``python -m bench.risk [--train N] [--claims N]``: training, scoring, ranking and features of synthetic claims.

Training figures are of hospitals that were not trained on, beside a logistic regression on the same columns and rows.
The claims are synthetic: the figures say that the program works, nothing about real fraud.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.cases import random_cases
from bench.measure import MILLION, SCHEME, run_command, tell, tell_command, timed
from bench.payment import billed
from claims.risk import store
from claims.risk.card import cards
from claims.risk.features import claim_features
from claims.risk.ranking import rank
from claims.risk.training import Task, train
from data_samples.risk_claims import make

SCORE_LIMIT_S = 60.0
SHOWN = ("auc", "average_precision", "brier", "calibration_slope")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, default=50_000, help="labelled claims")
    parser.add_argument("--cases", type=int, default=MILLION, help="claims to score")
    parser.add_argument("--large", action="store_true", help="no more than without it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        measure_training(options.train, model)
        measure_scoring(options.cases, model, Path(folder))
    measure_ranking(options.cases)
    measure_features(options.cases)


def measure_training(count: int, folder: Path) -> None:
    table = pa.Table.from_pandas(make(count, 1), preserve_index=False)
    task = Task(
        "suspicious", group="hospital", id_column="claim_id", amount="total_cost", exclude=("recovered",)
    )
    result, took = timed(lambda: train(table, task, ""))
    tell("train", count, took)
    print(f"  chosen: {result.model.manifest['chosen']}, {len(result.model.members)} members")
    for name, found in (("this model", result.test), ("logistic regression", result.baseline)):
        metrics = ", ".join(
            f"{metric} {figure.value:.4f} ({figure.low:.4f} – {figure.high:.4f})"
            for metric, figure in found.metrics.items()
            if metric in SHOWN
        )
        print(
            f"  {name}: {metrics}; precision of the first {found.capacity}: {found.by_probability['precision']:.3f}"
        )
    told = cards(result.model, result.test, result.baseline)
    store.save(folder, result.model, result.split, result.cases, told)


def measure_scoring(count: int, model: Path, folder: Path) -> None:
    path = folder / "claims.parquet"
    pq.write_table(pa.Table.from_pandas(make(count, 2), preserve_index=False), path)
    out = folder / "scored.parquet"
    measured = run_command("risk", "score", str(model), str(path), "--out", str(out), "--capacity", "5000")
    tell("score", count, measured[0], SCORE_LIMIT_S)
    tell_command("  with reasons for 5,000, read and written", measured)


def measure_ranking(count: int) -> None:
    table = pa.Table.from_pandas(make(count, 3), preserve_index=False)
    values = ["total_cost", "drug_share", "los_days"]
    tell("rank by three figures", count, timed(lambda: rank(table, ["drg", "hospital_level"], values))[1])


def measure_features(count: int) -> None:
    """The catalogue's features of cases, with persons of three claims each and 600 groups."""
    random = np.random.default_rng(4)
    cases = billed(random_cases(count, SCHEME))
    place = cases.column_names.index("person")
    person = pa.array([f"P{number}" for number in random.integers(0, count // 3, count)])
    cases = cases.set_column(place, "person", person)
    cases = cases.append_column("drg", pa.array([f"G{number}" for number in random.integers(0, 600, count)]))
    tell("features as of the claim", count, timed(lambda: claim_features(cases))[1])


if __name__ == "__main__":
    main()
