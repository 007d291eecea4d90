"""The clinical templates (templates/*.yaml) with their comorbidity lists, and the settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent

FiveNumbers = tuple[int, int, int, int, int]
"""Minimum, first quartile, median, third quartile, maximum of a quantity."""


@dataclass(frozen=True)
class OtherDx:
    """A further diagnosis: its probability and the age in years from which it occurs."""

    code: str
    probability: float
    from_age: int


@dataclass(frozen=True)
class Template:
    """One kind of discharge. Weights are relative, probabilities absolute, money in yuan, weights in grams."""

    id: str
    title: str
    weight: float
    department: str
    male: float
    age: FiveNumbers
    age_days: FiveNumbers | None
    birth_weight: FiveNumbers | None
    day_surgery: bool
    dx: dict[str, float]
    other_dx: tuple[OtherDx, ...]
    proc: dict[str, float]
    other_proc: dict[str, float]
    external_cause: dict[str, float]
    los: FiveNumbers
    icu_share: float
    icu_hours: FiveNumbers | None
    vent_hours: FiveNumbers | None
    blood: float
    discharge: dict[int, float]
    stay_cost: FiveNumbers
    stay_as: str
    day_cost: FiveNumbers
    day_as: str

    @property
    def has_one_sex(self) -> bool:
        return self.male in (0.0, 1.0)

    @property
    def always_has_procedure(self) -> bool:
        return "" not in self.proc


@cache
def load_settings() -> dict[str, Any]:
    """``settings.yaml``: prices, fee shares, identifiers in unused ranges."""
    return _read(FOLDER / "settings.yaml")


@cache
def load_templates() -> tuple[Template, ...]:
    """All templates, in the order of the files' names and of their lines."""
    comorbidities = _read(FOLDER / "comorbidities.yaml")
    return tuple(
        _template(template_id, fields, comorbidities)
        for path in sorted((FOLDER / "templates").glob("*.yaml"))
        for template_id, fields in _read(path).items()
    )


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _template(template_id: str, fields: dict[str, Any], comorbidities: dict[str, Any]) -> Template:
    icu = fields.get("icu", {"share": 0.0, "hours": None})
    cost = fields["cost"]
    return Template(
        id=template_id,
        title=fields["title"],
        weight=fields["weight"],
        department=fields["department"],
        male=float(fields["male"]),
        age=_five(fields.get("age", [0] * 5)),
        age_days=_five_or_none(fields.get("age_days")),
        birth_weight=_five_or_none(fields.get("birth_weight")),
        day_surgery=fields.get("day_surgery", False),
        dx=fields["dx"],
        other_dx=_other_dx(fields, comorbidities),
        proc=fields["proc"],
        other_proc=fields.get("other_proc", {}),
        external_cause=fields.get("external_cause", {}),
        los=_five(fields["los"]),
        icu_share=icu["share"],
        icu_hours=_five_or_none(icu["hours"]),
        vent_hours=_five_or_none(fields.get("vent_hours")),
        blood=fields.get("blood", 0.0),
        discharge=fields.get("discharge", load_settings()["default_discharge"]),
        stay_cost=_five(cost["stay"]),
        stay_as=cost["stay_as"],
        day_cost=_five(cost["day"]),
        day_as=cost["day_as"],
    )


def _other_dx(fields: dict[str, Any], comorbidities: dict[str, Any]) -> tuple[OtherDx, ...]:
    """The template's own further diagnoses, then those of its lists; the first mention of a code counts."""
    found = {code: OtherDx(code, probability, 0) for code, probability in fields.get("other_dx", {}).items()}
    for name in fields.get("with", []):
        shared = comorbidities[name]
        for code, probability in shared["dx"].items():
            found.setdefault(code, OtherDx(code, probability, shared["from_age"]))
    return tuple(found.values())


def _five(numbers: list[int]) -> FiveNumbers:
    low, first, middle, third, high = numbers
    return low, first, middle, third, high


def _five_or_none(numbers: list[int] | None) -> FiveNumbers | None:
    return None if numbers is None else _five(numbers)
