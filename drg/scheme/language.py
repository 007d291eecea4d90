"""The rule language of grouping schemes: text to syntax tree and back.

The language is that of the official CHS-DRG 3.0 configuration workbook, with two additions for local
schemes (``hits`` and four more scalars)::

    rule   := '' | or                   '' always holds; a number alone: 0 never, any other always
    or     := and ('or' and)*
    and    := not ('and' not)*
    not    := 'not' not | '(' or ')' | test
    test   := fields ['not'] 'in' sets
            | scalar op number
            | 'length' '(' set '∩' fields ')' op number
            | 'hits' '(' fields 'in' sets ')' op number
    fields := name | '{' name (',' name)* '}'
    sets   := name | '{' name (',' name)* '}'

Keywords, fields and set names are case-insensitive; names are kept in upper case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

DX_FIELDS = ("ZYZD", "QTZD")
PROC_FIELDS = ("ZYSS", "QTSS")
CODE_FIELDS = DX_FIELDS + PROC_FIELDS
SCALARS = ("NL", "XB", "XSRTL", "XSRTZ", "ZYTS", "LYFS", "ICUXS", "CYKB")
CC_LEVELS = ("MCC", "CC")
"""Virtual sets: which codes they hold depends on the case's principal diagnosis."""
OPERATORS = ("=", "!=", "<", "<=", ">", ">=")

MAX_RULE_LENGTH = 20_000
MAX_DEPTH = 60

Span = tuple[int, int]
"""Start and end column of a piece of rule text, from 0."""


@dataclass(frozen=True)
class Always:
    """Holds (``value`` true) or never holds, whatever the case is."""

    value: bool


@dataclass(frozen=True)
class Not:
    rule: Rule


@dataclass(frozen=True)
class And:
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Or:
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class CodeTest:
    """Any code of ``fields`` is in the union of ``sets``."""

    fields: tuple[str, ...]
    sets: tuple[str, ...]
    span: Span = field(default=(0, 0), compare=False)


@dataclass(frozen=True)
class ScalarTest:
    """``scalar op number``; false where the scalar is missing."""

    scalar: str
    op: str
    number: float
    span: Span = field(default=(0, 0), compare=False)


@dataclass(frozen=True)
class LengthTest:
    """The number of distinct codes of ``fields`` that are in ``set_name``, compared with ``number``."""

    set_name: str
    fields: tuple[str, ...]
    op: str
    number: float
    span: Span = field(default=(0, 0), compare=False)


@dataclass(frozen=True)
class HitsTest:
    """The number of ``sets`` that any code of ``fields`` is in, compared with ``number``."""

    fields: tuple[str, ...]
    sets: tuple[str, ...]
    op: str
    number: float
    span: Span = field(default=(0, 0), compare=False)


Test = CodeTest | ScalarTest | LengthTest | HitsTest
Rule = Always | Not | And | Or | Test


class RuleSyntaxError(Exception):
    """A rule that cannot be read: message id, its parameters, and the columns it is about."""

    def __init__(self, code: str, span: Span, **params: object):
        self.code = code
        self.span = span
        self.params = params
        super().__init__(f"{code} at {span[0]}: {params}")


_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>-?\d+(?:\.\d+)?)|(?P<op>!=|<=|>=|[=<>])|(?P<mark>[(){},∩]))"
)
_KEYWORDS = frozenset({"AND", "OR", "NOT", "IN", "LENGTH", "HITS"})


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    span: Span


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            raise RuleSyntaxError("scheme.rule_character", (start, start + 1), character=text[start])
        kind = str(match.lastgroup)
        word, span = match.group(kind), match.span(kind)
        if kind == "name":
            word = word.upper()
            kind = "keyword" if word in _KEYWORDS else "name"
        found.append(_Token(kind, word, span))
        position = match.end()
    found.append(_Token("end", "", (end, end + 1)))
    return found


def parse(text: str) -> Rule:
    """The syntax tree of a rule.

    Raises ``RuleSyntaxError`` for the first thing that cannot be read.
    """
    if len(text) > MAX_RULE_LENGTH:
        raise RuleSyntaxError("scheme.rule_too_long", (0, 1), length=len(text), limit=MAX_RULE_LENGTH)
    return _Parser(_tokens(text)).rule()


class _Parser:
    def __init__(self, tokens: list[_Token]):
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def rule(self) -> Rule:
        if self.token.kind == "end":
            return Always(True)
        if self.token.kind == "number" and self.tokens[1].kind == "end":
            return Always(float(self.token.text) != 0)
        found = self.either()
        if self.token.kind != "end":
            raise self.unexpected("scheme.expected_and_or")
        return found

    def either(self) -> Rule:
        return self.chain("OR", self.both, Or)

    def both(self) -> Rule:
        return self.chain("AND", self.negated, And)

    def chain(self, keyword: str, part: Callable[[], Rule], node: type[And] | type[Or]) -> Rule:
        rules = [part()]
        while self.accept(keyword):
            rules.append(part())
        return rules[0] if len(rules) == 1 else node(tuple(rules))

    def negated(self) -> Rule:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise RuleSyntaxError("scheme.rule_too_deep", self.token.span, limit=MAX_DEPTH)
        try:
            if self.accept("NOT"):
                return Not(self.negated())
            if self.accept("("):
                inner = self.either()
                self.expect(")")
                return inner
            return self.test()
        finally:
            self.depth -= 1

    def test(self) -> Rule:
        start = self.token.span[0]
        if self.accept("LENGTH"):
            return self.length_test(start)
        if self.accept("HITS"):
            return self.hits_test(start)
        if self.token.kind == "name" and self.token.text in SCALARS:
            scalar = self.take("name", "scheme.expected_test")
            op, number = self.comparison()
            return ScalarTest(scalar, op, number, self.span_from(start))
        if self.token.text != "{" and self.token.kind != "name":
            raise self.unexpected("scheme.expected_test")
        fields = self.code_fields()
        negative = self.accept("NOT")
        self.expect("IN")
        sets = self.names("scheme.expected_set")
        self.check_sets(fields, sets)
        found = CodeTest(fields, sets, self.span_from(start))
        return Not(found) if negative else found

    def length_test(self, start: int) -> Rule:
        self.expect("(")
        set_token = self.token
        set_name = self.take("name", "scheme.expected_set")
        if set_name in CC_LEVELS:
            raise RuleSyntaxError("scheme.virtual_set_counted", set_token.span, name=set_name)
        self.expect("∩")
        fields = self.code_fields()
        self.expect(")")
        op, number = self.comparison()
        return LengthTest(set_name, fields, op, number, self.span_from(start))

    def hits_test(self, start: int) -> Rule:
        self.expect("(")
        fields = self.code_fields()
        self.expect("IN")
        set_token = self.token
        sets = self.names("scheme.expected_set")
        for name in sets:
            if name in CC_LEVELS:
                raise RuleSyntaxError("scheme.virtual_set_counted", set_token.span, name=name)
        self.expect(")")
        op, number = self.comparison()
        return HitsTest(fields, sets, op, number, self.span_from(start))

    def code_fields(self) -> tuple[str, ...]:
        first = self.token
        fields = self.names("scheme.expected_field")
        for name in fields:
            if name not in CODE_FIELDS:
                raise RuleSyntaxError(
                    "scheme.unknown_field", first.span, name=name, known=", ".join(CODE_FIELDS + SCALARS)
                )
        if len({name in DX_FIELDS for name in fields}) > 1:
            raise RuleSyntaxError("scheme.mixed_fields", first.span)
        return fields

    def check_sets(self, fields: tuple[str, ...], sets: tuple[str, ...]) -> None:
        """MCC and CC are defined for the other diagnoses only."""
        if any(name in CC_LEVELS for name in sets) and fields != ("QTZD",):
            raise RuleSyntaxError("scheme.cc_of_other_field", self.tokens[self.position - 1].span)

    def names(self, expected: str) -> tuple[str, ...]:
        if not self.accept("{"):
            return (self.take("name", expected),)
        found = [self.take("name", expected)]
        while self.accept(","):
            found.append(self.take("name", expected))
        self.expect("}")
        return tuple(dict.fromkeys(found))

    def comparison(self) -> tuple[str, float]:
        op = self.take("op", "scheme.expected_operator")
        return op, float(self.take("number", "scheme.expected_number"))

    def accept(self, text: str) -> bool:
        if self.token.text == text and self.token.kind in ("keyword", "mark"):
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.unexpected("scheme.expected_text", expected=text.lower())

    def take(self, kind: str, expected: str) -> str:
        token = self.token
        if token.kind != kind:
            raise self.unexpected(expected)
        self.position += 1
        return token.text

    def unexpected(self, code: str, **params: object) -> RuleSyntaxError:
        return RuleSyntaxError(code, self.token.span, found=self.token.text, **params)

    def span_from(self, start: int) -> Span:
        return start, self.tokens[self.position - 1].span[1]


def tests(rule: Rule) -> Iterator[Test]:
    """The tests of a rule, in the order they are written."""
    match rule:
        case Not(inner):
            yield from tests(inner)
        case And(rules) | Or(rules):
            for part in rules:
                yield from tests(part)
        case Always():
            return
        case _:
            yield rule


def set_names(rule: Rule) -> Iterator[str]:
    """The real sets that a rule names (not MCC and CC), in the order they are written."""
    for test in tests(rule):
        match test:
            case CodeTest(sets=sets) | HitsTest(sets=sets):
                yield from (name for name in sets if name not in CC_LEVELS)
            case LengthTest(set_name=name):
                yield name


def tests_a_procedure(rule: Rule) -> bool:
    """Whether any test of the rule looks at a procedure."""
    return any(not isinstance(test, ScalarTest) and test.fields[0] in PROC_FIELDS for test in tests(rule))


def to_text(rule: Rule) -> str:
    """The rule as text in one canonical form; ``parse`` of it gives the same tree."""
    match rule:
        case Always(value):
            return "" if value else "0"
        case Or(rules):
            return " or ".join(_nested(part, (Or,)) for part in rules)
        case And(rules):
            return " and ".join(_nested(part, (Or, And)) for part in rules)
        case Not(CodeTest(fields, sets)):
            return f"{_braced(fields)} not in {_braced(sets)}"
        case Not(inner):
            return f"not {_nested(inner, (Or, And))}"
        case CodeTest(fields, sets):
            return f"{_braced(fields)} in {_braced(sets)}"
        case ScalarTest(scalar, op, number):
            return f"{scalar} {op} {number_text(number)}"
        case LengthTest(set_name, fields, op, number):
            return f"length({set_name} ∩ {_braced(fields)}) {op} {number_text(number)}"
        case HitsTest(fields, sets, op, number):
            return f"hits({_braced(fields)} in {{{','.join(sets)}}}) {op} {number_text(number)}"


def number_text(number: float) -> str:
    """A number without exponent or needless zeros."""
    return format(Decimal(repr(number)).normalize(), "f")


def _braced(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else "{" + ",".join(names) + "}"


def _nested(rule: Rule, bracketed: tuple[type, ...]) -> str:
    return f"({to_text(rule)})" if isinstance(rule, bracketed) else to_text(rule)
