"""A pair of parties on this machine, for a comparison on synthetic tables: real nodes, real messages over TLS."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from claims.errors import input_error
from privacy.node.serve import serve
from privacy.pair import Member, init_pair
from privacy.party import PartyConfig, TableSource
from privacy.policy import sign_policy
from privacy.protocols import JobResult
from privacy.session import run

INITIATOR, RESPONDER = "insurer", "hospital"
PURPOSE = "simulation"
ID = "id"
POLICY = "simulation.policy.toml"


@dataclass(frozen=True)
class LocalPair:
    """Two parties of synthetic tables. ``configs``: the configuration file of each, by name."""

    configs: dict[str, Path]

    @classmethod
    def make(cls, folder: Path) -> LocalPair:
        """A new pair on free ports in the new folder ``folder``."""
        members = [Member(name, "127.0.0.1", _free_port()) for name in (INITIATOR, RESPONDER)]
        files = init_pair(folder, *members)
        return cls(dict(zip((INITIATOR, RESPONDER), files, strict=True)))

    def config(self, party: str) -> PartyConfig:
        return PartyConfig.load(self.configs[party])

    def add_table(self, party: str, name: str, table: pa.Table) -> None:
        """A table of synthetic persons: nobody's rows, so that no consent is needed. Its policy comes later."""
        file = self.configs[party]
        pq.write_table(table, file.parent / f"{name}.parquet")
        source = TableSource(path=Path(f"{name}.parquet"), id_column=ID, policy=Path(POLICY), personal=False)
        lines = [f"[tables.{name}]", f'path = "{source.path}"', f'id_column = "{ID}"', f'policy = "{POLICY}"']
        with file.open("a", encoding="utf-8") as config:
            config.write("\n" + "\n".join([*lines, "personal = false"]) + "\n")

    def sign_policies(self, approved: Sequence[str] = ()) -> None:
        """Each party permits what the simulation does with the columns of its tables."""
        for party, peer in ((INITIATOR, RESPONDER), (RESPONDER, INITIATOR)):
            config = self.config(party)
            policy = self.configs[party].parent / POLICY
            policy.write_text(_policy(party, peer, config, approved), encoding="utf-8")
            sign_policy(policy, config.key)

    def run(self, protocol: str, table: str, peer_table: str, parameters: dict[str, Any]) -> JobResult:
        """A job of the initiator. Raises ``Refused``."""
        return run(
            self.config(INITIATOR), protocol, parameters, table=table, peer_table=peer_table, purpose=PURPOSE
        )

    @contextmanager
    def serving(self, starts_seconds: float, stops_seconds: float) -> Iterator[None]:
        """The responder's node, as a process of its own that ends with the block."""
        file = self.configs[RESPONDER]
        with (file.parent / "node.log").open("wb") as log:
            words = [sys.executable, "-m", "claims.joint.local", str(file)]
            # A session of its own: Ctrl-C reaches the command alone, which then ends the node.
            node = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 (our own)
            try:
                self._wait(node, starts_seconds)
                yield
            finally:
                node.terminate()
                try:
                    node.wait(stops_seconds)
                except subprocess.TimeoutExpired:
                    node.kill()
                    node.wait()

    def _wait(self, node: subprocess.Popen[bytes], seconds: float) -> None:
        listen = self.config(RESPONDER).listen
        give_up = time.monotonic() + seconds
        while node.poll() is None and time.monotonic() < give_up:
            try:
                socket.create_connection((listen.host, listen.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise input_error("joint.node_does_not_start", str(self.configs[RESPONDER].parent / "node.log"))


def _policy(party: str, peer: str, config: PartyConfig, approved: Sequence[str]) -> str:
    columns = "\n".join(
        f"[columns.{peer}.{name}]\n" + "\n".join(_rules(source)) for name, source in config.tables.items()
    )
    hashes = ", ".join(f'"{one}"' for one in approved)
    return (
        f'version = 1\nowner = "{party}"\nvalid_from = 2020-01-01\nexpires = 2099-12-31\n'
        f'purposes = ["{PURPOSE}"]\nprotocols = ["train", "score"]\nminimum_group = 10\n'
        f"approved_models = [{hashes}]\n[sets]\ndays = 30\ndiffer_by = 10\n{columns}\n"
    )


def _rules(source: TableSource) -> Iterator[str]:
    for name in pq.read_schema(source.path).names:
        # A column name is data: as a JSON string it is a TOML string as well.
        quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        constraint = "AFTER_JOIN" if name == ID else "AFTER_SCORE"
        yield f'{quoted} = {{ constraint = "{constraint}" }}'


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    serve(PartyConfig.load(Path(sys.argv[1])))
