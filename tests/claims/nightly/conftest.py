"""A small installation to run nights in: two files of plain cases, one of them with fee lines."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from claims.nightly.config import load_config
from claims.nightly.results import Results, open_results
from claims.nightly.run import Options, Run, run
from claims.nightly.runners import Stop
from drg.disk import file_hash
from tests.conftest import REPOSITORY

DAY = dt.date(2026, 11, 24)
SAMPLE = REPOSITORY / "data_samples" / "sample"
CONFIG = """out = "results"
scheme = "chs-drg-1.1"
contract = "template"
workers = 1
steps = {steps}
[[input]]
name = "plain"
paths = ["input/*.csv"]
fees = "fees/{{stem}}.csv"
[limits]
rows = 100
"""
KEY = bytes(range(32))
FEW = '["group", "price", "features"]'
ALL = '["group", "price", "check", "rules", "features", "risk", "across", "network"]'

OF_THE_RUN = ("_run.json", "_SUCCESS", "runs", ".lock", "metrics.prom")
"""What a run says of itself: it may differ, the rest may not."""


@dataclass(frozen=True)
class Installation:
    """A folder with ``nightly.toml``, ``input`` and ``fees``; nights run in this process."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "nightly.toml"

    @property
    def out(self) -> Path:
        return self.folder / "results"

    @property
    def results(self) -> Results:
        return open_results(self.out)

    def night(
        self, workers: int = 1, limit: int | None = None, day: dt.date = DAY, dask: str | None = None
    ) -> Run:
        return run(load_config(self.config), Options(day, workers, "tester", limit, dask), Stop())

    def configure(self, before: str, after: str) -> None:
        """Change the configuration."""
        text = self.config.read_text(encoding="utf-8")
        assert before in text
        self.config.write_text(text.replace(before, after), encoding="utf-8")

    def hashes(self) -> dict[str, str]:
        """Every file of the results but what the run says of itself -> SHA-256."""
        return hashes_of(self.out)


def hashes_of(out: Path) -> dict[str, str]:
    """Every file of a results folder but what the run says of itself -> SHA-256.

    Of a manifest without its keys: they have the hash of the program, whose sources somebody may be editing.
    """
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    named = {path.relative_to(out).as_posix(): path for path in files}
    return {name: _hash(path) for name, path in named.items() if not name.startswith(OF_THE_RUN)}


def _hash(path: Path) -> str:
    if path.suffix != ".json":
        return file_hash(path)
    return hashlib.sha256(re.sub(rb'"key": "[0-9a-f]{64}"', b"", path.read_bytes())).hexdigest()


def sample_rows(first: int, last: int) -> str:
    """Rows of the sample's plain table with their header; row 1 is the first case."""
    with (SAMPLE / "plain.csv").open(encoding="utf-8") as file:
        lines = list(itertools.islice(file, last + 1))
    return "".join([lines[0], *lines[first:]])


def fee_rows(cases: str) -> str:
    """Two fee lines a case of a plain table."""
    ids = dict.fromkeys(line.partition(",")[0] for line in cases.splitlines()[1:])
    lines = [f"{one},ITEM{number},{number},10.00" for one in ids for number in (1, 2)]
    return "\n".join(["case_id,item_code,quantity,amount", *lines, ""])


def make_fixed_key(folder: Path) -> None:
    """The same key in every installation, so that their pseudonyms and so their results are the same."""
    path = folder / "pseudonyms.key"
    path.touch(mode=0o600)
    path.write_bytes(KEY)


def make_installation(folder: Path, steps: str = FEW) -> Installation:
    """Files ``a.csv`` (150 rows, with fee lines) and ``b.csv`` (60 rows), three partitions."""
    for name in ("input", "fees"):
        (folder / name).mkdir(parents=True)
    a = sample_rows(1, 150)
    (folder / "input" / "a.csv").write_text(a, encoding="utf-8")
    (folder / "input" / "b.csv").write_text(sample_rows(151, 210), encoding="utf-8")
    (folder / "fees" / "a.csv").write_text(fee_rows(a), encoding="utf-8")
    make_fixed_key(folder)
    (folder / "nightly.toml").write_text(CONFIG.format(steps=steps), encoding="utf-8")
    return Installation(folder)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return make_installation(tmp_path / "night")


@pytest.fixture(scope="session")
def whole_night(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation after one night with all steps; tests only look at it."""
    made = make_installation(tmp_path_factory.mktemp("whole") / "night", ALL)
    made.night()
    return made


def ids_of(table: pa.Table) -> list[str]:
    ids: list[str] = table.column("case_id").to_pylist()
    return ids
