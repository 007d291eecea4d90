"""A risk model for the demo and the bench of the nightly run, trained on synthetic claims with a made-up label.

Nobody in them exists, and the label is drawn from a formula over the features: what the model finds says nothing about
real claims. The features are made by the nightly run itself, so the model fits what it is asked to score.
"""

from __future__ import annotations

import datetime as dt
import getpass
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from data_samples.draw import RECORD_PREFIX
from data_samples.generate import generate

SEED = 20250101
LABEL = "suspicious"
HISTORY, LABELS = "plain.parquet", "labels.csv"
CASE_PREFIX = "HIS"
"""Of cases and persons of the history, who are others than those of the sample."""
SHARE = 0.08
HISTORY_DAY = dt.date(2026, 12, 31)
CONFIG = """out = "results"
scheme = "chs-drg-1.1"
contract = "template"
steps = ["group", "price", "check", "rules", "features"]
[[input]]
name = "history"
paths = ["plain.parquet"]
"""


def make_model(folder: Path, cases: int, seed: int = SEED, keep: Path | None = None) -> str:
    """Train on so many synthetic cases and put the model at ``folder``; its SHA-256.

    ``keep``: a new folder for the history: the cases, the results of its night, and ``labels.csv``.
    """
    with tempfile.TemporaryDirectory(prefix="drgbridge-history-") as temporary:
        return _trained(folder, keep or Path(temporary), cases, seed)


def _trained(folder: Path, past: Path, cases: int, seed: int) -> str:
    from claims.risk import store
    from claims.risk.card import cards
    from claims.risk.training import Task, train
    from drg.disk import file_hash

    features = history(past, cases, seed)
    labels = pa.array(label(features, seed))
    pv.write_csv(pa.table({"case_id": features.column("case_id"), "label": labels}), past / LABELS)
    subgroups = ("age", "sex", "region", "hospital_level")
    task = Task(LABEL, id_column="case_id", amount="total_cost_fen", subgroups=subgroups)
    result = train(features.append_column(LABEL, labels), task, file_hash(past / HISTORY))
    told = cards(result.model, result.test, result.baseline)
    return store.save(folder, result.model, result.split, result.cases, told)


def history(folder: Path, cases: int, seed: int) -> pa.Table:
    """The features of synthetic cases, by a nightly run of their own."""
    from claims.nightly.config import load_config
    from claims.nightly.results import open_results
    from claims.nightly.run import Options, run
    from claims.nightly.runners import Stop

    generate(folder, ["plain-parquet"], cases, seed, defects=False)
    _rename(folder / HISTORY)
    path = folder / "nightly.toml"
    path.write_text(CONFIG, encoding="utf-8")
    run(load_config(path), Options(HISTORY_DAY, 1, getpass.getuser()), Stop())
    return open_results(folder / "results").table("features")


def _rename(path: Path) -> None:
    table = pq.read_table(path)
    for name in ("case_id", "person"):
        other = pc.replace_substring(table.column(name), RECORD_PREFIX, CASE_PREFIX)
        table = table.set_column(table.column_names.index(name), name, other)
    pq.write_table(table, path)


def label(features: pa.Table, seed: int) -> np.ndarray:
    """(claims,) 1 for a made-up suspicion: dear against the standard, long or with many findings, and chance."""
    random = np.random.default_rng(seed)
    score = sum(
        (weight * standardised(features, name) for name, weight in WEIGHTS.items()), np.zeros(len(features))
    )
    score = score + random.normal(0, 0.7, len(score))
    return (score > np.quantile(score, 1 - SHARE)).astype(np.int64)


WEIGHTS = {"cost_to_standard": 1.2, "cost_per_day_fen": 0.6, "drug_share": 0.5, "finding_count": 0.4}


def standardised(features: pa.Table, name: str) -> np.ndarray:
    """(claims,) a feature as distance from its mean in deviations; 0 where it is not known."""
    values = features.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    known = values[np.isfinite(values)]
    found: np.ndarray = np.nan_to_num((values - known.mean()) / (known.std() or 1.0))
    return found
