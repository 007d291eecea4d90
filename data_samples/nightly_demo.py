"""A night over the samples, and a second one without anything new: ``python -m data_samples.nightly_demo --out DIR``.

Makes a small risk model of synthetic claims, runs ``drgbridge nightly`` twice, and leaves in DIR the results folder,
the store of work items and the model, for the browser. Ends with 1 where the second night did anything.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from data_samples.nightly_model import make_model

HOME = Path(__file__).parent
EXAMPLE = HOME / "nightly.toml"
EXAMPLE_OUT = "../out/nightly/"
DRGBRIDGE = Path(sys.executable).with_name("drgbridge")
MODEL_CASES = 1500
DAY = "2026-11-24"
"""Of the run: some rules look at it, and the demo shall say the same tomorrow."""
DONE = (0, 3)


def main() -> int:
    """Two nights. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for results, store and model")
    out: Path = parser.parse_args().out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "model").is_dir():
        print(
            "A risk model of synthetic claims (the label is made up):", make_model(out / "model", MODEL_CASES)
        )
    config = configured(out)
    print("The first night:")
    first = night(config)
    print("The second night, nothing new:")
    again = night(config, lines=2)
    skipped = last_run(out)["parts"]
    if first not in DONE or again != 0 or skipped["done"] or not skipped["skipped"]:
        print("The second night should have skipped everything.", file=sys.stderr)
        return 1
    return 0


def configured(out: Path) -> Path:
    """The committed example with its results in ``out``."""
    text = EXAMPLE.read_text(encoding="utf-8")
    text = text.replace(f'"{EXAMPLE_OUT}', f'"{out.as_posix()}/').replace(
        '"sample/', f'"{HOME.as_posix()}/sample/'
    )
    path = out / "nightly.toml"
    path.write_text(text, encoding="utf-8")
    return path


def night(config: Path, lines: int | None = None) -> int:
    """Run a night and print what it says, or the first lines of it; its exit code."""
    command = [str(DRGBRIDGE), "nightly", "run", "--config", str(config), "--date", DAY]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603
    print("\n".join(f"  {line}" for line in done.stdout.splitlines()[:lines]), flush=True)
    return done.returncode


def last_run(out: Path) -> dict[str, dict[str, int]]:
    """What the last night did."""
    told: dict[str, dict[str, int]] = json.loads((out / "results" / "_run.json").read_bytes())
    return told


if __name__ == "__main__":
    sys.exit(main())
