"""Running ``drgbridge`` for the joint demo: commands with a deadline, two nodes, job files from templates."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

DRGBRIDGE = Path(sys.executable).with_name("drgbridge")
TEMPLATES = Path(__file__).with_name("joint")
HOSPITAL, INSURER = "hospital", "insurer"
NODE_STARTS_SECONDS = 30.0
NODE_STOPS_SECONDS = 10.0


class StepError(Exception):
    """A step did not do what it should; the text says which."""


@dataclass(frozen=True)
class Demo:
    """Where the demo works, and until when (``time.monotonic``). Paths in commands start at ``folder``."""

    folder: Path
    give_up: float

    def drgbridge(self, *arguments: object) -> str:
        """Show a command and run it; its stdout. Raises ``StepError``."""
        done = self._run(arguments)
        if done.returncode != 0:
            raise StepError(f"it ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def refused(self, *arguments: object) -> str:
        """Show and run a command that must be refused; what it says. Raises ``StepError``."""
        done = self._run(arguments)
        if done.returncode == 0:
            raise StepError("it should have been refused")
        print(f"  {done.stderr.strip()}", flush=True)
        return done.stderr

    def joint(self, protocol: str) -> dict[str, Any]:
        """Run the insurer's job of this protocol; its summary."""
        summary: dict[str, Any] = json.loads(self.drgbridge(*self.joint_words(protocol)))["summary"]
        return summary

    def joint_words(self, protocol: str) -> list[str]:
        """The command that runs the insurer's job of this protocol."""
        return ["joint", protocol, "--config", config(INSURER), "--job", f"jobs/{protocol}.toml", "--json"]

    def fill(self, template: str, target: str, **values: object) -> Path:
        """Write a file from ``data_samples/joint``, or append to the one that is there."""
        text = Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)
        path = self.folder / target
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
        return path

    def setting(self, party: str, section: str, name: str) -> Any:
        """A setting of a party's configuration."""
        return tomllib.loads((self.folder / config(party)).read_text(encoding="utf-8"))[section][name]

    def _run(self, arguments: Sequence[object]) -> subprocess.CompletedProcess[str]:
        words = [str(argument) for argument in arguments]
        print(f"  $ drgbridge {shlex.join(words)}", flush=True)
        try:
            return subprocess.run(  # noqa: S603 (our own command, no shell)
                [DRGBRIDGE, *words],
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=max(1.0, self.give_up - time.monotonic()),
            )
        except subprocess.TimeoutExpired:
            raise StepError("the demo takes too long on this machine") from None


def config(party: str) -> str:
    """A party's configuration, from the folder of the demo."""
    return f"pair/{party}/{party}.toml"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def nodes(demo: Demo) -> Iterator[None]:
    """Both nodes as processes, which end with the block, however it ends."""
    with ExitStack() as running:
        started = {party: running.enter_context(_node(demo, party)) for party in (HOSPITAL, INSURER)}
        for party, node in started.items():
            _wait_until_it_listens(demo, party, node)
        yield


@contextmanager
def _node(demo: Demo, party: str) -> Iterator[subprocess.Popen[bytes]]:
    words = ["node", "serve", "--config", config(party)]
    print(f"  $ drgbridge {shlex.join(words)} &", flush=True)
    with (demo.folder / f"{party}.node.log").open("wb") as log:
        # A session of its own: Ctrl-C reaches the demo alone, which then ends the node and what the node started.
        node = subprocess.Popen(  # noqa: S603 (our own command, no shell)
            [DRGBRIDGE, *words], cwd=demo.folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield node
        finally:
            _end(node)


def _end(node: subprocess.Popen[bytes]) -> None:
    node.terminate()
    try:
        node.wait(NODE_STOPS_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()


def _wait_until_it_listens(demo: Demo, party: str, node: subprocess.Popen[bytes]) -> None:
    address = ("127.0.0.1", demo.setting(party, "listen", "port"))
    give_up = time.monotonic() + NODE_STARTS_SECONDS
    while node.poll() is None and time.monotonic() < give_up:
        try:
            socket.create_connection(address, timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    told = (demo.folder / f"{party}.node.log").read_text(encoding="utf-8", errors="replace")
    raise StepError(f"the node of the {party} does not serve: {told.strip()[-500:]}")
