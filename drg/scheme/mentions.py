"""Which groups a code reaches: every row of a scheme whose rule names a list that holds the code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from drg.codes.catalogue import SYSTEMS, System, load_catalogue
from drg.errors import input_error
from drg.scheme import language
from drg.scheme.language import CodeTest, LengthTest, ScalarTest
from drg.scheme.pack import Complication, Pack, Row, set_system
from drg.scheme.reach import positive_tests

Level = Literal["mdc", "adrg", "drg"]


@dataclass(frozen=True)
class Mention:
    """A row whose rule looks for the code in ``fields`` (``ZYZD`` ...) by the list ``set_name``.

    ``wanted``: the rule asks for the code there; else it asks that it be not there.
    """

    level: Level
    row: Row
    fields: tuple[str, ...]
    set_name: str
    wanted: bool


@dataclass(frozen=True)
class CodeReach:
    """What a code does in a scheme.

    ``mentions`` in the order of the scheme. ``complication``: its level as another diagnosis, and ``excluded_by``: how
    many principal diagnoses take that away. ``excludes``: how many complications do not count beside it as principal.
    """

    code: str
    name: str
    system: System
    mentions: tuple[Mention, ...]
    complication: Complication | None
    excluded_by: int
    excludes: int


def reach_of(pack: Pack, text: str) -> CodeReach:
    """What a code, as a person writes it, does in a scheme. Raises ``InputError`` where it is no code."""
    system, code = _resolved(pack, text)
    complication = pack.complications.get(code) if system == "icd10" else None
    table = pack.exclusions.get(complication.exclusion_table, frozenset()) if complication else frozenset()
    tables = {name for name, members in pack.exclusions.items() if code in members and system == "icd10"}
    return CodeReach(
        code,
        load_catalogue(system).name(code) or "",
        system,
        tuple(_mentions(pack, code, system)),
        complication,
        len(table),
        sum(one.exclusion_table in tables for one in pack.complications.values()),
    )


def _resolved(pack: Pack, text: str) -> tuple[System, str]:
    for system in SYSTEMS:
        code = load_catalogue(system).resolve(text, pack.own_codes(system)).code
        if code is not None:
            return system, code
    raise input_error("show.no_code", wanted=text.strip()[:40])


def _mentions(pack: Pack, code: str, system: System) -> Iterator[Mention]:
    holding = {name for name, codes in pack.sets.items() if code in codes and set_system(name) == system}
    levels: tuple[tuple[Level, Sequence[Row]], ...] = (
        ("mdc", pack.mdcs),
        ("adrg", pack.adrgs),
        ("drg", pack.drgs),
    )
    for level, rows in levels:
        for row in rows:
            wanted = set(positive_tests(row.rule))
            for test in language.tests(row.rule):
                if isinstance(test, ScalarTest):
                    continue
                names = (test.set_name,) if isinstance(test, LengthTest) else test.sets
                for name in names:
                    if name in holding:
                        asks = not isinstance(test, CodeTest) or test in wanted
                        yield Mention(level, row, test.fields, name, asks)
