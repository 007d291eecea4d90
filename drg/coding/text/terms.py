"""Developer's tool: the medical dictionary, made from the code catalogue (see :mod:`drg.coding.build`)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import pyarrow as pa

from drg.codes.catalogue import SYSTEMS, Catalogue, System, load_catalogue
from drg.codes.crosswalk import load_crosswalk
from drg.coding.text.lexicon import DATA, rows, words
from drg.coding.text.normal import plain

MIN_LENGTH, MAX_LENGTH = 2, 24
MAX_CODES = 5
_BRACKETS = re.compile(r"[(（\[［][^)）\]］]*[)）\]］]")
_VAGUE = re.compile(
    r"[，,、\s]*(?:未特指场所的|未特指的|未特指|其他特指的|其他的|不可归类在他处者|不可归类在他处|NOS)$"
)
_ROMAN_TYPE = re.compile(r"([1-4])(?=[型级期度])")
_ROMAN = {"1": "i", "2": "ii", "3": "iii", "4": "iv"}


def term_table() -> pa.Table:
    """One row a term: ``term`` as compared, ``kind``, ``codes`` (joined by a blank, best first)."""
    found: dict[str, tuple[int, str, list[str]]] = {}
    unwanted = frozenset(words(DATA / "not_terms.txt"))
    for rank, term, kind, code in sorted(_all(), key=lambda row: row[0]):
        term = plain(term)
        if not MIN_LENGTH <= len(term) <= MAX_LENGTH or term.isdigit() or term in unwanted:
            continue
        best_rank, _, codes = found.setdefault(term, (rank, kind, []))
        if code and rank == best_rank and code not in codes and len(codes) < MAX_CODES:
            codes.append(code)
    ordered = sorted(found.items())
    return pa.table(
        {
            "term": [term for term, _ in ordered],
            "kind": pa.array([kind for _, (_, kind, _) in ordered]).dictionary_encode(),
            "codes": [" ".join(codes) for _, (_, _, codes) in ordered],
        }
    )


def _all() -> Iterator[tuple[int, str, str, str]]:
    """(rank, term, kind, code): our own words, then names, then clinical names, then parts of names."""
    names = {system: _codes_of_names(load_catalogue(system)) for system in SYSTEMS}
    for row in rows(DATA / "synonyms.tsv"):
        system: System = "icd9cm3" if row["kind"] == "procedure" else "icd10"
        for code in names[system].get(row["name"], ("",)):
            yield 0, row["term"], row["kind"], code
    for word in words(DATA / "symptoms.txt"):
        for code in names["icd10"].get(word, ("",)):
            yield 0, word, "symptom", code
    kinds = {row["letter"]: row["kind"] for row in rows(DATA / "chapters.tsv")}
    for system in SYSTEMS:
        for rank, name, code in _named(load_catalogue(system)):
            kind = "procedure" if system == "icd9cm3" else kinds.get(code[0])
            if kind:
                for further, variant in enumerate(variants(name, kind)):
                    yield rank + (2 if further else 0), variant, kind, code


def _codes_of_names(catalogue: Catalogue) -> dict[str, list[str]]:
    """Name -> its codes, those that are not gray first."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for code in sorted(catalogue.codes, key=catalogue.is_gray):
        found[catalogue.name(code) or ""].append(code)
    return found


def _named(catalogue: Catalogue) -> Iterator[tuple[int, str, str]]:
    """(rank, name, code) of both editions."""
    for code in sorted(catalogue.codes, key=catalogue.is_gray):
        yield 1, catalogue.name(code) or "", code
    crosswalk = load_crosswalk(catalogue.system)
    for clinical, name in crosswalk.clinical_names.items():
        if crosswalk.nhsa_codes[clinical] in catalogue:
            yield 2, name, crosswalk.nhsa_codes[clinical]


def variants(name: str, kind: str) -> list[str]:
    """A name, and the name as it is written in records: without brackets, without "unspecified", and so on."""
    bare = _BRACKETS.sub("", name)
    short = _VAGUE.sub("", bare)
    found = [name, bare, short, short.replace("伴有", "伴"), short.split("，")[0]]
    if kind == "procedure":
        found += [short.removesuffix("术"), short.replace("镜下", "镜")]
    found += [_ROMAN_TYPE.sub(lambda digit: _ROMAN[digit[1]], plain(term)) for term in found]
    return [
        term
        for term in dict.fromkeys(found)
        if term == name or len(term) >= MIN_LENGTH + (kind == "procedure")
    ]
