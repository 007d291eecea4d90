"""The parameters of the rules by region and day.

A file is ``region = "440300"`` (six digits; ``CN`` for all) and sections ``[name]`` with ``title`` and ``values``, a
list of ``value``, ``source`` and the days ``from`` and ``to`` (either may be left out). What a region does not set is
that of its province (``440000``), then that of ``CN``.
"""

from __future__ import annotations

import datetime as dt
import itertools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from claims.errors import input_error
from claims.knowledge.points import FAR_AHEAD, LONG_AGO, day_number
from drg.quality.rule import Wording

HOME = Path(__file__).parent
EVERYWHERE = "CN"


class Span(BaseModel):
    """A value and the days on which it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    source: str = Field(min_length=1)
    first: dt.date | None = Field(None, alias="from")
    last: dt.date | None = Field(None, alias="to")

    @property
    def days(self) -> tuple[int, int]:
        """First and last day, since 1970."""
        return (
            LONG_AGO if self.first is None else day_number(self.first),
            FAR_AHEAD if self.last is None else day_number(self.last),
        )


class Parameter(BaseModel):
    """A parameter of one region; its spans do not overlap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Wording
    values: tuple[Span, ...] = Field(min_length=1)

    def model_post_init(self, context: object, /) -> None:
        days = sorted(span.days for span in self.values)
        if any(first > last for first, last in days) or any(
            after[0] <= before[1] for before, after in itertools.pairwise(days)
        ):
            raise ValueError("spans overlap")


@dataclass(frozen=True)
class Parameters:
    """Parameters by region and name. ``region``: that of records which name none."""

    regions: Mapping[str, Mapping[str, Parameter]]
    region: str = EVERYWHERE

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for found in self.regions.values() for name in found)

    def spans(self, name: str, region: str | None) -> tuple[Span, ...]:
        """The values of a parameter in a region; those of its province or of all where it has none."""
        code = region or self.region
        for one in (code, f"{code[:2]}0000", EVERYWHERE):
            if found := self.regions.get(one, {}).get(name):
                return found.values
        return ()


def load_parameters(files: Iterable[Path] = (), region: str = EVERYWHERE) -> Parameters:
    """The shipped parameters, with those of ``files`` in place of what they set. Raises ``InputError``."""
    regions = {name: dict(found) for name, found in _shipped().items()}
    for path in files:
        name, found = _read(path)
        regions.setdefault(name, {}).update(found)
    return Parameters(regions, region)


@cache
def _shipped() -> Mapping[str, Mapping[str, Parameter]]:
    return dict(_read(path) for path in sorted(HOME.glob("*.toml")))


def _read(path: Path) -> tuple[str, dict[str, Parameter]]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
        region = TypeAdapter(str).validate_python(entries.pop("region", None))
        return region, {name: Parameter.model_validate(entry) for name, entry in entries.items()}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise input_error("claims.parameter_invalid", str(path), detail=str(error)[:500]) from None
