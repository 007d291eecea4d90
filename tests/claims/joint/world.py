"""An insurer and a hospital for tests: synthetic results folders, real nodes, a trained model that is approved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from claims.joint import JointSettings, Summary, Trained, read_settings, run, train
from claims.risk.table import read_table
from data_samples.joint_results import write
from privacy import audit
from privacy.policy import sign_policy
from tests.privacy.pairs import PURPOSE, Pair, Party, make_pair

PERSONS, SEED = 560, 7
OWN = ["days_since_issue", "claims_12m", "sum_insured"]
PEER = ["stay_ratio", "drug_share", "admissions_12m", "repeat_tests"]
TODAY = date(2026, 10, 1)
SLICE = 20
"""Claims that a test asks about: every test others, because a person is answered a few times only."""


@dataclass
class World:
    """Both parties; ``next_claims`` are case ids that no test has asked about yet."""

    folder: Path
    pair: Pair
    results: Path
    settings: JointSettings
    trained: Trained | None = None
    _claims: Iterator[str] = field(default_factory=lambda: iter(()))

    @classmethod
    def make(cls, folder: Path) -> World:
        write(folder, PERSONS, SEED)
        pair = make_pair(folder, reconnect_seconds=0.5)
        pair.initiator.add_table("claims", {name: [1] for name in ("id", *OWN, "label")})
        pair.initiator.add_table("new_claims", {name: [1] for name in ("id", *OWN)})
        pair.responder.add_table("patients", {name: [1] for name in ("id", *PEER)})
        hospital = read_settings(
            {
                "node": str(pair.responder.config_file),
                "role": "responder",
                "table": "patients",
                "columns": {"features": PEER},
            },
            folder,
        )
        assert run(folder / "hospital" / "results", hospital).state == "prepared"
        results = folder / "insurer" / "results"
        world = cls(folder, pair, results, cls._settings(folder, pair))
        world._claims = iter(world.claims_of_both())
        pair.responder.serve("tests.privacy.serve_product")
        return world

    @staticmethod
    def _settings(folder: Path, pair: Pair) -> JointSettings:
        for name, table, parameters in (
            ("psi", "new_claims", 'reveal = "initiator"'),
            ("train", "claims", f'label = "label"\nresponder_columns = {PEER}\nmax_rounds = 3'),
            ("bucket", "new_claims", 'mode = "split_bucket"'),
            ("score", "new_claims", 'mode = "split_score"'),
        ):
            (folder / f"{name}.toml").write_text(
                f'table = "{table}"\npeer_table = "patients"\npurpose = "{PURPOSE}"\n[parameters]\n{parameters}\n'
            )
        return read_settings(
            {
                "node": str(pair.initiator.config_file),
                "columns": {"features": OWN},
                "psi": "psi.toml",
                "train": "train.toml",
                "score": "bucket.toml",
                "bands": [{"name": "high", "threshold": 0.4}, {"name": "medium", "threshold": 0.2}],
            },
            folder,
        )

    def claims_of_both(self) -> list[str]:
        """The newest claims of persons whom both have."""
        cases = pq.read_table(self.results / "cases").to_pandas().dropna(subset=["person"])
        patients = pq.read_table(self.pair.responder.folder / "patients.parquet").column("id").to_pylist()
        newest = cases.sort_values("discharge_date").drop_duplicates("person", keep="last")
        return newest.loc[newest["person"].isin(patients), "case_id"].sort_index().tolist()

    def next_claims(self, count: int = SLICE) -> list[str]:
        return [next(self._claims) for _ in range(count)]

    def train(self) -> Trained:
        labels = read_table(self.folder / "insurer" / "labels.csv")
        return train(self.results, self.settings, labels, today=TODAY)

    def run(self, out: Path, only: list[str], settings: JointSettings | None = None) -> Summary:
        return run(self.results, settings or self.settings, out, today=TODAY, only=only)

    def policy(self, change: str = "", remove: str = "") -> None:
        """Change the hospital's policy and sign it: ``change`` before its tables, lines with ``remove`` gone."""
        party = self.pair.responder
        path = party.folder / "patients.policy.toml"
        kept = [line for line in path.read_text().splitlines() if not remove or remove not in line]
        place = next(row for row, line in enumerate(kept) if line.startswith("[sets]"))
        path.write_text("\n".join([*kept[:place], change, *kept[place:]]) + "\n")
        sign_policy(path, party.config.key)

    def jobs(self, party: Party) -> int:
        """How many jobs the party's audit log has."""
        log = audit.entries(party.folder / "state" / "audit")
        return sum(entry["event"] == "job_opened" for entry in log)

    def scores(self, out: Path) -> pa.Table:
        return pq.read_table(out / "joint.parquet")


def approved_hash(summary: Summary) -> str:
    assert summary.approve is not None
    assert re.fullmatch(r"[0-9a-f]{64}", summary.approve)
    return summary.approve
