"""Code lists in a form a person can review: prefixes, ranges and exceptions of a code catalogue.

A list file holds named blocks; the name stands at the start of a line, its items are indented::

    DI_FP1
      I11.000 I13.0- !I13.001
      I50..I51

``I11.000`` is that code, ``I13.0-`` every catalogue code that begins so, ``I50..I51`` every catalogue code from
``I50`` to the last that begins with ``I51``, ``!`` takes away again. Items are applied from left to right.
Codes that the catalogue does not know can only be written out. A list does not take in another list.
"""

from __future__ import annotations

import re
import textwrap
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby, zip_longest

from drg.errors import Problem

_AFTER_EVERY_CODE = "\U0010ffff"
_WIDTH = 110
_BLOCK_NAME = re.compile(r"!?[A-Za-z]+_\w*")
"""The name of a list where a code should be; no code has an underscore."""


def read_blocks(
    file: str, lines: Iterable[str], catalogues: Mapping[str, Sequence[str]], problems: list[Problem]
) -> dict[str, frozenset[str]]:
    """Name -> codes of every block in the ``lines`` of a list file.

    ``catalogues`` maps the first letters of a block name to the sorted codes that its items are resolved
    against (``""`` matches every name). What is wrong is appended to ``problems`` with file, row and column.
    """
    blocks: dict[str, set[str]] = {}
    current: set[str] | None = None
    codes: Sequence[str] = ()
    for number, line in enumerate(lines, start=1):
        body = line.split("#", 1)[0].rstrip()
        if not body:
            continue
        where = f"{file}:{number}"
        if not body[0].isspace():
            name = body.strip().upper()
            if name in blocks:
                problems.append(Problem("scheme.block_twice", f"{where}:1", {"name": name}))
            current = blocks.setdefault(name, set())
            codes = next((known for start, known in catalogues.items() if name.startswith(start)), ())
        elif current is None:
            problems.append(Problem("scheme.item_before_block", f"{where}:1", {}))
        else:
            _apply_line(body, current, codes, where, problems)
    return {name: frozenset(members) for name, members in blocks.items()}


def _apply_line(
    body: str, members: set[str], codes: Sequence[str], where: str, problems: list[Problem]
) -> None:
    column = 0
    for item in body.split():
        column = body.index(item, column)
        chosen = resolve(item.removeprefix("!"), codes)
        is_name = _BLOCK_NAME.fullmatch(item) is not None
        if is_name or not chosen:
            excerpt = f"{body}\n{' ' * column}{'^' * len(item)}"
            message = "scheme.item_is_block" if is_name else "scheme.item_empty"
            problems.append(Problem(message, f"{where}:{column + 1}", {"item": item}, excerpt))
        elif item.startswith("!"):
            members.difference_update(chosen)
        else:
            members.update(chosen)
        column += len(item)


def resolve(item: str, codes: Sequence[str]) -> Collection[str]:
    """The codes that one item (without ``!``) stands for; empty where it stands for none."""
    if ".." in item:
        first, last = item.split("..", 1)
        return codes[bisect_left(codes, first) : bisect_left(codes, last + _AFTER_EVERY_CODE)]
    if item.endswith("-"):
        return with_prefix(item[:-1], codes)
    return (item,) if item else ()


def with_prefix(prefix: str, codes: Sequence[str]) -> Sequence[str]:
    """The part of the sorted ``codes`` that begins with ``prefix``."""
    return codes[bisect_left(codes, prefix) : bisect_left(codes, prefix + _AFTER_EVERY_CODE)]


_LEVELS = (3, 4, 5, 7)
"""Lengths at which codes are cut for a reviewer: category, subcategories, code with its extensions."""


def compact(members: Collection[str], codes: Sequence[str]) -> list[str]:
    """Few items, in code order, that stand for exactly ``members``; inverse of :func:`resolve`.

    A prefix is chosen where it and its exceptions are fewer items than the parts it would be split into.
    """
    chosen = set(members)
    known = sorted(chosen.intersection(codes))
    items: list[str] = []
    for category in dict.fromkeys(code[: _LEVELS[0]] for code in known):
        items += _cover(_LEVELS, with_prefix(category, codes), chosen)
    return _join_ranges(items, codes) + sorted(chosen.difference(known))


def _cover(
    levels: Sequence[int], codes: Sequence[str], members: set[str], exceptions: bool = True
) -> list[str]:
    """Items for the ``members`` among ``codes``, which share a prefix of the length ``levels[0]``."""
    inside = sum(code in members for code in codes)
    if inside == 0:
        return []
    if len(codes) == 1:
        return list(codes)
    prefix = codes[0][: levels[0]]
    parts = _cover_parts(levels[1:], codes, members, exceptions)
    if prefix.endswith(".") or (inside < len(codes) and not exceptions):
        return parts
    taken_away = _cover_parts(levels[1:], codes, set(codes) - members, exceptions=False)
    whole = [f"{prefix}-", *(f"!{item}" for item in taken_away)]
    return whole if len(whole) < len(parts) else parts


def _cover_parts(
    levels: Sequence[int], codes: Sequence[str], members: set[str], exceptions: bool
) -> list[str]:
    if not levels:
        return [code for code in codes if code in members]
    groups = groupby(codes, key=lambda code: code[: levels[0]])
    return [item for _, group in groups for item in _cover(levels, list(group), members, exceptions)]


def _join_ranges(items: list[str], codes: Sequence[str]) -> list[str]:
    """Write three or more items whose codes follow each other in the catalogue as ``first..last``."""
    joined: list[str] = []
    run: list[str] = []
    for item, following in zip_longest(items, items[1:], fillvalue="!"):
        if item.startswith("!"):
            joined.append(item)
            continue
        run.append(item)
        if following.startswith("!") or not _adjacent(item, following, codes):
            # A prefix with exceptions stays on its own, so that the exceptions can be read beside it.
            last = [run.pop()] if following.startswith("!") and following != "!" else []
            joined += run if len(run) < 3 else [f"{_bound(run[0])}..{_bound(run[-1])}"]
            joined += last
            run = []
    return joined


def _bound(item: str) -> str:
    return item.removesuffix("-")


def _adjacent(item: str, following: str, codes: Sequence[str]) -> bool:
    """Whether both items hold all codes of their prefix, and ``following`` starts where ``item`` ends."""
    whole = all(part.endswith("-") or len(with_prefix(part, codes)) == 1 for part in (item, following))
    end = bisect_left(codes, _bound(item) + _AFTER_EVERY_CODE)
    return whole and end == bisect_left(codes, _bound(following))


def write_blocks(
    blocks: Mapping[str, Collection[str]], catalogues: Mapping[str, Sequence[str]], titles: Mapping[str, str]
) -> str:
    """A list file for ``blocks``; ``titles`` gives comments by block name. Inverse of :func:`read_blocks`."""
    lines: list[str] = []
    for name, members in blocks.items():
        codes = next((known for start, known in catalogues.items() if name.startswith(start)), ())
        title = titles.get(name)
        lines.append(f"{name}  # {title}" if title else name)
        lines += _wrapped(compact(members, codes))
    return "\n".join(lines) + "\n"


def _wrapped(items: Iterable[str]) -> Iterable[str]:
    """Items on indented lines, a new line for each first letter, so that a change touches few lines."""
    by_letter: dict[str, list[str]] = {}
    for item in items:
        by_letter.setdefault(item.removeprefix("!")[:1], []).append(item)
    for group in by_letter.values():
        yield from textwrap.wrap(
            " ".join(group),
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
