"""An explanation as a person reads it: the answer first, then the codes, the path, and what was tried."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from drg import messages
from drg.case import Case
from drg.grouper.explain import CheckedTest, Explanation, ReadCode, Step
from drg.grouper.files import FoundCase
from drg.grouper.whatif import Difference
from drg.scheme import language
from drg.scheme.words import rule_in_words
from ui.cli.language import LANG, say, visible

PIPED_WIDTH = 120
MARKS = {True: "✓", False: "✗"}
FACTS = ("age", "age_days", "birth_weight_g", "admission_weight_g", "los_days", "icu_hours", "department")


def as_json(found: FoundCase, explanation: Explanation, difference: Difference | None) -> dict[str, Any]:
    """The whole explanation with its sentence, and with a what-if both of them and what differs."""
    document = {"row": found.row, "conversion": found.conversion, **_whole(explanation)}
    if difference is not None:
        parting = [step and step.code for step in difference.parting]
        document["what_if"] = {**_whole(difference.after), "changed": difference.changed, "parting": parting}
    return document


def _whole(explanation: Explanation) -> dict[str, Any]:
    sentence = explanation.sentence(LANG)
    return {
        "sentence": sentence,
        "case": explanation.case,
        "grouping": explanation.grouping,
        "codes": explanation.codes,
        "complications": explanation.complications,
        "steps": explanation.steps,
    }


def print_explanation(
    found: FoundCase, explanation: Explanation, difference: Difference | None, all_rows: bool
) -> None:
    """Print to stdout: with colours on a terminal, as plain text when piped."""
    on_terminal = sys.stdout.isatty()
    console = Console(width=None if on_terminal else PIPED_WIDTH, highlight=False)
    parts = (
        _text(_patient_line(explanation.case, found.row)),
        _text(_group_line(explanation), style="bold"),
        _text(explanation.sentence(LANG)),
        *_section("codes", _codes_table(explanation)),
        *_conversion(found),
        *_section("path", *_path(explanation)),
        *_section("tried", *_tried(explanation, all_rows)),
        *(_section("what_if", *_difference(difference)) if difference is not None else ()),
    )
    if on_terminal:
        console.print(*parts, sep="\n")
        return
    with console.capture() as captured:
        console.print(*parts, sep="\n")
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _text(content: str, style: str = "") -> Text:
    return Text(visible(content), style=style)


def _section(title: str, *parts: Any) -> Iterator[Any]:
    yield _text("\n" + say(f"section_{title}"), style="bold cyan")
    yield from (Padding(part, (0, 0, 0, 2)) for part in parts)


def _patient_line(case: Case, row: int) -> str:
    facts = [say("patient", case=case.case_id, row=row), *_facts(case)]
    return say("fact_separator").join(facts)


def _facts(case: Case) -> Iterator[str]:
    if case.sex is not None:
        yield say(f"sex_{case.sex}")
    for name in FACTS:
        value = getattr(case, name)
        if value is not None:
            yield say(f"fact_{name}", value=value)
    if case.discharge_date is not None:
        yield say("fact_discharge_date", value=case.discharge_date)
    if case.discharge_way is not None:
        yield say(f"discharge_way_{case.discharge_way}")


def _group_line(explanation: Explanation) -> str:
    grouping = explanation.grouping
    group = " ".join(part for part in (grouping.drg, grouping.drg_name) if part) or "-"
    return say("group_line", status=say(f"status_{grouping.status}"), group=group, scheme=grouping.scheme)


def _grid() -> Table:
    return Table.grid(padding=(0, 2))


def _codes_table(explanation: Explanation) -> Table:
    table = _grid()
    for read in explanation.codes:
        style = "yellow" if read.code is None else ""
        table.add_row(*(_text(cell, style=style) for cell in _code_cells(explanation, read)))
    return table


def _code_cells(explanation: Explanation, read: ReadCode) -> Sequence[str]:
    role = say(f"role_{read.role}")
    if read.code is None:
        return role, read.written, messages.text("codes.how_unknown", LANG, text=read.written), ""
    remarks = [*_reading(read), *_complication(explanation, read)]
    return role, read.code, read.name or "", say("comma").join(remarks)


def _reading(read: ReadCode) -> Iterator[str]:
    if read.how != "exact":
        yield messages.text(f"codes.how_{read.how}", LANG, text=read.written, code=read.code)
    if not read.counts:
        yield say("does_not_group")


def _complication(explanation: Explanation, read: ReadCode) -> Iterator[str]:
    if read.role != "other_dx":
        return
    for found in explanation.complications:
        if found.code == read.code:
            principal = explanation.case.principal_dx
            key = "counted" if found.counted else "excluded"
            yield say(key, level=found.level, table=found.exclusion_table, principal=principal)
            return


def _conversion(found: FoundCase) -> Iterator[Text]:
    changed = [line for line in found.conversion.to_pylist() if line["clinical_code"]]
    if not changed:
        return
    yield from _section("conversion")
    for line in changed:
        text = messages.text(f"codes.outcome_{line['outcome']}", LANG)
        codes = f"{line['clinical_code']} {line['clinical_name'] or ''}"
        became = f" -> {line['nhsa_code']} {line['nhsa_name'] or ''}" if line["nhsa_code"] else ""
        yield _text(f"  {codes}{became}: {text}")


def _path(explanation: Explanation) -> Iterator[Table | Text]:
    """The rows that held: an MDC among them may have been left again, when none of its groups took the case."""
    held = [step for step in explanation.steps if step.held]
    if not held:
        yield _text(say("no_path"))
        return
    yield _steps_table(held)
    sets = [name for step in held for name in language.set_names(language.parse(step.rule))]
    if sets:
        yield _text(say("hint_show", name=sets[-1]), style="dim")


def _steps_table(steps: Iterable[Step]) -> Table:
    table = _grid()
    for step in steps:
        tests = "\n".join(_test_line(test) for test in step.tests) or say("no_condition")
        table.add_row(say(f"level_{step.level}"), step.code, _text(step.name), _text(tests))
    return table


def _test_line(test: CheckedTest) -> str:
    words = rule_in_words(language.parse(test.text), LANG)
    seen = ", ".join(test.codes)
    if not test.codes and test.value is not None:
        seen = f"{test.value:g}"
    line = f"{MARKS[test.met]} {words}"
    return say("test_seen", line=line, seen=seen) if seen else line


def _tried(explanation: Explanation, all_rows: bool) -> Iterator[Table | Text]:
    """The rows that did not hold: those that a code of the case came near to, the others as a count."""
    failed = [step for step in explanation.steps if not step.held]
    near = failed if all_rows else [step for step in failed if _is_near(step)]
    if near:
        yield _steps_table(near)
    for level in ("mdc", "adrg", "drg"):
        others = [step.code for step in failed if step.level == level and step not in near]
        if others:
            count = say(
                "others_tried", count=len(others), level=say(f"level_{level}"), codes=" ".join(others)
            )
            yield _text(count)
    if not failed:
        yield _text(say("nothing_tried"))


def _is_near(step: Step) -> bool:
    return any(test.met and test.codes for test in step.tests)


def _difference(difference: Difference) -> Iterator[Table | Text]:
    before, after = difference.before.grouping, difference.after.grouping
    for written in set(after.unknown_codes) - set(before.unknown_codes):
        yield _text(messages.text("codes.how_unknown", LANG, text=written), style="yellow")
    if not difference.changed:
        yield _text(say("no_change"))
        return
    table = _grid()
    for name in difference.changed:
        one, two = (_shown(name, getattr(grouping, name)) for grouping in (before, after))
        table.add_row(say(f"field_{name}"), _text(one), "→", _text(two, style="bold"))
    yield table
    yield _text(difference.after.sentence(LANG))


def _shown(name: str, value: Any) -> str:
    """A field of the grouping as text."""
    if name == "status":
        return say(f"status_{value}")
    if isinstance(value, tuple):
        value = " ".join(value)
    return "-" if value in (None, "", "none") else str(value)
