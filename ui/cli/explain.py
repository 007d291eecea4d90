"""``drgbridge explain``: one case of a file, with everything that decided its group."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.common import EditionOption, JsonOption, ProfileOption, RecordArgument, SchemeOption
from ui.cli.exits import DONE_WITH_REJECTIONS
from ui.cli.language import say, visible

if TYPE_CHECKING:
    from drg.case import Case
    from drg.grouper.files import FoundCase
    from drg.grouper.whatif import CodeList

Codes = list[str]


def explain(
    source: RecordArgument,
    case: Annotated[str, typer.Option("--case", metavar="ID", help=say("case_help"))],
    scheme: SchemeOption = None,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    all_rows: Annotated[bool, typer.Option("--all", help=say("all_help"))] = False,
    principal: Annotated[str | None, typer.Option(metavar="CODE", help=say("principal_help"))] = None,
    with_dx: Annotated[Codes | None, typer.Option(metavar="CODE", help=say("with_dx_help"))] = None,
    without_dx: Annotated[Codes | None, typer.Option(metavar="CODE", help=say("without_dx_help"))] = None,
    with_proc: Annotated[Codes | None, typer.Option(metavar="CODE", help=say("with_proc_help"))] = None,
    without_proc: Annotated[Codes | None, typer.Option(metavar="CODE", help=say("without_proc_help"))] = None,
    with_scheme: Annotated[str | None, typer.Option(metavar="ID|DIR", help=say("with_scheme_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``explain_help`` in ``ui/texts/cli.toml``."""
    from drg import records
    from drg.grouper.explain import explain as explain_case
    from drg.grouper.files import find_case
    from drg.grouper.whatif import compare
    from ui.cli import explanation, output

    found = find_case(records.read(source, profile), case, edition)
    if found is None:
        raise typer.BadParameter(say("no_such_case", case=case, path=source), param_hint="'--case'")
    if found.case is None:
        _print_rejections(found)
        raise typer.Exit(DONE_WITH_REJECTIONS)
    before = explain_case(found.case, scheme)
    changed = _changed(found.case, principal, with_dx, without_dx, with_proc, without_proc)
    after = explain_case(changed, with_scheme or scheme) if changed != found.case or with_scheme else None
    difference = compare(before, after) if after is not None else None
    if json:
        output.print_json(explanation.as_json(found, before, difference))
    else:
        explanation.print_explanation(found, before, difference, all_rows)


def _changed(
    case: Case,
    principal: str | None,
    with_dx: Codes | None,
    without_dx: Codes | None,
    with_proc: Codes | None,
    without_proc: Codes | None,
) -> Case:
    """The case with the changes that were asked for: codes added, another principal, codes taken away."""
    from drg.grouper import whatif

    for code in with_dx or ():
        case = whatif.add_code(case, "dx", _checked(code, "--with-dx"))
    for code in with_proc or ():
        case = whatif.add_code(case, "proc", _checked(code, "--with-proc"))
    if principal is not None:
        codes: CodeList = "proc" if _place(case, "proc", principal) is not None else "dx"
        case = whatif.make_principal(case, codes, _required_place(case, codes, principal, "--principal"))
    for code in without_dx or ():
        place = _required_place(case, "dx", code, "--without-dx")
        if len(case.dx) == 1:
            raise typer.BadParameter(say("last_dx"), param_hint="'--without-dx'")
        case = whatif.remove_code(case, "dx", place)
    for code in without_proc or ():
        place = _required_place(case, "proc", code, "--without-proc")
        case = whatif.remove_code(case, "proc", place)
    return case


def _checked(code: str, option: str) -> str:
    from drg.case import MAX_CODE_LENGTH

    if not 0 < len(code) <= MAX_CODE_LENGTH:
        raise typer.BadParameter(say("code_length", most=MAX_CODE_LENGTH), param_hint=f"'{option}'")
    return code


def _place(case: Case, codes: CodeList, wanted: str) -> int | None:
    """Where the case has a code, however it is written."""
    from drg.codes.catalogue import load_catalogue

    catalogue = load_catalogue("icd10" if codes == "dx" else "icd9cm3")
    listed = [catalogue.resolve(code).code or code for code in getattr(case, codes)]
    code = catalogue.resolve(wanted).code or wanted
    return listed.index(code) if code in listed else None


def _required_place(case: Case, codes: CodeList, wanted: str, option: str) -> int:
    place = _place(case, codes, wanted)
    if place is None:
        has = ", ".join(getattr(case, codes)) or "-"
        raise typer.BadParameter(say("code_not_in_case", code=wanted, codes=has), param_hint=f"'{option}'")
    return place


def _print_rejections(found: FoundCase) -> None:
    from collections import Counter

    from ui.cli import told

    rejections = found.rejections.to_pylist()
    counts = Counter(line["reason"] for line in rejections)
    print(visible("\n".join(told.lines(counts, rejections, "reason"))), file=sys.stderr)
