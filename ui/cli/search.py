"""``drgbridge search``: codes by code, pinyin initials or words."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from ui.cli.common import JsonOption
from ui.cli.language import LANG, say
from ui.cli.tables import print_table


def search(
    words: Annotated[list[str], typer.Argument(metavar="TEXT", help=say("search_text_help"))],
    system: Annotated[Literal["icd10", "icd9cm3"] | None, typer.Option(help=say("system_help"))] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help=say("limit_help"))] = 20,
    json: JsonOption = False,
) -> None:
    """See ``search_help`` in ``ui/texts/cli.toml``."""
    from drg import messages
    from drg.codes.search import search as find

    hits = find(" ".join(words), system, limit)
    if json:
        from ui.cli.output import print_json

        print_json(hits)
        return
    rows = [
        [
            hit.code,
            hit.name,
            say(f"system_{hit.system}"),
            messages.text(f"codes.kind_{hit.kind}", LANG) + (say("gray") if hit.gray else ""),
        ]
        for hit in hits
    ]
    print_table([say("code"), say("name"), say("system"), say("found_by")], rows, nothing=say("no_hits"))
