"""The condition language of quality rules: text to a checked tree.

A condition is a restricted Python expression, read with ``ast`` and never evaluated by Python. Names are fields of the
record table (:mod:`drg.quality.vocabulary`), functions those of :mod:`drg.quality.functions`. Everything that can be
wrong with a condition is found here, with its place; ``docs/quality.md`` describes the language.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from drg.errors import InputError, Problem
from drg.quality.code_sets import BadPrefixError, CodeSet, parse_code_set
from drg.quality.functions import (
    ACCEPTED,
    NEEDS_LISTING,
    TAKES_WORD_LIST,
    TEXT_KINDS,
    Function,
    read_times,
)
from drg.quality.vocabulary import EXPRESSION_KINDS, Vocabulary

MAX_CONDITION_LENGTH = 6_000
MAX_DEPTH = 60

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}

RUN_DATE = "run_date"
ROW = "row"
RECORD = "record"
WRITTEN = "written"
VALUE_SET_CHECKS = ("in_value_set", "each_in_value_set")
VALUE_CHECKS = ("empty", "filled", "unreadable", *VALUE_SET_CHECKS)
"""Functions that look at what stands in a field, whether it can be read or not."""
DX_SHORTCUTS = {"dx": False, "other_dx": True}
PRINCIPALS = {"principal_dx": "diagnoses", "main_proc": "procedures"}


@dataclass(frozen=True)
class Node:
    """A part of a condition. ``kind``: truth, number, time, text, dx_code or proc_code.

    ``level`` is the group whose rows the part is about, ``None`` for the record; constants have none either.
    """

    kind: str
    level: str | None


@dataclass(frozen=True)
class Field(Node):
    name: str

    @property
    def path(self) -> str:
        return self.name if self.level is None else f"{self.level}.{self.name}"


@dataclass(frozen=True)
class Constant(Node):
    value: str | float | bool


@dataclass(frozen=True)
class RunDate(Node):
    """The day of the check."""


@dataclass(frozen=True)
class Position(Node):
    """The place of a row in its group, from 1."""


@dataclass(frozen=True)
class All(Node):
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Any_(Node):  # noqa: N801 - "Any" is a type
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not(Node):
    part: Node


@dataclass(frozen=True)
class Comparison(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class OneOf(Node):
    value: Node
    choices: tuple[str, ...] | tuple[float, ...]


@dataclass(frozen=True)
class InCodes(Node):
    value: Node
    codes: CodeSet


@dataclass(frozen=True)
class Arithmetic(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Call(Node):
    """A row function; ``words`` is the text constant that some take last."""

    name: str
    arguments: tuple[Node, ...]
    words: str | None


@dataclass(frozen=True)
class ValueCheck(Node):
    """One of ``VALUE_CHECKS``."""

    name: str
    value: Node


@dataclass(frozen=True)
class Written(Node):
    """The text that stands in a field of any kind."""

    value: Node


@dataclass(frozen=True)
class Over(Node):
    """A group function over the rows of ``group``; the arguments are about these rows."""

    name: str
    group: str
    arguments: tuple[Node, ...]


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a node."""
    match node:
        case All(parts=parts) | Any_(parts=parts):
            return parts
        case Not(part=part):
            return (part,)
        case Comparison(left=left, right=right) | Arithmetic(left=left, right=right):
            return (left, right)
        case OneOf(value=value) | InCodes(value=value) | ValueCheck(value=value) | Written(value=value):
            return (value,)
        case Call(arguments=arguments) | Over(arguments=arguments):
            return arguments
    return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and all that is in it."""
    yield node
    for child in children(node):
        yield from walk(child)


def fields_of(node: Node) -> list[str]:
    """The fields that a condition reads, as ``field`` or ``group.field``, each once."""
    return list(dict.fromkeys(part.path for part in walk(node) if isinstance(part, Field)))


def groups_of(node: Node) -> list[str]:
    """The groups that a condition goes over."""
    return list(dict.fromkeys(part.group for part in walk(node) if isinstance(part, Over)))


def parse_condition(text: str, vocabulary: Vocabulary, where: str = "") -> Node:
    """A condition as a checked tree whose kind is truth. Raises ``InputError`` with the first thing that is wrong."""
    return _Reader(text, vocabulary, where).condition()


class _Reader:
    def __init__(self, text: str, vocabulary: Vocabulary, where: str):
        self._text = text.replace("\r", " ").replace("\n", " ")
        self._vocabulary = vocabulary
        self._where = where

    def condition(self) -> Node:
        if len(self._text) > MAX_CONDITION_LENGTH:
            raise self._error("too_long", None, most=MAX_CONDITION_LENGTH)
        tree = self._parsed()
        node = self._node(tree, None, 0)
        return self._expect(node, tree, "truth")

    def _parsed(self) -> ast.expr:
        source = self._text.strip()
        self._text = source
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(source, mode="eval").body
                comments = "#" in source and any(
                    token.type == tokenize.COMMENT
                    for token in tokenize.generate_tokens(io.StringIO(source).readline)
                )
        except SyntaxError as error:
            raise self._error("syntax", (error.offset or len(source) + 1) - 1) from None
        except (ValueError, RecursionError, MemoryError, tokenize.TokenError):
            raise self._error("syntax", 0) from None
        if comments:
            raise self._error("comment", source.index("#"))
        return tree

    def _node(self, tree: ast.expr, group: str | None, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._error("too_deep", tree)
        below = depth + 1
        match tree:
            case ast.BoolOp(op=op, values=values):
                parts = tuple(self._truth(value, group, below) for value in values)
                form = All if isinstance(op, ast.And) else Any_
                return form("truth", _level(*parts), parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                part = self._truth(operand, group, below)
                return Not("truth", part.level, part)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=float() | int() as number)) if (
                not isinstance(number, bool)
            ):
                return Constant("number", None, -float(number))
            case ast.Compare():
                return self._comparison(tree, group, below)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                first = self._expect(self._node(left, group, below), left, "number")
                second = self._expect(self._node(right, group, below), right, "number")
                return Arithmetic("number", _level(first, second), ARITHMETIC[type(op)], first, second)
            case ast.Constant():
                return self._constant(tree)
            case ast.Name(id=name):
                return self._name(name, tree, group)
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                return self._qualified(owner, name, tree)
            case ast.Call():
                return self._call(tree, group, below)
        raise self._error("not_allowed", tree, what=type(tree).__name__)

    def _truth(self, tree: ast.expr, group: str | None, depth: int) -> Node:
        return self._expect(self._node(tree, group, depth), tree, "truth")

    def _expect(self, node: Node, tree: ast.expr, parameter: str, same: str = "") -> Node:
        """The node, if its kind is one that ``parameter`` takes."""
        accepted = ACCEPTED[parameter]
        if node.kind not in accepted:
            raise self._error("kind", tree, found=node.kind, expected=" / ".join(sorted(accepted)))
        if parameter == "same" and node.kind != same:
            raise self._error("kind", tree, found=node.kind, expected=same)
        return node

    # Constants and names

    def _constant(self, tree: ast.Constant) -> Node:
        match tree.value:
            case bool() as value:
                return Constant("truth", None, value)
            case int() | float() as number if abs(number) < 1e15:
                return Constant("number", None, float(number))
            case str():
                return Constant("text", None, self._words(tree))
        raise self._error("not_allowed", tree, what=repr(tree.value)[:20])

    def _words(self, tree: ast.expr) -> str:
        """A text constant just as it is written: a backslash stands for itself."""
        written = ast.get_source_segment(self._text, tree) or ""
        quote = written[:1]
        inner = written[1:-1]
        if not isinstance(tree, ast.Constant) or not isinstance(tree.value, str):
            raise self._error("text_expected", tree)
        if quote not in ("'", '"') or quote in inner or not written.endswith(quote) or len(written) < 2:
            raise self._error("plain_text", tree)
        return inner

    def _name(self, name: str, tree: ast.expr, group: str | None) -> Node:
        if name == RUN_DATE:
            return RunDate("time", None)
        if name == ROW and group is not None:
            return Position("number", group)
        if name in PRINCIPALS:
            of = PRINCIPALS[name]
            return self._first(of, tree)
        if group is not None and (found := self._vocabulary.field(group, name)):
            return Field(EXPRESSION_KINDS[found.kind], group, name)
        return self._scalar(name, tree)

    def _scalar(self, name: str, tree: ast.expr) -> Node:
        found = self._vocabulary.field(None, name)
        if found is None:
            owners = ", ".join(of for of, names in self._vocabulary.groups.items() if name in names)
            raise self._error("field_of_group" if owners else "unknown_field", tree, name=name, groups=owners)
        return Field(EXPRESSION_KINDS[found.kind], None, name)

    def _qualified(self, owner: str, name: str, tree: ast.expr) -> Node:
        if owner == RECORD:
            return self._scalar(name, tree)
        raise self._error("qualified", tree, owner=owner, name=name)

    def _first(self, group: str, tree: ast.expr) -> Node:
        code = Field(self._code_kind(group, tree), group, "code")
        return Over(code.kind, None, "first", group, (code,))

    def _code_kind(self, group: str, tree: ast.expr) -> str:
        found = self._vocabulary.field(group, "code")
        if found is None:
            raise self._error("unknown_field", tree, name=f"{group}.code", groups="")
        return EXPRESSION_KINDS[found.kind]

    # Comparisons

    def _comparison(self, tree: ast.Compare, group: str | None, depth: int) -> Node:
        parts = []
        left = tree.left
        for operator, right in zip(tree.ops, tree.comparators, strict=True):
            if isinstance(operator, (ast.In, ast.NotIn)):
                found = self._membership(self._node(left, group, depth), left, right)
                parts.append(found if isinstance(operator, ast.In) else Not("truth", found.level, found))
            elif type(operator) in COMPARISONS:
                parts.append(self._compared(COMPARISONS[type(operator)], left, right, group, depth))
            else:
                raise self._error("not_allowed", tree, what=type(operator).__name__)
            left = right
        if len(parts) == 1:
            return parts[0]
        return All("truth", _level(*parts), tuple(parts))

    def _compared(
        self, operator: str, left: ast.expr, right: ast.expr, group: str | None, depth: int
    ) -> Node:
        first, second = self._node(left, group, depth), self._node(right, group, depth)
        texts = first.kind in TEXT_KINDS and second.kind in TEXT_KINDS
        if not texts and (first.kind != second.kind or first.kind == "truth"):
            raise self._error("compared", right, left=first.kind, right=second.kind)
        if texts and operator not in ("==", "!="):
            raise self._error("text_order", right)
        return Comparison("truth", _level(first, second), operator, first, second)

    def _membership(self, value: Node, left: ast.expr, right: ast.expr) -> Node:
        match right:
            case ast.Tuple(elts=elements) | ast.List(elts=elements) if elements:
                choices = [self._choice(element) for element in elements]
                kinds = {choice.kind for choice in choices}
                if kinds != {"text" if value.kind in TEXT_KINDS else value.kind}:
                    raise self._error("compared", right, left=value.kind, right=" / ".join(sorted(kinds)))
                return OneOf("truth", value.level, value, tuple(choice.value for choice in choices))  # type: ignore[arg-type]
            case ast.Call(func=ast.Name(id="set"), args=[named], keywords=[]):
                name = self._words(named)
                if name not in self._vocabulary.code_sets:
                    raise self._error("unknown_set", named, name=name)
                return self._in_codes(value, left, self._vocabulary.code_sets[name], named)
            case ast.Constant(value=str()):
                return self._in_codes(value, left, self._words(right), right)
        raise self._error("membership", right)

    def _choice(self, tree: ast.expr) -> Constant:
        node = self._node(tree, None, MAX_DEPTH)
        if not isinstance(node, Constant):
            raise self._error("membership", tree)
        return node

    def _in_codes(self, value: Node, left: ast.expr, codes: str, right: ast.expr) -> Node:
        if value.kind not in ACCEPTED["code"]:
            raise self._error("codes_of_text", left, found=value.kind)
        try:
            return InCodes("truth", value.level, value, parse_code_set(codes, value.kind == "proc_code"))
        except BadPrefixError as error:
            raise self._error("bad_prefix", right, part=error.part) from None

    # Calls

    def _call(self, tree: ast.Call, group: str | None, depth: int) -> Node:
        if not isinstance(tree.func, ast.Name) or tree.keywords:
            raise self._error("not_allowed", tree, what="call")
        if any(isinstance(argument, ast.Starred) for argument in tree.args):
            raise self._error("not_allowed", tree, what="*")
        name, given = tree.func.id, tree.args
        if name in DX_SHORTCUTS or name == "proc":
            return self._shortcut(name, tree)
        if name in VALUE_CHECKS or name == WRITTEN:
            self._count_arguments(tree, name, len(given), 1, 1)
            return self._value_check(name, given[0], group, depth)
        if given and isinstance(given[0], ast.Name) and given[0].id in self._vocabulary.groups:
            if name in self._vocabulary.group_functions:
                return self._over(self._vocabulary.group_functions[name], given[0].id, tree, depth)
            raise self._error("group_given", given[0], name=name, group=given[0].id)
        if name in self._vocabulary.row_functions:
            return self._row_call(self._vocabulary.row_functions[name], tree, group, depth)
        if name in self._vocabulary.group_functions:
            raise self._error("group_expected", tree, name=name)
        raise self._error("unknown_function", tree, name=name)

    def _shortcut(self, name: str, tree: ast.Call) -> Node:
        """``dx``, ``other_dx`` and ``proc``: is there a code of a set."""
        self._count_arguments(tree, name, len(tree.args), 1, 1)
        of = "procedures" if name == "proc" else "diagnoses"
        code = Field(self._code_kind(of, tree), of, "code")
        condition = self._membership_of(code, tree.args[0])
        if DX_SHORTCUTS.get(name):
            others = Comparison("truth", of, ">", Position("number", of), Constant("number", None, 1.0))
            condition = All("truth", of, (others, condition))
        return Over("truth", None, "any", of, (condition,))

    def _membership_of(self, code: Field, codes: ast.expr) -> Node:
        if isinstance(codes, (ast.Tuple, ast.List)):
            raise self._error("membership", codes)
        return self._membership(code, codes, codes)

    def _value_check(self, name: str, tree: ast.expr, group: str | None, depth: int) -> Node:
        value = self._expect(self._node(tree, group, depth), tree, "field")
        looked_at = value.arguments[0] if isinstance(value, Over) and value.name == "first" else value
        if name not in ("empty", "filled") and not isinstance(looked_at, Field):
            raise self._error("field_expected", tree, name=name)
        if name == WRITTEN:
            return Written("text", value.level, value)
        if name in VALUE_SET_CHECKS and isinstance(looked_at, Field):
            found = self._vocabulary.field(looked_at.level, looked_at.name)
            if found is None or not (found.value_set or found.settlement_value_set):
                raise self._error("no_value_set", tree, name=looked_at.path)
        return ValueCheck("truth", value.level, name, value)

    def _row_call(self, function: Function, tree: ast.Call, group: str | None, depth: int) -> Node:
        wants_words = function.parameters[-1] == "words"
        arguments = [self._scalar(name, tree) for name in function.implied]
        arguments += self._arguments(function, tree, group, depth)
        words = self._word_argument(function, tree.args[-1]) if wants_words else None
        if words is not None:
            self._check_words(function, words, tree.args[-1])
        if function.name == "part":
            self._check_part(arguments, tree)
        kind = arguments[0].kind if function.result == "same" else function.result
        if function.name in ("least", "greatest") and kind not in ("number", "time"):
            raise self._error("kind", tree.args[0], found=kind, expected="number / time")
        return Call(kind, _level(*arguments), function.name, tuple(arguments), words)

    def _word_argument(self, function: Function, tree: ast.expr) -> str:
        """A text constant, or the words of a named list where the function takes one."""
        match tree:
            case ast.Call(func=ast.Name(id="words"), args=[named], keywords=[]) if (
                function.name in TAKES_WORD_LIST
            ):
                name = self._words(named)
                if name not in self._vocabulary.word_lists:
                    raise self._error("unknown_words", named, name=name)
                return self._vocabulary.word_lists[name]
        return self._words(tree)

    def _over(self, function: Function, group: str, tree: ast.Call, depth: int) -> Node:
        arguments = tuple(self._arguments(function, tree, group, depth, skip=1))
        kind = arguments[0].kind if function.result == "same" else function.result
        if function.name in ("least", "greatest") and kind not in ("number", "time"):
            raise self._error("kind", tree.args[1], found=kind, expected="number / time")
        return Over(kind, None, function.name, group, arguments)

    def _arguments(
        self, function: Function, tree: ast.Call, group: str | None, depth: int, skip: int = 0
    ) -> Iterator[Node]:
        """The arguments that are expressions, checked against the parameters."""
        given = tree.args[skip:]
        most = 50 if function.repeated else len(function.parameters)
        self._count_arguments(tree, function.name, len(given), function.required, most)
        first_kind = ""
        for place, argument in enumerate(given):
            parameter = function.parameters[min(place, len(function.parameters) - 1)]
            if parameter != "words":
                node = self._expect(self._node(argument, group, depth), argument, parameter, first_kind)
                first_kind = first_kind or node.kind
                yield node

    def _count_arguments(self, tree: ast.Call, name: str, found: int, least: int, most: int) -> None:
        if not least <= found <= most:
            expected = str(least) if least == most else f"{least}–{most}"
            raise self._error("argument_count", tree, name=name, found=found, expected=expected)

    def _check_words(self, function: Function, words: str, tree: ast.expr) -> None:
        if function.choices is not None and words not in function.choices:
            known = ", ".join(sorted(function.choices))
            raise self._error("choice", tree, name=function.name, found=words, known=known)
        if function.name == "matches":
            try:
                pc.match_substring_regex(pa.array([""]), words)
            except pa.ArrowInvalid:
                raise self._error("bad_pattern", tree, pattern=words) from None
        elif function.name == "day" and not read_times(pa.array([words], pa.string()))[1][0]:
            raise self._error("bad_day", tree, text=words)
        elif not words.split():
            raise self._error("no_words", tree)

    def _check_part(self, arguments: list[Node], tree: ast.Call) -> None:
        for argument, place in zip(arguments[1:], tree.args[1:], strict=True):
            good = isinstance(argument, Constant) and isinstance(argument.value, float)
            if not good or not 1 <= float(argument.value) <= 10_000:  # type: ignore[attr-defined]
                raise self._error("constant_expected", place)

    def _error(self, key: str, at: ast.expr | int | None, **params: Any) -> InputError:
        """What is wrong with the condition, with a caret under the place."""
        if isinstance(at, ast.expr):
            column = len(self._text.encode("utf-8")[: at.col_offset].decode("utf-8", "ignore"))
        else:
            column = at or 0
        start = max(0, column - 60)
        shown = self._text[start : column + 60]
        excerpt = f"{shown}\n{' ' * (column - start)}^"
        where = f"{self._where}:{column + 1}" if self._where else str(column + 1)
        return InputError([Problem(f"quality.condition_{key}", where, params, excerpt)])


def _level(*nodes: Node) -> str | None:
    """The group that an expression of these parts is about: parts of the record are the same in all its rows."""
    return next((node.level for node in nodes if node.level is not None), None)


def needs_listing(node: Call) -> bool:
    """Whether the function looks into the code dictionary of the record."""
    return node.name in NEEDS_LISTING
