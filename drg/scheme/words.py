"""A rule of the rule language in words, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drg import messages
from drg.scheme.language import (
    Always,
    And,
    CodeTest,
    HitsTest,
    LengthTest,
    Not,
    Or,
    Rule,
    ScalarTest,
    number_text,
)

NO_SIZES: Mapping[str, int] = MappingProxyType({})


def rule_in_words(rule: Rule, lang: str, set_sizes: Mapping[str, int] = NO_SIZES) -> str:
    """A rule as a sentence; the sizes of sets are said where ``set_sizes`` has them."""
    return _Words(lang, set_sizes).rule(rule)


class _Words:
    def __init__(self, lang: str, set_sizes: Mapping[str, int]):
        self.lang = lang
        self.set_sizes = set_sizes

    def text(self, key: str, **params: object) -> str:
        return messages.text(f"rule.{key}", self.lang, **params)

    def rule(self, rule: Rule) -> str:
        match rule:
            case Always(value):
                return self.text("always" if value else "never")
            case Not(CodeTest(fields, sets)):
                return self.text("not_in", fields=self.fields(fields), sets=self.sets(sets))
            case Not(inner):
                return self.text("not", rule=self.nested(inner, (And, Or)))
            case And(rules):
                return self.text("and").join(self.nested(part, (Or,)) for part in rules)
            case Or(rules):
                return self.text("or").join(self.nested(part, (And,)) for part in rules)
            case CodeTest(fields, sets):
                return self.text("in", fields=self.fields(fields), sets=self.sets(sets))
            case ScalarTest(scalar, op, number):
                return self.scalar(scalar, op, number)
            case LengthTest(set_name, fields, op, number):
                counted = self.compared(op, number)
                return self.text(
                    "length", fields=self.fields(fields), sets=self.sets((set_name,)), count=counted
                )
            case HitsTest(fields, sets, op, number):
                counted = self.compared(op, number)
                listed = ", ".join(map(self.set, sets))
                return self.text("hits", fields=self.fields(fields), sets=listed, count=counted)

    def nested(self, rule: Rule, bracketed: tuple[type, ...]) -> str:
        words = self.rule(rule)
        return self.text("bracketed", rule=words) if isinstance(rule, bracketed) else words

    def fields(self, names: tuple[str, ...]) -> str:
        return self.text("or_short").join(self.text(name.lower()) for name in names)

    def sets(self, names: tuple[str, ...]) -> str:
        return self.text("or_short").join(self.set(name) for name in names)

    def set(self, name: str) -> str:
        count = self.set_sizes.get(name)
        return name if count is None else f"{name} ({codes_counted(count, self.lang)})"

    def scalar(self, scalar: str, op: str, number: float) -> str:
        """``XB = 1`` -> ``sex is male``: where the number has a name of its own, that."""
        value = f"{scalar.lower()}_{number_text(number)}"
        named = f"rule.{value}" in messages.TEXTS.catalogue
        what = self.text(scalar.lower())
        return self.text(
            "scalar", scalar=what, count=self.compared(op, number, self.text(value) if named else "")
        )

    def compared(self, op: str, number: float, name: str = "") -> str:
        return self.text(_OPERATOR_WORDS[op], number=name or number_text(number))


_OPERATOR_WORDS = {
    "=": "equal",
    "!=": "unequal",
    "<": "below",
    "<=": "at_most",
    ">": "above",
    ">=": "at_least",
}


def codes_counted(count: int, lang: str) -> str:
    """``3 codes``."""
    return messages.text("show.codes" if count != 1 else "show.one_code", lang, count=count)
