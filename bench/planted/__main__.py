"""``python -m bench.planted [--cases 500] [--rules Q001-Q124]``: recall and precision by planted defects."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.planted.measure import Bench, Line, measure
from bench.planted.plants import family, load_injections, rules_between
from bench.planted.records import pools
from drg.quality.registry import load_rules
from drg.quality.rule import Rule

OUT = Path("out") / "planted.csv"
TARGET = 0.99
SHOWN = 6


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.planted", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="clean cases to plant into")
    parser.add_argument("--each", type=int, default=20, help="planted records a rule")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--rules", help="ids and ranges of the reference, as Q001-Q124; all rules without it")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--all", action="store_true", help="also print the rules at 1.0")
    options = parser.parse_args(arguments)
    rules = list(load_rules().values())
    carried = {family(rule.id) for rule in rules}
    injections = load_injections()
    if options.rules:
        wanted = set(rules_between(injections, options.rules))
        injections = {rule: one for rule, one in injections.items() if rule in wanted}
    absent = sorted(set(injections) - carried)
    injections = {rule: one for rule, one in injections.items() if rule in carried}
    lines = measure(Bench(pools(options.cases, options.seed), rules), injections, options.each, options.seed)
    severities = {family(rule.id): rule.severity for rule in sorted(rules, key=_plain_id_last)}
    write(options.out, lines, severities)
    tell(lines, severities, options.all)
    if absent:
        print(f"planted, but there is no such rule: {' '.join(absent)}")
    without = sorted(carried - set(load_injections()))
    print(f"rules without an injection ({len(without)}): {' '.join(without)}")
    print(f"written: {options.out}")


def _plain_id_last(rule: Rule) -> bool:
    return rule.id == family(rule.id)


HEADER = (
    "rule",
    "severity",
    "planted",
    "found",
    "recall",
    "precision",
    "near misses",
    "wrong hits",
    "misses",
)


def _cells(line: Line, severities: dict[str, str]) -> tuple[str, ...]:
    wrong = " ".join(f"{name}:{count}" for name, count in line.wrong.most_common())
    return (
        line.rule,
        severities[line.rule],
        str(line.planted),
        str(line.found),
        _share(line.recall),
        _share(line.precision),
        str(line.near),
        wrong,
        " | ".join(line.missed),
    )


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def write(path: Path, lines: Iterable[Line], severities: dict[str, str]) -> None:
    """The whole table, misses and all, as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(_cells(line, severities) for line in lines)


def tell(lines: Sequence[Line], severities: dict[str, str], everything: bool) -> None:
    """Prints the rules that fall short (or all) and the totals."""
    print("  ".join(("rule", "severity", "planted", "found", "recall", "precision", "near", "wrong hits")))
    for line in lines:
        good = line.recall == 1.0 and line.precision == 1.0 and not line.no_base
        if good and not everything:
            continue
        *cells, wrong, _ = _cells(line, severities)
        print("  ".join(f"{cell:>5}" for cell in cells), wrong)
        for missed in line.missed[:SHOWN]:
            print(f"        {missed}")
    measured = [line for line in lines if line.planted]
    planted, found = sum(line.planted for line in measured), sum(line.found for line in measured)
    wrongly = sum(line.wrong.total() for line in measured)
    both = sum(_reaches(line) for line in measured)
    print(
        f"{len(measured)} rules, {planted:,} planted: recall {found / planted:.4f}, "
        f"precision {found / (found + wrongly):.4f}; {both} rules reach {TARGET} in both"
    )


def _reaches(line: Line) -> bool:
    return (line.recall or 0) >= TARGET and (line.precision or 0) >= TARGET


if __name__ == "__main__":
    main()
