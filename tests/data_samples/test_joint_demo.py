"""The joint demo end to end: real nodes, every protocol, both logs; and that it leaves no process behind."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from data_samples import joint_demo
from data_samples.joint_run import Demo, StepError, nodes
from tests.conftest import REPOSITORY

PERSONS = joint_demo.LEAST_PERSONS
SECONDS = 240
PROTOCOLS = ("psi", "stats", "train", "score", "lookup")


def start(folder: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "data_samples.joint_demo", "--out", str(folder), "--persons", str(PERSONS)]
    return subprocess.Popen(
        words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def nodes_serve(folder: Path) -> list[bool]:
    return [listens(folder / "pair" / name / f"{name}.toml") for name in ("hospital", "insurer")]


def listens(config: Path) -> bool:
    port = tomllib.loads(config.read_text(encoding="utf-8"))["listen"]["port"]
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_the_demo_runs_from_consent_to_the_logs(tmp_path: Path) -> None:
    folder = tmp_path / "joint"
    demo = start(folder)
    told, _ = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 0, told
    assert nodes_serve(folder) == [False, False]
    for protocol in PROTOCOLS:
        assert f"$ drgbridge joint {protocol} " in told
        tomllib.loads((folder / "jobs" / f"{protocol}.toml").read_text(encoding="utf-8"))
    assert told.count("The insurer learned: ") == told.count("The hospital learned: ") == len(PROTOCOLS)
    assert "is not approved" in told
    assert "yes, first in 20" in told
    assert "The joint statistics are exactly those of the joined tables." in told
    assert told.count("The log is whole") == 2
    assert "Both logs are whole and agree." in told
    assert re.search(r"margin over the better one +[+-]\d\.\d{3}", told)

    tables = joint_demo.make_tables(PERSONS, 20260124)
    for id in tables.patients["id"]:
        assert id not in told
    common = pd.read_csv(folder / "results" / "common.csv", dtype=str)["id"]
    expected = set(tables.patients["id"]) & set(tables.claims["id"]) & set(tables.agreed)
    assert set(common) <= expected
    assert 0 <= len(expected) - len(common) <= joint_demo.WITHDRAWALS


def test_an_interrupted_demo_stops_its_nodes(tmp_path: Path) -> None:
    folder = tmp_path / "joint"
    demo = start(folder)
    assert demo.stdout is not None
    for line in demo.stdout:
        if "joint psi" in line:
            break
    assert nodes_serve(folder) == [True, True]
    demo.send_signal(signal.SIGINT)
    told, _ = demo.communicate(timeout=30)
    assert demo.returncode == joint_demo.INTERRUPTED, told
    assert "Traceback" not in told
    assert nodes_serve(folder) == [False, False]


def test_a_failed_step_ends_the_demo_without_touching_files_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    assert joint_demo.main(["--out", str(tmp_path), "--persons", str(PERSONS)]) == 1
    assert "files that are not of this demo" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_command_that_fails_and_a_node_that_cannot_start_are_told(tmp_path: Path) -> None:
    demo = Demo(joint_demo.empty_folder(tmp_path / "joint"), give_up=time.monotonic() + SECONDS)
    with pytest.raises(StepError, match="ended with 4"):
        demo.drgbridge("policy", "sign", "missing.toml", "--config", "missing.toml")
    port = "127.0.0.1:1"
    demo.drgbridge(
        "node", "init", "pair", "--initiator", f"insurer={port}", "--responder", f"hospital={port}"
    )
    for name in ("hospital", "insurer"):
        (demo.folder / "pair" / name / "signing.key").chmod(0o644)
    with pytest.raises(StepError, match=r"does not serve: .*signing\.key"), nodes(demo):
        raise AssertionError
