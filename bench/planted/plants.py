"""The injections: one YAML file a section of the reference, a rule id with what violates it and what just does not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from bench.planted.records import Kind

HOME = Path(__file__).parent
INJECTIONS = HOME / "injections"


class Plant(BaseModel):
    """One way to violate a rule (or, as ``near``, not quite): in which records, and what is changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: Any = ()
    do: tuple[Mapping[str, Any], ...] = ()
    base: Kind = "front"
    also: tuple[str, ...] = ()
    """Rules that this violates as well, beside those of the injection."""
    note: str = ""

    @field_validator("do", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, Mapping) else value

    @field_validator("also", mode="before")
    @classmethod
    def _ids(cls, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value


class Injection(BaseModel):
    """The plants of a rule. ``also``: rules that a violation entails by the reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plants: tuple[Plant, ...] = Field(min_length=1)
    near: tuple[Plant, ...] = ()
    also: tuple[str, ...] = ()
    note: str = ""

    @field_validator("also", mode="before")
    @classmethod
    def _ids(cls, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value


def load_injections(only: Iterable[str] | None = None) -> dict[str, Injection]:
    """Injections by rule id, of ``only`` these. Raises ``ValueError`` for a rule that has two."""
    wanted = None if only is None else set(only)
    found: dict[str, Injection] = {}
    for path in sorted(INJECTIONS.glob("*.yaml")):
        entries: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for rule, entry in entries.items():
            if rule in found:
                raise ValueError(f"{path.name}: {rule} has two injections")
            found[rule] = Injection.model_validate(entry)
    return {rule: one for rule, one in sorted(found.items()) if wanted is None or rule in wanted}


def family(rule: str) -> str:
    """The id of the reference that a rule belongs to: ``Q054`` for ``Q054a``."""
    return re.sub(r"[a-z]+$", "", rule)


def rules_between(ids: Iterable[str], text: str) -> Sequence[str]:
    """``Q001-Q124 Q130``: those of ``ids`` that lie in these ranges."""
    ranges = [part.partition("-")[::2] for part in text.split()]
    return [one for one in ids if any(low <= one <= (high or low) for low, high in ranges)]
