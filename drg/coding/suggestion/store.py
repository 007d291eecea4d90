"""A model as a folder: LightGBM text, Parquet and a JSON manifest with hashes. Nothing in it is ever executed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from drg.codes.catalogue import SYSTEMS, System
from drg.coding.suggestion.base import Phrase, name_phrases, nhsa_pairs, phrases
from drg.coding.suggestion.features import FEATURES, NameSide
from drg.coding.suggestion.knowledge import Knowledge, Pair
from drg.coding.suggestion.model import Model
from drg.coding.suggestion.ranking import JUDGE_FEATURES
from drg.coding.suggestion.table import CodeTable, code_table, nhsa_table
from drg.disk import file_hash, new_folder
from drg.errors import input_error

if TYPE_CHECKING:
    import lightgbm as lgb

FORMAT = 1
MANIFEST = "manifest.json"
RANKER, JUDGE, CODES, PAIRS = "ranker.txt.zst", "judge.txt.zst", "catalogue.parquet", "pairs.parquet"
MAX_MANIFEST = 100_000
MAX_FILE = 256 * 2**20
"""Bytes of a file of a model, as stored and unpacked."""
CODES_SCHEMA = pa.schema([("code", pa.string()), ("name", pa.string()), ("gray", pa.bool_())])
PAIRS_SCHEMA = pa.schema([("text", pa.string()), ("rows", pa.list_(pa.int32()))])


@dataclass(frozen=True)
class Background:
    """What a model knows beside its own pairs: derived anew at loading, the same for the same catalogue."""

    known: Sequence[Pair]
    phrases: Sequence[Phrase]


def background(table: CodeTable, system: System | None) -> Background:
    """For the NHSA catalogues their clinical names as pairs, for others as phrases; short forms for all."""
    if system is not None:
        return Background(nhsa_pairs(system), phrases())
    return Background((), [*phrases(), *name_phrases()])


def features_hash() -> str:
    """Changes when the features change that models are trained on."""
    return hashlib.sha256("\n".join((*FEATURES, "", *JUDGE_FEATURES)).encode()).hexdigest()


def save(
    folder: Path,
    model: Model,
    pairs: Sequence[Pair],
    system: System | None,
    measured: Mapping[str, float | int],
) -> None:
    """Write a model; ``folder`` appears whole or not at all, in place of an earlier model.

    ``pairs`` are those that were taught; ``system`` says that the catalogue is the NHSA's, which is not written.
    Raises ``InputError`` where ``folder`` is something else than a model.
    """
    check_place(folder)
    with new_folder(folder) as part:
        raw = {RANKER: _pack(part / RANKER, model.ranker), JUDGE: _pack(part / JUDGE, model.judge)}
        _write_tables(part, model.names.table, pairs, system)
        manifest = {
            "format": FORMAT,
            "features": features_hash(),
            "system": system,
            "edition": model.names.table.edition,
            "threshold": model.threshold,
            "measured": dict(measured),
            "files": {
                path.name: {"sha256": file_hash(path), "unpacked": raw.get(path.name, 0)}
                for path in sorted(part.iterdir())
            },
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False, sort_keys=True)
        (part / MANIFEST).write_text(text + "\n", encoding="utf-8")


def check_place(folder: Path) -> None:
    """Raises ``InputError`` where ``folder`` is something else than a model."""
    if not folder.exists():
        return
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if MANIFEST not in found or not found <= {MANIFEST, RANKER, JUDGE, CODES, PAIRS}:
        raise input_error("suggest.not_replaced", str(folder))


def _pack(path: Path, booster: lgb.Booster) -> int:
    """Write the text of a LightGBM model, compressed; its length in bytes."""
    text = booster.model_to_string().encode()
    path.write_bytes(pa.Codec("zstd", compression_level=19).compress(text, asbytes=True))
    return len(text)


def _write_tables(folder: Path, table: CodeTable, pairs: Sequence[Pair], system: System | None) -> None:
    if system is None:
        codes = pa.table([list(table.codes), list(table.names), table.gray.tolist()], schema=CODES_SCHEMA)
        pq.write_table(codes, folder / CODES, compression="zstd")
    if pairs:
        taught = pa.table(
            [[pair.text for pair in pairs], [list(pair.rows) for pair in pairs]], schema=PAIRS_SCHEMA
        )
        pq.write_table(taught, folder / PAIRS, compression="zstd")


def load(folder: Path) -> Model:
    """Read a model. Raises ``InputError`` where it is none, is damaged, or is of another version of this program."""
    manifest = _manifest(folder)
    files = cast(dict[str, Any], manifest["files"])
    system = cast("System | None", manifest["system"])
    if system is not None and system not in SYSTEMS:
        raise input_error("suggest.damaged", str(folder / MANIFEST))
    needed = {RANKER, JUDGE} | (set() if system else {CODES})
    if not needed <= files.keys() <= needed | {PAIRS}:
        raise input_error("suggest.damaged", str(folder / MANIFEST))
    for name, entry in files.items():
        _check(folder / name, entry["sha256"])
    table = nhsa_table(system) if system else _codes(folder / CODES)
    pairs = _pairs(folder / PAIRS, len(table.codes)) if PAIRS in files else []
    more = background(table, system)
    return Model(
        NameSide(table),
        Knowledge(table, [*more.known, *pairs], more.phrases),
        _unpack(folder / RANKER, files[RANKER]["unpacked"], len(FEATURES)),
        _unpack(folder / JUDGE, files[JUDGE]["unpacked"], len(JUDGE_FEATURES)),
        float(manifest["threshold"]),
    )


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise input_error("suggest.no_model", str(folder))
    try:
        if path.stat().st_size > MAX_MANIFEST:
            raise ValueError
        found = json.loads(path.read_text(encoding="utf-8"))
        format_, features = found["format"], found["features"]
        well_formed = (
            isinstance(found["threshold"], float)
            and isinstance(found["system"], str | None)
            and all(
                isinstance(entry["sha256"], str) and isinstance(entry["unpacked"], int)
                for entry in found["files"].values()
            )
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise input_error("suggest.damaged", str(path)) from None
    if not well_formed:
        raise input_error("suggest.damaged", str(path))
    if format_ != FORMAT or features != features_hash():
        raise input_error("suggest.other_version", str(folder))
    return cast(dict[str, Any], found)


def _check(path: Path, sha256: str) -> None:
    if not path.is_file() or path.stat().st_size > MAX_FILE or file_hash(path) != sha256:
        raise input_error("suggest.damaged", str(path))


def _unpack(path: Path, size: int, features: int) -> lgb.Booster:
    import lightgbm as lgb

    if not 0 < size <= MAX_FILE:
        raise input_error("suggest.damaged", str(path))
    try:
        text = pa.Codec("zstd").decompress(path.read_bytes(), decompressed_size=size, asbytes=True).decode()
        booster = lgb.Booster(model_str=text)
    except (pa.ArrowException, OSError, UnicodeDecodeError, lgb.basic.LightGBMError):
        raise input_error("suggest.damaged", str(path)) from None
    if booster.num_feature() != features:
        raise input_error("suggest.damaged", str(path))
    return booster


def _table(path: Path, schema: pa.Schema) -> pa.Table:
    try:
        with pq.ParquetFile(path) as parquet:
            if parquet.schema_arrow.remove_metadata() == schema and parquet.metadata.num_rows <= 10_000_000:
                return parquet.read(use_threads=False)
    except (pa.ArrowException, OSError):
        pass
    raise input_error("suggest.damaged", str(path))


def _codes(path: Path) -> CodeTable:
    found = _table(path, CODES_SCHEMA)
    if not len(found) or any(column.null_count for column in found.columns):
        raise input_error("suggest.damaged", str(path))
    return code_table(*(column.to_pylist() for column in found.columns))


def _pairs(path: Path, size: int) -> list[Pair]:
    texts, rows = (column.to_pylist() for column in _table(path, PAIRS_SCHEMA).columns)
    if not all(
        text is not None and of_text and all(row is not None and 0 <= row < size for row in of_text)
        for text, of_text in zip(texts, rows, strict=True)
    ):
        raise input_error("suggest.damaged", str(path))
    return [Pair(text, tuple(of_text)) for text, of_text in zip(texts, rows, strict=True)]
