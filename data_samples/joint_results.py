"""Results folders of an insurer and a hospital as a night leaves them, small and synthetic, for joint risk.

``python -m data_samples.joint_results --out DIR [--persons N] [--seed S]`` writes ``insurer/results``,
``hospital/results`` (tables ``cases`` and ``features``), ``insurer/labels.csv`` (closed decisions by claim) and
``<party>/agreed.csv`` (the persons of the party who consent). Nobody in them exists: see ``data_samples.two_parties``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data_samples.two_parties import HOSPITAL_EFFECTS, INSURER_EFFECTS, make

PART = "20261001-sample"
FIRST_DAY = dt.date(2026, 9, 1)
DAYS = 30
SHARE_DECIDED = 0.6
SHARE_AGREED = 0.9
SHARE_OLDER_CLAIM = 0.1
SHARE_WITHOUT_PERSON = 0.02
COLUMNS = {"insurer": tuple(INSURER_EFFECTS), "hospital": (*HOSPITAL_EFFECTS, "returned")}


def write(folder: Path, persons: int, seed: int) -> None:
    """Everything below ``folder``; the same seed gives the same files."""
    tables = make(persons, seed)
    random = np.random.default_rng([seed, 3])
    everybody = np.unique(np.concatenate([tables[f"{name}.csv"]["id"] for name in COLUMNS]))
    agreed = set(random.permutation(everybody)[: int(len(everybody) * SHARE_AGREED)].tolist())
    for party, columns in COLUMNS.items():
        table = tables[f"{party}.csv"].reset_index(drop=True)
        claims = _claims(party, table, random)
        features = table.loc[claims["row"], list(columns)].reset_index(drop=True)
        features.insert(0, "case_id", claims["case_id"])
        _results(folder / party / "results", claims.drop(columns="row"), features)
        is_agreed = table["id"].isin(agreed)
        table.loc[is_agreed, ["id"]].to_csv(folder / party / "agreed.csv", index=False)
        if party == "insurer":
            labels = pd.DataFrame(
                {"case_id": claims["case_id"], "label": table["suspicious"].to_numpy()[claims["row"]]}
            )
            decided = labels[random.random(len(labels)) < SHARE_DECIDED]
            decided.to_csv(folder / party / "labels.csv", index=False)


def _claims(party: str, table: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """A claim a person, an older one of some, and some that nobody can be found for. ``row``: the person's."""
    row = np.arange(len(table))
    older = row[random.random(len(row)) < SHARE_OLDER_CLAIM]
    of_claim = np.concatenate([row, older])
    day = random.integers(0, DAYS, len(of_claim)) - np.where(np.arange(len(of_claim)) < len(row), 0, 2 * DAYS)
    person = table["id"].to_numpy(object)[of_claim]
    person[random.random(len(person)) < SHARE_WITHOUT_PERSON] = None
    return pd.DataFrame(
        {
            "case_id": [f"SYN-{party[0].upper()}{number:06}" for number in range(1, len(of_claim) + 1)],
            "person": person,
            "discharge_date": [FIRST_DAY + dt.timedelta(days=int(each)) for each in day],
            "row": of_claim,
        }
    )


def _results(out: Path, cases: pd.DataFrame, features: pd.DataFrame) -> None:
    """The folder as ``claims.nightly.results`` reads it."""
    (out / "parts").mkdir(parents=True, exist_ok=True)
    outputs = []
    for name, table in (("cases", cases), ("features", features)):
        (out / name).mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), out / name / f"{PART}.parquet")
        outputs.append({"table": name, "file": f"{name}/{PART}.parquet"})
    manifest = {"steps": {"sample": {"outputs": outputs}}}
    (out / "parts" / f"{PART}.json").write_text(json.dumps(manifest), encoding="utf-8")
    (out / "_run.json").write_text(json.dumps({"run": "sample"}), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--persons", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20260124)
    options = parser.parse_args()
    write(options.out, options.persons, options.seed)


if __name__ == "__main__":
    main()
