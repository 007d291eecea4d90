"""A group or set of a scheme, described for a person who wants to check it.

``describe(pack, code).lines(lang)`` reads like this::

    <ADRG> 心力衰竭、休克 (<MDC> 循环系统疾病及功能障碍, medical)
      principal diagnosis in <SET> (23 codes)
    ...
"""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from drg import messages
from drg.codes.catalogue import Catalogue, load_catalogue
from drg.errors import input_error
from drg.scheme import language, notation
from drg.scheme.pack import LIST_CATALOGUES, Pack, Row
from drg.scheme.words import codes_counted, rule_in_words

MAX_NAMES_COMPARED = 100
"""Names of one item that are looked at to find the one that speaks for all."""
TEXT_WIDTH = 100


@dataclass(frozen=True)
class SetItem:
    """One item of a set in the notation of ``sets.txt``; ``count`` codes, of which ``name`` speaks for all.

    An exception (``taken_away``) names the codes that the item before it does not have.
    """

    text: str
    name: str
    count: int
    taken_away: bool

    def line(self, lang: str = "en") -> str:
        """The item with its name, and the number of its codes where there are several."""
        count = f" ({codes_counted(self.count, lang)})" if self.count > 1 else ""
        return f"{self.text} {self.name}{count}"


@dataclass(frozen=True)
class SetDescription:
    """A set of codes."""

    name: str
    count: int
    items: tuple[SetItem, ...]

    def lines(self, lang: str = "en") -> list[str]:
        """A line with name and number of codes, then one line an item, and its exceptions below it."""
        lines = [f"{self.name} ({codes_counted(self.count, lang)})"]
        for taken_away, group in groupby(self.items, key=lambda item: item.taken_away):
            items = list(group)
            if taken_away:
                names = "; ".join(f"{item.text.removeprefix('!')} {item.name}" for item in items)
                lines += _wrapped(messages.text("show.without", lang, names=names), indent="    ")
            else:
                lines += [f"  {item.line(lang)}" for item in items]
        return lines


@dataclass(frozen=True)
class GroupDescription:
    """An MDC, ADRG or DRG with its rule, its place in the scheme, and the sets that its rule names.

    ``level`` is ``mdc``, ``adrg`` or ``drg``; ``kind`` of an ADRG or DRG is ``surgical``, ``operation`` or
    ``medical`` (``None`` where its code does not tell). ``parents`` and ``children``: rows of the pack, outermost
    first, and in the order in which they are tried.
    """

    row: Row
    level: str
    kind: str | None
    parents: tuple[Row, ...]
    children: tuple[Row, ...]
    sets: tuple[SetDescription, ...]
    set_sizes: dict[str, int]

    def rule_in_words(self, lang: str = "en") -> str:
        """The rule as a sentence."""
        return rule_in_words(self.row.rule, lang, self.set_sizes)

    def lines(self, lang: str = "en") -> list[str]:
        """The description as lines of plain text, for a terminal."""
        return [
            self._head(lang),
            *_wrapped(self.rule_in_words(lang)),
            *_wrapped(messages.text("show.rule", lang, rule=self.row.text or "''")),
            *(f"  {line}" for found in self.sets for line in found.lines(lang)),
            *self._children_lines(lang),
        ]

    def _head(self, lang: str) -> str:
        place = [f"{parent.code} {parent.name}" for parent in self.parents]
        if self.kind:
            place.append(messages.text(f"show.{self.kind}", lang))
        return f"{self.row.code} {self.row.name}" + (f" ({', '.join(place)})" if place else "")

    def _children_lines(self, lang: str) -> Iterator[str]:
        if self.children:
            yield "  " + messages.text(f"show.children_of_{self.level}", lang, count=len(self.children))
        for child in self.children:
            words = f": {rule_in_words(child.rule, lang)}" if self.level == "adrg" else ""
            yield f"    {child.code} {child.name}{words}"


def describe(pack: Pack, code: str) -> GroupDescription | SetDescription:
    """The group or set ``code`` (in any case) of a scheme. Raises ``InputError`` where there is none."""
    wanted = code.strip().upper()
    levels = {"mdc": pack.mdcs, "adrg": pack.adrgs, "drg": pack.drgs}
    for level, rows in levels.items():
        for row in rows:
            if row.code.upper() == wanted:
                return _describe_group(pack, level, row)
    if wanted in pack.sets:
        return describe_set(wanted, pack.sets[wanted])
    raise input_error("show.unknown", wanted=code.strip()[:40], scheme=pack.id)


def _describe_group(pack: Pack, level: str, row: Row) -> GroupDescription:
    names = list(dict.fromkeys(language.set_names(row.rule)))
    children = {"mdc": pack.adrgs, "adrg": pack.drgs, "drg": ()}[level]
    return GroupDescription(
        row,
        level,
        _kind(row.code) if level != "mdc" else None,
        tuple(_parents(pack, row)),
        tuple(child for child in children if child.parent == row.code),
        tuple(describe_set(name, pack.sets[name]) for name in names),
        {name: len(pack.sets[name]) for name in names},
    )


def _parents(pack: Pack, row: Row) -> Iterator[Row]:
    parent = next((other for other in (*pack.adrgs, *pack.mdcs) if other.code == row.parent), None)
    if parent is not None:
        yield from _parents(pack, parent)
        yield parent


@cache
def _kinds() -> dict[str, str]:
    text = Path(__file__).with_name("adrg_kinds.toml").read_text(encoding="utf-8")
    return {letter: kind for kind, letters in tomllib.loads(text).items() for letter in letters}


def _kind(code: str) -> str | None:
    return _kinds().get(code[1:2])


def describe_set(name: str, codes: Collection[str]) -> SetDescription:
    """A set with its codes as few items of the catalogue."""
    systems = LIST_CATALOGUES["sets.txt"]
    system = next((system for start, system in systems.items() if name.startswith(start)), None)
    if system is None:
        return SetDescription(name, len(codes), tuple(SetItem(code, "", 1, False) for code in sorted(codes)))
    catalogue = load_catalogue(system)
    items = notation.compact(codes, catalogue.codes)
    return SetDescription(name, len(codes), tuple(_item(text, codes, catalogue) for text in items))


def _item(text: str, members: Collection[str], catalogue: Catalogue) -> SetItem:
    taken_away = text.startswith("!")
    codes = notation.resolve(text.removeprefix("!"), catalogue.codes)
    inside = [code for code in codes if (code in members) != taken_away]
    return SetItem(text, _speaking_name(inside, catalogue), len(inside), taken_away)


def _speaking_name(codes: Sequence[str], catalogue: Catalogue) -> str:
    """The name that most names of the codes contain; of equal ones the shortest, then the first."""
    names = [catalogue.name(code) or "" for code in codes[:MAX_NAMES_COMPARED]]
    return max(names, key=lambda name: (sum(name in other for other in names), -len(name)), default="")


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(text, TEXT_WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")
