"""Figures of the last run as a file in the text format of Prometheus, for the node exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from claims.nightly.manifest import write_bytes

NAME = "metrics.prom"
PREFIX = "drgbridge_nightly"
HELP = {
    "last_end_seconds": "When the last run ended, seconds since 1970.",
    "last_success": "1 where the last run went to its end, else 0.",
    "exit_code": "Exit code of the last run.",
    "seconds": "Seconds of work by step; steps in parallel add up.",
    "parts": "Partitions by what became of them.",
    "rows": "Rows of the results by table.",
    "rejected_new": "Rejections of what was read in the last run.",
}


def write_metrics(out: Path, run: Mapping[str, Any], exit_code: int, ended: float) -> None:
    """Write ``metrics.prom`` of the results folder."""
    samples: dict[str, Mapping[str, float]] = {
        "last_end_seconds": {"": ended},
        "last_success": {"": float(run["state"] == "done")},
        "exit_code": {"": exit_code},
        "seconds": {_label("step", name): value for name, value in run["seconds"].items()},
        "parts": {_label("state", name): value for name, value in run["parts"].items()},
        "rows": {_label("table", name): value for name, value in run["rows"].items()},
        "rejected_new": {"": run["rejected_new"]},
    }
    lines: list[str] = []
    for name, values in samples.items():
        lines += [f"# HELP {PREFIX}_{name} {HELP[name]}", f"# TYPE {PREFIX}_{name} gauge"]
        lines += [f"{PREFIX}_{name}{label} {value:.17g}" for label, value in values.items()]
    write_bytes(out / NAME, ("\n".join(lines) + "\n").encode())


def _label(name: str, value: str) -> str:
    """A label; the values are names of ours, so that nothing needs to be escaped."""
    return f'{{{name}="{value}"}}'
