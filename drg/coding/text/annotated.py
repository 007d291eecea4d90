"""What is read from a text. All offsets count characters of the original text, ``start`` in, ``end`` out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["diagnosis", "procedure", "symptom", "drug"]
Side = Literal["left", "right", "both"]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a note under a heading: ``name`` of ``sections.tsv``; the span begins after the heading."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention:
    """A medical term in its context.

    ``codes`` are the catalogue codes that the term names (ICD-10 for a diagnosis or symptom, ICD-9-CM-3 for a
    procedure; none where the catalogue has no such name), ``drug_class`` the class of a drug. ``uncertain``
    means suspected, to be ruled out or planned; ``past`` is history as opposed to this stay; ``family`` says
    that somebody else has it. ``section`` is empty outside of any section.
    """

    start: int
    end: int
    text: str
    kind: Kind
    codes: tuple[str, ...] = ()
    drug_class: str = ""
    negated: bool = False
    uncertain: bool = False
    past: bool = False
    family: bool = False
    side: Side | None = None
    section: str = ""

    @property
    def present(self) -> bool:
        """Whether the text says that the patient has it now, without a doubt."""
        return not (self.negated or self.uncertain or self.past or self.family)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number with its unit, and what was measured where the text says so.

    ``item`` is one of ``items.tsv`` or empty; ``value`` is in the item's ``unit`` where the written unit is
    known for it, else in the written unit. ``second`` is the number after a slash (diastolic pressure).
    ``low`` and ``high`` are the reference limits that apply whatever the sex (the wider ones where the sexes
    differ), ``None`` where the item has none or the unit is not the item's.
    """

    start: int
    end: int
    text: str
    item: str
    value: float
    unit: str
    second: float | None = None
    comparator: str = ""
    low: float | None = None
    high: float | None = None
    section: str = ""

    @property
    def below(self) -> bool:
        """Whether the value is below the lower reference limit."""
        return self.low is not None and self.value < self.low

    @property
    def above(self) -> bool:
        """Whether the value is above the upper reference limit."""
        return self.high is not None and self.value > self.high


@dataclass(frozen=True, slots=True)
class Annotated:
    """A text and what was read from it, each list in the order of the text."""

    text: str
    mentions: tuple[Mention, ...]
    measurements: tuple[Measurement, ...]
    sections: tuple[Section, ...]

    def present(self) -> tuple[Mention, ...]:
        """The mentions that the patient has now: not negated, uncertain, past or of the family."""
        return tuple(mention for mention in self.mentions if mention.present)
