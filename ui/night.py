"""The nightly run behind the page: what runs now, what the log says of it, and a start in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from claims.nightly.config import Config, load_config
from claims.nightly.lock import Holder, holder
from claims.nightly.results import RUNS
from ui import home
from ui.errors import UiError

Command = Literal["run", "resume"]
MOST_LOG_BYTES = 2_000_000
"""Of a longer log the end is read."""


@dataclass(frozen=True)
class Progress:
    """What a run has told so far: tasks by what became of them, and the time of the last line."""

    tasks: Counter[str]
    last: str


def config() -> Config:
    """The configuration of the installation's runs. Raises ``InputError`` where there is none or it is wrong."""
    path = home.installation().nightly
    if path is None:
        raise UiError("nightly_page.no_config")
    return load_config(path)


def who_runs(out: Path) -> Holder | None:
    """Who works in the results folder now; ``None`` where nobody does."""
    return holder(out)


def start(path: Path, command: Command) -> None:
    """Begin a run that goes on when the page is closed; it writes its own log and tells how it ended."""
    subprocess.Popen(  # noqa: S603 - our own program, with a path from our own settings
        [sys.executable, "-m", "ui.cli", "nightly", command, "--config", str(path), "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def progress(out: Path, run_id: str) -> Progress:
    """What the log of a run says; nothing where it has none yet."""
    try:
        with (out / RUNS / f"{run_id}.log").open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - MOST_LOG_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return Progress(Counter(), "")
    told = [line for line in map(_line, lines) if line]
    tasks = Counter(str(line.get("event")) for line in told if "partition" in line)
    return Progress(tasks, str(told[-1].get("timestamp", "")) if told else "")


def _line(line: bytes) -> dict[str, object]:
    """A line of the log; nothing for the part of one at the beginning or the end."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
