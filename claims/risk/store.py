"""A model as a folder: trees as LightGBM text, tables as Parquet, the rest as JSON with the hash of every file.

Nothing in it is ever executed. The same training gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from claims.errors import input_error
from claims.risk import boosting, calibration
from claims.risk.boosting import Member
from claims.risk.columns import Column
from claims.risk.evaluation import SPLIT_SCHEMA
from claims.risk.frame import Feature, Schema
from claims.risk.linear import Linear
from claims.risk.model import Band, Model
from claims.risk.reasons import CASES_SCHEMA
from drg.disk import new_folder

if TYPE_CHECKING:
    import lightgbm as lgb

FORMAT = 1
MANIFEST, SPLIT, CASES = "manifest.json", "split.parquet", "cases.parquet"
TREES = re.compile(r"trees-\d{2}\.txt")
CARDS = ("card.json", "card.en.md", "card.zh.md")
LIBRARIES = ("lightgbm", "numpy", "pyarrow")
MOST_BYTES = 256 * 2**20
"""Of one file."""
MOST_MANIFEST = 64 * 2**20
MOST_MEMBERS = 100


@dataclass(frozen=True)
class Stored:
    """A model as it is kept. ``sha256``: of its manifest, which has the hashes of all other files: the model's name."""

    model: Model
    split: pa.Table
    cases: pa.Table
    sha256: str


def save(folder: Path, stored: Model, split: pa.Table, cases: pa.Table, cards: Mapping[str, str]) -> str:
    """Write a model; ``folder`` appears whole or not at all, in place of an earlier model. Its hash.

    ``cards``: texts by file name. Raises ``InputError`` where ``folder`` is something else than a model.
    """
    check_place(folder)
    with new_folder(folder) as part:
        for number, member in enumerate(stored.members):
            (part / f"trees-{number:02}.txt").write_text(boosting.text(member.booster), encoding="utf-8")
        pq.write_table(split, part / SPLIT, compression="zstd")
        pq.write_table(cases, part / CASES, compression="zstd")
        for name, text in cards.items():
            (part / name).write_text(text, encoding="utf-8")
        told = _told(stored) | {"files": {path.name: _file(path) for path in sorted(part.iterdir())}}
        manifest = canonical(told)
        (part / MANIFEST).write_text(manifest, encoding="utf-8")
    return hashlib.sha256(manifest.encode()).hexdigest()


def check_place(folder: Path) -> None:
    """Raises ``InputError`` where ``folder`` is something else than a model, or nothing yet."""
    if not folder.exists():
        return
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else {""}
    ours = {MANIFEST, SPLIT, CASES, *CARDS}
    if found and not (MANIFEST in found and all(name in ours or TREES.fullmatch(name) for name in found)):
        raise input_error("risk.not_replaced", str(folder))


def canonical(told: Any) -> str:
    """JSON with sorted keys; a number that does not exist is null, never NaN."""
    return json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n"


def _file(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _told(stored: Model) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "schema": {
            "unit": stored.schema.unit,
            "group": stored.schema.group,
            "time": stored.schema.time,
            "columns": [column.as_json() for column in stored.schema.columns],
        },
        "features": [
            [feature.column, feature.how, feature.other, list(feature.levels)] for feature in stored.features
        ],
        "label": stored.label,
        "positive": stored.positive,
        "id_column": stored.id_column,
        "amount": stored.amount,
        "linear": [member.linear.as_json() if member.linear else None for member in stored.members],
        "calibration": stored.calibrator.as_json(),
        "bands": [[band.name, band.threshold] for band in stored.bands],
        "reference": stored.reference,
        "training": stored.manifest,
        "libraries": {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()},
    }


def load(folder: Path) -> Stored:
    """Read a model. Raises ``InputError`` where it is none, was changed, or is of another version of this program."""
    path = folder / MANIFEST
    if not path.is_file():
        raise input_error("risk.no_model", str(folder))
    data = _bytes(path, MOST_MANIFEST)
    try:
        told = json.loads(data)
        format_ = told["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise input_error("risk.damaged", str(path)) from None
    if format_ != FORMAT:
        raise input_error("risk.other_version", str(folder), found=str(format_)[:20], known=FORMAT)
    try:
        files = {name: _checked(folder, name, entry) for name, entry in told["files"].items()}
        return Stored(
            _model(told, files),
            _table(files[SPLIT], SPLIT_SCHEMA),
            _table(files[CASES], CASES_SCHEMA),
            hashlib.sha256(data).hexdigest(),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, pa.ArrowException):
        raise input_error("risk.damaged", str(path)) from None


def _bytes(path: Path, most: int) -> bytes:
    if path.is_symlink() or path.stat().st_size > most:
        raise input_error("risk.damaged", str(path))
    return path.read_bytes()


def _checked(folder: Path, name: str, entry: Mapping[str, Any]) -> bytes:
    """The bytes of a file whose name, size and hash are right."""
    path = folder / name
    if not (name in (SPLIT, CASES, *CARDS) or TREES.fullmatch(name)) or not path.is_file():
        raise input_error("risk.damaged", str(folder / MANIFEST))
    data = _bytes(path, MOST_BYTES)
    if len(data) != entry["bytes"] or hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise input_error("risk.changed", str(path))
    return data


def _model(told: dict[str, Any], files: Mapping[str, bytes]) -> Model:
    schema = Schema(
        told["schema"]["unit"],
        tuple(Column.from_json(column) for column in told["schema"]["columns"]),
        told["schema"]["group"],
        told["schema"]["time"],
    )
    features = tuple(
        Feature(column, how, other, tuple(levels)) for column, how, other, levels in told["features"]
    )
    linear = [None if one is None else Linear.from_json(one) for one in told["linear"]]
    if not 1 <= len(linear) <= MOST_MEMBERS or len(told["reference"]["features"]) != len(features):
        raise ValueError
    if any(term.feature not in range(len(features)) for one in linear if one for term in one.terms):
        raise ValueError
    boosters = [_booster(files[f"trees-{number:02}.txt"], len(features)) for number in range(len(linear))]
    bands = tuple(Band(str(name), float(threshold)) for name, threshold in told["bands"])
    if [band.threshold for band in bands] != sorted((band.threshold for band in bands), reverse=True):
        raise ValueError
    return Model(
        schema=schema,
        features=features,
        members=tuple(Member(booster, one) for booster, one in zip(boosters, linear, strict=True)),
        calibrator=calibration.from_json(told["calibration"]),
        bands=bands,
        label=str(told["label"]),
        positive=told["positive"],
        id_column=told["id_column"],
        amount=told["amount"],
        reference=dict(told["reference"]),
        manifest=dict(told["training"]),
    )


def _booster(data: bytes, features: int) -> lgb.Booster:
    import lightgbm as lgb

    try:
        booster = lgb.Booster(model_str=data.decode())
    except (UnicodeDecodeError, lgb.basic.LightGBMError):
        raise ValueError from None
    if booster.num_feature() != features:
        raise ValueError
    return booster


def _table(data: bytes, schema: pa.Schema) -> pa.Table:
    found = pq.read_table(pa.BufferReader(data))
    if found.schema.remove_metadata() != schema or any(column.null_count for column in found.columns):
        raise ValueError
    return found


def check_cases(cases: pa.Table, features: int) -> None:
    """Raises ``InputError`` where the known cases are not those of a model with so many features."""
    widths = pa.compute.list_value_length(cases.column("contributions")).to_numpy()
    if np.any(widths != features):
        raise input_error("risk.damaged", CASES)
