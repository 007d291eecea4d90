"""Plain checks of one field, one row of ``fields.csv`` each, as checks of rules.

Its columns are ``COLUMNS``; ``docs/quality.md`` describes them. Rows with the same id are checks of one rule.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drg import messages
from drg.errors import InputError, Problem, input_error
from drg.quality.examples import CIRCUMSTANCES, CODE_LISTS
from drg.quality.rule import SEVERITIES, Category, Check, Example, Rule, Wording, make_check
from drg.quality.vocabulary import Vocabulary

COLUMNS = (
    *("rule", "field", "check", "argument", "when", "severity", "confirmed"),
    *("message_en", "message_zh", "remedy_en", "remedy_zh", "bad", "good"),
)
TITLE_FIELDS = 3
IN_FORCE_FROM = dt.date(2016, 6, 1)
"""The national filling rules of the front page."""
_BOUNDS = re.compile(r"(-?\d+(?:\.\d+)?)?\s*(?:\.\.|-|–)\s*(-?\d+(?:\.\d+)?)?")


@dataclass(frozen=True)
class _Kind:
    """A kind of check: the category of its rules and its condition for a field and an argument."""

    category: Category
    condition: Callable[[str, str], str]


def _bounds(argument: str) -> tuple[str | None, str | None]:
    match = _BOUNDS.fullmatch(argument.strip())
    if match is None or match[0].strip() in ("-", "–", ".."):
        raise ValueError("LOW-HIGH")
    return match[1], match[2]


def _outside(value: str, argument: str) -> str:
    low, high = _bounds(argument)
    parts = [f"{value} < {low}"] * (low is not None) + [f"{value} > {high}"] * (high is not None)
    return " or ".join(parts)


def _quoted(text: str) -> str:
    quote = "'" if '"' in text else '"'
    return f"{quote}{text}{quote}"


def _not_chosen(field: str, argument: str) -> str:
    if not argument:
        return f"not in_value_set({field})"
    choices = ", ".join(_quoted(choice) for choice in argument.split())
    return f"{field} not in ({choices},)"


def _no_argument(text: str) -> Callable[[str, str], str]:
    return lambda field, _: text.format(field=field)


KINDS: dict[str, _Kind] = {
    "required": _Kind("completeness", _no_argument("empty({field})")),
    "absent": _Kind("completeness", _no_argument("filled({field})")),
    "choice": _Kind("values", _not_chosen),
    "forbidden": _Kind("values", lambda field, argument: f"not ({_not_chosen(field, argument)})"),
    "pattern": _Kind("values", lambda field, argument: f"not matches(written({field}), {_quoted(argument)})"),
    "length": _Kind("values", lambda field, argument: _outside(f"length(written({field}))", argument)),
    "range": _Kind("values", lambda field, argument: f"unreadable({field}) or {_outside(field, argument)}"),
    "whole_number": _Kind("values", _no_argument("not matches(written({field}), '^[0-9]+$')")),
    "date": _Kind("values", _no_argument("unreadable({field})")),
    "readable": _Kind("values", _no_argument("unreadable({field})")),
    "condition": _Kind("values", lambda _, argument: argument),
}


def load_plain_rules(path: Path, vocabulary: Vocabulary, only: str | None = None) -> list[Rule]:
    """The rules of ``fields.csv``, or only that of one id. Raises ``InputError`` with everything that is wrong."""
    problems: list[Problem] = []
    checks: dict[str, list[tuple[dict[str, str], Check]]] = {}
    for line, row in read_rows(path):
        if only is not None and row["rule"] != only:
            continue
        try:
            check = _check(row, vocabulary, f"{path.name}:{line}")
            checks.setdefault(row["rule"], []).append((row, check))
        except InputError as error:
            problems += error.problems
    problems += [
        Problem("quality.fields_severities", path.name, {"id": id})
        for id, found in checks.items()
        if len({(row["severity"], row["confirmed"]) for row, _ in found}) > 1
    ]
    if problems:
        raise InputError(problems)
    return [_rule(id, found, vocabulary) for id, found in checks.items()]


def read_rows(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    """The rows of the file with their line numbers; none where there is no file."""
    if not path.exists():
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise input_error("quality.fields_columns", path.name, missing=", ".join(missing))
        for row in reader:
            yield reader.line_num, {name: (value or "").strip() for name, value in row.items() if name}


def _rule(id: str, found: Sequence[tuple[dict[str, str], Check]], vocabulary: Vocabulary) -> Rule:
    row = found[0][0]
    kind = KINDS[row["check"]]
    kinds = _common_check(found)
    return Rule(
        id=id,
        version=1,
        category=row.get("category") or kind.category,
        severity=row["severity"],
        confirmed=row["confirmed"].lower() == "true",
        basis=_standard("quality.plain_basis"),
        effective_from=IN_FORCE_FROM,
        effective_to=None,
        jurisdiction="CN",
        dictionary="any",
        appealable=True,
        title=Wording(en=_title(found, vocabulary, "en"), zh=_title(found, vocabulary, "zh")),
        why=_standard(f"quality.plain_{kinds}_why"),
        payer=_standard(f"quality.plain_{kinds}_payer"),
        checks=tuple(check for _, check in found),
    )


def _common_check(found: Sequence[tuple[dict[str, str], Check]]) -> str:
    """The check that all rows of a rule make, or ``mixed``."""
    checks = {entry["check"] for entry, _ in found}
    return checks.pop() if len(checks) == 1 else "mixed"


def _title(found: Sequence[tuple[dict[str, str], Check]], vocabulary: Vocabulary, lang: str) -> str:
    """The title of a rule: that of its first row, or which fields are not as the check wants them."""
    row = found[0][0]
    if given := row.get(f"title_{lang}"):
        return given
    labels = [_label(entry["field"], vocabulary, lang) for entry, _ in found]
    shown = list(dict.fromkeys(labels))
    names = messages.listed(shown[:TITLE_FIELDS], lang) + (" …" if len(shown) > TITLE_FIELDS else "")
    return messages.text(f"quality.plain_{_common_check(found)}_title", lang, fields=names)


def _label(path: str, vocabulary: Vocabulary, lang: str) -> str:
    field = vocabulary.at(path)
    return path if field is None else field.label(lang)


def _standard(message: str) -> Wording:
    return Wording(en=messages.text(message, "en"), zh=messages.text(message, "zh"))


def _check(row: dict[str, str], vocabulary: Vocabulary, where: str) -> Check:
    if row["check"] not in KINDS:
        raise input_error("quality.fields_check", where, check=row["check"], known=", ".join(KINDS))
    if row["severity"] not in SEVERITIES:
        raise input_error("quality.fields_severity", where, severity=row["severity"])
    if row["severity"] != "hint" and row["confirmed"].lower() != "true":
        raise input_error("quality.rule_unconfirmed_severity", where)
    if vocabulary.at(row["field"]) is None:
        raise input_error("quality.rule_field", where, name=row["field"])
    return make_check(
        vocabulary,
        where,
        field=row["field"],
        condition=condition_of(row, where),
        exceptions=None,
        message=Wording(en=row["message_en"] or "-", zh=row["message_zh"] or "-"),
        remedy=Wording(en=row["remedy_en"] or "-", zh=row["remedy_zh"] or "-"),
        bad=_examples(row["bad"], row["field"], vocabulary),
        good=_examples(row["good"], row["field"], vocabulary),
    )


def condition_of(row: dict[str, str], where: str) -> str:
    """The condition of a row, in the condition language."""
    group, _, name = row["field"].rpartition(".")
    try:
        asked = KINDS[row["check"]].condition(name, row["argument"])
    except ValueError as error:
        params = {"argument": row["argument"], "check": row["check"], "expected": str(error)}
        raise InputError([Problem("quality.fields_argument", where, params)]) from None
    if row["check"] == "condition":
        return f"({row['when']}) and ({asked})" if row["when"] else asked
    if row["when"]:
        asked = f"({row['when']}) and ({asked})"
    return f"any({group}, {asked})" if group else asked


def _examples(cell: str, field: str, vocabulary: Vocabulary) -> tuple[Example, ...]:
    """Examples separated by ``||``, each ``name=value; name=value``, or only the value of the field."""
    return tuple(_example(part.strip(), field, vocabulary) for part in cell.split("||"))


def _example(text: str, field: str, vocabulary: Vocabulary) -> Example:
    pairs = [part.strip() for part in text.split(";") if part.strip()]
    if not all(_names_field(pair, vocabulary) for pair in pairs):
        pairs = [f"{field}={text}"]
    values: dict[str, object] = {}
    rows: dict[str, list[dict[str, str]]] = {}
    for pair in pairs:
        path, _, value = pair.partition("=")
        group, dot, name = path.strip().rpartition(".")
        if not dot:
            values[name] = value.strip().split(",") if name in CODE_LISTS else value.strip()
            continue
        texts = [part.strip() for part in value.split("|")]
        mine = rows.setdefault(group, [])
        mine += [{} for _ in range(len(texts) - len(mine))]
        for row, part in zip(mine, texts, strict=False):
            row[name] = part
    return Example.model_validate({**values, **rows})


def _names_field(pair: str, vocabulary: Vocabulary) -> bool:
    name, equals, _ = pair.partition("=")
    return bool(equals) and (
        vocabulary.at(name.strip()) is not None or name.strip() in (*CODE_LISTS, *CIRCUMSTANCES)
    )
