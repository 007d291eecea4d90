"""The examples of content checks, run: minimal whole records as data, as in :mod:`drg.quality.examples`.

``earlier = [{...}]`` gives records that stand before it in the file, ``case_id`` names the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drg import messages
from drg.quality.dictionary import NHSA
from drg.quality.document.copying import NoteIndex
from drg.quality.document.engine import Status, asked
from drg.quality.document.record import WholeRecord, whole_records
from drg.quality.document.rule import ContentCheck
from drg.quality.examples import record_table, record_values
from drg.quality.rule import Example
from drg.quality.vocabulary import load_vocabulary

_OWN = ("case_id", "earlier")


@dataclass(frozen=True)
class Failure:
    """An example that did not do what it should."""

    check: str
    example: Example
    expected: Status
    found: Status

    def render(self, lang: str = "en") -> str:
        """The failure as a sentence."""
        return messages.text(
            "quality.example_failed",
            lang,
            rule=self.check,
            note=self.example.note or self.example.values,
            expected=messages.text(f"quality.status_{self.expected}", lang),
            found=messages.text(f"quality.status_{self.found}", lang),
            missing="-",
        )


def example_record(values: dict[str, Any], where: str = "") -> WholeRecord:
    """A record as an example writes it; groups that it does not name are not carried. Raises ``InputError``."""
    vocabulary = load_vocabulary()
    example = Example(**{name: value for name, value in values.items() if name not in _OWN})
    columns = record_values(example, vocabulary, where)
    table = record_table([columns], vocabulary, set(columns))
    record = next(whole_records(table, NHSA))
    return WholeRecord(values.get("case_id", "example"), None, record.scalars, record.lists, NHSA)


def failures(check: ContentCheck) -> list[Failure]:
    """The examples of a check that do not do what they should. Raises ``InputError`` for a misspelled example."""
    found = []
    expectations: tuple[tuple[Status, tuple[Example, ...]], ...] = (("hit", check.bad), ("pass", check.good))
    for expected, examples in expectations:
        for example in examples:
            ask = asked(check, NoteIndex())
            for earlier in example.values.get("earlier", ()):
                ask(example_record(earlier, check.rule.id))
            outcome = ask(example_record(example.values, check.rule.id))
            status: Status = "not_applicable" if outcome is None else "hit" if outcome else "pass"
            if status != expected:
                found.append(Failure(check.rule.id, example, expected, status))
    return found
