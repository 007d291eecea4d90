"""Runs the command line in this process, in English; other languages need a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

os.environ["LC_ALL"] = "C.UTF-8"
DRGBRIDGE = Path(sys.executable).with_name("drgbridge")

CASES = """case_id,sex,age,los_days,discharge_way,discharge_date,dx,proc
1001,1,65,7,1,2024-05-01,I21.001|J96.000|E11.900,
1002,2,31,4,1,2024-05-03,K35.800x001|Z99.999,47.0100
1003,2,-4,4,1,2024-05-03,K35.800x001,47.0100
1004,1,54,3,1,2024-05-09,Z99.900,
"""


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run ``drgbridge`` with these arguments in this process."""
    from ui.cli.app import run as run_in_process

    def run_with(*arguments: object) -> Ended:
        code = run_in_process([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        return Ended(code, out.decode(), err.decode())

    return run_with


def run_process(*arguments: object, **environment: str) -> Ended:
    """Run ``drgbridge`` in a process of its own."""
    done = subprocess.run(
        [DRGBRIDGE, *map(str, arguments)], capture_output=True, env={**os.environ, **environment}
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Four readable cases: two are grouped, one is rejected, one ungrouped."""
    path = tmp_path / "cases.csv"
    path.write_text(CASES, encoding="utf-8")
    return path


def own_scheme(folder: Path) -> Path:
    """A whole scheme with one group for I21.001."""
    folder.mkdir()
    files = {
        "scheme.toml": 'id = "own"\nname = "自定"\nname_en = "Own"\nissued = "2024"\nsource = "test"\n'
        '[validity]\nregions = ["*"]\nfrom = 2024-01-01\n[evaluation]\nweight = "birth"\n',
        "mdc.tsv": "code\tname\trule\nMDC1\t类\tZYZD in DI_A\n",
        "adrg.tsv": "code\tname\trule\tmdc\nADRG1\t组\tZYZD in DI_A\tMDC1\n",
        "drg.tsv": "code\tname\trule\tadrg\nDRG1\t组\t\tADRG1\n",
        "sets.txt": "DI_A\n  I21.001\n",
        "cc.txt": "CC 1\n  E11.900\n",
        "exclusions.txt": "1\n  I21.001\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
