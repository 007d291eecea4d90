"""``drgbridge group``: every row of a file with its group."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.cli.common import EditionOption, JsonOption, ProfileOption, RecordArgument, SchemeOption
from ui.cli.exits import DONE_WITH_REJECTIONS
from ui.cli.language import LANG, say, visible

if TYPE_CHECKING:
    import pyarrow as pa

    from drg.grouper.files import Summary
    from drg.records import RecordFile
    from ui.cli.files import NewFiles
    from ui.cli.output import Writer

TOLD_REJECTIONS = 20
TOLD_CONVERSIONS = 10
NO_SCHEME = "grouper.no_scheme"


def group(
    source: RecordArgument,
    scheme: SchemeOption = None,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    out: Annotated[Path | None, typer.Option(metavar="OUT", help=say("out_help"))] = None,
    rejections: Annotated[Path | None, typer.Option(metavar="FILE", help=say("rejections_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``group_help`` in ``ui/texts/cli.toml``."""
    from drg.grouper.files import group_file

    write_results(
        source,
        profile,
        out,
        rejections,
        json,
        lambda file, sink, update: group_file(file, sink, scheme, edition, update),
    )


def write_results(
    source: Path,
    profile: str | None,
    out: Path | None,
    rejections: Path | None,
    json: bool,
    run: Callable[[RecordFile, FileSink, Callable[[int], None]], Summary],
) -> None:
    """Run over a record file into its result files, and tell what became of it. Ends with exit code 3 where rows
    were rejected."""
    from drg import records
    from ui.cli import output, progress
    from ui.cli.files import NewFiles

    if out is not None and out.suffix.lower() not in output.FILE_WRITERS:
        known = ", ".join(output.FILE_WRITERS)
        raise typer.BadParameter(say("out_type", path=out, known=known), param_hint="'--out'")
    file = records.read(source, profile)
    if out is not None and out.suffix.lower() == ".xlsx" and (file.row_count or 0) >= output.EXCEL_ROWS:
        raise output.too_many_rows()
    with NewFiles(source) as files:
        sink = FileSink(files, out, rejections, json)
        with progress.shown(file.row_count) as update:
            summary = run(file, sink, update)
        sink.complete(summary)
    tell(summary, sink)
    if json and out is not None:
        output.print_json(as_json(summary, sink))
    if summary.statuses["rejected"]:
        raise typer.Exit(DONE_WITH_REJECTIONS)


class _SideFile:
    """A CSV file for what a run has to tell beside its results; put in place only when it has a line."""

    def __init__(self, files: NewFiles, path: Path, option: str):
        from ui.cli.output import csv_file

        self.path = path
        self.has_lines = False
        self._files = files
        self._writer = csv_file(files.begin(path, option))

    def write(self, table: pa.Table) -> None:
        if table.num_rows:
            self.has_lines = True
            self._writer.write(table)

    def close(self) -> None:
        self._writer.close()
        if not self.has_lines:
            self._files.drop(self.path)


class FileSink:
    """Results to a file or stdout; rejections, notes and the conversion to files beside it.

    Without a file for the rejections the first of them are kept in ``told``.
    """

    def __init__(self, files: NewFiles, out: Path | None, rejections: Path | None, json: bool):
        from ui.cli import output

        self.told: list[dict[str, Any]] = []
        self.side: dict[str, _SideFile] = {}
        if rejections is not None:
            self.side["rejections"] = _SideFile(files, rejections, "--rejections")
        if out is not None:
            for kind in ("rejections", "notes", "conversion"):
                if kind not in self.side:
                    self.side[kind] = _SideFile(files, out.with_suffix(f".{kind}.csv"), "--out")
        # The results are put in place last: who finds them finds the others as well.
        self.out = out
        self._results: Writer
        if out is not None:
            self._results = output.FILE_WRITERS[out.suffix.lower()](files.begin(out, "--out"))
        elif json:
            self._results = output.JsonLinesWriter(sys.stdout.buffer)
        else:
            self._results = output.CsvWriter(sys.stdout.buffer, bom=False)

    def write(self, results: pa.Table, rejections: pa.Table, notes: pa.Table) -> None:
        """See ``drg.grouper.files.Sink``."""
        from drg.records import render_rejections
        from ui.cli import output

        self._results.write(output.with_reason_text(results, rejections))
        if "rejections" in self.side:
            self.side["rejections"].write(render_rejections(rejections, LANG))
        else:
            self.told += rejections.slice(0, TOLD_REJECTIONS - len(self.told)).to_pylist()
        if "notes" in self.side:
            self.side["notes"].write(
                notes.append_column("note_text", output.by_message(notes.column("note")))
            )

    def complete(self, summary: Summary) -> None:
        """Close all files."""
        if "conversion" in self.side:
            self.side["conversion"].write(summary.conversion)
        for file in self.side.values():
            file.close()
        self._results.close()

    def written(self) -> dict[str, Path]:
        """The files of this run, by what is in them."""
        found = {kind: file.path for kind, file in self.side.items() if file.has_lines}
        return found if self.out is None else {"results": self.out, **found}


def tell(summary: Summary, sink: FileSink) -> None:
    """What became of the file, on stderr."""
    from ui.cli import told

    statuses = say("comma").join(
        f"{say(f'status_{status}')} {count:,}" for status, count in summary.statuses.most_common()
    )
    rows = f"{summary.rows:,}"
    lines = [say("rows_done", rows=rows, statuses=statuses) if statuses else say("no_rows", rows=rows)]
    lines += _conversion_lines(summary, in_detail="conversion" not in sink.side)
    if summary.unknown_codes:
        lines.append(say("unknown_codes", count=f"{summary.unknown_codes:,}"))
    lines += told.lines(dict(summary.notes.most_common()), (), "note")
    lines += told.lines(dict(summary.rejections.most_common()), sink.told, "reason")
    if NO_SCHEME in summary.rejections:
        lines.append(_schemes_line())
    more = summary.rejections.total() - len(sink.told)
    if sink.told and more:
        lines.append(say("more_rejections", count=f"{more:,}"))
    lines += [say("written", kind=say(f"file_{kind}"), path=path) for kind, path in sink.written().items()]
    print(visible("\n".join(lines)), file=sys.stderr)


def _schemes_line() -> str:
    """Which schemes are there and when they hold, for cases that none of them took."""
    from drg.scheme.pack import SCHEMES_FOLDER, load_settings, shipped_ids

    validity = {id: load_settings(SCHEMES_FOLDER / id / "scheme.toml").validity for id in shipped_ids()}
    listed = [f"{id} ({held.first_day} – {held.last_day or ''})" for id, held in validity.items()]
    return say("schemes_here", schemes=say("comma").join(listed))


def _conversion_lines(summary: Summary, in_detail: bool) -> list[str]:
    """How many codes had which outcome; ``in_detail`` the most frequent codes that became others as well."""
    from drg import messages

    if not summary.conversion.num_rows:
        return []
    counts = summary.conversion.group_by("outcome").aggregate([("count", "sum")]).to_pylist()
    texts = {line["outcome"]: messages.text(f"codes.outcome_{line['outcome']}", LANG) for line in counts}
    lines = [
        say("conversion_line", count=f"{line['count_sum']:,}", text=texts[line["outcome"]]) for line in counts
    ]
    if in_detail:
        most = summary.conversion.drop_null().sort_by([("count", "descending")]).slice(0, TOLD_CONVERSIONS)
        lines += [say("conversion_detail", **line) for line in most.to_pylist()]
    return [say("converted"), *lines]


def as_json(summary: Summary, sink: FileSink) -> dict[str, Any]:
    """The summary as a document."""
    return {
        "rows": summary.rows,
        "edition": summary.edition,
        "statuses": summary.statuses,
        "schemes": summary.schemes,
        "cases_with_unknown_codes": summary.unknown_codes,
        "reasons": summary.reasons,
        "rejections": summary.rejections,
        "notes": summary.notes,
        "files": sink.written(),
    }
