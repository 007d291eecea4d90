"""A small labelled table and a model of it, made once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from claims.risk import store
from claims.risk.card import cards
from claims.risk.store import Stored
from claims.risk.table import read_table
from claims.risk.training import Result, Task, train
from data_samples.risk_claims import make
from drg.disk import file_hash

TASK = Task(
    label="suspicious",
    group="hospital",
    id_column="claim_id",
    amount="total_cost",
    subgroups=("sex",),
    exclude=("recovered",),
)


@pytest.fixture(scope="session")
def claims_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("risk") / "claims.csv"
    make(1500, 20260124).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def table(claims_csv: Path) -> pa.Table:
    return read_table(claims_csv)


@pytest.fixture(scope="session")
def result(table: pa.Table, claims_csv: Path) -> Result:
    return train(table, TASK, file_hash(claims_csv))


@pytest.fixture(scope="session")
def folder(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "model"
    save(path, result)
    return path


@pytest.fixture(scope="session")
def stored(folder: Path) -> Stored:
    return store.load(folder)


def save(path: Path, result: Result) -> str:
    told = cards(result.model, result.test, result.baseline)
    return store.save(path, result.model, result.split, result.cases, told)
