"""The compiled kernel: walks the rule graph of a scheme for every case of a table, without a Python object a case.

Inputs are flat arrays: the rows of all codes one after the other, and where each case's codes begin.
"""

from __future__ import annotations

import numba
import numpy as np

from drg.scheme.compiler import CODES, COMPLICATION, ENTER, LENGTH, OTHERS, PRINCIPAL, SCALAR

# What became of a diagnosis as complication, in ``complication_of``: 0, a CC_BIT level, or
EXCLUDED = 4


@numba.njit(cache=True, nogil=True)
def walk(  # type: ignore[no-untyped-def]
    entry,
    nodes,
    memberships,
    dx_starts,
    dx_rows,
    proc_starts,
    proc_rows,
    scalars,
    outcome_of,
    entered,
    complication_of,
):
    """Find the outcome of every case.

    ``dx_starts`` and ``proc_starts``: int32[cases + 1]; ``dx_rows``, ``proc_rows``: int32[codes]; ``scalars``:
    float64[len(language.SCALARS), cases], NaN for missing. Fills ``outcome_of`` (int32[cases], place in
    ``Compiled.outcomes``), ``entered`` (bool[cases], an MDC was entered by diagnosis) and ``complication_of``
    (int8[diagnoses]).
    """
    for case in range(len(outcome_of)):
        dx_start, dx_end = dx_starts[case], dx_starts[case + 1]
        proc_start, proc_end = proc_starts[case], proc_starts[case + 1]
        levels = _count_complications(memberships, dx_rows, dx_start, dx_end, complication_of)
        node = entry
        while node >= 0:
            kind = nodes.kind[node]
            if kind == CODES:
                if nodes.is_proc[node]:
                    holds = _any_has(
                        memberships.proc, proc_rows, proc_start, proc_end, nodes.who[node], nodes.first[node]
                    )
                else:
                    holds = _any_has(
                        memberships.dx, dx_rows, dx_start, dx_end, nodes.who[node], nodes.first[node]
                    )
            elif kind == COMPLICATION:
                holds = levels & nodes.who[node] != 0
            elif kind == SCALAR:
                holds = _compare(scalars[nodes.first[node], case], nodes.op[node], nodes.number[node])
            elif kind == ENTER:
                entered[case] = True
                holds = True
            else:
                if nodes.is_proc[node]:
                    bits, rows, start, end = memberships.proc, proc_rows, proc_start, proc_end
                else:
                    bits, rows, start, end = memberships.dx, dx_rows, dx_start, dx_end
                if kind == LENGTH:
                    count = _count_distinct(bits, rows, start, end, nodes.who[node], nodes.first[node])
                else:
                    count = 0
                    for place in range(nodes.first[node], nodes.last[node]):
                        count += _any_has(bits, rows, start, end, nodes.who[node], nodes.hit_bits[place])
                holds = _compare(float(count), nodes.op[node], nodes.number[node])
            node = nodes.yes[node] if holds else nodes.no[node]
        outcome_of[case] = -1 - node


@numba.njit(cache=True, nogil=True)
def _count_complications(memberships, dx_rows, start, end, complication_of):  # type: ignore[no-untyped-def]
    """Levels of the counted complications as bits; a diagnosis counts unless its table lists the principal one."""
    levels = np.int8(0)
    principal = dx_rows[start] if start < end else 0
    for place in range(start + 1, end):
        row = dx_rows[place]
        level = memberships.level[row]
        if level != 0:
            table = memberships.table[row]
            if table >= 0 and _has(memberships.excluded_by, principal, table):
                complication_of[place] = EXCLUDED
            else:
                complication_of[place] = level
                levels |= level
    return levels


@numba.njit(cache=True, nogil=True)
def _has(bits, row, bit):  # type: ignore[no-untyped-def]
    return (bits[row, bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1) != 0


@numba.njit(cache=True, nogil=True)
def _any_has(bits, rows, start, end, who, bit):  # type: ignore[no-untyped-def]
    if who & PRINCIPAL and start < end and _has(bits, rows[start], bit):
        return True
    if who & OTHERS:
        for place in range(start + 1, end):
            if _has(bits, rows[place], bit):
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _count_distinct(bits, rows, start, end, who, bit):  # type: ignore[no-untyped-def]
    first = start if who & PRINCIPAL else start + 1
    last = end if who & OTHERS else min(end, start + 1)
    count = 0
    for place in range(first, last):
        if _has(bits, rows[place], bit):
            seen = False
            for earlier in range(first, place):
                if rows[earlier] == rows[place]:
                    seen = True
                    break
            count += not seen
    return count


@numba.njit(cache=True, nogil=True)
def _compare(value, op, number):  # type: ignore[no-untyped-def]
    """``op`` is a place in ``language.OPERATORS``. A missing value (NaN) makes every comparison false."""
    if np.isnan(value):
        return False
    if op == 0:
        return value == number
    if op == 1:
        return value != number
    if op == 2:
        return value < number
    if op == 3:
        return value <= number
    if op == 4:
        return value > number
    return value >= number
