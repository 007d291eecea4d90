"""What of R01-R30 and E01-E30 is done: found by running the examples, not written by hand."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drg.errors import InputError
from drg.quality.document.engine import document_rules
from drg.quality.document.examples import failures
from drg.quality.document.limits import load_limits
from drg.quality.document.rule import load_checks
from drg.quality.rule import Wording

CATALOGUE = tuple(f"{letter}{number:02}" for letter in "RE" for number in range(1, 31))


@dataclass(frozen=True)
class DocumentCoverage:
    """``done``: id -> title; ``failing``: id -> failed examples; ``missing``: neither done nor not scriptable."""

    done: Mapping[str, Wording]
    failing: Mapping[str, tuple[str, ...]]
    not_scriptable: Mapping[str, Wording]
    missing: tuple[str, ...]


def not_scriptable() -> dict[str, Wording]:
    """Ids that cannot be judged with the data of a record, with the reason."""
    path = Path(__file__).with_name("not_scriptable.toml")
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return {id: Wording.model_validate(entry) for id, entry in sorted(entries.items())}


def document_coverage(lang: str = "en") -> DocumentCoverage:
    """Run the examples of all content checks; time limits are proved by ``tests/drg/quality/document/limits.yaml``."""
    done = {limit.rule.id: limit.rule.title for limit in load_limits()}
    failing: dict[str, tuple[str, ...]] = {}
    for check in load_checks():
        try:
            reasons = tuple(failure.render(lang) for failure in failures(check))
        except InputError as error:
            reasons = (error.render(lang),)
        if reasons:
            failing[check.rule.id] = reasons
        else:
            done[check.rule.id] = check.rule.title
    reasons_not = not_scriptable()
    known = {*done, *failing, *reasons_not}
    return DocumentCoverage(done, failing, reasons_not, tuple(id for id in CATALOGUE if id not in known))


def index_lines(lang: str = "en") -> list[str]:
    """A table of all checks for ``docs/record-quality.md``: id, severity, whether confirmed, title."""
    rules = sorted(document_rules().values(), key=lambda rule: (rule.kind != "time limit", rule.id))
    return ["| id | severity | confirmed | check |", "|---|---|---|---|"] + [
        f"| {rule.id} | {rule.severity} | {'yes' if rule.confirmed else 'no'} | {rule.title.text(lang)} |"
        for rule in rules
    ]
