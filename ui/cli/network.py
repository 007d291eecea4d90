"""``drgbridge claims network``: who is tied to whom."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drg.messages import listed
from ui.cli.common import JsonOption
from ui.cli.exits import DONE_WITH_REJECTIONS
from ui.cli.language import LANG, visible
from ui.text import text

if TYPE_CHECKING:
    from claims.network.ego import EgoNode
    from claims.network.store import Report

TOLD_REJECTIONS = 20


def _say(key: str, **params: object) -> str:
    """A text of ``ui/texts/network.toml`` in the language of this run."""
    return text(f"network.{key}", LANG, **params)


app = typer.Typer(help=_say("help"), no_args_is_help=True, rich_markup_mode=None)


@app.command("build", help=_say("build_help"))
def build(
    sources: Annotated[list[Path], typer.Argument(metavar="IN...", help=_say("in_help"))],
    out: Annotated[Path, typer.Option(metavar="DIR", help=_say("out_help"))],
    key: Annotated[Path | None, typer.Option(metavar="FILE", help=_say("key_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``build_help`` in ``ui/texts/network.toml``."""
    from claims.network.store import build_network
    from privacy.deidentify.table import read_key
    from ui.cli.output import print_json

    report = build_network(sources, out, None if key is None else read_key(key))
    if json:
        print_json(report)
    else:
        print(visible("\n".join(_built(report))))
    if report.rejected:
        print(visible("\n".join(_rejected(out, report.rejected))), file=sys.stderr)
        raise typer.Exit(DONE_WITH_REJECTIONS)


def _built(report: Report) -> list[str]:
    nodes, edges = sum(report.nodes.values()), sum(report.edges.values())
    lines = [
        _say(
            "built",
            claims=f"{report.claims:,}",
            nodes=f"{nodes:,}",
            edges=f"{edges:,}",
            components=f"{report.components:,}",
            largest=f"{report.largest:,}",
        ),
        _say("kinds", nodes=_counts(report.nodes), edges=_counts(report.edges)),
    ]
    if report.missing:
        lines.append(_say("missing", kinds=listed((_say(f"kind_{kind}") for kind in report.missing), LANG)))
    if report.hubs:
        lines.append(_say("hubs", count=f"{report.hubs:,}"))
    if report.crowded_stays:
        lines.append(_say("crowded", count=f"{report.crowded_stays:,}"))
    return lines


def _counts(counts: Mapping[str, int]) -> str:
    return listed((f"{_say(f'kind_{kind}')} {count:,}" for kind, count in counts.items() if count), LANG)


def _rejected(folder: Path, count: int) -> list[str]:
    from claims.messages import text as claim_text
    from claims.network.store import read

    rows = read(folder, "rejected").slice(0, TOLD_REJECTIONS).to_pylist()
    return [_say("rejected", count=f"{count:,}", file=folder / "rejected.parquet")] + [
        _say(
            "rejected_row",
            source=row["source"],
            row=row["row"],
            field=row["field"],
            reason=claim_text(row["reason"], LANG, value=row["value"]),
        )
        for row in rows
    ]


@app.command("ego", help=_say("ego_help"))
def ego(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help=_say("folder_help"))],
    node: Annotated[str, typer.Option(metavar="ID", help=_say("node_help"))],
    hops: Annotated[int, typer.Option(min=1, max=2, help=_say("hops_help"))] = 1,
    most: Annotated[int, typer.Option(min=1, max=150, help=_say("most_help"))] = 150,
    json: JsonOption = False,
) -> None:
    """See ``ego_help`` in ``ui/texts/network.toml``."""
    from claims.network.ego import ego as ego_of
    from ui.cli.output import print_json
    from ui.cli.tables import print_table

    found = ego_of(folder, node, hops, most)
    if json:
        print_json(found.as_json())
        return
    names = ("node", "hop", "claims", "amount", "risk", "neighbours")
    print_table([_say(f"column_{name}") for name in names], [_row(one) for one in found.nodes], nothing="")
    told = [_say("ego_nodes", nodes=len(found.nodes), edges=len(found.edges))]
    if found.left_out:
        told.append(_say("left_out", kinds=_counts(found.left_out)))
    if found.not_expanded:
        told.append(_say("not_expanded", nodes=listed(found.not_expanded, LANG)))
    print(visible("\n".join(told)), file=sys.stderr)


def _row(node: EgoNode) -> list[str]:
    amount = "" if node.amount_fen is None else f"{node.amount_fen / 100:,.2f}"
    risk = "" if node.risk is None else _say(f"risk_{node.risk}")
    return [visible(node.key), str(node.hop), f"{node.claims:,}", amount, risk, f"{node.degree:,}"]
