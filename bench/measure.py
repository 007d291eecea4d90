"""How the bench measures and tells: wall time, peak memory of a command, and the limit beside each figure."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

SCHEME = "chs-drg-1.1"
MILLION = 1_000_000

Result = TypeVar("Result")


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    return timed(work)[1]


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """The result of one call and its wall time in seconds."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def best_of(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Best wall time of a few calls, and the last result."""
    best, result = float("inf"), None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def tell(what: str, cases: int, took: float, limit_s: float | None = None) -> None:
    """Print a figure; ``limit_s`` is for a million cases, and fewer do not tell whether it is kept."""
    limit = "" if limit_s is None else f" (limit {limit_s:g} s a million{_verdict(cases, took, limit_s)})"
    print(f"{what}, {cases:,} cases: {took:.2f} s{limit}")


def _verdict(cases: int, took: float, limit_s: float) -> str:
    if cases < MILLION:
        return ""
    return ": kept" if took <= limit_s * cases / MILLION else ": NOT KEPT"


def run_command(*arguments: str) -> tuple[float, float]:
    """Seconds and peak megabytes of ``drgbridge`` in a process of its own."""
    command = [str(Path(sys.executable).with_name("drgbridge")), *arguments]
    script = (
        "import json, resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "usage = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([done.returncode, time.perf_counter() - start, usage.ru_maxrss, done.stderr]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command], capture_output=True, text=True, check=True
    )
    result: list[Any] = json.loads(done.stdout)
    if result[0] != 0:
        sys.exit(f"the command failed: {result[3]}")
    return result[1], result[2] / 1024


def tell_command(what: str, measured: tuple[float, float]) -> None:
    """Print the figures of :func:`run_command`."""
    print(f"{what}: {measured[0]:.1f} s, {measured[1]:,.0f} MB at the peak (both cores)")
