"""For which principal diagnoses a rule can hold, whatever else a case has.

A rule is evaluated for all principal diagnoses at once, with the rest of the case unknown (or, for some
fields, known to be empty). The answer is in three values: certainly, possibly, not. It errs to "possibly":
contradictions between tests of different fields (male and female) are not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from drg.codes.catalogue import load_catalogue
from drg.scheme import language
from drg.scheme.language import Always, And, CodeTest, HitsTest, LengthTest, Not, Or, Rule, ScalarTest

Mask = npt.NDArray[np.bool_]
"""A truth value for each principal diagnosis, in the order of ``Reacher.codes``."""


@dataclass(frozen=True)
class Reach:
    """Where a rule certainly holds, and where it may hold; ``certain`` is a part of ``possible``."""

    certain: Mask
    possible: Mask

    def __and__(self, other: Reach) -> Reach:
        return Reach(self.certain & other.certain, self.possible & other.possible)

    def __or__(self, other: Reach) -> Reach:
        return Reach(self.certain | other.certain, self.possible | other.possible)

    def __invert__(self) -> Reach:
        return Reach(~self.possible, ~self.certain)


class Reacher:
    """Evaluates the ``rules`` of one scheme over all principal diagnoses: of the catalogue, and of the rules."""

    def __init__(self, sets: Mapping[str, frozenset[str]], rules: Iterable[Rule]):
        names = {name for rule in rules for name in _diagnosis_sets(rule)}
        listed = {code for name in names for code in sets[name]}
        self.codes = sorted(listed.union(load_catalogue("icd10").codes))
        self.sets = sets
        self.empty: frozenset[str] = frozenset()
        self.assumed: Mapping[CodeTest, bool] = {}
        self._positions = {code: position for position, code in enumerate(self.codes)}
        self._masks: dict[str, Mask] = {}

    def emptied(self, *fields: str) -> Reacher:
        """The same, with ``fields`` known to hold no code."""
        other = copy(self)
        other.empty = self.empty.union(fields)
        return other

    def assuming(self, test: CodeTest, holds: bool) -> Reacher:
        """The same, with one test known to hold or not."""
        other = copy(self)
        other.assumed = {**self.assumed, test: holds}
        return other

    def of(self, rule: Rule) -> Reach:
        """Where the rule holds."""
        match rule:
            case Always(value):
                return self.everywhere(value, value)
            case Not(inner):
                return ~self.of(inner)
            case And(rules):
                return reduce(Reach.__and__, map(self.of, rules))
            case Or(rules):
                return reduce(Reach.__or__, map(self.of, rules))
            case ScalarTest():
                return self.everywhere(False, True)
            case CodeTest(fields, sets):
                return self._code_test(fields, sets)
            case LengthTest(set_name, fields, op, number):
                known = self._inside((set_name,), fields).astype(np.int64)
                others = len(self.sets[set_name]) if self._any_unknown(fields) else 0
                return _compared(known, np.maximum(known, others), op, number)
            case HitsTest(fields, sets, op, number):
                known = np.sum([self._inside((name,), fields) for name in sets], axis=0, dtype=np.int64)
                others = sum(bool(self.sets[name]) for name in sets) if self._any_unknown(fields) else 0
                return _compared(known, np.maximum(known, others), op, number)

    def _code_test(self, fields: tuple[str, ...], sets: tuple[str, ...]) -> Reach:
        if (holds := self.assumed.get(CodeTest(fields, sets))) is not None:
            return self.everywhere(holds, holds)
        certain = self._inside([name for name in sets if name not in language.CC_LEVELS], fields)
        holds_codes = any(name in language.CC_LEVELS or self.sets[name] for name in sets)
        return Reach(certain, certain | (self._any_unknown(fields) and holds_codes))

    def _inside(self, names: Iterable[str], fields: tuple[str, ...]) -> Mask:
        """Which principal diagnoses are in one of the sets, if ``fields`` holds the principal diagnosis."""
        mask = self.nowhere()
        if language.DX_FIELDS[0] in fields:
            for name in names:
                mask = mask | self.mask(name)
        return mask

    def _any_unknown(self, fields: tuple[str, ...]) -> bool:
        return any(field != language.DX_FIELDS[0] and field not in self.empty for field in fields)

    def mask(self, name: str) -> Mask:
        """Which principal diagnoses are in a set."""
        if name not in self._masks:
            self._masks[name] = self.mask_of(self.sets[name])
        return self._masks[name]

    def mask_of(self, codes: Iterable[str]) -> Mask:
        """Which principal diagnoses are among ``codes``."""
        mask = self.nowhere()
        mask[[self._positions[code] for code in codes if code in self._positions]] = True
        return mask

    def listed(self, rule: Rule) -> Mask:
        """The principal diagnoses that a rule asks for by name."""
        return reduce(np.logical_or, map(self.mask, principal_sets(rule)), self.nowhere())

    def codes_in(self, mask: Mask) -> list[str]:
        """The codes of a mask, in order."""
        return [self.codes[position] for position in np.flatnonzero(mask)]

    def nowhere(self) -> Mask:
        """The empty mask."""
        return np.zeros(len(self.codes), dtype=np.bool_)

    def everywhere(self, certain: bool, possible: bool) -> Reach:
        """The same answer for every principal diagnosis."""
        return Reach(np.full(len(self.codes), certain), np.full(len(self.codes), possible))


def _diagnosis_sets(rule: Rule) -> Iterator[str]:
    for test in language.tests(rule):
        if not isinstance(test, ScalarTest) and test.fields[0] in language.DX_FIELDS:
            yield from language.set_names(test)


def positive_tests(rule: Rule, negated: bool = False) -> Iterator[CodeTest]:
    """The tests by which a rule wants codes to be in sets, in the order they are written."""
    match rule:
        case Not(inner):
            yield from positive_tests(inner, not negated)
        case And(rules) | Or(rules):
            for part in rules:
                yield from positive_tests(part, negated)
        case CodeTest() if not negated:
            yield rule


def principal_sets(rule: Rule) -> Iterator[str]:
    """The sets in which a rule wants the principal diagnosis, and no other field, to be."""
    for test in positive_tests(rule):
        if test.fields == language.DX_FIELDS[:1]:
            yield from test.sets


def _compared(low: npt.NDArray[np.int64], high: npt.NDArray[np.int64], op: str, number: float) -> Reach:
    """A comparison of a count that is known to lie between ``low`` and ``high``."""
    match op:
        case ">=":
            return Reach(low >= number, high >= number)
        case ">":
            return Reach(low > number, high > number)
        case "=":
            between = (low <= number) & (number <= high) & float(number).is_integer()
            return Reach((low == high) & between, between)
        case "!=":
            return ~_compared(low, high, "=", number)
        case "<":
            return ~_compared(low, high, ">=", number)
        case _:
            return ~_compared(low, high, ">", number)
