"""Why one case falls in its DIP group: the same rules as the matcher's, over texts, with every step recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drg import messages
from drg.case import Case
from drg.codes.catalogue import load_catalogue
from drg.codes.index import CodeIndex
from drg.dip.catalogue import Catalogue, ExcludedProc, Row, find_catalogue
from drg.dip.cells import Band, Cell, cell_text
from drg.dip.matcher import (
    BLANK,
    DX_EXCLUDED,
    DX_UNKNOWN,
    GROUPED,
    STATUSES,
    compile_catalogue,
)


@dataclass(frozen=True)
class TriedRow:
    """A row that names the principal diagnosis: ``missing`` is the message id of what it lacks, empty if it held."""

    row: Row
    missing: str
    measures: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class LayerTrace:
    """The rows of a layer that were tried, and the one taken, with the criterion that decided."""

    layer: str
    tried: tuple[TriedRow, ...]
    taken: Row | None = None
    decided_by: str = ""


@dataclass(frozen=True)
class Trace:
    """The group of a case and how it was found."""

    case_id: str
    status: str
    reason: str | None
    row: Row | None
    principal_dx: str | None
    principal_proc: str | None
    treatment: str
    layers: tuple[LayerTrace, ...]

    def lines(self, lang: str = "en") -> list[str]:
        """The trace as text."""

        def say(key: str, **params: object) -> str:
            return messages.text(f"dip.{key}", lang, **params)

        proc = self.principal_proc or say("trace_no_procedure")
        lines = [
            say(
                "trace_case",
                case=self.case_id,
                dx=self.principal_dx or "-",
                proc=proc,
                treatment=self.treatment,
            )
        ]
        for step in self.layers:
            held = sum(not tried.missing for tried in step.tried)
            lines.append(say("trace_layer", layer=step.layer, tried=len(step.tried), held=held))
            for tried in step.tried:
                told = messages.text(tried.missing, lang) if tried.missing else say("trace_held")
                lines.append(
                    f"  {tried.row.id}: {cell_text(tried.row.dx) or '*'} / {cell_text(tried.row.proc) or '-'}: {told}"
                )
            if step.taken is not None and step.decided_by:
                lines.append(
                    "  " + say("trace_decided", row=step.taken.id, criterion=say(f"by_{step.decided_by}"))
                )
        if self.row is not None:
            lines.append(
                say("trace_group", dip=self.row.id, name=self.row.name, score=_shown(self.row.score))
            )
        else:
            lines.append(messages.text(self.reason or "dip.reason_no_row", lang))
        return lines


def _shown(value: object) -> str:
    return "-" if value is None else str(value)


def trace(case: Case, catalogue: str | Path | Catalogue) -> Trace:
    """The DIP group of one case, the same as ``matcher.group`` gives, with the rows tried.

    Raises ``InputError`` for a catalogue that does not exist or does not load.
    """
    if not isinstance(catalogue, Catalogue):
        catalogue = find_catalogue(catalogue)
    return _Tracer(catalogue, case).trace()


class _Tracer:
    def __init__(self, catalogue: Catalogue, case: Case):
        self.catalogue = catalogue
        self.matching = catalogue.settings.matching
        self.case = case
        compiled = compile_catalogue(catalogue)
        self.dx = [_resolved(compiled.dx_index, code) for code in case.dx]
        self.proc = [_resolved(compiled.proc_index, code) for code in case.proc]
        self.ladder = list(self.matching.treatments)
        self.exclusions = {code: self._exclusion(code) for code in self.proc if code}
        self.principal = self._principal()
        self.treatment = min(
            (self._rank(code) for code in self.proc if not self._is_dropped(code)),
            default=len(self.ladder) - 1,
        )

    def trace(self) -> Trace:
        principal_dx = self.dx[0]
        if principal_dx is None:
            return self._ended(DX_UNKNOWN, None, ())
        if self._listed(principal_dx, self.catalogue.excluded_dx, self.matching.dx_lengths):
            return self._ended(DX_EXCLUDED, None, ())
        steps: list[LayerTrace] = []
        for layer in self.matching.layers:
            step = self._layer(layer, principal_dx)
            steps.append(step)
            if step.taken is not None:
                return self._ended(GROUPED, step.taken, steps)
        return self._ended(BLANK, None, steps)

    def _ended(self, number: int, row: Row | None, steps: Sequence[LayerTrace]) -> Trace:
        status, reason = STATUSES[number]
        proc = self.proc[self.principal] if self.principal is not None else None
        treatment = self.ladder[self.treatment]
        return Trace(self.case.case_id, status, reason, row, self.dx[0], proc, treatment, tuple(steps))

    def _layer(self, layer: str, principal_dx: str) -> LayerTrace:
        tried: list[TriedRow] = []
        held: list[tuple[list[int], TriedRow]] = []
        criteria = self.matching.criteria(layer)
        for row in self.catalogue.rows:
            if row.layer != layer or (row.dx and not self._names_dx(row, principal_dx)):
                continue
            missing, measures = self._try(row)
            found = TriedRow(row, missing, tuple(measures.items()))
            tried.append(found)
            if not missing:
                held.append(([measures[name] for name in criteria], found))
        if not held:
            return LayerTrace(layer, tuple(tried))
        best, taken = min(held, key=lambda one: one[0])
        return LayerTrace(
            layer, tuple(tried), taken.row, _deciding(best, [one[0] for one in held], list(criteria))
        )

    def _names_dx(self, row: Row, principal_dx: str) -> bool:
        return any(_level(principal_dx, codes[0], self.matching.dx_lengths) is not None for codes in row.dx)

    def _try(self, row: Row) -> tuple[str, dict[str, int]]:
        """What the row lacks (a message id), or its measures."""
        dx_level = self._dx_level(row)
        if dx_level is None:
            return "dip.lacks_dx", {}
        if row.treatment and self.ladder.index(row.treatment) != self.treatment:
            return "dip.lacks_treatment", {}
        if row.resistant is not None and row.resistant != self._is_resistant():
            return "dip.lacks_resistance", {}
        if not _inside(row.age_days, self.case.age_days):
            return "dip.lacks_age", {}
        if not _inside(row.weight_g, self.case.birth_weight_g):
            return "dip.lacks_weight", {}
        if row.other_dx and not any(self._has_all(codes) for codes in row.other_dx):
            return "dip.lacks_other_dx", {}
        main = self._procedures(row)
        if main is None:
            return "dip.lacks_procedure", {}
        count, named, proc_level = main
        if row.related:
            others = [code for place, code in enumerate(self.proc) if place != self.principal]
            best = self._best(row.related, others, must_name=False, principal=None)
            if best is None:
                return "dip.lacks_related", {}
            count += best[0]
        cost, mean = self.case.total_cost_fen, row.mean_cost_fen
        return "", {
            "dx_level": dx_level,
            "related": 0 if row.related else 1,
            "principal_proc": 1 - named,
            "most_procedures": -count,
            "proc_level": proc_level,
            "nearest_mean": abs(cost - mean) if cost is not None and mean is not None else (1 << 63) - 1,
            "type_ladder": self._row_rank(row),
        }

    def _dx_level(self, row: Row) -> int | None:
        if not row.dx:
            return len(self.matching.dx_lengths)
        levels = [
            level
            for codes in row.dx
            if (level := _level(self.dx[0], codes[0], self.matching.dx_lengths)) is not None
            and self._has_all(codes[1:])
        ]
        return min(levels, default=None)

    def _has_all(self, codes: Iterable[str]) -> bool:
        return all(
            any(_level(other, code, self.matching.dx_lengths) is not None for other in self.dx[1:])
            for code in codes
        )

    def _procedures(self, row: Row) -> tuple[int, int, int] | None:
        """Number of codes, whether the principal procedure is named, worst level; ``None`` where they do not hold."""
        if row.proc_place == "ignored" or (not row.proc and row.proc_place == "anywhere"):
            return 0, 0, 0
        if not row.proc:
            return (0, 0, 0) if self.principal is None else None
        principal = self.proc[self.principal] if self.principal is not None else None
        return self._best(row.proc, self.proc, row.proc_place == "principal", principal)

    def _best(
        self, cell: Cell, procedures: Sequence[str | None], must_name: bool, principal: str | None
    ) -> tuple[int, int, int] | None:
        found: list[tuple[int, int, int]] = []
        lengths = self.matching.proc_lengths
        for codes in cell:
            levels = [
                min(
                    (at for proc in procedures if (at := _level(proc, code, lengths)) is not None),
                    default=None,
                )
                for code in codes
            ]
            known = [level for level in levels if level is not None]
            named = int(any(_level(principal, code, lengths) is not None for code in codes))
            if len(known) == len(codes) and (named or not must_name):
                found.append((len(codes), named, max(known)))
        return min(found, key=lambda one: (-one[0], -one[1], one[2]), default=None)

    def _principal(self) -> int | None:
        for place, code in enumerate(self.proc):
            if self._may_be_principal(code):
                return place
            if self.matching.principal_procedure == "first":
                break
        return None

    def _may_be_principal(self, code: str | None) -> bool:
        if code is None:
            return False
        exclusion = self.exclusions[code]
        if exclusion is None:
            return self.ladder[self._rank(code)] in self.matching.counted_treatments
        if exclusion.kind != "only_with" or self.dx[0] is None:
            return False
        return any(first <= self.dx[0] < last + "\U0010ffff" for first, last in exclusion.dx_ranges)

    def _exclusion(self, code: str) -> ExcludedProc | None:
        """The last exclusion that names a code."""
        lengths = self.matching.proc_lengths
        return next(
            (
                found
                for found in reversed(self.catalogue.excluded_proc)
                if _level(code, found.code, lengths) is not None
            ),
            None,
        )

    def _is_dropped(self, code: str | None) -> bool:
        return code is not None and any(
            found.kind == "conservative" and _level(code, found.code, self.matching.proc_lengths) is not None
            for found in self.catalogue.excluded_proc
        )

    def _rank(self, code: str | None) -> int:
        kind = load_catalogue("icd9cm3").operation_type(code) if code is not None else None
        ranks = (rank for rank, step in enumerate(self.matching.treatments.values()) if kind in step.types)
        return next(ranks, len(self.ladder) - 1)

    def _row_rank(self, row: Row) -> int:
        """The highest treatment of the procedures that a row names."""
        if row.treatment:
            return self.ladder.index(row.treatment)
        compiled = compile_catalogue(self.catalogue)
        return int(compiled.rules.row_rank[self.catalogue.rows.index(row)])

    def _is_resistant(self) -> bool:
        return any(
            code is not None and self._listed(code, self.catalogue.resistance, self.matching.dx_lengths)
            for code in self.dx
        )

    @staticmethod
    def _listed(code: str, listed: Iterable[str], lengths: Sequence[int]) -> bool:
        return any(_level(code, one, lengths) is not None for one in listed)


def _resolved(index: CodeIndex, code: str) -> str | None:
    row = index.row_of(code)
    return index.codes[row - 1] if row else None


def _level(code: str | None, key: str, lengths: Sequence[int]) -> int | None:
    """The level at which a code matches a key: 0 whole, then shorter."""
    if code is None:
        return None
    return next((level for level, length in enumerate(lengths) if code[: length or None] == key), None)


def _inside(band: Band, value: int | None) -> bool:
    least, most = band
    if least is None and most is None:
        return True
    return value is not None and value >= (least or 0) and (most is None or value <= most)


def _deciding(best: list[int], all_values: list[list[int]], criteria: list[str]) -> str:
    """The first criterion by which not all rows that held are equal; ``order`` where none tells them apart."""
    if len(all_values) == 1:
        return ""
    left = all_values
    for place, name in enumerate(criteria):
        left = [values for values in left if values[place] == best[place]]
        if len(left) == 1:
            return name
    return "order"
