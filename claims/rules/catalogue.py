"""The whole catalogue C001 to C096: rules over one claim and rules over many visits, and what is not built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from claims.across.examples import failures
from claims.across.rule import AcrossRule, load_across_rules
from claims.rules.library import LIBRARY, RULES, load_claim_rules, planned, sample_vocabulary
from drg.quality.coverage import coverage
from drg.quality.rule import Rule, Wording


@dataclass(frozen=True)
class ClaimCoverage:
    """The state of the catalogue by id.

    ``done``: every example does what it should (an id with a letter is a
    further rule of the same id); ``failing``: with what the examples do otherwise; ``planned`` and
    ``not_scriptable``: what they need; ``missing``: nothing is there.
    """

    done: tuple[str, ...]
    failing: Mapping[str, tuple[str, ...]]
    planned: Mapping[str, Wording]
    not_scriptable: Mapping[str, Wording]
    missing: tuple[str, ...]


def all_rules() -> dict[str, Rule | AcrossRule]:
    """The rules that come with the product by id: those over one claim first, each in the order in which they run."""
    return {**load_claim_rules(), **load_across_rules()}


def claim_coverage(lang: str = "en") -> ClaimCoverage:
    """What of the catalogue is done, found by running the examples of every rule."""
    single = coverage(LIBRARY, lang, sample_vocabulary(), RULES)
    across = {
        id: tuple(one.render(lang) for one in failures(rule)) for id, rule in load_across_rules().items()
    }
    failing = {**single.failing, **{id: reasons for id, reasons in across.items() if reasons}}
    done = tuple(id for id in (*single.done, *across) if id not in failing)
    waiting = {id: reason for id, reason in planned().items() if id in single.missing and id not in across}
    missing = tuple(id for id in single.missing if id not in across and id not in waiting)
    return ClaimCoverage(done, failing, waiting, single.not_scriptable, missing)
