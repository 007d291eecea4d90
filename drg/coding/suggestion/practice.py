"""Texts to practise on, made from the names of a catalogue by changes that people make.

Each change is one function below. Deterministic for a seed.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Sequence

from drg.coding.suggestion.knowledge import Pair
from drg.coding.suggestion.normal import DATA, normalise
from drg.coding.suggestion.table import CodeTable

_BRACKETS = re.compile(r"\([^)]*\)")
_VAGUE = re.compile(
    r"[,、]?(?:未特指场所的|未特指的|未特指|其他特指的|其他的|其他和未特指的?|不可归类在他处者?)"
)
_SIDES = ("左侧", "右侧", "双侧", "左", "右", "双")
_JOINTS = (",", "、", "伴", ";", "合并", "+")
COMPOUND_SHARE = 0.25


def practice_pairs(
    table: CodeTable, phrases: Sequence[tuple[str, str]], count: int, seed: int = 11
) -> list[Pair]:
    """``count`` changed names with their rows; names of gray codes are left out; no text is a name as it stands."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    rows = [row for row in range(len(table.codes)) if not table.gray[row] and len(table.terms[row]) >= 2]
    changer = _Changer(chance, phrases)
    found: list[Pair] = []
    for _ in range(4 * count):
        if len(found) == count or not rows:
            break
        size = chance.choice((2, 2, 3)) if chance.random() < COMPOUND_SHARE else 1
        chosen = tuple(dict.fromkeys(chance.choice(rows) for _ in range(size)))
        changed = [changer.change(table.terms[row]) for row in chosen]
        text = normalise(chance.choice(_JOINTS).join(changed))
        if text and text not in table.row_of_name:
            found.append(Pair(text, chosen))
    return found


class _Changer:
    def __init__(self, chance: random.Random, phrases: Sequence[tuple[str, str]]):
        self.chance = chance
        self.spoken: defaultdict[str, list[str]] = defaultdict(list)
        for text, name in phrases:
            if 2 <= len(name) <= 16:
                self.spoken[name].append(text)
        lines = (DATA / "syllables.tsv").read_text(encoding="utf-8").splitlines()
        self.same_sound = {sign: line.split("\t")[1] for line in lines for sign in line.split("\t")[1]}
        self.ways: tuple[tuple[float, Callable[[str], str]], ...] = (
            (0.8, self.without_brackets),
            (0.7, self.without_vague),
            (0.6, self.shorter_with),
            (0.4, self.as_spoken),
            (0.2, self.reordered),
            (0.15, self.loose_link),
            (0.15, self.other_sign),
            (0.15, self.missing_sign),
            (0.2, self.with_side),
            (0.15, self.doubtful),
        )

    def change(self, term: str) -> str:
        """The term after a random choice of changes."""
        for share, way in self.ways:
            if self.chance.random() < share:
                term = way(term) or term
        return term

    def without_brackets(self, term: str) -> str:
        return _BRACKETS.sub("", term)

    def without_vague(self, term: str) -> str:
        return _VAGUE.sub("", term)

    def shorter_with(self, term: str) -> str:
        return term.replace("伴有", "伴").replace("不伴有", "不伴")

    def as_spoken(self, term: str) -> str:
        """A phrase in its usual short form: 恶性肿瘤 -> 癌."""
        for size in range(min(16, len(term)), 1, -1):
            for start in range(len(term) - size + 1):
                if forms := self.spoken.get(term[start : start + size]):
                    return term[:start] + self.chance.choice(forms) + term[start + size :]
        return term

    def reordered(self, term: str) -> str:
        head, comma, rest = term.partition(",")
        return rest + head if comma else term

    def loose_link(self, term: str) -> str:
        """Two names side by side for one: 糖尿病性肾病 -> 糖尿病伴肾病, 糖尿病肾病."""
        head, adjective, rest = term.partition("性")
        if not adjective or len(head) < 3 or len(rest) < 2:
            return term
        return head + self.chance.choice(("", "伴", "并", "合并", "、")) + rest

    def other_sign(self, term: str) -> str:
        """One character replaced by another of the same sound."""
        place = self.chance.randrange(len(term))
        sign = self.chance.choice(self.same_sound.get(term[place], term[place]))
        return term[:place] + sign + term[place + 1 :]

    def missing_sign(self, term: str) -> str:
        place = self.chance.randrange(len(term))
        return term[:place] + term[place + 1 :] if len(term) > 4 else term

    def with_side(self, term: str) -> str:
        return self.chance.choice(_SIDES) + term

    def doubtful(self, term: str) -> str:
        return term + self.chance.choice(("?", "待查", "(考虑)", "可能"))
