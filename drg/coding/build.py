"""Developer's tool: makes the data files of :mod:`drg.coding` from the code catalogues of this package.

    python -m drg.coding.build            all
    python -m drg.coding.build terms      only the medical dictionary and the syllables
    python -m drg.coding.build names      only the names as compared, with their words (after terms)
    python -m drg.coding.build models     only the two default models (minutes)

Deterministic: the same catalogues, tables and library versions give the same files. The default models are
trained on the clinical editions' names with their NHSA codes and on names changed as ``practice.py`` says.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Any

import pyarrow.parquet as pq

from drg.codes.catalogue import SYSTEMS, load_catalogue
from drg.codes.crosswalk import load_crosswalk

PRACTICE = 4_000
GB2312_ROWS, GB2312_CELLS = range(0xB0, 0xF8), range(0xA1, 0xFF)


def build_terms() -> None:
    """The medical dictionary of :mod:`drg.coding.text`."""
    from drg.coding.text.lexicon import TERMS
    from drg.coding.text.terms import term_table

    pq.write_table(
        term_table(),
        TERMS,
        compression="zstd",
        compression_level=19,
        use_dictionary=["kind"],
        write_statistics=False,
    )


def build_syllables() -> None:
    """Syllable (pinyin without tone) and its characters: those of GB 2312 and of all names."""
    from pypinyin import lazy_pinyin

    from drg.coding.suggestion.normal import DATA

    signs = {sign for row in GB2312_ROWS for cell in GB2312_CELLS for sign in _gb2312(row, cell)}
    for system in SYSTEMS:
        signs.update("".join(load_catalogue(system).column("name").to_pylist()))
        signs.update("".join(load_crosswalk(system).clinical_names.values()))
    found: defaultdict[str, list[str]] = defaultdict(list)
    for sign in sorted(sign for sign in signs if "\u4e00" <= sign <= "\u9fff"):
        found[lazy_pinyin(sign)[0]].append(sign)
    lines = [f"{syllable}\t{''.join(signs_)}\n" for syllable, signs_ in sorted(found.items())]
    (DATA / "syllables.tsv").write_text("".join(lines), encoding="utf-8")


def _gb2312(row: int, cell: int) -> str:
    return bytes((row, cell)).decode("gb2312", "ignore")


def build_names() -> None:
    """The names of the NHSA catalogues as compared, and the clinical names, each with its words."""
    from drg.coding.suggestion.base import clinical_table
    from drg.coding.suggestion.prepared import clinical_path, names_path, names_table, write
    from drg.coding.suggestion.table import unprepared_table

    for system in SYSTEMS:
        table = unprepared_table(system)
        write(names_path(system), names_table(table.terms, table.words))
        write(clinical_path(system), clinical_table(system, table))


def build_model(kind: Any) -> None:
    """The default model of a kind."""
    from drg.coding.suggestion.api import SYSTEM_OF, default_folder
    from drg.coding.suggestion.base import nhsa_pairs, phrases
    from drg.coding.suggestion.features import NameSide
    from drg.coding.suggestion.practice import practice_pairs
    from drg.coding.suggestion.store import save
    from drg.coding.suggestion.table import nhsa_table
    from drg.coding.suggestion.training import fit_pairs

    system = SYSTEM_OF[kind]
    table = nhsa_table(system)
    pairs = nhsa_pairs(system)
    practice = practice_pairs(table, phrases(), PRACTICE)
    fitted = fit_pairs(NameSide(table), pairs, (), practice, phrases())
    measured = {
        "pairs": len(pairs) + len(practice),
        "found": round(fitted.found, 4),
        "f1": round(fitted.f1, 4),
    }
    # The clinical names are known to every model of this catalogue; they are not written again.
    save(default_folder(kind), fitted.model, (), system, measured)
    print(f"{kind}: {measured}")


def main(wanted: list[str]) -> None:
    """Build what is named, or all."""
    if not wanted or "terms" in wanted:
        build_terms()
        build_syllables()
    if not wanted or "names" in wanted:
        build_names()
    if not wanted or "models" in wanted:
        for kind in ("diagnosis", "procedure"):
            build_model(kind)


if __name__ == "__main__":
    main(sys.argv[1:])
