"""``drgbridge policy``: sign a policy, and read what a signed one permits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.cli.common import JsonOption
from ui.cli.language import LANG, visible
from ui.cli.node import ConfigOption
from ui.text import text


def _say(key: str, **params: object) -> str:
    return text(f"consent.{key}", LANG, **params)


PolicyArgument = Annotated[Path, typer.Argument(metavar="POLICY.toml", help=_say("policy_file_help"))]

app = typer.Typer(help=_say("policy_help"), no_args_is_help=True, rich_markup_mode=None)


@app.command(help=_say("policy_sign_help"))
def sign(policy: PolicyArgument, config: ConfigOption) -> None:
    """See ``policy_sign_help``. The path of the signature goes to stdout."""
    from privacy.party import PartyConfig
    from privacy.policy import sign_policy

    print(sign_policy(policy, PartyConfig.load(config).key))


@app.command(help=_say("policy_check_help"))
def check(policy: PolicyArgument, config: ConfigOption, json: JsonOption = False) -> None:
    """See ``policy_check_help``."""
    from datetime import date

    from privacy.party import PartyConfig
    from privacy.policy import Policy
    from ui.cli.tables import print_table

    rules = Policy.load(policy, PartyConfig.load(config).key.public_key())
    permissions = rules.permissions()
    if json:
        from ui.cli.output import print_json

        print_json({"sha256": rules.sha256, "policy": rules.document, "permissions": permissions})
    else:
        document = rules.document
        print(
            visible(
                _say("policy_frame", owner=document.owner, first=document.valid_from, last=document.expires)
            )
        )
        names = {"purposes": " ".join(document.purposes), "protocols": " ".join(document.protocols)}
        print(visible(_say("policy_scope", **names)))
        head = [_say(name) for name in ("party", "table", "column", "constraint", "minimum_group", "uses")]
        rows = [(*list(vars(each).values())[:-1], " ".join(each.uses) or "-") for each in permissions]
        print_table(head, [[visible(str(cell)) for cell in row] for row in rows], _say("policy_no_columns"))
    rules.require_in_time(date.today())
