"""One case (a discharge), as an object and as a row of an Arrow table.

``Case`` is the definition; ``CASE_SCHEMA`` is derived from it, so the two forms cannot drift apart.
Codes are stored as read: normalising and looking them up is the grouper's first step.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Annotated, Any, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

MAX_CODE_LENGTH = 40
MAX_CODES = 500
MAX_FEN = 99_999_999_999

Code = Annotated[str, StringConstraints(min_length=1, max_length=MAX_CODE_LENGTH)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Case(BaseModel):
    """A discharge. ``None`` means not known, never zero.

    ``age_days`` stands beside ``age`` 0 only, as in the record files; anything else raises ``ValidationError``.
    Source of the fields: the medical record front page and the settlement list (see ``drg/records``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case_id: Text
    sex: int | None = Field(None, ge=1, le=2, description="1 male, 2 female")
    age: int | None = Field(None, ge=0, le=150, description="completed years at admission")
    age_days: int | None = Field(None, ge=0, le=366, description="days, only under one year of age")
    birth_weight_g: int | None = Field(None, gt=0, le=20_000, description="grams")
    admission_weight_g: int | None = Field(None, gt=0, le=20_000, description="grams, newborns")
    los_days: int | None = Field(None, ge=0, le=36_500, description="length of stay in days")
    discharge_way: int | None = Field(
        None, ge=1, le=9, description="1 home, 2 transfer, 3 community, 4 against advice, 5 died, 9 other"
    )
    icu_hours: float | None = Field(None, ge=0, le=1_000_000, description="hours in intensive care")
    department: Text | None = Field(None, description="code of the discharge department")
    region: Text | None = Field(None, description="region of the insurance fund, chooses the scheme")
    admission_date: dt.date | None = None
    discharge_date: dt.date | None = Field(None, description="chooses the scheme and the contract")
    hospital: Text | None = Field(None, description="code of the hospital")
    hospital_level: Text | None = Field(None, description="as the contract names it")
    insurance_type: Text | None = Field(None, description="as the contract names it")
    doctor: Text | None = Field(None, description="who treated the patient")
    person: Text | None = Field(
        None, repr=False, description="the hospital's record number of the person, for readmissions"
    )
    total_cost_fen: int | None = Field(None, ge=0, le=MAX_FEN, description="fen")
    drug_cost_fen: int | None = Field(None, ge=0, le=MAX_FEN, description="fen, part of the total")
    consumable_cost_fen: int | None = Field(None, ge=0, le=MAX_FEN, description="fen, part of the total")
    patient_paid_fen: int | None = Field(None, ge=0, le=MAX_FEN, description="fen, not paid by the fund")
    dx: list[Code] = Field(
        min_length=1, max_length=MAX_CODES, description="ICD-10 diagnoses, the first is principal"
    )
    proc: list[Code] = Field(
        default_factory=list,
        max_length=MAX_CODES,
        description="ICD-9-CM-3 procedures, the first is principal",
    )

    @model_validator(mode="after")
    def _age_in_days_is_an_infants(self) -> Self:
        if self.age_days is not None and self.age != 0:
            raise ValueError(
                "age_days needs age 0: leave it out from one year on, and where the age is not known"
            )
        return self

    @property
    def principal_dx(self) -> str:
        return self.dx[0]

    @property
    def other_dx(self) -> list[str]:
        return self.dx[1:]

    @property
    def principal_proc(self) -> str | None:
        return self.proc[0] if self.proc else None

    @property
    def other_proc(self) -> list[str]:
        return self.proc[1:]


_ARROW_TYPES: dict[str, pa.DataType] = {
    "sex": pa.int8(),
    "age": pa.int16(),
    "age_days": pa.int16(),
    "birth_weight_g": pa.int32(),
    "admission_weight_g": pa.int32(),
    "los_days": pa.int32(),
    "discharge_way": pa.int8(),
    "icu_hours": pa.float64(),
    "admission_date": pa.date32(),
    "discharge_date": pa.date32(),
    "total_cost_fen": pa.int64(),
    "drug_cost_fen": pa.int64(),
    "consumable_cost_fen": pa.int64(),
    "patient_paid_fen": pa.int64(),
    "dx": pa.list_(pa.string()),
    "proc": pa.list_(pa.string()),
}

CASE_SCHEMA = pa.schema([(name, _ARROW_TYPES.get(name, pa.string())) for name in Case.model_fields])


def to_table(cases: Iterable[Case]) -> pa.Table:
    """Cases as an Arrow table in ``CASE_SCHEMA``, one row a case, in order."""
    return pa.Table.from_pylist([case.model_dump() for case in cases], schema=CASE_SCHEMA)


def from_table(table: pa.Table) -> list[Case]:
    """The rows of a case table as ``Case`` objects; the inverse of :func:`to_table`. Raises as :func:`from_row`."""
    return [from_row(row) for row in table.to_pylist()]


def from_row(row: dict[str, Any]) -> Case:
    """One row of a case table (``table.to_pylist()``) as a ``Case``; a null list of procedures is an empty one.

    Raises pydantic's ``ValidationError`` for a row that is no case.
    """
    return Case.model_validate({name: row[name] for name in Case.model_fields if row.get(name) is not None})
