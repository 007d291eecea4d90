"""``drgbridge suggest``, ``coding review`` and ``coding graph``: what the record says of the codes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.cli.common import EditionOption, JsonOption, ProfileOption, RecordArgument, SchemeOption
from ui.cli.exits import DONE_WITH_REJECTIONS
from ui.cli.language import LANG, visible
from ui.text import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from drg.coding.graph.graph import Edge, Graph
    from drg.coding.guard import Applied
    from drg.coding.review.files import Summary
    from drg.coding.review.model import CaseReview, Evidence, Outcome, Proposal
    from drg.coding.review.reviewer import Reviewer
    from ui.cli.output import Writer

MOST_NODES = 200
TOLD_REJECTIONS = 20


def _say(key: str, **params: Any) -> str:
    """A text of ``ui/texts/coding_review.toml`` in the language of this run."""
    return text(f"coding_review.{key}", LANG, **params)


SUGGEST_HELP, REVIEW_HELP = _say("suggest_help"), _say("review_help")
graph_app = typer.Typer(help=_say("graph_help"), no_args_is_help=True, rich_markup_mode=None)

ContractOption = Annotated[
    str | None, typer.Option("--contract", metavar="ID|FILE", help=_say("contract_help"))
]
AsIfOption = Annotated[bool, typer.Option("--as-if", help=_say("as_if_help"))]
GraphOption = Annotated[
    Path | None, typer.Option("--graph", metavar="FOLDER", help=_say("graph_option_help"))
]


def add_to(coding: typer.Typer) -> None:
    """Put the commands under ``drgbridge coding``."""
    coding.command("review", help=REVIEW_HELP)(review)
    coding.add_typer(graph_app, name="graph")


def suggest(
    source: RecordArgument,
    case: Annotated[str, typer.Option("--case", metavar="ID", help=_say("case_help"))],
    contract: ContractOption = None,
    scheme: SchemeOption = None,
    records: Annotated[Path | None, typer.Option("--text", metavar="FOLDER", help=_say("text_help"))] = None,
    graph: GraphOption = None,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    as_if: AsIfOption = False,
    no_money: Annotated[bool, typer.Option("--no-money", help=_say("no_money_help"))] = False,
    number: Annotated[
        int | None, typer.Option("--apply", metavar="N", min=1, help=_say("apply_help"))
    ] = None,
    choice: Annotated[str | None, typer.Option(metavar="CODE", help=_say("choice_help"))] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help=_say("reason_help"))] = "",
    by: Annotated[str, typer.Option(metavar="NAME", help=_say("by_help"))] = "",
    log: Annotated[Path | None, typer.Option(metavar="FILE", help=_say("log_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``suggest_help`` in ``ui/texts/coding_review.toml``."""
    from drg.coding.review.files import find_pair
    from ui.cli.output import print_json

    if number is not None and log is None:
        raise typer.BadParameter(_say("log_needed"), param_hint="'--log'")
    found = find_pair(source, case, records, profile, edition)
    if found is None:
        raise typer.BadParameter(_say("no_such_case", case=visible(case)), param_hint="'--case'")
    reviewer = _reviewer(scheme, contract, graph, as_if, found.case.region, found.case.discharge_date)
    told = reviewer.review([found.case], [found.record])[0]
    if number is None or log is None:
        if json:
            print_json(told)
        else:
            print(visible("\n".join(_review_lines(told, money=not no_money))))
        return
    from drg.coding import guard

    if number > len(told.proposals):
        raise typer.BadParameter(_say("no_such_number", most=len(told.proposals)), param_hint="'--apply'")
    done = guard.apply(told, told.proposals[number - 1], reason, by=by, log=log, choice=choice)
    if json:
        print_json({"case": done.case, "entry": done.entry})
    else:
        print(visible("\n".join(_applied_lines(done))))


def review(
    source: RecordArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=_say("out_help"))],
    contract: ContractOption = None,
    scheme: SchemeOption = None,
    graph: GraphOption = None,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    as_if: AsIfOption = False,
    json: JsonOption = False,
) -> None:
    """See ``review_help`` in ``ui/texts/coding_review.toml``."""
    from drg.coding.review.files import first_case, review_file
    from ui.cli import output, progress
    from ui.cli.files import NewFiles

    if out.suffix.lower() not in output.FILE_WRITERS:
        raise typer.BadParameter(_say("out_kind", known=", ".join(output.FILE_WRITERS)), param_hint="'--out'")
    region, day = None, None
    if scheme is None and contract is None:
        first = first_case(source, profile, edition)
        region, day = (first.region, first.discharge_date) if first else (None, None)
    reviewer = _reviewer(scheme, contract, graph, as_if, region, day)
    with NewFiles(source) as files:
        sink = _FileSink(output.FILE_WRITERS[out.suffix.lower()](files.begin(out, "--out")))
        with progress.shown(None) as update:
            summary = review_file(source, reviewer, sink, profile, edition, update)
        sink.close()
    if json:
        output.print_json({**vars(summary), "sides": {k: vars(v) for k, v in summary.sides.items()}})
    else:
        print(visible("\n".join(_summary_lines(summary, reviewer, out))))
    if summary.rejected:
        print(visible("\n".join(sink.rejection_lines(summary.rejected))), file=sys.stderr)
        raise typer.Exit(DONE_WITH_REJECTIONS)


@graph_app.command("build", help=_say("build_help"))
def build(
    source: RecordArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help=_say("build_out_help"))],
    scheme: SchemeOption = None,
    minimum: Annotated[int, typer.Option(metavar="CASES", help=_say("minimum_help"))] = 10,
    profile: ProfileOption = None,
    edition: EditionOption = None,
) -> None:
    """See ``build_help`` in ``ui/texts/coding_review.toml``."""
    from drg.coding.graph.files import mine_file
    from drg.coding.graph.store import build_graph, save_graph
    from drg.scheme.pack import find_pack, shipped_ids
    from ui.cli import progress

    pack = find_pack(scheme or shipped_ids()[-1])
    with progress.shown(None) as update:
        together = mine_file(source, pack, minimum, profile, edition, update)
    graph = build_graph(pack, together=together)
    save_graph(out, graph)
    counts = {
        "nodes": f"{len(graph):,}",
        "edges": f"{len(graph.edges):,}",
        "pairs": f"{len(together.both):,}",
        "cases": f"{together.cases:,}",
        "minimum": minimum,
    }
    print(visible(_say("built", path=out, **counts)))
    if together.left_out or together.dropped_items:
        print(_say("built_left_out", cases=together.left_out, items=together.dropped_items), file=sys.stderr)


@graph_app.command("show", help=_say("show_help"))
def show(
    code: Annotated[str, typer.Argument(metavar="CODE", help=_say("code_help"))],
    graph: GraphOption = None,
    scheme: SchemeOption = None,
    to: Annotated[str | None, typer.Option("--to", metavar="GROUP", help=_say("to_help"))] = None,
    most: Annotated[int, typer.Option("--most", min=2, max=MOST_NODES, help=_say("most_help"))] = 40,
    dot: Annotated[Path | None, typer.Option("--dot", metavar="FILE", help=_say("dot_help"))] = None,
    echarts: Annotated[
        Path | None, typer.Option("--echarts", metavar="FILE", help=_say("echarts_help"))
    ] = None,
    json: JsonOption = False,
) -> None:
    """See ``show_help`` in ``ui/texts/coding_review.toml``."""
    import orjson

    from drg.coding.graph import load_graph, picture
    from ui.cli.output import print_json

    loaded = load_graph(graph, scheme)
    node = loaded.find(code)
    if node is None:
        raise typer.BadParameter(_say("no_such_node", code=visible(code)), param_hint="'CODE'")
    if to is not None:
        _tell_path(loaded, code, to)
        return
    around = loaded.neighbourhood(code, most)
    if dot is not None:
        dot.write_text(picture.to_dot(around, LANG), encoding="utf-8")
    if echarts is not None:
        echarts.write_bytes(orjson.dumps(picture.to_echarts(around, LANG), option=orjson.OPT_INDENT_2))
    if json:
        nodes = [{"id": id, **data} for id, data in around.nodes(data=True)]
        edges = [{"source": a, "target": b, **data} for a, b, data in around.edges(data=True)]
        print_json({"nodes": nodes, "edges": edges})
        return
    print(visible(_say("node_line", code=node.code, name=node.name, kind=_library(f"kind_{node.kind}"))))
    for source, target, data in around.edges(data=True):
        print(visible(_edge_line(around.nodes[source], around.nodes[target], data)))


def _library(key: str) -> str:
    """A text of the library's part, ``drg/texts/coding.toml``."""
    from drg import messages

    return messages.text(f"coding.{key}", LANG)


def _edge_line(source: Mapping[str, Any], target: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    counted = (
        _say("counted", **{k: data[k] for k in ("cases", "confidence", "lift")}) if "lift" in data else ""
    )
    return "  " + _say(
        "edge_line",
        source=f"{source['code']} {source['name']}".strip(),
        relation=_library(f"relation_{data['relation']}"),
        target=f"{target['code']} {target['name']}".strip(),
        origin=data["origin"],
        counted=counted,
    )


def _tell_path(graph: Graph, code: str, group: str) -> None:
    path = graph.path(code, group)
    if path is None:
        print(visible(_say("no_path", code=code, group=group)))
        return
    for edge in path:
        print(visible(_path_line(edge)))


def _path_line(edge: Edge) -> str:
    return _say(
        "edge_line",
        source=f"{edge.source.code} {edge.source.name}".strip(),
        relation=_library(f"relation_{edge.relation}"),
        target=f"{edge.target.code} {edge.target.name}".strip(),
        origin=edge.origin,
        counted="",
    )


def _reviewer(
    scheme: str | None, contract: str | None, graph: Path | None, as_if: bool, region: str | None, day: Any
) -> Reviewer:
    """A reviewer by the scheme that was named, else the contract's, else the one that applies to the case."""
    from drg.coding.graph.store import load_graph
    from drg.coding.review.reviewer import Reviewer
    from drg.errors import input_error
    from drg.payment.contract import find_contract
    from drg.scheme.pack import choose_id, find_pack

    agreed = find_contract(contract) if contract is not None else None
    chosen = scheme or (agreed.terms.scheme if agreed else choose_id(region, day))
    if chosen is None:
        raise input_error("grouper.no_scheme")
    mined = load_graph(graph) if graph is not None else None
    return Reviewer(find_pack(chosen), agreed, mined, as_if=as_if)


def _review_lines(told: CaseReview, money: bool) -> list[str]:
    available = told.available
    carried = [
        _say(f"available_{name}", count=getattr(available, name))
        for name in ("documents", "orders", "labs", "fee_lines")
        if getattr(available, name) is not None
    ]
    lines = [
        _say("case_line", case=told.case.case_id, outcome=_outcome(told.before, money)),
        _say("available_line", what=", ".join(carried) or "-"),
    ]
    if not available.can_judge:
        lines.append(_say("no_evidence_can_be_judged"))
    lines.append(_say("codes_title"))
    for one in told.standings:
        level = f" {one.level}" if one.level else ""
        lines.append(f"  {one.code} {one.name}{level}: {_say(f'judgement_{one.judgement}')}")
    lines.append(_say("proposals_title") if told.proposals else _say("no_proposals"))
    for number, proposal in enumerate(told.proposals, start=1):
        lines += _proposal_lines(number, proposal, told, money)
    return lines


def _proposal_lines(number: int, proposal: Proposal, told: CaseReview, money: bool) -> list[str]:
    from drg.coding.review.reviewer import shown_change

    draft = proposal.draft
    head = _say(
        "proposal_line",
        number=number,
        kind=_say(f"kind_{draft.kind}"),
        code=draft.code,
        name=proposal.name,
        level=draft.level or "-",
        strength=_say(f"strength_{draft.strength}"),
    )
    lines = [head]
    if len(proposal.options) == 1:
        lines.append(
            "     " + _say("change_line", change=shown_change(proposal.options[0].change, told.case))
        )
    elif proposal.options:
        codes = " ".join(one.change.added or "-" for one in proposal.options)
        lines.append("     " + _say("choice_line", codes=codes))
    if proposal.after is not None:
        lines.append("     " + _say("after_line", outcome=_outcome(proposal.after, money)))
    elif proposal.options:
        lines.append("     " + _say("after_differs"))
    for key, rules in (("mends_line", draft.verdict.mended), ("breaks_line", draft.verdict.broken)):
        if rules:
            named = ", ".join(f"{rule} ({_say(f'severity_{severity}')})" for rule, severity in rules)
            lines.append("     " + _say(key, rules=named))
    lines += [f"     · {_evidence(one)}" for one in draft.evidence]
    if not proposal.applicable:
        lines.append("     " + _say("not_applicable" if draft.strength else "no_evidence"))
    return lines


def _evidence(one: Evidence) -> str:
    place = _say("source_row", source=one.source, row=one.row) if one.row is not None else one.source
    if one.start is not None:
        place = _say("source_span", place=place, start=one.start, end=one.end)
    if one.kind == "absence":
        return _say("evidence_absence", count=one.text)
    basis = f" [{one.basis}]" if one.basis else ""
    return " ".join(part for part in (_say(f"evidence_{one.kind}"), one.text, place) if part) + basis


def _outcome(outcome: Outcome, money: bool) -> str:
    group = outcome.drg or outcome.status
    told = f"{group} {outcome.drg_name or ''}".strip()
    if money and outcome.weight is not None:
        told += _say("weight_part", weight=f"{outcome.weight:g}")
    if money and outcome.payment_fen is not None:
        told += _say("payment_part", yuan=f"{outcome.payment_fen / 100:,.2f}")
    return told


def _applied_lines(done: Applied) -> list[str]:
    entry = done.entry
    return [
        _say("applied_line", case=done.case.case_id, by=entry["by"], reason=entry["reason"] or "-"),
        _say("codes_line", dx=" ".join(done.case.dx), proc=" ".join(done.case.proc) or "-"),
    ]


class _FileSink:
    """Proposals to a file; the first rejections are kept to be told."""

    def __init__(self, writer: Writer):
        self._writer = writer
        self._told: list[dict[str, Any]] = []

    def write(self, proposals: pa.Table) -> None:
        """See ``drg.coding.review.files.Sink``."""
        self._writer.write(proposals)

    def reject(self, rejections: pa.Table) -> None:
        """See ``drg.coding.review.files.Sink``."""
        from drg.records import render_rejections

        first = rejections.slice(0, TOLD_REJECTIONS - len(self._told))
        self._told += render_rejections(first, LANG).to_pylist()

    def close(self) -> None:
        self._writer.close()

    def rejection_lines(self, count: int) -> list[str]:
        lines = [_say("rejected", count=f"{count:,}")]
        return lines + [f"  {line['row']}: {line['reason_text']} {line['remedy']}" for line in self._told]


def _summary_lines(summary: Summary, reviewer: Reviewer, out: Path) -> list[str]:
    from drg.coding.review.model import KINDS

    lines = [
        _say(
            "reviewed",
            cases=f"{summary.cases:,}",
            looked=f"{summary.looked_at:,}",
            documents=f"{summary.with_documents:,}",
            scheme=reviewer.pack.id,
        )
    ]
    if not summary.with_documents:
        lines.append(_say("no_evidence_can_be_judged"))
    for kind in KINDS:
        if (side := summary.sides.get(kind)) is not None:
            lines.append(
                "  "
                + _say(
                    "side_line",
                    kind=_say(f"kind_{kind}"),
                    proposals=f"{side.proposals:,}",
                    cases=f"{side.cases:,}",
                    rises=f"{side.rises:,}",
                    rises_yuan=f"{side.rises_fen / 100:,.2f}",
                    falls=f"{side.falls:,}",
                    falls_yuan=f"{side.falls_fen / 100:,.2f}",
                )
            )
    if reviewer.contract is None:
        lines.append(_say("no_contract"))
    return [*lines, _say("written", path=out)]
