"""Progress on stderr: a bar on a terminal, else one line a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ui.cli.language import say

SECONDS_BETWEEN_LINES = 60.0


@contextmanager
def shown(total: int | None) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of rows done; ``total`` is None where the file does not say."""
    if sys.stderr.isatty():
        with _bar(total) as update:
            yield update
    else:
        yield _lines(total)


@contextmanager
def _bar(total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(say("progress_bar")), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)


def _lines(total: int | None) -> Callable[[int], None]:
    last = time.monotonic()

    def update(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            of = f" / {total:,}" if total is not None else ""
            print(say("progress_line", done=f"{done:,}{of}"), file=sys.stderr, flush=True)

    return update
