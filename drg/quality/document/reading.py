"""What a note says: the one place where ``drg.coding.text`` is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from drg.coding.text import Annotated, Mention
from drg.coding.text import read as read_text

_SENTENCE = re.compile(r"[^。；;\n]*[。；;\n]?")
_LABEL = r"(?:^|(?<=[\s。；;，,、】）)0-9]))"


@dataclass(frozen=True)
class Span:
    """A piece of a note: ``position`` of the document from 1, offsets into its text, and the text itself.

    ``case_id`` is empty unless the note belongs to another record.
    """

    position: int
    start: int
    end: int
    text: str
    case_id: str = ""


class Reading:
    """A note with what was read from it; every part is made when it is asked for."""

    def __init__(self, text: str):
        self.text = text

    @cached_property
    def annotated(self) -> Annotated:
        return read_text(self.text)

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        return self.annotated.mentions

    def sections(self, *names: str) -> tuple[tuple[int, int], ...]:
        """The places of the sections with these names (``sections.tsv`` of the text reader), without outer blanks."""
        return tuple(
            self._trimmed(section.start, section.end)
            for section in self.annotated.sections
            if section.name in names
        )

    def labelled(self, *labels: str) -> tuple[int, int] | None:
        """The first value behind one of these labels and a colon, to the end of its sentence."""
        for label in labels:
            found = re.search(rf"{_LABEL}{re.escape(label)}[ \t]*[:：][ \t]*([^。；;\n]*)", self.text)
            if found and found[1].strip():
                return self._trimmed(*found.span(1))
        return None

    def sentence(self, place: int) -> tuple[int, int]:
        """The sentence around a place."""
        for found in _SENTENCE.finditer(self.text):
            if found.start() <= place < found.end():
                return self._trimmed(*found.span())
        return place, min(place + 1, len(self.text))

    def negated(self, start: int, end: int) -> bool:
        """Whether the term there is denied, doubted or about the family; a place without a term is not."""
        return any(
            mention.negated or mention.uncertain or mention.family
            for mention in self.mentions
            if mention.start < end and mention.end > start
        )

    def _trimmed(self, start: int, end: int) -> tuple[int, int]:
        part = self.text[start:end]
        return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))


def read(text: str) -> Reading:
    """The reading of a text."""
    return Reading(text)
