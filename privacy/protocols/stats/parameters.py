"""What a person asks of joint statistics, in the job's TOML; both parties see it."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from privacy.protocols import JobParameters, Role, TableUse

MOST_COLUMNS = 32
MOST_EDGES = 50
MOST_MINIMUM_GROUP = 1000
Name = Annotated[str, Field(min_length=1, max_length=80)]


class ColumnParameters(BaseModel):
    """How a number column of the responder becomes integers: units of ``10**-decimals``, from ``least`` to ``most``.

    A value outside is refused (with ``epsilon``: clipped); so is one with more decimals, unless ``rounded``.
    ``edges`` cut the column into bins: below the first, from each edge (included) to the next, from the last on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    decimals: int = Field(default=0, ge=0, le=6)
    least: float = 0.0
    most: float
    rounded: bool = False
    edges: tuple[float, ...] = Field(default=(), max_length=MOST_EDGES)

    @model_validator(mode="after")
    def _is_in_order(self) -> ColumnParameters:
        if self.most <= self.least:
            raise ValueError("most must be above least")
        if any(right <= left for left, right in pairwise(self.edges)):
            raise ValueError("edges must rise")
        if any(self.in_units(value) % 1 for value in (self.least, self.most, *self.edges)):
            raise ValueError("least, most and edges must not have more decimals than the column")
        return self

    def in_units(self, value: float) -> Decimal:
        """A declared number in units of ``10**-decimals``, exactly as it was written."""
        return Decimal(repr(value)).scaleb(self.decimals)

    @property
    def magnitude(self) -> int:
        """The largest absolute value, in units."""
        return int(max(abs(self.in_units(self.least)), abs(self.in_units(self.most))))

    @property
    def bins(self) -> int:
        """How many bins the edges make; 0 without edges."""
        return len(self.edges) + 1 if self.edges else 0


class StatsParameters(JobParameters):
    """Figures of the responder's ``columns`` over the common rows, by the initiator's groups or its label (0 or 1).

    ``minimum_group``: fewest rows behind a figure. ``smoothing``: added to each count of a bin before the weight of
    evidence is taken. ``epsilon``: differential privacy of each column; None for exact figures.
    """

    group_column: Name | None = None
    label_column: Name | None = None
    columns: dict[Name, ColumnParameters] = Field(min_length=1, max_length=MOST_COLUMNS)
    minimum_group: int = Field(default=10, ge=2, le=MOST_MINIMUM_GROUP)
    smoothing: float = Field(default=0.5, gt=0, le=10)
    epsilon: float | None = Field(default=None, ge=0.001, le=10)

    @model_validator(mode="after")
    def _has_one_kind_of_groups(self) -> StatsParameters:
        if self.group_column is not None and self.label_column is not None:
            raise ValueError("group_column or label_column, not both")
        return self

    def table_use(self, role: Role) -> TableUse:
        if role == "responder":
            return TableUse(numbers=tuple(self.columns), minimum_group=self.minimum_group)
        return TableUse(
            numbers=() if self.label_column is None else (self.label_column,),
            texts=() if self.group_column is None else (self.group_column,),
        )

    @property
    def micro_epsilon(self) -> int:
        """``epsilon`` in millionths, rounded up, as the ledger counts it; 0 for exact figures."""
        return 0 if self.epsilon is None else math.ceil(self.epsilon * 1_000_000)
