"""A pair of parties for tests: folders, tables, signed policies, and a node as a real process."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from privacy.pair import Member, init_pair
from privacy.party import PartyConfig
from privacy.policy import sign_policy
from tests.conftest import REPOSITORY

INITIATOR, RESPONDER = "insurer", "hospital"
PURPOSE = "test"
STARTUP_SECONDS = 30.0


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives to outgoing connections meanwhile."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


@dataclass
class Party:
    """One party's folder and, while it serves, its node."""

    config_file: Path
    node: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def folder(self) -> Path:
        return self.config_file.parent

    @property
    def config(self) -> PartyConfig:
        return PartyConfig.load(self.config_file)

    def set(self, **settings: str | float) -> None:
        """Change settings of the configuration; the key of a section's setting is ``section__name``."""
        text = self.config_file.read_text(encoding="utf-8")
        for name, value in settings.items():
            section, _, key = name.rpartition("__")
            line = f'{key} = "{value}"\n' if isinstance(value, str) else f"{key} = {value}\n"
            head = f"[{section}]\n" if section else ""
            start = text.index(head) + len(head)
            end = text.find("\n[", start)
            end = len(text) if end < 0 else end
            kept = [
                row for row in text[start:end].splitlines(keepends=True) if not row.startswith(f"{key} = ")
            ]
            text = text[:start] + line + "".join(kept) + text[end:]
        self.config_file.write_text(text, encoding="utf-8")

    def add_table(
        self,
        name: str,
        columns: dict[str, list[object]],
        constraint: str = "AFTER_JOIN",
        protocols: tuple[str, ...] = ("psi", "stats", "train", "score", "lookup"),
        id_kind: str = "text",
        minimum_group: int = 1,
        differ_by: int = 1,
    ) -> Path:
        """A table about nobody (no consent needed) with a signed policy; the first column is the id."""
        config = tomllib.loads(self.config_file.read_text(encoding="utf-8"))
        path = self.folder / f"{name}.parquet"
        parquet.write_table(pa.table(columns), path)
        peer = config["peer"]["name"]
        rules = "\n".join(f'"{column}" = {{ constraint = "{constraint}" }}' for column in columns)
        policy = self.folder / f"{name}.policy.toml"
        policy.write_text(
            f'version = 1\nowner = "{config["party"]}"\nvalid_from = 2020-01-01\nexpires = 2099-01-01\n'
            f'purposes = ["{PURPOSE}"]\nprotocols = {list(protocols)}\nminimum_group = {minimum_group}\n'
            f"[sets]\ndays = 30\ndiffer_by = {differ_by}\n[columns.{peer}.{name}]\n{rules}\n",
            encoding="utf-8",
        )
        sign_policy(policy, self.config.key)
        with self.config_file.open("a", encoding="utf-8") as file:
            file.write(
                f'\n[tables.{name}]\npath = "{path.name}"\nid_column = "{next(iter(columns))}"\n'
                f'id_kind = "{id_kind}"\npolicy = "{policy.name}"\npersonal = false\n'
            )
        return path

    def serve(self, script: str = "tests.privacy.serve_node", *arguments: str) -> None:
        """Start the node (``script``, its arguments, the configuration) and wait until it listens."""
        self.node = subprocess.Popen(
            [sys.executable, "-m", script, *arguments, str(self.config_file)],
            cwd=REPOSITORY,
            stderr=(self.folder / "node.err").open("ab"),
        )
        port = self.config.listen.port
        give_up = time.monotonic() + STARTUP_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if self.node.poll() is not None or time.monotonic() > give_up:
                    raise AssertionError((self.folder / "node.err").read_text(encoding="utf-8")) from None
                time.sleep(0.05)

    def kill(self) -> None:
        """End the node as ``kill -9`` does."""
        if self.node is not None:
            self.node.kill()
            self.node.wait()
            self.node = None

    def log_text(self) -> str:
        path = self.folder / "state" / "log.jsonl"
        return path.read_text(encoding="utf-8") if path.exists() else ""


@dataclass
class Pair:
    """Both parties; ``close`` ends their nodes."""

    initiator: Party
    responder: Party

    def close(self) -> None:
        self.initiator.kill()
        self.responder.kill()


def make_pair(folder: Path, reconnect_seconds: float = 3.0) -> Pair:
    """A new pair on free ports of this machine, without tables; no node runs yet."""
    members = Member(INITIATOR, "127.0.0.1", free_port()), Member(RESPONDER, "127.0.0.1", free_port())
    parties = [Party(file) for file in init_pair(folder / "pair", *members)]
    for party in parties:
        party.set(limits__reconnect_seconds=reconnect_seconds)
    return Pair(*parties)
