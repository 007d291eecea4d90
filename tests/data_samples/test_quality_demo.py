"""The demo of the quality checks tells what was planted and what was found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from data_samples.quality_demo import PLANTED, found_by, read_rows


def test_every_planted_defect_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "data_samples.quality_demo", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    planted = read_rows(PLANTED)
    assert all(defect["case_id"] in done.stdout for defect in planted)
    assert f"{len(planted)} of {len(planted)} planted defects found" in done.stdout


def test_a_defect_that_no_rule_found_is_not_told_as_found() -> None:
    defect = {"case_id": "A", "rules": "E19 E20"}
    assert found_by(defect, {("B", "E19"), ("A", "E21")}) == ""
    assert found_by(defect, {("A", "E20")}) == "E20"
