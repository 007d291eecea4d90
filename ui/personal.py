"""Personal fields of a record as a person may read them, also where a finding repeats them."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ui import access
from ui.access import Person

if TYPE_CHECKING:
    from claims.coding_desk import Finding

FILE = Path(__file__).with_name("record_fields.toml")


def shown_value(person: Person, path: str, value: str) -> str:
    """A value of the front page as this person may read it."""
    field = _masked_fields().get(path)
    return access.masked(person, field, value) if field else value


def shown_finding(person: Person, finding: Finding) -> Finding:
    """A finding with its values, which its sentences repeat, as this person may read them."""
    row = finding.row
    evidence = [
        {**seen, "value": shown_value(person, seen["field"], seen["value"] or "")}
        for seen in row["evidence"] or ()
    ]
    value = shown_value(person, row["field"], row["value"] or "")
    return replace(finding, row={**row, "evidence": evidence, "value": value})


@cache
def _masked_fields() -> dict[str, str]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
