"""``python -m bench.ranking [--cases N] [--seed N]``: what the ranking without a model finds, on synthetic claims.

Some claims are abused by acts on the record and the bill (``ranking.toml``), drawn whatever the figures of the claim. A
night without a model ranks all of them. Judged are later claims of hospitals that the trained model has not seen, the
same ones for every order: any order (the share of abused claims), by cost alone, ``risk rank`` as in docs/risk.md, the
nightly ranking, and a model trained on the earlier claims of the other hospitals with every act known: more than
any insurer has. Intervals are of 95 %, by bootstrap of hospitals. The claims are synthetic: the figures compare orders,
and say nothing about real claims.
"""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from bench.ranking_claims import HONEST, make, plan
from claims.nightly.config import load_config
from claims.nightly.results import Results, open_results
from claims.nightly.run import Options, run
from claims.nightly.runners import Stop
from claims.risk.frame import frame
from claims.risk.metrics import auc, draws, figure
from claims.risk.ranking import rank
from claims.risk.training import Task, train

SEED = 7
RUN_DAY = dt.date(2026, 12, 31)
CAPACITY_SHARES = (0.01, 0.03, 0.06)
"""Parts of the claims that people can look at; the second is that of the table by act."""
LABEL = "abused"
CONFIG = """out = "results"
scheme = "chs-drg-1.1"
contract = "template"
steps = ["group", "price", "check", "rules", "features", "risk"]
[[input]]
name = "claims"
paths = ["cases.parquet"]
fees = "fees.parquet"
[risk]
capacity = 1000000
"""
"""Of every claim that has points the night keeps what gave them."""
PEERS, VALUES, RULES = ["drg"], ["total_cost_fen", "drug_share", "los_days"], ["rule_hits"]
"""The options of ``risk rank`` in docs/risk.md."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """The claims that every order is judged on: (claims,) act, whether abused, number of the hospital."""

    acts: npt.NDArray[np.object_]
    labels: npt.NDArray[np.int64]
    hospitals: npt.NDArray[np.int64]

    def precision(self, worth: Floats, capacity: int, weights: Floats | None = None) -> float:
        """The share of abused claims among the first ``capacity``; claims may be there several times (``weights``)."""
        order = np.argsort(-worth, kind="stable")
        weight = np.ones(len(order)) if weights is None else weights[order]
        taken = np.diff(np.minimum(np.cumsum(weight), capacity), prepend=0.0)
        return float((taken * self.labels[order]).sum() / taken.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=40_000, help="claims before stays are split")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        judged, worth, criteria = measure(Path(folder), options.cases, options.seed)
    tell(judged, worth)
    tell_criteria(judged, criteria)


def measure(
    folder: Path, count: int, seed: int
) -> tuple[Judged, Mapping[str, Floats], Sequence[frozenset[str]]]:
    """The judged claims, the worth of each in every order, and what gave it points in the nightly ranking."""
    truth = make(folder, count, seed)
    results = night(folder)
    features = results.table("features")
    truth = truth.set_index("case_id").loc[features.column("case_id").to_pylist()].reset_index()
    number = truth["hospital"].str[1:].astype(int).to_numpy()
    is_later = (truth["day"] >= pd.Timestamp(plan()["tested_from"])).to_numpy()
    is_judged = is_later & (number % 2 == 0)
    is_taught = ~is_later & (number % 2 == 1)
    acts = truth["act"].to_numpy(object)
    labels = (acts != HONEST).astype(np.int64)
    taught = features.append_column("hospital", pa.array(truth["hospital"]))
    worth = {
        "cost alone": features.column("total_cost_fen").to_numpy().astype(np.float64),
        "risk rank": by_figures(features, results),
        "nightly ranking": -results.table("risk").column("rank").to_numpy().astype(np.float64),
        "trained model": by_model(taught, labels, is_taught),
    }
    judged = Judged(acts[is_judged], labels[is_judged], number[is_judged])
    criteria = [of_reasons(one) for one in results.table("risk").column("reasons").to_pylist()]
    chosen = [criteria[place] for place in np.flatnonzero(is_judged).tolist()]
    return judged, {name: values[is_judged] for name, values in worth.items()}, chosen


def of_reasons(reasons: list[dict[str, Any]] | None) -> frozenset[str]:
    """The criteria that gave a claim points."""
    return frozenset(one["feature"] for one in reasons or ())


def night(folder: Path) -> Results:
    """A night over the claims, without a model."""
    path = folder / "nightly.toml"
    path.write_text(CONFIG, encoding="utf-8")
    run(load_config(path), Options(RUN_DAY, 1, getpass.getuser()), Stop())
    return open_results(folder / "results")


def by_figures(features: pa.Table, results: Results) -> Floats:
    """``risk rank`` over all claims."""
    table = features.append_column("drg", results.table("groups").column("drg"))
    found: Floats = -rank(table, PEERS, VALUES, RULES).column("rank").to_numpy().astype(np.float64)
    return found


def by_model(features: pa.Table, labels: npt.NDArray[np.int64], is_taught: npt.NDArray[np.bool_]) -> Floats:
    """The probability of every claim by a model of the taught ones."""
    table = features.append_column(LABEL, pa.array(labels))
    task = Task(LABEL, group="hospital", id_column="case_id", amount="total_cost_fen")
    model = train(table.filter(pa.array(is_taught)), task, "").model
    return model.probabilities(model.scores(frame(table, model.schema).values))


def tell(judged: Judged, worth: Mapping[str, Floats]) -> None:
    count, base = len(judged.labels), float(judged.labels.mean())
    print(f"{count:,} synthetic claims judged, {base:.1%} of them abused; what any order finds: {base:.3f}")
    drawn = draws(count, judged.hospitals)
    for share in CAPACITY_SHARES:
        capacity = round(share * count)
        print(f"precision of the first {capacity} ({share:.0%})")
        print(f"  {'':16} {'precision':>9} {'to any order':>13} {'more than cost alone':>21} {'AUC':>6}")
        reference = [judged.precision(worth["cost alone"], capacity, one) for one in drawn]
        for name, values in worth.items():
            tell_order(name, judged, values, capacity, drawn, reference)
    tell_acts(judged, worth, round(CAPACITY_SHARES[1] * count))


def tell_order(
    name: str, judged: Judged, values: Floats, capacity: int, drawn: list[Floats], reference: list[float]
) -> None:
    """``reference``: the precision by cost alone in each draw."""
    found = [judged.precision(values, capacity, one) for one in drawn]
    precision = figure(judged.precision(values, capacity), found)
    more = figure(0.0, [one - other for one, other in zip(found, reference, strict=True)])
    print(
        f"  {name:16} {precision.value:.3f} ({precision.low:.3f} – {precision.high:.3f})"
        f" {precision.value / judged.labels.mean():9.2f} {more.low:+10.3f} – {more.high:+.3f}"
        f" {auc(judged.labels, values):9.3f}"
    )


def tell_acts(judged: Judged, worth: Mapping[str, Floats], capacity: int) -> None:
    """Of the claims of each act, the share among the first ``capacity`` of each order."""
    print(f"share of each act found among the first {capacity}")
    print(f"  {'':20} {'claims':>6} " + " ".join(f"{name:>16}" for name in worth))
    firsts = [np.argsort(-values, kind="stable")[:capacity] for values in worth.values()]
    for act in plan()["acts"]:
        is_act = judged.acts == act
        shares = " ".join(f"{is_act[first].sum() / max(is_act.sum(), 1):16.2f}" for first in firsts)
        print(f"  {act:20} {is_act.sum():6} {shares}   {plan()['acts'][act]['overlaps']}")


def tell_criteria(judged: Judged, criteria: Sequence[frozenset[str]]) -> None:
    """Of the claims that a criterion gave points, how many were abused."""
    print("what gave points in the nightly ranking")
    print(f"  {'':20} {'claims':>6} {'abused':>7} {'to any order':>13}")
    for name in sorted(frozenset().union(*criteria)):
        is_hit = np.array([name in one for one in criteria])
        share = judged.labels[is_hit].mean()
        print(f"  {name:20} {is_hit.sum():6} {share:7.3f} {share / judged.labels.mean():13.2f}")


if __name__ == "__main__":
    main()
