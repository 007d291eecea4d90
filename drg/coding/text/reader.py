"""Reads a text: words, then what the words around them say about them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from drg.coding.text.annotated import Annotated, Mention, Section, Side
from drg.coding.text.lexicon import Cue, Effect, Lexicon, Term, load_lexicon, tokenizer
from drg.coding.text.measure import measurements
from drg.coding.text.normal import plain
from drg.errors import input_error

MAX_CHARACTERS = 2_000_000
"""A longer text is refused: the longest record is a small part of it."""

MAX_LOOK_BACK = 50
"""A cue applies to so many terms before it at most: keeps the time linear for any text."""

_SENTENCE_ENDS = frozenset("。;\n!")
_CLAUSE_ENDS = frozenset(",:?")
_HEADING = re.compile(
    r"【([^【】\n]{2,8})】[ \t]*:?|([^\s:。;,【】]{2,12})[ \t]*:|^[ \t]*(\S{2,8})[ \t]*$", re.MULTILINE
)
_BEFORE_HEADING = frozenset("\n。;.、)】 \t0123456789")
_LIST_GAP = re.compile(r"[、/+\s()及和与或并左右双侧两合伴有的]*")
_LIST_CUE_GAP = 8
"""So many characters may stand between a term and a cue that looks back ("高血压10余年病史")."""
_YEARS_AGO = re.compile(
    r"(?:\d{1,3}|[一二三四五六七八九十两半多数]{1,3})\s?(?:余|多|\+)?\s?(?:年|个月|月)(?:余|多)?前"
)
_YEARS_AGO_CUE = Cue("past", "clause")
"""Years ago a symptom began, while a disease or an operation was then: it makes no symptom past."""
_DAYS_AFTER = re.compile(r"第?\s?[\d一二三四五六七八九十]{1,3}\s?(?:天|日|小时|h)|返回|安返|当日|即刻|予")
_SIDE_WINDOW_BEFORE, _SIDE_WINDOW_AFTER = 8, 4
_BREAKS = re.compile(r"[,。;:\n?!、]")


@dataclass
class _Open:
    """A term while its clause is being read."""

    start: int
    end: int
    term: Term
    effects: set[Effect]


@dataclass
class _State:
    """The cues in force, and the terms of the running clause and list."""

    lexicon: Lexicon
    text: str
    after: dict[Effect, Cue] = field(default_factory=dict)
    found: list[_Open] = field(default_factory=list)
    clause_start: int = 0
    list_start: int = 0
    cue_end: int = -1

    def end_clause(self) -> None:
        if self.after:
            self.after = {effect: cue for effect, cue in self.after.items() if cue.reach == "sentence"}
        self.clause_start = self.list_start = len(self.found)

    def end_sentence(self) -> None:
        self.after.clear()
        self.clause_start = self.list_start = len(self.found)

    def turn(self, ends: frozenset[str], start: int) -> None:
        """A word that ends cues, but not one that it follows at once: 否认有, 建议行."""
        if start == self.cue_end:
            return
        self.after = {effect: cue for effect, cue in self.after.items() if effect not in ends}

    def add(self, start: int, end: int, term: Term) -> None:
        if self.list_start < len(self.found):
            gap = self.text[self.found[-1].end : start]
            if not _LIST_GAP.fullmatch(gap):
                self.list_start = len(self.found)
        effects = set(self.after)
        if term.kind == "symptom" and self.after.get("past") is _YEARS_AGO_CUE:
            effects.discard("past")
        self.found.append(_Open(start, end, term, effects))
        if self.after:
            self.after = {effect: cue for effect, cue in self.after.items() if cue.reach != "adjacent"}

    def look_back(self, start: int, end: int, cue: Cue) -> bool:
        """Apply a cue to the terms before it; whether there were any."""
        first = self.clause_start if cue.reach == "clause" else self.list_start
        behind = self.found[max(first, len(self.found) - MAX_LOOK_BACK) :]
        if not behind:
            return False
        gap = start - behind[-1].end
        if cue.reach in ("adjacent", "procedure"):
            if gap > 1 or (cue.reach == "procedure" and behind[-1].term.kind != "procedure"):
                return False
            behind = behind[-1:]
        elif gap > _LIST_CUE_GAP:
            return False
        if cue.effect == "past" and _DAYS_AFTER.match(self.text, end):
            return False
        for mention in behind:
            mention.effects.add(cue.effect)
        return True


def read(text: str) -> Annotated:
    """The terms, measured values and sections of a text, in its order.

    Any text is allowed up to ``MAX_CHARACTERS``; a longer one raises :class:`drg.errors.InputError`.
    """
    if len(text) > MAX_CHARACTERS:
        raise input_error("text.too_long", characters=len(text), most=MAX_CHARACTERS)
    lexicon = load_lexicon()
    compared = plain(text)
    sections = tuple(_sections(compared, lexicon))
    effects = {section.name: lexicon.section_effects.get(section.name) for section in sections}
    mentions = []
    section_of = _SectionOf(sections)
    for found in _terms(compared, lexicon):
        section = section_of(found.start)
        flags = found.effects | ({effect} if (effect := effects.get(section)) else set())
        mentions.append(
            Mention(
                start=found.start,
                end=found.end,
                text=text[found.start : found.end],
                kind=found.term.kind,
                codes=found.term.codes,
                drug_class=found.term.drug_class,
                negated="negated" in flags,
                uncertain="uncertain" in flags,
                past="past" in flags,
                family="family" in flags,
                side=_side(compared, found.start, found.end, lexicon) if found.term.kind != "drug" else None,
                section=section,
            )
        )
    section_of = _SectionOf(sections)
    measured = tuple(
        replace(found, section=section) if (section := section_of(found.start)) else found
        for found in measurements(text, compared, lexicon)
    )
    return Annotated(text, tuple(mentions), measured, sections)


def _terms(text: str, lexicon: Lexicon) -> list[_Open]:
    """Every term with the effects of the cues around it."""
    state = _State(lexicon, text)
    years_ago = {found.start() for found in _YEARS_AGO.finditer(text)}
    start = skip_to = 0
    for word in tokenizer().cut(text):
        end = start + len(word)
        if start in years_ago:
            state.after["past"] = _YEARS_AGO_CUE
        if start >= skip_to:
            skip_to = _take(state, word, start, end) or skip_to
        start = end
    return state.found


def _take(state: _State, word: str, start: int, end: int) -> int:
    """One word; where reading goes on when it was a sign that takes others with it, else 0."""
    lexicon = state.lexicon
    if word in _SENTENCE_ENDS:
        state.end_sentence()
    elif word == "(" and state.text.startswith("(-)", start):
        state.look_back(start, start + 3, lexicon.before["(-)"])
        return start + 3
    elif (term := lexicon.terms.get(word)) is not None:
        state.add(start, end, term)
    elif word in lexicon.not_cues:
        pass
    elif word in lexicon.before or word in lexicon.after:
        _apply(state, word, start, end)
    elif (ends := lexicon.turns.get(word)) is not None:
        state.turn(ends, start)
    if word in _CLAUSE_ENDS:
        state.end_clause()
    return 0


def _apply(state: _State, word: str, start: int, end: int) -> None:
    """A cue: looks back where it ends a clause or can do nothing else, else rules what follows."""
    before, after = state.lexicon.before.get(word), state.lexicon.after.get(word)
    at_end = _BREAKS.match(state.text, end) is not None or end == len(state.text) or state.text[end] in " )"
    if before is not None and (after is None or at_end) and state.look_back(start, end, before):
        return
    if after is not None:
        if after.effect in ("uncertain", "family") and start != state.cue_end:
            state.after.pop("negated", None)
        state.after[after.effect] = after
        state.cue_end = end


def _side(text: str, start: int, end: int, lexicon: Lexicon) -> Side | None:
    """Left, right or both: in the term, else nearest before it, else just after it, within the clause."""
    before = _BREAKS.split(text[max(0, start - _SIDE_WINDOW_BEFORE) : start])[-1]
    after = _BREAKS.split(text[end : end + _SIDE_WINDOW_AFTER])[0]
    # The side may be the beginning of a word that is no side: 左|心室肥大.
    for part in (text[start:end], before + text[start : start + 2], after if after.startswith("(") else ""):
        if side := _last_side(part, lexicon):
            return side
    return None


def _last_side(part: str, lexicon: Lexicon) -> Side | None:
    if not any(sign in part for sign in "左右双两"):
        return None
    for word in lexicon.not_sides:
        part = part.replace(word, "")
    left, right, both = part.rfind("左"), part.rfind("右"), max(part.rfind("双"), part.rfind("两侧"))
    if both >= 0 and both > max(left, right):
        return "both"
    if left < 0 and right < 0:
        return None
    return "left" if left > right else "right"


def _sections(text: str, lexicon: Lexicon) -> Iterator[Section]:
    """The parts under the headings of ``sections.tsv``: with a colon, in 【】, or on a line of their own."""
    heads: list[tuple[str, int, int]] = []
    for found in _HEADING.finditer(text):
        group = found.lastindex or 0
        heading = found[group]
        for length in range(min(6, len(heading)), 1, -1):
            name = lexicon.headings.get(heading[-length:])
            start = found.end(group) - length
            if name and (start == 0 or group == 1 or text[start - 1] in _BEFORE_HEADING):
                heads.append((name, start, found.end()))
                break
    for (name, _, start), (_, end, _) in pairwise([*heads, ("", len(text), len(text))]):
        yield Section(name, start, end)


class _SectionOf:
    """The section of a place, for places in ascending order."""

    def __init__(self, sections: tuple[Section, ...]):
        self._sections = sections
        self._next = 0

    def __call__(self, place: int) -> str:
        while self._next < len(self._sections) and self._sections[self._next].end <= place:
            self._next += 1
        if self._next == len(self._sections):
            return ""
        section = self._sections[self._next]
        return section.name if section.start <= place else ""
