"""Random cases for the bench: valid codes without clinical sense, so that every part of a scheme is exercised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from drg.case import CASE_SCHEMA
from drg.codes.catalogue import System, load_catalogue
from drg.scheme.pack import find_pack, set_system

MEAN_DX = 5
MEAN_PROC = 2


def random_cases(count: int, scheme: str, seed: int = 1) -> pa.Table:
    """``count`` cases in ``CASE_SCHEMA``: on average five diagnoses and two procedures."""
    random = np.random.default_rng(seed)
    days_old = random.integers(0, 365, count)
    is_infant = random.random(count) < 0.05
    weight = np.where(is_infant, random.integers(800, 4500, count), 0)
    columns = {
        "case_id": pa.array(np.arange(count)).cast(pa.string()),
        "sex": random.integers(1, 3, count),
        "age": np.where(is_infant, 0, random.integers(1, 95, count)),
        "age_days": pa.array(days_old, mask=~is_infant),
        "birth_weight_g": pa.array(weight, mask=~is_infant),
        "los_days": random.integers(1, 40, count),
        "discharge_way": random.integers(1, 6, count),
        "dx": _code_lists(1 + random.poisson(MEAN_DX - 1, count), "icd10", scheme, random),
        "proc": _code_lists(random.poisson(MEAN_PROC, count), "icd9cm3", scheme, random),
    }
    arrays = [
        pa.nulls(count, field.type) if field.name not in columns else _as(columns[field.name], field.type)
        for field in CASE_SCHEMA
    ]
    return pa.table(arrays, schema=CASE_SCHEMA)


def _as(values: npt.NDArray[np.generic] | pa.Array, kind: pa.DataType) -> pa.Array:
    return (values if isinstance(values, pa.Array) else pa.array(values)).cast(kind)


def _code_lists(
    lengths: npt.NDArray[np.int64], system: System, scheme: str, random: np.random.Generator
) -> pa.ListArray:
    """Nine of ten codes are ones that the scheme's sets name."""
    sets = find_pack(scheme).sets
    named = sorted(set().union(*(codes for name, codes in sets.items() if set_system(name) == system)))
    chosen = np.array([*named, *load_catalogue(system).codes[: len(named) // 9]], object)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    codes = pa.array(chosen, pa.string()).take(pa.array(random.integers(0, len(chosen), offsets[-1])))
    return pa.ListArray.from_arrays(pa.array(offsets), codes)
