"""Laboratory results against limits that are data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from drg.coding.text.normal import plain
from drg.quality.document.found import Value
from drg.quality.document.record import Row, WholeRecord, number


def _unit(text: str) -> str:
    """A unit without the signs that laboratories write differently: ``×10^9/L``, ``10*9/L``."""
    return re.sub(r"[\s^*]", "", plain(text)).removeprefix("x").removeprefix("×")


class LabLimit(BaseModel):
    """A result below ``low`` or above ``high`` counts; without a unit in the data the unit is not asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...]
    unit: str = ""
    low: float | None = None
    high: float | None = None

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(map(plain, self.names))

    def named(self, lab: Row) -> bool:
        """Whether a result is of this test, in this unit."""
        same_unit = not self.unit or _unit(lab.text("unit")) in ("", _unit(self.unit))
        return same_unit and plain(lab.text("name")).strip() in self._names

    def beyond(self, lab: Row) -> bool:
        """Whether a result is of this test and beyond the limits; without limits any result is."""
        if not self.named(lab):
            return False
        if self.low is None and self.high is None:
            return True
        value = number(lab.text("value"))
        if value is None:
            return False
        return (self.low is not None and value < self.low) or (self.high is not None and value > self.high)


def told(lab: Row) -> Value:
    """A result as one text, for messages: ``result``."""
    return Value("result", " ".join(filter(None, (lab.text(name) for name in ("name", "value", "unit")))))


def beyond(record: WholeRecord, limits: Iterable[LabLimit]) -> list[Row]:
    """The results of a record that are beyond one of the limits."""
    listed = tuple(limits)
    return [lab for lab in record.rows("labs") if any(limit.beyond(lab) for limit in listed)]
