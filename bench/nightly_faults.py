"""``python -m bench.nightly_faults [--kills N] [--seed S]``: nights killed at random moments, and the nights after.

Every night runs all steps over a small synthetic installation and dies by SIGKILL before or after a random file gets
its place; the next night must leave the same bytes as one that nobody disturbed.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.claims.nightly.conftest import ALL, make_installation
from tests.conftest import REPOSITORY

NEVER = 10**6
WRITES = 100
"""More than a night over the installation has moments: later ones are nights that end well."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    moments = random.Random(options.seed).choices(range(WRITES), k=options.kills)
    with tempfile.TemporaryDirectory() as folder:
        make_installation(Path(folder) / "night", ALL)
        command = [sys.executable, "-m", "tests.claims.nightly.dying", str(Path(folder) / "night")]
        numbers = [str(one) for one in (*moments, NEVER)]
        done = subprocess.run(
            [*command, *numbers], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
    *killed, whole = [line.split() for line in done.stdout.splitlines()]
    died = sum(int(code) < 0 for _, code, *_ in killed)
    other = [moment for moment, *_, sha256 in killed if sha256 != whole[-1]]
    print(
        f"{died} of {len(killed)} nights killed; {len(killed) - len(other)} led to the bytes of a quiet night"
    )
    if other:
        sys.exit(f"other bytes after a kill at: {', '.join(other)}")


if __name__ == "__main__":
    main()
