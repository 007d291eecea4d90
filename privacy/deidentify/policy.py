"""The policy of a de-identification: what becomes of each column. A column that it does not name is dropped."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from privacy.errors import Refused

Positive = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(min_length=1, max_length=80)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Interval(_Part):
    """A number as an interval. The widths are tried from the left, then ``*``."""

    treatment: Literal["interval"]
    widths: Annotated[list[Positive], Field(min_length=1)]


class Prefix(_Part):
    """A code cut to its first characters. The lengths are tried from the left, then ``*``."""

    treatment: Literal["prefix"]
    lengths: Annotated[list[Positive], Field(min_length=1)]


class Category(_Part):
    """A quasi-identifier that stays as it is, or becomes ``*``."""

    treatment: Literal["category"]


class Plain(_Part):
    """The other treatments.

    ``pseudonym``: keyed, differs per recipient. ``date``: moved by the person's own number of days. ``text``:
    scrubbed. ``name``: dropped, and removed from the row's texts. ``sensitive``: kept, checked for l-diversity.
    ``keep``: kept. ``drop``: dropped.
    """

    treatment: Literal["pseudonym", "date", "text", "name", "sensitive", "keep", "drop"]


Generalised = Interval | Prefix | Category
Treatment = Annotated[Interval | Prefix | Category | Plain, Field(discriminator="treatment")]


class DeidentifyPolicy(_Part):
    """A policy file (TOML); ``docs/deidentify.md`` has an example.

    ``person``: the column whose values are the same for one person. ``minimum_k``: persons, not rows, in every
    class of equal quasi-identifiers. ``maximum_suppressed``: share of rows that may be left out to reach it.
    ``key_file``: the secret of pseudonyms and date shifts, relative to the policy.
    """

    version: Literal[1]
    recipient: Name
    person: Name
    key_file: str
    minimum_k: Annotated[int, Field(ge=2)]
    minimum_l: Positive = 1
    maximum_suppressed: Annotated[float, Field(ge=0, le=1)]
    maximum_shift_days: Annotated[int, Field(ge=1, le=3650)] = 183
    columns: dict[Name, Treatment]

    @model_validator(mode="after")
    def _check_sensitive(self) -> DeidentifyPolicy:
        if self.minimum_l > 1 and not self.with_treatment("sensitive"):
            raise ValueError('minimum_l needs a column with treatment = "sensitive"')
        return self

    def with_treatment(self, *treatments: str) -> list[str]:
        """The columns with one of these treatments, in the order of the policy."""
        return [name for name, rule in self.columns.items() if rule.treatment in treatments]

    def generalised(self) -> dict[str, Generalised]:
        """The quasi-identifiers."""
        return {name: rule for name, rule in self.columns.items() if not isinstance(rule, Plain)}


def load_policy(path: Path) -> DeidentifyPolicy:
    """Read a policy. Raises ``Refused`` (``deidentify.policy``) with the place that is wrong."""
    try:
        return DeidentifyPolicy.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused("deidentify.policy", path=str(path), detail=f"{place}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise Refused("deidentify.policy", path=str(path), detail=str(error)) from error
