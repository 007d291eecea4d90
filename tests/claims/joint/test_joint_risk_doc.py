"""Every file and command of docs/joint-risk.md, in its order, with the node as a process of the installed command."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd
import pyarrow.parquet as pq
import pytest

from privacy import audit
from tests.conftest import REPOSITORY
from tests.privacy.test_joint_doc import BLOCK, Reader
from tests.privacy.test_message import declared

DOCUMENT = REPOSITORY / "docs" / "joint-risk.md"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    found = Reader(tmp_path_factory.mktemp("reader"), DOCUMENT)
    try:
        found.follow()
        yield found
    finally:
        found.leave()


def test_the_claims_got_bands_or_a_reason(reader: Reader) -> None:
    table = pq.read_table(reader.folder / "insurer/results/joint/joint.parquet").to_pandas()
    cases = pq.read_table(reader.folder / "insurer/results/cases").to_pandas()
    assert table["case_id"].tolist() == cases["case_id"].tolist()
    assert set(table["state"]) == {"scored", "no_person", "newer_claim", "no_consent", "not_common"}
    scored = table[table["state"] == "scored"]
    assert set(scored["band"]) == {"low", "medium", "high"}
    assert table.loc[table["state"] != "scored", "band"].isna().all()
    told = json.loads((reader.folder / "insurer/joint-models/model.json").read_text())
    assert set(scored["model_sha256"]) == {told["model_sha256"]}
    # The bands order the label, which the hospital has never seen.
    labels = pd.read_csv(reader.folder / "insurer/labels.csv")
    share = scored.merge(labels, on="case_id").groupby("band")["label"].mean()
    assert share["high"] > share["low"]


def test_only_persons_who_consented_at_both_were_scored(reader: Reader) -> None:
    table = pq.read_table(reader.folder / "insurer/results/joint/joint.parquet").to_pandas()
    cases = pq.read_table(reader.folder / "insurer/results/cases").to_pandas()
    scored = table[table["state"] == "scored"].merge(cases, on="case_id")
    own, peer = (
        set(pd.read_csv(reader.folder / party / "agreed.csv", dtype=str)["id"])
        for party in ("insurer", "hospital")
    )
    assert set(scored["person"]) <= own & peer
    no_consent = table[table["state"] == "no_consent"].merge(cases, on="case_id")
    assert not set(no_consent["person"]) & own


def test_the_second_night_asked_nothing(reader: Reader) -> None:
    assert (reader.folder / "again.txt").read_text().startswith("There is no new claim to score.")
    text = (reader.folder / "refused.txt").read_text()
    assert "hospital refuses" in text
    assert "approved_models" in text


def test_the_policies_of_the_jobs_are_kept(reader: Reader) -> None:
    import hashlib

    table = pq.read_table(reader.folder / "insurer/results/joint/joint.parquet").to_pandas()
    scored = table[table["state"] == "scored"]
    for column, party in (("own_policy_sha256", "insurer"), ("peer_policy_sha256", "hospital")):
        policy = reader.folder / f"pair/{party}/{party}.policy.toml"
        assert set(scored[column]) == {hashlib.sha256(policy.read_bytes()).hexdigest()}
    log = list(audit.entries(reader.folder / "pair/hospital/state/audit"))
    assert set(scored["job"]) <= {entry.get("job") for entry in log}


def test_nothing_but_declared_messages_crossed(reader: Reader) -> None:
    types = {kind.TYPE for kind in declared()}
    protocols: set[str] = set()
    for party in ("hospital", "insurer"):
        log = list(audit.entries(reader.folder / f"pair/{party}/state/audit"))
        protocols |= {entry["protocol"] for entry in log if entry["event"] == "job_opened"}
        crossed = {entry["type"] for entry in log if entry["event"].startswith("message_")}
        assert crossed <= types
        assert {name.partition(".")[0] for name in crossed} <= {"psi", "train", "score", "job"}
    assert protocols == {"psi", "train", "score"}


def test_no_id_stands_in_what_is_told_or_logged(reader: Reader) -> None:
    ids = pd.read_csv(reader.folder / "insurer/agreed.csv", dtype=str)["id"].tolist()
    told = [reader.said, *(path.read_text() for path in reader.folder.glob("pair/*/state/log.jsonl"))]
    told.append((reader.folder / "insurer/results/joint/joint.json").read_text())
    for text in told:
        assert not [id for id in ids if id in text]


def test_the_report_was_written(reader: Reader) -> None:
    told = json.loads((reader.folder / "report/joint-report.json").read_text())
    assert told["synthetic"] is True
    assert "simulated" in (reader.folder / "report/joint-report.en.md").read_text()


def test_no_block_is_left_out() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.count("```") == 2 * len(BLOCK.findall(text))
