"""What the diagnoses of a claim say of lasting diseases: Charlson index, chronic diseases (``chronic.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@cache
def chronic_diseases() -> Mapping[str, tuple[str, ...]]:
    """The beginnings of the codes of each chronic disease."""
    from drg.dip.auxiliary import load_parameters

    comorbidities = load_parameters().charlson
    path = Path(__file__).with_name("chronic.toml")
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: (
            *entry.get("codes", ()),
            *(code for one in entry.get("charlson", ()) for code in comorbidities[one].codes),
        )
        for name, entry in entries.items()
    }


def with_diseases(claims: pa.Table) -> pa.Table:
    """The claims with ``charlson`` (of the other diagnoses) and ``chronic`` (names of the chronic diseases among all).

    Both are null for a claim without a diagnosis. A code that the catalogue does not know counts as no disease.
    """
    from drg.dip.auxiliary import CaseCodes, charlson_index, load_parameters

    codes = CaseCodes(claims)
    unknown = ~pc.fill_null(pc.greater(pc.list_value_length(claims.column("dx")), 0), False).to_numpy()
    index = pa.array(charlson_index(codes, load_parameters()), mask=unknown)
    chronic = _lists([codes.with_dx(beginnings) for beginnings in chronic_diseases().values()], unknown)
    return claims.append_column("charlson", index).append_column("chronic", chronic)


def _lists(has: list[np.ndarray], unknown: np.ndarray) -> pa.ListArray:
    """(claims,) the names of the diseases that each claim has, of masks a disease; null where it is unknown."""
    claim, disease = np.nonzero(np.column_stack(has))
    counts = np.bincount(claim, minlength=len(unknown))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    offsets = pa.array(starts, mask=np.append(unknown, False))
    return pa.ListArray.from_arrays(offsets, pa.array(list(chronic_diseases())).take(pa.array(disease)))
