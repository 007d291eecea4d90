"""The parameters of the rules by region and day.

A file is ``region = "440300"`` (six digits; ``CN`` for all) and sections ``[name]`` with ``title`` and ``values``, a
list of ``value``, ``source`` and the days ``from`` and ``to`` (either may be left out). What a region does not set is
that of its province (``440000``), then that of ``CN``.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from claims.errors import ClaimProblem, input_error
from claims.knowledge.points import FAR_AHEAD, LONG_AGO, day_number
from drg.errors import InputError
from drg.quality.rule import Wording

HOME = Path(__file__).parent
EVERYWHERE = "CN"
REGION = re.compile(rf"{EVERYWHERE}|[0-9]{{6}}")


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
    """The shipped parameters, with those of ``files`` in place of what they set.

    Raises ``InputError`` for a file that cannot be used, a region that is none, and a name that no rule can know.
    """
    _check_region(region, "region")
    regions = {name: dict(found) for name, found in _shipped().items()}
    names = Parameters(regions).names
    for path in files:
        name, found = _read(path)
        _check_region(name, str(path))
        if unknown := sorted(set(found) - names):
            raise input_error("claims.parameter_unknown", str(path), names=", ".join(unknown))
        regions.setdefault(name, {}).update(found)
    return Parameters(regions, region)


def _check_region(region: str, where: str) -> None:
    if not REGION.fullmatch(region):
        raise input_error("claims.parameter_region", where, region=region)


@cache
def _shipped() -> Mapping[str, Mapping[str, Parameter]]:
    return dict(_read(path) for path in sorted(HOME.glob("*.toml")))


def _read(path: Path) -> tuple[str, dict[str, Parameter]]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
        region = TypeAdapter(dict[str, str]).validate_python({"region": entries.pop("region", None)})
        return region["region"], TypeAdapter(dict[str, Parameter]).validate_python(entries)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise input_error("claims.parameter_invalid", str(path), detail=str(error)[:500]) from None
    except ValidationError as error:
        raise InputError(_problem(path, found) for found in error.errors()) from None


def _problem(path: Path, found: ErrorDetails) -> ClaimProblem:
    place = ".".join(map(str, found["loc"]))
    return ClaimProblem("claims.parameter_invalid", f"{path}: {place}", {"detail": found["msg"]})
