"""What is committed under a package is also in its wheel; what a command of the Makefile imports is installed."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"drg", "claims", "privacy", "ui", "data_samples"}


def imported(folder: Path) -> set[str]:
    """The top-level packages that the modules of a folder import, also inside functions."""
    trees = (ast.parse(path.read_bytes()) for path in folder.rglob("*.py"))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names} - OURS - set(sys.stdlib_module_names)


def test_the_demo_needs_nothing_that_make_demo_does_not_install() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installed = {*project["dependencies"], *project["optional-dependencies"]["demo"]}
    owners = packages_distributions()
    missing = [name for name in imported(ROOT / "data_samples") if not owners_of(name, owners) & installed]
    assert sorted(missing) == []


def owners_of(package: str, owners: Mapping[str, list[str]]) -> set[str]:
    """The distributions that bring a top-level package, by their names in requirements."""
    return {name.lower() for name in owners.get(package, ())}


@pytest.mark.parametrize("package", ["drg", "claims", "privacy", "ui"])
def test_every_data_file_is_package_data(package: str) -> None:
    """setuptools leaves out what no pattern of ``package-data`` names, and nothing tells it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"].get(package, [])
    named = {path for pattern in patterns for path in (ROOT / package).glob(pattern)}
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", package], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git clone, so what is committed is not known")
    files = {ROOT / name for name in listed.stdout.split("\0") if name}
    assert files, "git lists nothing of the package"
    forgotten = {path for path in files if path.suffix != ".py" and path.exists()} - named
    assert sorted(str(path.relative_to(ROOT)) for path in forgotten) == []
