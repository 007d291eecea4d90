"""Free Chinese text without names, ids, phones, addresses and hospitals, and a count of what was taken out.

The patterns are data (``text_rules.toml``), and so are the word lists they use (``*.txt``).
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
KNOWN_LABEL = "[姓名]"
MAX_TEXT_CHARS = 1_000_000
# Full-width digits, letters and signs become half-width for matching; every character stays one character.
_HALF_WIDTH = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F) if chr(full) not in "：，；（）"}


@dataclass(frozen=True)
class Scrubbed:
    """A text with labels such as ``[姓名]`` in place of what was removed, and how many of which kind."""

    text: str
    removed: Mapping[str, int]


@dataclass(frozen=True)
class _Rule:
    kind: str
    label: str
    pattern: re.Pattern[str]


def scrub(text: str, known_names: Iterable[str] = ()) -> Scrubbed:
    """The text without what identifies a person; ``known_names`` are removed wherever they stand.

    Raises ``ValueError`` for a text of more than ``MAX_TEXT_CHARS`` characters.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise ValueError(f"text of more than {MAX_TEXT_CHARS} characters")
    taken = _known_spans(text, known_names)
    plain = text.translate(_HALF_WIDTH)
    for rule in _rules():
        for match in rule.pattern.finditer(plain):
            start, end = match.span("removed" if "removed" in rule.pattern.groupindex else 0)
            if not any(start < other_end and other_start < end for other_start, other_end, _, _ in taken):
                taken.append((start, end, rule.kind, rule.label))
    taken.sort()
    parts, place = [], 0
    for start, end, _, label in taken:
        parts += [text[place:start], label]
        place = end
    return Scrubbed("".join([*parts, text[place:]]), Counter(kind for _, _, kind, _ in taken))


def _known_spans(text: str, names: Iterable[str]) -> list[tuple[int, int, str, str]]:
    # A name column may have blanks that the text has not: 张 三.
    spellings = {spelling for name in names for spelling in (name.strip(), "".join(name.split()))}
    wanted = sorted((name for name in spellings if len(name) > 1), key=len, reverse=True)
    if not wanted:
        return []
    pattern = re.compile("|".join(re.escape(name) for name in wanted))
    return [(*match.span(), "name", KNOWN_LABEL) for match in pattern.finditer(text)]


@cache
def _rules() -> tuple[_Rule, ...]:
    ends = _words("not_in_given_names")
    provinces = tomllib.loads((FOLDER.parent / "provinces.toml").read_text(encoding="utf-8")).values()
    lists = {
        "surname": _any(_words("surnames")),
        "title": _any(_words("titles")),
        "label": _any(_words("labels")),
        "not_name": _any(_words("not_names")),
        "before_place": _any(_words("before_places")),
        "province": _any(provinces),
        "given": f"[^\\W\\da-zA-Z_{''.join(ends)}]",
        "end": f"[{''.join(ends)}]",
    }
    document = tomllib.loads((FOLDER / "text_rules.toml").read_text(encoding="utf-8"))
    return tuple(
        _Rule(rule["kind"], rule["label"], re.compile(_filled(rule["pattern"], lists)))
        for rule in document["rules"]
    )


def _filled(pattern: str, lists: Mapping[str, str]) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda match: lists[match[1]], pattern)


def _any(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first."""
    return "(?:" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + ")"


def _words(name: str) -> list[str]:
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]
