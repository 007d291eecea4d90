"""``drgbridge scheme``: the grouping schemes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.common import JsonOption
from ui.cli.language import LANG, say
from ui.cli.tables import print_table

if TYPE_CHECKING:
    from drg.scheme.pack import Pack

SchemeArgument = Annotated[str, typer.Argument(metavar="ID|DIR", help=say("scheme_argument_help"))]

app = typer.Typer(help=say("scheme_group_help"), no_args_is_help=True, rich_markup_mode=None)


@app.command("list", help=say("scheme_list_help"))
def list_schemes(json: JsonOption = False) -> None:
    """See ``scheme_list_help``."""
    from drg.scheme.pack import SCHEMES_FOLDER, load_settings, shipped_ids

    found = [load_settings(SCHEMES_FOLDER / id / "scheme.toml") for id in shipped_ids()]
    if json:
        from ui.cli.output import print_json

        print_json([settings.model_dump(mode="json") for settings in found])
        return
    rows = [
        [
            settings.id,
            settings.name if LANG == "zh" else settings.name_en,
            f"{settings.validity.first_day} – {settings.validity.last_day or ''}",
            " ".join(settings.validity.regions),
        ]
        for settings in found
    ]
    print_table(
        [say("scheme_id"), say("name"), say("valid"), say("regions")], rows, nothing=say("no_schemes")
    )


@app.command(help=say("scheme_show_help"))
def show(
    code: Annotated[str, typer.Argument(metavar="CODE", help=say("show_code_help"))],
    scheme: Annotated[str | None, typer.Option(metavar="ID|DIR", help=say("show_scheme_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``scheme_show_help``."""
    from drg.scheme.show import describe

    description = describe(_pack(scheme), code)
    if json:
        from ui.cli.output import print_json

        print_json(description)
    else:
        print("\n".join(description.lines(LANG)))


@app.command(help=say("scheme_lint_help"))
def lint(scheme: SchemeArgument, json: JsonOption = False) -> None:
    """See ``scheme_lint_help``."""
    from drg.scheme.lint import lint, render

    findings = lint(_pack(scheme))
    if json:
        from ui.cli.output import print_json

        print_json(findings)
    else:
        print(render(findings, LANG), end="")


@app.command(help=say("scheme_diff_help"))
def diff(old: SchemeArgument, new: SchemeArgument, json: JsonOption = False) -> None:
    """See ``scheme_diff_help``."""
    from drg.scheme.diff import diff

    found = diff(_pack(old), _pack(new))
    if json:
        from ui.cli.output import print_json

        print_json(found)
    else:
        print("\n".join(found.lines(LANG)))


@app.command("import", help=say("scheme_import_help"))
def import_book(
    book: Annotated[Path, typer.Argument(metavar="BOOK", help=say("book_help"))],
    id: Annotated[str, typer.Option(help=say("import_id_help"))],
    out: Annotated[Path, typer.Option(metavar="DIR", help=say("import_out_help"))],
    settings: Annotated[Path | None, typer.Option(metavar="FILE", help=say("settings_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``scheme_import_help``."""
    from drg.scheme.workbook import import_workbook

    report = import_workbook(book, settings, id, out)
    if json:
        from ui.cli.output import print_json

        print_json(report)
    else:
        print(report.render(LANG))


def _pack(scheme: str | None) -> Pack:
    """The named scheme, or the only one; where there are several the newest."""
    from drg.scheme.pack import SCHEMES_FOLDER, find_pack, load_settings, shipped_ids

    if scheme is not None:
        return find_pack(scheme)
    return find_pack(
        max(
            shipped_ids(),
            key=lambda id: load_settings(SCHEMES_FOLDER / id / "scheme.toml").validity.first_day,
        )
    )
