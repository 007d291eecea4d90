"""``drgbridge consent``: an issuer's keys and tokens, and a party's register of them."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ui.cli.common import JsonOption
from ui.cli.exits import DONE_WITH_REJECTIONS
from ui.cli.joint import PROTOCOLS
from ui.cli.language import LANG, visible
from ui.cli.node import ConfigOption
from ui.text import text

if TYPE_CHECKING:
    from privacy.consent import ConsentRegister, HeldToken

ROWS_SHOWN = 20
FOUND_COLUMNS = (
    "line",
    "state",
    "recipient",
    "purpose",
    "protocols",
    "columns",
    "records",
    "expires",
    "token",
)
"""What is told of a token that was found."""


def _say(key: str, **params: object) -> str:
    return text(f"consent.{key}", LANG, **params)


IssuerArgument = Annotated[Path, typer.Argument(metavar="DIR", help=_say("issuer_folder_help"))]
TableArgument = Annotated[
    Path, typer.Argument(metavar="TABLE", help=_say("persons_help"), exists=True, dir_okay=False)
]
TokensArgument = Annotated[
    Path, typer.Argument(metavar="TOKENS.txt", help=_say("tokens_help"), exists=True, dir_okay=False)
]
IdsArgument = Annotated[
    typer.FileText,
    typer.Argument(metavar="IDS.txt|-", help=_say("ids_help"), encoding="utf-8", errors="replace"),
]
TokenArgument = Annotated[str, typer.Argument(metavar="TOKEN-ID", help=_say("token_id_help"))]
IdKind = Annotated[
    Literal["resident_id", "phone", "name", "text"], typer.Option("--id-kind", help=_say("id_kind_help"))
]


def _day_option(name: str, help_key: str) -> Any:
    return typer.Option(name, metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help=_say(help_key))


app = typer.Typer(help=_say("consent_help"), no_args_is_help=True, rich_markup_mode=None)


@app.command(help=_say("issuer_help"))
def issuer(folder: IssuerArgument) -> None:
    """See ``issuer_help``. The public key goes to stdout."""
    from privacy.consent_files import make_issuer

    print(make_issuer(folder))
    print(_say("issuer_made", folder=folder), file=sys.stderr)


@app.command(help=_say("issue_help"))
def issue(
    table: TableArgument,
    id_column: Annotated[str, typer.Option(metavar="NAME", help=_say("id_column_help"))],
    id_kind: IdKind,
    issuer: Annotated[Path, typer.Option(metavar="DIR", help=_say("issuer_folder_help"))],
    recipient: Annotated[str, typer.Option(metavar="PARTY", help=_say("recipient_help"))],
    purpose: Annotated[str, typer.Option(metavar="TEXT", help=_say("purpose_help"))],
    protocols: Annotated[str, typer.Option(metavar="A,B", help=_say("protocols_help"))],
    columns: Annotated[str, typer.Option(metavar="A,B", help=_say("columns_help"))],
    window_from: Annotated[datetime, _day_option("--from", "from_help")],
    window_to: Annotated[datetime, _day_option("--to", "to_help")],
    expires: Annotated[datetime, _day_option("--expires", "expires_help")],
    out: Annotated[Path, typer.Option(metavar="TOKENS.txt", help=_say("out_help"))],
    json: JsonOption = False,
) -> int:
    """See ``issue_help``. Exit code 3 where rows had no valid id."""
    from privacy.consent_files import Scope, issue_for_table

    scope = Scope(
        recipient,
        purpose,
        _protocols(protocols),
        _names(columns),
        window_from.date(),
        window_to.date(),
        datetime.now().date(),
        expires.date(),
    )
    issued = issue_for_table(table, id_column, id_kind, issuer, scope, out)
    if json:
        from ui.cli.output import print_json

        print_json({"tokens": issued.tokens, "out": out, "invalid_rows": issued.invalid_rows})
    print(_say("issued", tokens=f"{issued.tokens:,}", out=out), file=sys.stderr)
    for row in issued.invalid_rows[:ROWS_SHOWN]:
        print(_say("row_invalid", row=f"{row:,}", column=visible(id_column), kind=id_kind), file=sys.stderr)
    if issued.invalid_rows:
        print(_say("rows_invalid", rows=f"{len(issued.invalid_rows):,}"), file=sys.stderr)
    return DONE_WITH_REJECTIONS if issued.invalid_rows else 0


@app.command("import", help=_say("import_help"))
def import_(tokens: TokensArgument, config: ConfigOption, json: JsonOption = False) -> int:
    """See ``import_help``. Exit code 3 where tokens were refused."""
    from privacy.consent_files import read_tokens
    from privacy.errors import Refused
    from ui.cli.refusal import sentence

    imported = _register(config).add(read_tokens(tokens))
    if json:
        from ui.cli.output import print_json

        print_json(imported)
    else:
        print(_say("accepted", tokens=f"{imported.accepted:,}"))
        for code, count in sorted(imported.refused.items()):
            print(_say("refused", tokens=f"{count:,}", why=sentence(Refused(code))))
    return DONE_WITH_REJECTIONS if imported.refused else 0


@app.command(help=_say("revoke_help"))
def revoke(token_id: TokenArgument, config: ConfigOption) -> None:
    """See ``revoke_help``."""
    _register(config).revoke(token_id)
    print(_say("revoked_one"), file=sys.stderr)


@app.command("list", help=_say("list_help"))
def list_(config: ConfigOption, json: JsonOption = False) -> None:
    """See ``list_help``."""
    from ui.cli.tables import print_table

    counts = _register(config).counts(datetime.now().date())
    if json:
        from ui.cli.output import print_json

        print_json(counts)
        return
    names = ("recipient", "purpose", "protocol", "valid", "out_of_time", "revoked")
    rows = [[visible(str(getattr(each, name))) for name in names] for each in counts]
    print_table([_say(name) for name in names], rows, _say("no_tokens"))


@app.command(help=_say("find_help"))
def find(ids: IdsArgument, id_kind: IdKind, config: ConfigOption, json: JsonOption = False) -> int:
    """See ``find_help``. Exit code 3 where lines were no ids. The ids themselves are neither shown nor kept."""
    from privacy.consent_files import read_ids
    from ui.cli.tables import print_table

    normal = read_ids(ids, id_kind)
    valid = {line: id for line, id in enumerate(normal, 1) if id is not None}
    held = _register(config).find(list(valid.values()), datetime.now().date())
    found = dict(zip(valid, held, strict=True))
    if json:
        from ui.cli.output import print_json

        print_json([{"line": line, "tokens": found.get(line)} for line in range(1, len(normal) + 1)])
    else:
        rows = [row for line, tokens in found.items() for row in _found_rows(line, tokens)]
        print_table([_say(name) for name in FOUND_COLUMNS], rows, _say("no_ids"))
    for line, id in enumerate(normal, 1):
        if id is None:
            print(_say("line_invalid", line=f"{line:,}", kind=id_kind), file=sys.stderr)
    return DONE_WITH_REJECTIONS if None in normal else 0


def _found_rows(line: int, tokens: list[HeldToken]) -> list[list[str]]:
    states = {state: _say(state) for state in ("valid", "not_yet_issued", "expired", "revoked")}
    rows = [
        [
            str(line),
            states[each.state],
            each.recipient,
            each.purpose,
            " ".join(each.protocols),
            " ".join(each.columns),
            f"{each.window_from} – {each.window_to}",
            str(each.expires),
            each.token_id,
        ]
        for each in tokens
    ]
    return [[visible(cell) for cell in row] for row in rows] or [[str(line), _say("no_token"), *[""] * 7]]


def _register(config: Path) -> ConsentRegister:
    from privacy.errors import Refused
    from privacy.gate import consent_register
    from privacy.party import PartyConfig

    party = PartyConfig.load(config)
    if party.consent is None:
        raise Refused("party.no_consent_register", path=str(config))
    return consent_register(party, party.consent)


def _protocols(given: str) -> tuple[str, ...]:
    names = _names(given)
    for name in names:
        if name not in PROTOCOLS:
            raise typer.BadParameter(
                _say("protocol_unknown", name=name, known=" ".join(PROTOCOLS)), param_hint="'--protocols'"
            )
    return names


def _names(given: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip())
