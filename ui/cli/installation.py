"""Where this installation runs from. Imports nothing of ours: another package may be called ``drg`` as well."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("drg", "claims", "privacy", "ui")
HOME = Path(__file__).parents[2]


def folder_of(package: str) -> Path | None:
    """The folder a package would be imported from; ``None`` where there is no such package."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def drg_is_ours() -> bool:
    """Whether ``import drg`` finds the package that stands beside this one."""
    return folder_of("drg") == HOME / "drg"


def version_lines() -> list[str]:
    """Name and version, and the folder of each package."""
    folders = [f"{package}: {folder_of(package) or '-'}" for package in PACKAGES]
    return [f"drgbridge {version('drgbridge')}", *folders]


def print_foreign_drg() -> None:
    """Say, in both languages, that ``drg`` is another package, and which folders are in use."""
    texts = tomllib.loads((HOME / "ui" / "texts" / "cli.toml").read_text(encoding="utf-8"))
    print("\n".join(version_lines()))
    for sentence in texts["foreign_drg"].values():
        print(sentence.format(folder=folder_of("drg"), home=HOME), file=sys.stderr)
