"""A PostgreSQL server of the system package, started for the tests in a temporary folder on a free port."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path("/usr/lib/postgresql")
USER = "store"
SETTINGS = "-c fsync=off -c full_page_writes=off -c shared_buffers=64MB -c max_connections=60"


@dataclass(frozen=True)
class Server:
    """A running server; ``password`` is that of the user ``store``."""

    port: int
    password: str

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"


def why_not() -> str | None:
    """Why no server can be started here."""
    if _program("initdb") is None:
        return "PostgreSQL is not installed (apt-get install postgresql); the store is tested on SQLite only"
    if os.getuid() == 0 and (_account() is None or shutil.which("runuser") is None):
        return "PostgreSQL refuses to run as root, and there is no other account to run it as"
    return None


@contextmanager
def running() -> Iterator[Server]:
    """Start a server, and stop it at the end."""
    # Not below pytest's folder: that one is closed to other accounts.
    with tempfile.TemporaryDirectory(prefix="drgbridge-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = Server(_free_port(), secrets.token_hex(8))
        (folder / "password").write_text(server.password)
        if os.getuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, str(_account()))
        data = folder / "data"
        _run("initdb", "-D", data, "-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-A",
             "scram-sha-256", f"--pwfile={folder / 'password'}")  # fmt: skip
        options = f"{SETTINGS} -p {server.port} -c listen_addresses=127.0.0.1 -k {folder}"
        _run("pg_ctl", "start", "-w", "-D", data, "-l", folder / "log", "-o", options)
        try:
            yield server
        finally:
            _run("pg_ctl", "stop", "-w", "-D", data, "-m", "immediate")


def _run(program: str, *arguments: str | Path) -> None:
    command = [str(_program(program)), *map(str, arguments)]
    if os.getuid() == 0:
        command = ["runuser", "-u", str(_account()), "--", *command]
    # No pipes: the server would keep them open.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/")
        output.seek(0)
        assert done.returncode == 0, output.read().decode()


def _program(name: str) -> Path | None:
    found = sorted(PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return found[-1] if found else None


def _account() -> str | None:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
