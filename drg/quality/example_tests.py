"""The examples of a rule, run: what decides whether a rule is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from drg import messages
from drg.errors import InputError
from drg.quality.engine import check_truth
from drg.quality.examples import example_frame
from drg.quality.frame import Evaluation
from drg.quality.rule import Check, Example, Rule
from drg.quality.trace import missing_fields
from drg.quality.vocabulary import Vocabulary

Status = Literal["hit", "pass", "not_applicable"]


@dataclass(frozen=True)
class Failure:
    """An example that did not do what it should. ``missing``: fields that would have been needed."""

    rule: str
    example: Example
    expected: Status
    found: Status
    missing: tuple[str, ...]
    error: str = ""

    def render(self, lang: str = "en") -> str:
        """The failure as a sentence."""
        if self.error:
            return self.error
        return messages.text(
            "quality.example_failed",
            lang,
            rule=self.rule,
            note=self.example.note or self.example.values,
            expected=messages.text(f"quality.status_{self.expected}", lang),
            found=messages.text(f"quality.status_{self.found}", lang),
            missing=", ".join(self.missing) or "-",
        )


def failures(rule: Rule, vocabulary: Vocabulary | None = None) -> list[Failure]:
    """The examples of a rule that do not do what they should; ``vocabulary`` that the rule was read with."""
    return [failure for check in rule.checks for failure in _check_failures(rule, check, vocabulary)]


def _check_failures(rule: Rule, check: Check, vocabulary: Vocabulary | None) -> Iterator[Failure]:
    expectations: list[tuple[Status, tuple[Example, ...]]] = [("hit", check.bad), ("pass", check.good)]
    for expected, examples in expectations:
        for example in examples:
            try:
                evaluation = Evaluation(example_frame(example, rule, rule.id, vocabulary))
                found = check_truth(evaluation, check)
            except InputError as error:
                yield Failure(rule.id, example, expected, "not_applicable", (), error.render())
                continue
            status: Status = "hit" if found.yes[0] else "pass" if found.no[0] else "not_applicable"
            if status != expected:
                missing = missing_fields(evaluation, check) if status == "not_applicable" else []
                yield Failure(rule.id, example, expected, status, tuple(missing))
