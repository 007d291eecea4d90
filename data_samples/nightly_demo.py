"""A night over the samples, and a second one without anything new: ``python -m data_samples.nightly_demo --out DIR``.

Makes a small risk model of synthetic claims and sets up a hospital and an insurer with a node each, who train a joint
model; then runs ``drgbridge nightly`` twice. Leaves in DIR the results folder, the store of work items, the model and
both parties, for the browser. Ends with 1 where a step fails or the second night did anything.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from claims.nightly.config import Settings
from data_samples import nightly_joint
from data_samples.joint_run import Demo, StepError, nodes
from data_samples.nightly_model import make_model

HOME = Path(__file__).parent
EXAMPLE = HOME / "nightly.toml"
EXAMPLE_OUT = "../out/nightly/"
DRGBRIDGE = Path(sys.executable).with_name("drgbridge")
MODEL_CASES = 1500
DAY = "2026-11-24"
"""Of the run: some rules look at it, and the demo shall say the same tomorrow."""
DONE = (0, 3)
LONGEST_SECONDS = 300.0
ASKED = ("done", "nothing_new")
"""How the joint step of a first night ends well; of one in a folder that had a night, with the second state."""


def main() -> int:
    """Two nights. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for results, store and models")
    out: Path = parser.parse_args().out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    try:
        return nights(out)
    except StepError as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1


def nights(out: Path) -> int:
    """The model, the two parties, the two nights. Raises ``StepError``."""
    history = out / "history"
    if not (out / "model").is_dir():
        shutil.rmtree(history, ignore_errors=True)
        made = make_model(out / "model", MODEL_CASES, keep=history)
        print("A risk model of synthetic claims (the label is made up):", made, flush=True)
    config = configured(out, joint=True)
    with ExitStack() as running:
        parties(out, config, history, running)
        print("The first night:", flush=True)
        if night(config) not in DONE:
            raise StepError("the first night did not end well")
        print_trace(out / "results")
        asked = last_run(out)["joint"]["state"]
    print("The second night, nothing new, the nodes are down:", flush=True)
    again = night(config, lines=2)
    told = last_run(out)
    skipped, state = told["parts"], told["joint"]["state"]
    print(f"  Joint scoring: {state}", flush=True)
    if asked not in ASKED:
        raise StepError(f"the joint scoring of the first night ended as {asked}")
    if again != 0 or skipped["done"] or not skipped["skipped"] or state != "nothing_new":
        raise StepError("the second night should have skipped everything")
    return 0


def parties(out: Path, config: Path, history: Path, running: ExitStack) -> None:
    """A hospital and an insurer whose nodes serve until ``running`` ends, and who have a model that both approved."""
    demo = Demo(out / "joint", time.monotonic() + LONGEST_SECONDS)
    print("A hospital and an insurer, each with a node of its own on this machine:", flush=True)
    is_new = not nightly_joint.is_ready(demo.folder)
    if is_new:
        nightly_joint.set_up(demo, history, out / nightly_joint.KEY)
    running.enter_context(nodes(demo))
    if is_new:
        nightly_joint.train(demo, config, history)


def configured(out: Path, *, joint: bool = False) -> Path:
    """The committed example with its results in ``out``; ``joint``: with joint scoring."""
    text = EXAMPLE.read_text(encoding="utf-8")
    text = text.replace(f'"{EXAMPLE_OUT}', f'"{out.as_posix()}/').replace(
        '"sample/', f'"{HOME.as_posix()}/sample/'
    )
    if joint:
        steps = json.dumps([*Settings.model_fields["steps"].default, "joint"])
        text = f"steps = {steps}\n{text}{nightly_joint.joined_settings()}"
    path = out / "nightly.toml"
    path.write_text(text, encoding="utf-8")
    return path


def night(config: Path, lines: int | None = None) -> int:
    """Run a night and print what it says, or the first lines of it; its exit code."""
    command = [str(DRGBRIDGE), "nightly", "run", "--config", str(config), "--date", DAY]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603
    print("\n".join(f"  {line}" for line in done.stdout.splitlines()[:lines]), flush=True)
    return done.returncode


def print_trace(results: Path) -> None:
    """What each party learned of the other in the last night."""
    command = [str(DRGBRIDGE), "risk", "joint", "trace", "--results", str(results)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603
    print("\n".join(f"  {line}" for line in done.stdout.splitlines()), flush=True)


def last_run(out: Path) -> dict[str, Any]:
    """What the last night did."""
    told: dict[str, Any] = json.loads((out / "results" / "_run.json").read_bytes())
    return told


if __name__ == "__main__":
    sys.exit(main())
