"""The codes that the templates use, numbered, with both editions and their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drg.codes.catalogue import System, load_catalogue
from drg.codes.crosswalk import load_crosswalk


@dataclass(frozen=True)
class Entry:
    """One code as it is written in each edition; an empty entry stands for a code that is left out."""

    nhsa_code: str
    nhsa_name: str
    clinical_code: str
    clinical_name: str


class CodeBook:
    """Entries by number. Number 0 is the empty entry."""

    def __init__(self, system: System, codes: Iterable[str]) -> None:
        self.system = system
        self.entries = [Entry("", "", "", ""), *_entries(system, sorted(set(codes) - {""}))]
        self.numbers = {entry.nhsa_code: number for number, entry in enumerate(self.entries)}

    def add(self, entry: Entry) -> int:
        """The number of a new entry: a code written in an unusual or wrong way."""
        self.entries.append(entry)
        return len(self.entries) - 1


def _entries(system: System, codes: list[str]) -> list[Entry]:
    catalogue = load_catalogue(system)
    crosswalk = load_crosswalk(system)
    clinical_codes: dict[str, str] = {}
    for clinical, nhsa in sorted(crosswalk.nhsa_codes.items()):
        if clinical == nhsa or nhsa not in clinical_codes:
            clinical_codes[nhsa] = clinical
    entries = []
    for code in codes:
        clinical = clinical_codes[code]
        name = catalogue.name(code)
        if name is None:
            raise KeyError(f"{code} is not in the {system} catalogue")
        entries.append(Entry(code, name, clinical, crosswalk.clinical_names[clinical]))
    return entries
