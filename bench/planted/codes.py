"""Codes of the catalogue drawn at random under prefixes and ranges, written as a coder writes them: ``C51-C58 D06``.

Kept apart from the sets of ``drg.quality``: what the bench plants must not be read by the code that it tests.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache

from drg.codes.catalogue import System, load_catalogue, read_columns
from drg.codes.crosswalk import load_crosswalk
from drg.quality.dictionary import NHSA, Edition

Dice = random.Random
AFTER_ALL = "\uffff"


@dataclass(frozen=True)
class Code:
    code: str
    name: str
    kind: str | None
    """手术, 治疗性操作, 诊断性操作 or 介入治疗 of a procedure."""


@cache
def listing(edition: Edition, system: System) -> tuple[Code, ...]:
    """The codes that may be reported: not gray, and of the clinical edition those with an NHSA code."""
    catalogue = load_catalogue(system)
    if edition == NHSA:
        pairs = [(code, code) for code in catalogue.codes]
        names = {code: catalogue.name(code) or "" for code in catalogue.codes}
    else:
        table = read_columns(f"{system}_clinical.parquet", ["clinical_code", "clinical_name"])
        names = dict(zip(*(column.to_pylist() for column in table.columns), strict=True))
        pairs = [
            (code, nhsa) for code, nhsa in load_crosswalk(system).nhsa_codes.items() if nhsa in catalogue
        ]
    return tuple(
        Code(code, names[code], catalogue.operation_type(nhsa))
        for code, nhsa in sorted(pairs)
        if code in names and not catalogue.is_gray(nhsa)
    )


def is_in(code: str | None, spec: str) -> bool:
    """Whether a code begins with a prefix of ``spec`` or lies in a range of it, and not under one marked ``!``."""
    parts = spec.split()
    excluded = [part[1:] for part in parts if part.startswith("!")]
    return code is not None and (
        any(_under(code, part) for part in parts if not part.startswith("!"))
        and not any(_under(code, part) for part in excluded)
    )


def _under(code: str, part: str) -> bool:
    first, dash, last = part.partition("-")
    return first <= code[: len(last)] <= last if dash else code.startswith(first)


@cache
def _codes_of(
    edition: Edition, system: System, part: str, excluded: str, named: str, kind: str
) -> tuple[Code, ...]:
    stars = "*" in part
    part = part.replace("*", "")
    first, _, last = part.partition("-")
    listed = listing(edition, system)
    begin = bisect_left(listed, first, key=lambda one: one.code)
    end = bisect_left(listed, (last or first) + AFTER_ALL, key=lambda one: one.code)
    return tuple(
        one
        for one in listed[begin:end]
        if _under(one.code, part)
        and ("*" in one.code or "+" in one.code) == stars
        and not (excluded and is_in(one.code, excluded))
        and (not named or any(word in one.name for word in named.split("|")))
        and (not kind or one.kind == kind)
    )


def draw(edition: Edition, system: System, spec: str, dice: Dice, named: str = "", kind: str = "") -> Code:
    """A code under one of the parts of ``spec``, each part as likely; ``!`` marks what is left out.

    ``named``: words, one of which (``|`` between) is in the name; ``kind``: class of the procedure. A part with ``*``
    draws among codes with a dagger or asterisk, any other part among those without. Raises ``LookupError``.
    """
    parts = spec.split()
    excluded = " ".join(part[1:] for part in parts if part.startswith("!"))
    found = [
        _codes_of(edition, system, part, excluded, named, kind) for part in parts if not part.startswith("!")
    ]
    found = [one for one in found if one]
    if not found:
        raise LookupError(f"no {system} code of {edition} under {spec!r} {named} {kind}")
    return dice.choice(dice.choice(found))
