"""``python bench/peak_memory.py COMMAND...``: runs a command; its seconds and the peak memory of all its processes.

Looks at /proc ten times a second: proportional set sizes, so that pages that processes share count once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

LOOK_EVERY_S = 0.1


def main() -> None:
    start = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(kilobytes, family(process.pid))))
        time.sleep(LOOK_EVERY_S)
    took = time.perf_counter() - start
    stderr = process.stderr.read() if process.stderr else ""
    print(json.dumps({"code": process.returncode, "seconds": took, "peak_mb": peak / 1024, "stderr": stderr}))


def family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def kilobytes(pid: int) -> int:
    """Proportional set size of a process; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    main()
