"""Finds what is odd in a DIP catalogue: unknown codes, rows twice, rows that no case can reach. A person decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from drg import messages
from drg.codes.catalogue import System, load_catalogue
from drg.dip.build import load_parameters
from drg.dip.catalogue import Catalogue, Row
from drg.dip.cells import Cell
from drg.scheme.notation import with_prefix

MAX_EXAMPLES = 5

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class DipFinding:
    """One oddity: ``kind`` is the message ``dip.lint_<kind>``, ``where`` a file, ``examples`` a few of ``count``."""

    kind: str
    severity: Severity
    where: str
    count: int
    examples: tuple[str, ...]

    def render(self, lang: str = "en") -> str:
        """The finding as one line of text."""
        text = messages.text(f"dip.lint_{self.kind}", lang, count=self.count)
        severity = messages.text(f"lint.severity_{self.severity}", lang)
        more = " ..." if self.count > len(self.examples) else ""
        return f"{self.where} {severity} {text}: {' '.join(self.examples)}{more}"


def lint(catalogue: Catalogue) -> list[DipFinding]:
    """All findings of a catalogue, by kind of check."""
    found: list[DipFinding] = []
    for kind, severity, where, check in _CHECKS:
        examples = list(dict.fromkeys(check(catalogue)))
        if examples:
            found.append(DipFinding(kind, severity, where, len(examples), tuple(examples[:MAX_EXAMPLES])))
    return found


def render(findings: Sequence[DipFinding], lang: str = "en") -> str:
    """All findings as text, one a line, and a last line with their number by severity."""
    counts = {
        severity: sum(finding.severity == severity for finding in findings)
        for severity in ("error", "warning", "note")
    }
    lines = [finding.render(lang) for finding in findings]
    return "\n".join([*lines, messages.text("lint.summary", lang, **counts)]) + "\n"


def _unknown(codes: Iterable[str], system: System) -> Iterator[str]:
    """Codes that the catalogue of codes has neither whole nor as a beginning."""
    known = load_catalogue(system)
    return (code for code in codes if code not in known and not with_prefix(code, known.codes))


def _flat(*cells: Cell) -> Iterator[str]:
    return (code for cell in cells for alternative in cell for code in alternative)


def _unknown_dx(catalogue: Catalogue) -> Iterator[str]:
    codes = (code for row in catalogue.rows for code in _flat(row.dx, row.other_dx))
    return _unknown((*codes, *catalogue.excluded_dx, *catalogue.resistance), "icd10")


def _unknown_proc(catalogue: Catalogue) -> Iterator[str]:
    codes = (code for row in catalogue.rows for code in _flat(row.proc, row.related))
    return _unknown((*codes, *(found.code for found in catalogue.excluded_proc)), "icd9cm3")


def _gray(catalogue: Catalogue) -> Iterator[str]:
    """Codes that are not to be reported, so that no case has them."""
    dx, proc = load_catalogue("icd10"), load_catalogue("icd9cm3")
    for row in catalogue.rows:
        yield from (code for code in _flat(row.dx, row.other_dx) if dx.is_gray(code))
        yield from (code for code in _flat(row.proc, row.related) if proc.is_gray(code))


def _condition(row: Row) -> tuple[object, ...]:
    """What a row asks of a case."""
    return (
        row.layer,
        frozenset(row.dx),
        frozenset(map(frozenset, row.proc)),
        row.proc_place,
        frozenset(map(frozenset, row.related)),
        frozenset(row.other_dx),
        row.treatment,
        row.age_days,
        row.weight_g,
        row.resistant,
    )


def _same_row(catalogue: Catalogue) -> Iterator[str]:
    """Rows that ask the same of a case as an earlier one: they can never be taken."""
    first: dict[tuple[object, ...], Row] = {}
    for row in catalogue.rows:
        earlier = first.setdefault(_condition(row), row)
        if earlier is not row:
            yield f"{row.id} = {earlier.id}"


def _scattered_id(catalogue: Catalogue) -> Iterator[str]:
    """Ids whose rows differ in weight or score."""
    first: dict[str, Row] = {}
    for row in catalogue.rows:
        earlier = first.setdefault(row.id, row)
        if (earlier.rw, earlier.score, earlier.mean_cost_fen) != (row.rw, row.score, row.mean_cost_fen):
            yield row.id


def _excluded_dx(catalogue: Catalogue) -> Iterator[str]:
    """Rows all of whose principal diagnoses do not group."""
    lengths = catalogue.settings.matching.dx_lengths
    excluded = catalogue.excluded_dx.keys()
    for row in catalogue.rows:
        codes = [alternative[0] for alternative in row.dx]
        if codes and all(any(code[: length or None] in excluded for length in lengths) for code in codes):
            yield row.id


def _never_principal(catalogue: Catalogue) -> Iterator[str]:
    """Rows all of whose principal procedures cannot be principal."""
    never = {found.code for found in catalogue.excluded_proc if found.kind != "only_with"}
    lengths = catalogue.settings.matching.proc_lengths
    for row in catalogue.rows:
        alternatives = row.proc if row.proc_place == "principal" else ()
        if alternatives and all(
            any(code[: length or None] in never for length in lengths)
            for codes in alternatives
            for code in codes
        ):
            yield row.id


def _covered(catalogue: Catalogue) -> Iterator[str]:
    """Rows of one principal diagnosis and without further conditions that an earlier layer takes altogether."""
    order = catalogue.settings.matching.layers
    simple = [
        row
        for row in catalogue.rows
        if not (row.related or row.other_dx or row.treatment)
        and row.resistant is None
        and row.proc_place == "principal"
        if row.age_days == row.weight_g == (None, None)
    ]
    taken: dict[tuple[tuple[str, ...], frozenset[tuple[str, ...]]], Row] = {}
    for row in sorted(simple, key=lambda row: order.index(row.layer)):
        keys = [(dx, frozenset(row.proc)) for dx in row.dx]
        earlier = [taken.get(key) for key in keys]
        if keys and all(one is not None and one.layer != row.layer for one in earlier):
            yield f"{row.id} < {next(one.id for one in earlier if one is not None)}"
        for key in keys:
            taken.setdefault(key, row)


def _no_score(catalogue: Catalogue) -> Iterator[str]:
    return (row.id for row in catalogue.rows if row.score is None)


def _wide(catalogue: Catalogue) -> Iterator[str]:
    aim = load_parameters().aimed_cv
    return (row.id for row in catalogue.rows if row.cv is not None and row.cv >= aim)


def _primary_care(catalogue: Catalogue) -> Iterator[str]:
    """Primary-care groups whose diagnoses no row names."""
    named = {code for row in catalogue.rows for code in _flat(row.dx)}
    for found in catalogue.primary_care:
        lengths = catalogue.settings.matching.dx_lengths
        codes = list(_flat(found.dx))
        if codes and not any(code[: length or None] in named for code in codes for length in lengths):
            yield found.number


_CHECKS: tuple[tuple[str, Severity, str, Callable[[Catalogue], Iterator[str]]], ...] = (
    ("unknown_dx", "warning", "groups.tsv", _unknown_dx),
    ("unknown_proc", "warning", "groups.tsv", _unknown_proc),
    ("gray_code", "note", "groups.tsv", _gray),
    ("same_row", "error", "groups.tsv", _same_row),
    ("scattered_id", "error", "groups.tsv", _scattered_id),
    ("excluded_dx", "warning", "excluded_dx.tsv", _excluded_dx),
    ("never_principal", "warning", "excluded_proc.tsv", _never_principal),
    ("covered", "warning", "groups.tsv", _covered),
    ("no_score", "note", "groups.tsv", _no_score),
    ("wide", "note", "groups.tsv", _wide),
    ("primary_care", "note", "primary_care.tsv", _primary_care),
)
