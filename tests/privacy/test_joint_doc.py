"""Every file and command of docs/joint.md, in its order, with two nodes as processes of the installed command."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from privacy import audit
from tests.conftest import REPOSITORY
from tests.privacy.pairs import free_port
from tests.privacy.test_message import declared

DOCUMENT = REPOSITORY / "docs" / "joint.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?( add)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = ("8443", "8444")
PATIENCE_SECONDS = 30.0


@dataclass
class Reader:
    """Somebody who does what the page says, in an empty folder."""

    folder: Path
    document: Path = DOCUMENT
    ports: dict[str, str] = field(default_factory=lambda: {port: str(free_port()) for port in PORTS})
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    jobs: list[subprocess.Popen[bytes]] = field(default_factory=list)
    nodes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    said: str = ""

    def follow(self) -> None:
        for language, name, add, content in BLOCK.findall(self.document.read_text(encoding="utf-8")):
            for port, free in self.ports.items():
                content = content.replace(f":{port}", f":{free}")
            if name:
                with (self.folder / name).open("a" if add else "x", encoding="utf-8") as file:
                    file.write(content)
            elif language == "sh":
                self.run_block(content)

    def run_block(self, block: str) -> None:
        if not re.search(r"&$| JOB ", block, re.MULTILINE):
            self.run(block)
            return
        for line in block.splitlines():
            if line.endswith("&"):
                self.start(line.removesuffix("&"))
            else:
                self.run(line.replace(" JOB ", f" {self.waiting_job()} ") if " JOB " in line else line)
        self.wait_for_jobs()

    def run(self, commands: str) -> None:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", commands],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        self.said += done.stdout

    def start(self, command: str) -> None:
        if command in self.nodes:
            # The page says to stop it first.
            self.nodes[command].terminate()
            self.nodes[command].wait(PATIENCE_SECONDS)
        log = (self.folder / f"started-{len(self.started)}.log").open("wb")
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environment,
            stdout=log,
            stderr=log,
        )
        self.started.append(process)
        if "node serve" in command:
            self.nodes[command] = process
            self.wait_for_node(self.ports["8443" if "hospital" in command else "8444"])
        else:
            self.jobs.append(process)

    def wait_for_jobs(self) -> None:
        for process in self.jobs:
            assert process.wait(PATIENCE_SECONDS) == 0, self.logs()

    def wait_for_node(self, port: str) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", int(port)), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < give_up, self.logs()
                time.sleep(0.1)

    def waiting_job(self) -> str:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            command = "drgbridge node jobs --json --config pair/insurer/insurer.toml"
            told = subprocess.check_output(["bash", "-c", command], cwd=self.folder, env=self.environment)
            waiting = [job["id"] for job in json.loads(told) if job["state"] == "waiting"]
            if waiting:
                (found,) = waiting
                return str(found)
            time.sleep(0.2)
        raise AssertionError(self.logs())

    def logs(self) -> str:
        return "\n".join(path.read_text(encoding="utf-8") for path in self.folder.glob("started-*.log"))

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # The pages use data_samples, which is not installed.
        return {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY), "LANG": "en_US.UTF-8"}

    def leave(self) -> None:
        for process in self.started:
            process.terminate()
        for process in self.started:
            process.wait(20)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    found = Reader(tmp_path_factory.mktemp("reader"))
    try:
        found.follow()
        yield found
    finally:
        found.leave()


def joined(reader: Reader) -> pd.DataFrame:
    visits = pd.read_csv(reader.folder / "pair/hospital/visits.csv")
    claims = pd.read_csv(reader.folder / "pair/insurer/claims.csv")
    return visits.merge(claims, on="id")


def test_the_common_rows(reader: Reader) -> None:
    # Ids of persons: for their owner only.
    assert (reader.folder / "common.csv").stat().st_mode & 0o077 == 0
    told = pd.read_csv(reader.folder / "common.csv")
    assert set(told["id"]) == set(joined(reader)["id"])
    assert re.search(r"^common\s+500$", reader.said, re.MULTILINE)


def test_the_figures_by_plan(reader: Reader) -> None:
    told = pd.read_csv(reader.folder / "figures.csv")
    plans = told[told["bin"].isna() & told["group"].notna()].set_index("group")
    wanted = joined(reader).groupby("plan")["cost"].agg(["count", "sum", "mean", "var"])
    for plan in ("city", "rural"):
        assert plans["count"][plan] == wanted["count"][plan]
        assert float(plans["sum"][plan]) == round(wanted["sum"][plan], 2)
        assert plans["mean"][plan] == pytest.approx(wanted["mean"][plan], rel=1e-12)
        assert plans["variance"][plan] == pytest.approx(wanted["var"][plan], rel=1e-9)
    assert 0 < wanted["count"]["special"] < 10
    assert pd.isna(plans["count"]["special"])
    assert pd.isna(told[told["group"].isna()]["count"]).all()


def test_the_weights_of_evidence(reader: Reader) -> None:
    told = pd.read_csv(reader.folder / "evidence.csv")
    weights = told[told["bin"].notna()]
    assert len(weights) == 6
    assert weights["woe"].notna().all()
    assert "information_values" in reader.said


def test_the_approved_job(reader: Reader) -> None:
    (told,) = pd.read_csv(reader.folder / "paid.csv").to_dict("records")
    assert told["sum"] == joined(reader)["paid"].sum()


def test_the_trained_and_scored_model(reader: Reader) -> None:
    buckets = pd.read_csv(reader.folder / "buckets.csv")
    assert set(buckets["id"]) == set(joined(reader)["id"])
    assert buckets["bucket"].nunique() > 1
    flagged = buckets.merge(joined(reader), on="id").groupby("bucket")["flagged"].mean()
    assert flagged.is_monotonic_increasing


def test_the_answers(reader: Reader) -> None:
    told = pd.read_csv(reader.folder / "answers.csv").set_index("id")
    assert told["had"].to_dict() == {"k3": True, "k4": False, "k999": False}
    assert told["month"]["k3"] == "2025-04"


def test_nothing_but_declared_messages_crossed(reader: Reader) -> None:
    """All jobs of the page, between two processes over TLS: both logs have every message that crossed."""
    crossed: dict[str, set[str]] = {}
    for party in ("hospital", "insurer"):
        log = list(audit.entries(reader.folder / f"pair/{party}/state/audit"))
        protocol = {entry["job"]: entry["protocol"] for entry in log if entry["event"] == "job_opened"}
        for entry in log:
            if entry["event"].startswith("message_"):
                crossed.setdefault(protocol[entry["job"]], set()).add(entry["type"])
    assert set(crossed) == {"psi", "stats", "train", "score", "lookup"}
    types = {kind.TYPE for kind in declared()}
    for protocol, told in crossed.items():
        assert told <= types
        assert {name.partition(".")[0] for name in told} <= {protocol, "psi", "job"}


def test_no_block_is_left_out() -> None:
    """Every fence opens or closes a block that was read."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.count("```") == 2 * len(BLOCK.findall(text))
