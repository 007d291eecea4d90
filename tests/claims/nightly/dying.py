"""Nights that are killed: ``python -m tests.claims.nightly.dying FOLDER WRITE...`` prints one line a night.

For every number WRITE a night in a copy of FOLDER dies by SIGKILL just before (even) or just after (odd) its half-th
file is put in place; the next night goes on. The line says how the two ended and the hash over all results. The nights
are forked from a process that has imported what they need, so that each needs no start of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
from pathlib import Path

from drg import disk
from tests.claims.nightly.conftest import Installation, hashes_of


def main(folder: Path, moments: list[int]) -> None:
    for moment in moments:
        copy = folder.with_name(f"{folder.name}-{moment}")
        shutil.copytree(folder, copy)
        dead = forked(copy, moment)
        left = len(hashes_of(copy / "results"))
        code = forked(copy, None)
        told = "\n".join(f"{name} {one}" for name, one in hashes_of(copy / "results").items())
        print(moment, dead, left, code, hashlib.sha256(told.encode()).hexdigest(), flush=True)
        shutil.rmtree(copy)


def forked(folder: Path, moment: int | None) -> int:
    """Run a night in a child; its exit code, negative the signal that it died by."""
    child = os.fork()
    if child == 0:
        if moment is not None:
            die_at(moment)
        os._exit(Installation(folder).night().exit_code or 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at(moment: int) -> None:
    """Be killed at a moment: before or after a file gets its place."""
    put, seen = disk._put, 0

    def dying(part: Path, target: Path) -> None:
        nonlocal seen
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        put(part, target)
        seen += 1
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        seen += 1

    disk._put = dying


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(one) for one in sys.argv[2:]])
