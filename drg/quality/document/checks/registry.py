"""Where check functions are registered under their names."""

from __future__ import annotations

from collections.abc import Callable

from drg.quality.document.copying import NoteIndex
from drg.quality.document.found import Outcome
from drg.quality.document.record import WholeRecord
from drg.quality.document.rule import Settings

CheckFunction = Callable[[WholeRecord, Settings], Outcome]
AcrossFunction = Callable[[WholeRecord, Settings, NoteIndex], Outcome]

CHECKS: dict[str, CheckFunction] = {}
"""Functions that look at one record."""
ACROSS: dict[str, AcrossFunction] = {}
"""Functions that compare a record with those before it."""


def check(function: CheckFunction) -> CheckFunction:
    """Register a function under its name."""
    CHECKS[function.__name__] = function
    return function


def across(function: AcrossFunction) -> AcrossFunction:
    """Register a function that compares records under its name."""
    ACROSS[function.__name__] = function
    return function
