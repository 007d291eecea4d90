"""Reads what people bring: texts, pairs of text and codes, catalogues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drg.coding.suggestion.knowledge import Pair
from drg.coding.suggestion.normal import normalise
from drg.coding.suggestion.table import CodeTable, code_table
from drg.errors import InputError, Problem, input_error

MAX_BYTES = 256 * 2**20
MAX_LINES = 2_000_000
MAX_LINE = 10_000
MAX_PAIRS = 500_000
MAX_CODES = 500_000
MAX_TARGETS = 40
"""Codes of one text."""
TARGETS = "##"
SHOWN_PROBLEMS = 20
HEADERS = frozenset({"code", "编码", "诊断编码", "手术编码", "icd", "text", "文本", "原始词", "原词"})


@dataclass(frozen=True)
class ReadPairs:
    """The pairs of a file, and what could not be used: a problem a line."""

    pairs: list[Pair]
    unused: tuple[Problem, ...]


def read_lines(path: Path) -> list[str]:
    """The lines of a text file in UTF-8 or GB18030, without line ends. Raises ``InputError`` naming the place."""
    if not path.is_file():
        raise input_error("suggest.no_file", str(path))
    if path.stat().st_size > MAX_BYTES:
        raise input_error("suggest.file_too_large", str(path), most=MAX_BYTES // 2**20)
    content = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise input_error("suggest.encoding", str(path))
    if "\0" in text:
        raise input_error("suggest.encoding", str(path))
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
    if len(lines) > MAX_LINES:
        raise input_error("suggest.too_many_lines", str(path), lines=len(lines), most=MAX_LINES)
    long = [number for number, line in enumerate(lines, start=1) if len(line) > MAX_LINE]
    if long:
        raise InputError(
            Problem("suggest.long_line", f"{path}:{number}", {"most": MAX_LINE})
            for number in long[:SHOWN_PROBLEMS]
        )
    return lines


def read_texts(path: Path) -> list[str]:
    """One text a line: what stands before the first tab."""
    return [line.partition("\t")[0] for line in read_lines(path)]


def read_catalogue(path: Path) -> CodeTable:
    """A table of two columns, code and name, separated by a tab; a header line is known by its words."""
    lines = read_lines(path)
    first = 1 if lines and lines[0].partition("\t")[0].strip().lower() in HEADERS else 0
    codes, names, problems = [], [], []
    for number, line in enumerate(lines[first:], start=first + 1):
        if not line.strip():
            continue
        code, tab, rest = line.partition("\t")
        name = rest.partition("\t")[0].strip()
        if not tab or not code.strip() or not normalise(name):
            problems.append(Problem("suggest.catalogue_line", f"{path}:{number}"))
        codes.append(code.strip())
        names.append(name)
    if problems:
        raise InputError(problems[:SHOWN_PROBLEMS])
    if not 0 < len(codes) <= MAX_CODES:
        raise input_error("suggest.catalogue_size", str(path), codes=len(codes), most=MAX_CODES)
    return code_table(codes, names, edition=path.name)


def read_pairs(path: Path, table: CodeTable) -> ReadPairs:
    """Lines of a text, a tab, and one or more codes or names of the catalogue joined by ``##``.

    A target that the catalogue does not have is left out and reported; so is a line without any other. Raises
    ``InputError`` where no line, or less than half of them, can be used.
    """
    lines = read_lines(path)
    first = 1 if lines and lines[0].partition("\t")[0].strip().lower() in HEADERS else 0
    pairs, unused, count = [], [], 0
    for number, line in enumerate(lines[first:], start=first + 1):
        if not line.strip():
            continue
        count += 1
        text, tab, targets = line.partition("\t")
        term = normalise(text)
        if not tab or not term or not targets.strip():
            unused.append(Problem("suggest.pair_line", f"{path}:{number}"))
            continue
        rows: list[int] = []
        written = [part.strip() for part in targets.partition("\t")[0].split(TARGETS)]
        if len(written) > MAX_TARGETS:
            unused.append(Problem("suggest.too_many_targets", f"{path}:{number}", {"most": MAX_TARGETS}))
            continue
        for target in filter(None, written):
            row = table.row(target)
            if row is None:
                unused.append(Problem("suggest.unknown_target", f"{path}:{number}", {"target": target[:60]}))
            elif row not in rows:
                rows.append(row)
        if rows:
            pairs.append(Pair(term, tuple(rows)))
    if len(pairs) > MAX_PAIRS:
        raise input_error("suggest.too_many_pairs", str(path), pairs=len(pairs), most=MAX_PAIRS)
    if not pairs or 2 * len(pairs) < count:
        raise InputError(
            [
                Problem("suggest.no_pairs", str(path), {"used": len(pairs), "lines": count}),
                *unused[:SHOWN_PROBLEMS],
            ]
        )
    return ReadPairs(pairs, tuple(unused))


def given_pairs(pairs: Sequence[tuple[str, Sequence[str]]], table: CodeTable) -> list[Pair]:
    """Pairs given in a program: text, codes or names. Raises ``InputError`` for a target that is not there."""
    found, problems = [], []
    for place, (text, targets) in enumerate(pairs):
        rows = [table.row(target) for target in targets]
        term = normalise(text)
        problems += [
            Problem("suggest.unknown_target", str(place), {"target": target[:60]})
            for target, row in zip(targets, rows, strict=True)
            if row is None
        ]
        if not term or not rows:
            problems.append(Problem("suggest.pair_line", str(place)))
        found.append(Pair(term, tuple(dict.fromkeys(row for row in rows if row is not None))))
    if problems or not found:
        raise InputError(
            problems[:SHOWN_PROBLEMS] or [Problem("suggest.no_pairs", "", {"used": 0, "lines": 0})]
        )
    return found
