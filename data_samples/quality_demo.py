"""What the quality checks find in the synthetic whole records, against what was planted in them.

``python -m data_samples.quality_demo --out DIR`` runs ``drgbridge check`` over the records, prints one line a planted
defect, and ends with 1 where one was not found.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from pathlib import Path

RECORDS = Path(__file__).parent / "sample" / "records"
PLANTED = RECORDS / "record_defects.csv"
DRGBRIDGE = Path(sys.executable).with_name("drgbridge")

Finding = tuple[str, str]
"""Case and rule."""


def main() -> int:
    """Compare the findings with the planted defects. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the findings")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    findings = out / "findings.csv"
    command = [str(DRGBRIDGE), "check", str(RECORDS), "--out", str(findings)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    found = read_findings(findings) | read_findings(findings.with_suffix(".documents.csv"))

    planted = read_rows(PLANTED)
    print(
        f"Planted in {len(planted)} of {sum(path.is_dir() for path in RECORDS.iterdir())} synthetic whole records:"
    )
    missed = [defect for defect in planted if not found_by(defect, found)]
    for defect in planted:
        print(f"  {defect['case_id']}  {defect['what']}: {found_by(defect, found) or 'NOT FOUND'}")
    others = sorted(found - {(row["case_id"], rule) for row in planted for rule in row["rules"].split()})
    print(
        f"{len(planted) - len(missed)} of {len(planted)} planted defects found; what else was found: ", end=""
    )
    print(", ".join(f"{rule} in {case}" for case, rule in others) or "nothing")
    return 1 if missed else 0


def found_by(defect: dict[str, str], found: set[Finding]) -> str:
    """The rules that stand for a planted defect and were hit."""
    return ", ".join(rule for rule in defect["rules"].split() if (defect["case_id"], rule) in found)


def read_findings(path: Path) -> set[Finding]:
    """Case and rule of each finding of a file."""
    return {(row["case_id"], row["rule"]) for row in read_rows(path)}


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by its header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    sys.exit(main())
