"""SPU in a virtual environment of its own: it needs other versions of NumPy and JAX, so it is never imported here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from privacy.errors import Refused
from privacy.files import owner_folder

CONSTRAINTS = Path(__file__).with_name("spu_constraints.txt")
WORKER = Path(__file__).with_name("spu_worker_main.py")
FOLDER = "spu"
MARKER = "drgbridge_spu.txt"
"""In the environment: empty while it is being made, then the versions that are installed."""
PYTHON = (3, 11)
NEEDED_BYTES = 2_000_000_000
_UNREACHABLE = re.compile(r"from versions: none|connection broken|Max retries|ConnectTimeout|NameResolution")


def worker_python(state: Path, party: str) -> Path:
    """The Python of the environment; ``Refused`` (``psi.spu_missing``) where it is not there with our versions."""
    folder = (state / FOLDER).resolve()
    if not is_installed(folder):
        raise Refused("psi.spu_missing", party=party)
    return folder / "bin" / "python"


def is_installed(folder: Path) -> bool:
    """Whether the environment has all versions that we pin."""
    try:
        return (folder / MARKER).read_bytes() == CONSTRAINTS.read_bytes()
    except OSError:
        return False


def plan(folder: Path) -> list[list[str]]:
    """The commands that make the environment. Raises ``Refused`` (``psi.spu_python``) without Python 3.11."""
    python = str(folder / "bin" / "python")
    pip = [python, "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    return [
        [_find_python(), "-I", "-m", "venv", str(folder)],
        # No dependency is chosen by anyone but the file, and nothing is built.
        [*pip, "--retries", "2", "--no-deps", "--only-binary", ":all:", "--requirement", str(CONSTRAINTS)],
        [python, "-I", str(WORKER), "check"],
    ]


def install(state: Path, folder: Path, on_command: Callable[[list[str]], None]) -> None:
    """Make the environment in ``folder``, to be used by the party with this state folder.

    Raises ``Refused``: ``psi.spu_python``, ``psi.spu_folder``, ``psi.spu_space``, ``psi.spu_registry``,
    ``psi.spu_install``. What was begun is gone on with by the next call.
    """
    commands = plan(folder)
    _begin(folder)
    for command in commands:
        on_command(command)
        _run(command)
    (folder / MARKER).write_bytes(CONSTRAINTS.read_bytes())
    use(state, folder)


def use(state: Path, folder: Path) -> None:
    """Have the party with this state folder use the environment in ``folder``."""
    place = state / FOLDER
    if place.resolve() == folder.resolve():
        return
    if place.exists() and not place.is_symlink():
        raise Refused("psi.spu_folder", path=str(place))
    place.unlink(missing_ok=True)
    place.symlink_to(folder.resolve(), target_is_directory=True)


def _begin(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise Refused("psi.spu_folder", path=str(folder))
    owner_folder(folder)
    (folder / MARKER).write_bytes(b"")
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise Refused("psi.spu_space", path=str(folder), free=free // 10**6, needed=NEEDED_BYTES // 10**6)


def _find_python() -> str:
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    found = shutil.which("python{}.{}".format(*PYTHON))
    if found is None:
        raise Refused("psi.spu_python", running="{}.{}".format(*sys.version_info[:2]))
    return found


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")  # noqa: S603
    if done.returncode:
        told = done.stderr + done.stdout
        if _UNREACHABLE.search(told):
            raise Refused("psi.spu_registry")
        last = next((line for line in reversed(told.splitlines()) if line.strip()), "")
        raise Refused("psi.spu_install", command=" ".join(command[:5]), why=last[:300])
