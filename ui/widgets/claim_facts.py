"""Facts of a claim in one line: name and value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from drg.codes.catalogue import load_catalogue
from ui import access
from ui.claim_desk import say
from ui.widgets.claim_words import day, ratio, yuan
from ui.widgets.markup import Markup, tag

if TYPE_CHECKING:
    from ui.access import Person


def of_visit(person: Person, visit: Mapping[str, Any]) -> list[Markup]:
    """The facts of a visit; the person as this analyst may read it."""
    name = load_catalogue("icd10").name(visit["principal_dx"] or "") or ""
    return [
        fact("person", access.masked(person, "record_number", visit["person"])),
        fact("sex_age", f"{say('sex_' + str(visit['sex'])) if visit['sex'] else '–'} {visit['age'] or '–'}"),
        fact("stay", f"{day(visit['admission_date'])} → {day(visit['discharge_date'])}"),
        fact("days", str(visit["los_days"])),
        fact("standard", f"{yuan(visit['standard_fen'])} · {ratio(visit['ratio'])}"),
        fact("group", f"{visit['drg'] or '–'} {visit['drg_name'] or ''}"),
        fact("principal_dx", f"{visit['principal_dx']} {name}"),
    ]


def fact(name: str, value: str) -> Markup:
    """A fact with its name, ``fact_<name>`` of the texts."""
    return tag("div", tag("span", say(f"fact_{name}")), tag("b", value), style="d-fact")
