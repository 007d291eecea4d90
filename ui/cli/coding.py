"""``drgbridge coding``: codes for free texts, and teaching from a hospital's own pairs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ui.cli.common import JsonOption
from ui.cli.language import LANG, visible
from ui.text import text

if TYPE_CHECKING:
    import pyarrow as pa

    from drg.coding.suggestion.model import Suggestion

WRITE_ROWS = 20_000
SHOWN_UNUSED = 10


def _say(key: str, **params: object) -> str:
    """A text of ``ui/texts/coding.toml`` in the language of this run."""
    return text(f"coding.{key}", LANG, **params)


app = typer.Typer(help=_say("help"), no_args_is_help=True, rich_markup_mode=None)

KindOption = Annotated[Literal["diagnosis", "procedure"], typer.Option("--kind", help=_say("kind_help"))]


@app.command("fit", help=_say("fit_help"))
def fit(
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS.tsv", help=_say("pairs_help"))],
    out: Annotated[Path, typer.Option(metavar="MODEL", help=_say("model_out_help"))],
    catalogue: Annotated[Path | None, typer.Option(metavar="CODES.tsv", help=_say("catalogue_help"))] = None,
    kind: KindOption = "diagnosis",
    json: JsonOption = False,
) -> None:
    """See ``fit_help`` in ``ui/texts/coding.toml``."""
    from drg.coding.suggestion.api import SYSTEM_OF, fit_table
    from drg.coding.suggestion.files import read_catalogue, read_pairs
    from drg.coding.suggestion.store import check_place
    from drg.coding.suggestion.table import nhsa_table
    from ui.cli.output import print_json

    check_place(out)
    system = None if catalogue is not None else SYSTEM_OF[kind]
    table = read_catalogue(catalogue) if catalogue is not None else nhsa_table(SYSTEM_OF[kind])
    read = read_pairs(pairs, table)
    for problem in read.unused[:SHOWN_UNUSED]:
        print(visible(problem.render(LANG)), file=sys.stderr)
    if len(read.unused) > SHOWN_UNUSED:
        print(_say("more_unused", count=len(read.unused) - SHOWN_UNUSED), file=sys.stderr)
    print(_say("fitting", pairs=f"{len(read.pairs):,}", codes=f"{len(table.codes):,}"), file=sys.stderr)
    fitted = fit_table(table, read.pairs, system, out)
    summary = {
        "pairs": fitted.pairs,
        "unused": len(read.unused),
        "found": round(fitted.found, 4),
        "f1": round(fitted.f1, 4),
        "threshold": fitted.model.threshold,
        "model": str(out),
    }
    if json:
        print_json(summary)
    else:
        print(visible(_say("fitted", **summary)))


@app.command("suggest", help=_say("suggest_help"))
def suggest(
    texts: Annotated[Path, typer.Argument(metavar="TEXTS.txt", help=_say("texts_help"))],
    model: Annotated[Path | None, typer.Option(metavar="MODEL", help=_say("model_help"))] = None,
    top: Annotated[int, typer.Option(min=1, max=20, help=_say("top_help"))] = 10,
    given: Annotated[bool, typer.Option("--given", help=_say("given_help"))] = False,
    kind: KindOption = "diagnosis",
    out: Annotated[Path | None, typer.Option(metavar="OUT", help=_say("out_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``suggest_help`` in ``ui/texts/coding.toml``."""
    from drg.coding.suggestion.api import default_folder
    from drg.coding.suggestion.files import read_texts
    from drg.coding.suggestion.store import load
    from ui.cli.files import NewFiles
    from ui.cli.output import FILE_WRITERS

    if out is not None and out.suffix.lower() not in FILE_WRITERS:
        raise typer.BadParameter(_say("out_kind", kinds=" ".join(FILE_WRITERS)), param_hint="'--out'")
    lines = read_texts(texts)
    chosen = load(model or default_folder(kind))
    tables = _tables(lines, chosen.suggest_many(lines, top), given)
    if out is None:
        _print(tables, json)
        return
    with NewFiles(texts) as files:
        writer = FILE_WRITERS[out.suffix.lower()](files.begin(out, "--out"))
        for table in tables:
            writer.write(table)
        writer.close()
    print(visible(_say("written", path=out, texts=len(lines))), file=sys.stderr)


def _tables(lines: list[str], found: Iterable[list[Suggestion]], given: bool) -> Iterator[pa.Table]:
    """The suggestions as tables of about ``WRITE_ROWS`` rows; a text without any has one row without a code."""
    import pyarrow as pa

    schema = pa.schema(
        [
            ("row", pa.int64()),
            ("text", pa.string()),
            ("rank", pa.int64()),
            ("code", pa.string()),
            ("name", pa.string()),
            ("score", pa.float64()),
            ("given", pa.bool_()),
            ("why", pa.list_(pa.string())),
        ]
    )
    rows: list[dict[str, object]] = []
    for number, (line, suggestions) in enumerate(zip(lines, found, strict=True), start=1):
        chosen = [suggestion for suggestion in suggestions if suggestion.given or not given]
        rows += [
            {"row": number, "text": line, "rank": rank, **_columns(suggestion)}
            for rank, suggestion in enumerate(chosen, start=1)
        ] or [{"row": number, "text": line}]
        if len(rows) >= WRITE_ROWS:
            yield pa.Table.from_pylist(rows, schema=schema)
            rows = []
    yield pa.Table.from_pylist(rows, schema=schema)


def _columns(suggestion: Suggestion) -> dict[str, object]:
    from drg import messages

    return {
        "code": suggestion.code,
        "name": suggestion.name,
        "score": suggestion.score,
        "given": suggestion.given,
        "why": [messages.text(reason, LANG) for reason in suggestion.why],
    }


def _print(tables: Iterable[pa.Table], json: bool) -> None:
    """JSON lines, or tab-separated text with a header."""
    from ui.cli.output import JsonLinesWriter

    if json:
        writer = JsonLinesWriter(sys.stdout.buffer)
        for table in tables:
            writer.write(table)
        writer.close()
        return
    for place, table in enumerate(tables):
        if place == 0:
            print("\t".join(table.column_names))
        for row in table.to_pylist():
            print("\t".join(_shown(value) for value in row.values()))


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return visible("; ".join(value))
    if isinstance(value, bool):
        return "1" if value else "0"
    return visible(str(value)).replace("\t", " ")
