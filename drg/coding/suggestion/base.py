"""What is known before any hospital teaches: names of the clinical editions, usual short forms."""

from __future__ import annotations

import pyarrow as pa

from drg.codes.catalogue import System
from drg.codes.crosswalk import load_crosswalk
from drg.coding.suggestion.knowledge import Pair
from drg.coding.suggestion.normal import DATA, normalise
from drg.coding.suggestion.prepared import CLINICAL_SCHEMA, read_clinical
from drg.coding.suggestion.table import CodeTable, nhsa_table
from drg.coding.suggestion.words import tokens
from drg.coding.text.lexicon import DATA as TEXT_DATA
from drg.coding.text.lexicon import rows

Phrase = tuple[str, str]


def nhsa_pairs(system: System) -> list[Pair]:
    """Names of the clinical edition that the NHSA edition writes otherwise, with the row they are mapped to."""
    names, rows = read_clinical(system)
    return [
        Pair(term, (row,), words) for term, row, words in zip(names.terms, rows, names.words, strict=True)
    ]


def clinical_table(system: System, table: CodeTable) -> pa.Table:
    """These names in ``CLINICAL_SCHEMA``, from the crosswalk; ``table``: the NHSA catalogue."""
    crosswalk = load_crosswalk(system)
    found = []
    for clinical_code, name in crosswalk.clinical_names.items():
        row = table.row_of_code.get(crosswalk.nhsa_codes[clinical_code])
        term = normalise(name)
        if row is not None and term not in table.row_of_name:
            found.append({"term": term, "row": row, "words": tokens(term)})
    return pa.Table.from_pylist(found, schema=CLINICAL_SCHEMA)


def phrases() -> list[Phrase]:
    """Short forms and the words of catalogues for them, whatever the catalogue; as compared."""
    found = [(row["term"], row["name"]) for row in rows(TEXT_DATA / "synonyms.tsv") if row["name"]]
    found += [(row["text"], row["name"]) for row in rows(DATA / "phrases.tsv")]
    return [(normalise(text), normalise(name)) for text, name in found if normalise(text) != normalise(name)]


def name_phrases() -> list[Phrase]:
    """The names of the clinical editions with those of the NHSA edition: teach other catalogues what words mean."""
    found = []
    for system in ("icd10", "icd9cm3"):
        table = nhsa_table(system)
        found += [(pair.text, table.terms[row]) for pair in nhsa_pairs(system) for row in pair.rows]
    return found
