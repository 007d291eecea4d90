"""Small catalogues for the tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from drg.case import CASE_SCHEMA
from drg.dip.catalogue import Catalogue, Label, Row, Settings, default_matching
from drg.dip.cells import parse_band, parse_cell


def row(**cells: Any) -> Row:
    """A row from the texts of its cells."""
    for name in ("dx", "proc", "related", "other_dx"):
        cells[name] = parse_cell(cells.get(name, ""))
    for name in ("age_days", "weight_g"):
        if name in cells:
            cells[name] = parse_band(cells[name])
    return Row(**{"name": cells["id"], **cells})


def catalogue(rows: Iterable[Row], **parts: Any) -> Catalogue:
    """A catalogue with the official way of matching; ``matching`` changes it."""
    matching = default_matching().model_copy(update=parts.pop("matching", {}))
    label: Label = "local"
    settings = Settings(id="example", name="", name_en="", label=label, source="", matching=matching)
    settings = settings.model_copy(update=parts.pop("settings", {}))
    return Catalogue(
        settings,
        tuple(rows),
        parts.get("excluded_dx", {}),
        tuple(parts.get("excluded_proc", ())),
        parts.get("resistance", {}),
        tuple(parts.get("primary_care", ())),
    )


def case_table(cases: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Cases as a table in ``CASE_SCHEMA``; a missing ``case_id`` is the number of the case."""
    rows = [{"case_id": str(number), "proc": [], **case} for number, case in enumerate(cases)]
    full = [{name: one.get(name) for name in CASE_SCHEMA.names} for one in rows]
    return pa.Table.from_pylist(full, schema=CASE_SCHEMA)
