"""What is committed under a package is also in its wheel."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


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
