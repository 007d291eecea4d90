"""The section ``[joint]`` of the nightly configuration: node, job files, columns, bands."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from claims.errors import input_error
from claims.risk.model import LOWEST

SECTION = "joint"
MOST_BYTES = 1_000_000
STATES = Path(__file__).with_name("states.toml")
Name = Annotated[str, Field(min_length=1, max_length=80)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class JointBand(_Section):
    """Claims whose joint probability is at least ``threshold`` and which are in no band above."""

    name: Name
    threshold: float = Field(gt=0, lt=1)


class JointSettings(_Section):
    """What goes through the node, and how.

    ``node``: our party's configuration. ``role``: the initiator (the insurer) asks; the responder (the hospital) only
    writes the ``table`` that the other party's jobs work on. ``columns``: table of the results folder -> its columns
    that take part. ``person``: the column that names the person, of ``cases`` unless a table stands before it
    (``records.id_number``); ``ids``: a table of ours (CSV or Parquet: ``person``, ``id``) with the id by which both
    parties know that person, where ``person`` is not that id: by pseudonym or by the number in the record.
    ``psi``, ``train``, ``score``: job files. ``models``: folder of what is known of the trained model. ``bands``:
    highest first. ``least_claims``: fewer new ones wait for the next night. ``ask_again_days``: after so many days a
    claim is asked again whose person the other party had not got, or no consent of them.
    """

    node: Path
    role: Literal["initiator", "responder"] = "initiator"
    table: Name | None = None
    columns: Annotated[dict[Name, tuple[Name, ...]], Field(min_length=1)]
    person: Name = "person"
    ids: Path | None = None
    psi: Path | None = None
    train: Path | None = None
    score: Path | None = None
    models: Path = Path("joint-models")
    bands: tuple[JointBand, ...] = ()
    least_claims: int = Field(default=1, ge=1)
    ask_again_days: int = Field(default=30, ge=1)

    @model_validator(mode="after")
    def _fits_the_role(self) -> Self:
        names = [name for columns in self.columns.values() for name in columns]
        if len(set(names)) < len(names):
            raise ValueError("a column is named twice")
        if self.role == "responder" and self.table is None:
            raise ValueError("the responder needs table")
        if self.role == "initiator" and (self.score is None or not self.bands):
            raise ValueError("the initiator needs score and bands")
        thresholds = [band.threshold for band in self.bands]
        if thresholds != sorted(set(thresholds), reverse=True):
            raise ValueError("the thresholds of bands must fall")
        if LOWEST in {band.name for band in self.bands}:
            raise ValueError(f"{LOWEST} is the name of what is below all bands")
        return self

    @property
    def column_names(self) -> tuple[str, ...]:
        """All columns that take part, in order."""
        return tuple(name for columns in self.columns.values() for name in columns)

    @property
    def thresholds(self) -> list[float]:
        """Rising: bucket 0 is below the first."""
        return [band.threshold for band in reversed(self.bands)]

    @property
    def band_names(self) -> tuple[str, ...]:
        """The name of each bucket, the lowest first."""
        return (LOWEST, *(band.name for band in reversed(self.bands)))


def load_settings(path: Path) -> JointSettings:
    """The settings of a configuration file. Raises ``InputError`` with the place of the first mistake."""
    try:
        with path.open("rb") as file:
            told = tomllib.loads(file.read(MOST_BYTES).decode())
    except OSError as error:
        raise input_error("joint.settings_unreadable", str(path), detail=error.strerror or "") from None
    except ValueError as error:
        raise input_error("joint.settings_unreadable", str(path), detail=str(error)[:200]) from None
    section = told.get(SECTION)
    if not isinstance(section, dict):
        raise input_error("joint.settings_missing", str(path))
    return read_settings(section, path.absolute().parent)


def read_settings(section: Mapping[str, Any], base: Path) -> JointSettings:
    """The settings of a section ``[joint]``; its relative paths start at ``base``. Raises ``InputError``."""
    try:
        settings = JointSettings.model_validate(section)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join((SECTION, *(str(part) for part in problem["loc"])))
        raise input_error("joint.settings_invalid", place, why=problem["msg"]) from None
    paths = {name: getattr(settings, name) for name in ("node", "ids", "psi", "train", "score", "models")}
    return settings.model_copy(
        update={name: None if path is None else base / path for name, path in paths.items()}
    )


@cache
def states() -> Mapping[str, Mapping[str, Any]]:
    """What a refusal means for the night: ``states.toml``."""
    return tomllib.loads(STATES.read_text(encoding="utf-8"))
