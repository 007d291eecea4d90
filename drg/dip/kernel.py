"""The compiled loop of the matcher: integers in, the place of a row for every case out."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

PLACE_PRINCIPAL, PLACE_ANYWHERE, PLACE_IGNORED = 0, 1, 2
CELL_DX, CELL_PROC, CELL_RELATED, CELL_OTHER_DX = 0, 1, 2, 3
CELLS = 4
MAY_BE_PRINCIPAL, NEVER_PRINCIPAL = 0, -1
NOTHING = -1
"""No row, no procedure, no value."""

CRITERIA = (
    "dx_level",
    "related",
    "principal_proc",
    "most_procedures",
    "proc_level",
    "nearest_mean",
    "type_ladder",
)
_DX_LEVEL, _RELATED, _PRINCIPAL, _MOST, _PROC_LEVEL, _NEAREST, _LADDER = range(len(CRITERIA))
_FAR = np.iinfo(np.int64).max

Ints = npt.NDArray[np.int32]


class Rules(NamedTuple):
    """A catalogue as arrays.

    ``buckets``: for each layer and first diagnosis key the rows to try; the last bucket of a layer holds rows for
    any diagnosis. ``cells``: for each row and cell its first alternative; ``alternatives``: for each alternative
    its first key in ``keys``. ``criteria``: for each layer numbers in ``CRITERIA``, then ``NOTHING``.
    """

    dx_keys: Ints
    proc_keys: Ints
    dx_excluded: npt.NDArray[np.bool_]
    dx_resistant: npt.NDArray[np.bool_]
    proc_rule: Ints
    proc_dropped: npt.NDArray[np.bool_]
    proc_rank: Ints
    allowed_dx: npt.NDArray[np.bool_]
    first_only: bool
    lowest_rank: int
    keys_count: int
    criteria: Ints
    buckets: Ints
    bucket_rows: Ints
    cells: Ints
    alternatives: Ints
    keys: Ints
    row_place: Ints
    row_treatment: Ints
    row_rank: Ints
    row_age: Ints
    row_weight: Ints
    row_resistant: Ints
    row_mean: npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True)
def match_cases(  # type: ignore[no-untyped-def]
    rules,
    dx_starts,
    dx,
    proc_starts,
    proc,
    age_days,
    weight_g,
    cost_fen,
    row_of,
    principal_of,
    treatment_of,
    held_of,
):
    """Fill ``row_of`` (place of the row taken), ``principal_of`` (place of the principal procedure among all
    procedures), ``treatment_of`` (rank) and ``held_of`` (how many rows of the layer held). ``NOTHING`` where none."""
    best = np.empty(len(CRITERIA), np.int64)
    values = np.empty(len(CRITERIA), np.int64)
    layers = len(rules.criteria)
    levels = rules.dx_keys.shape[1]
    for case in range(len(row_of)):
        d0, d1 = dx_starts[case], dx_starts[case + 1]
        p0, p1 = proc_starts[case], proc_starts[case + 1]
        row_of[case] = NOTHING
        principal_of[case] = NOTHING
        held_of[case] = 0
        treatment_of[case] = rules.lowest_rank
        if d1 == d0:
            continue
        principal = _principal(rules, dx[d0], proc, p0, p1)
        rank = _rank(rules, proc, p0, p1)
        resistant = _any_resistant(rules, dx, d0, d1)
        principal_of[case] = principal
        treatment_of[case] = rank
        if dx[d0] == 0 or rules.dx_excluded[dx[d0]]:
            continue
        for layer in range(layers):
            held = 0
            for level in range(levels + 1):
                key = rules.dx_keys[dx[d0], level] if level < levels else rules.keys_count
                if key < 0:
                    continue
                bucket = layer * (rules.keys_count + 1) + key
                for place in range(rules.buckets[bucket], rules.buckets[bucket + 1]):
                    row = rules.bucket_rows[place]
                    if level < levels and _dx_level(rules, row, dx, d0, d1) != level:
                        continue
                    if not _conditions(rules, row, rank, resistant, age_days[case], weight_g[case]):
                        continue
                    if not _other_dx(rules, row, dx, d0, d1):
                        continue
                    if not _measure(rules, row, level, proc, p0, p1, principal, cost_fen[case], values):
                        continue
                    held += 1
                    if held == 1 or _better(rules.criteria, layer, values, best, row, row_of[case]):
                        row_of[case] = row
                        best[:] = values
            if held:
                held_of[case] = held
                break


@numba.njit(cache=True, nogil=True)
def _principal(rules, principal_dx, proc, first, last):  # type: ignore[no-untyped-def]
    """The place of the procedure that counts as principal."""
    for place in range(first, last):
        rule = rules.proc_rule[proc[place]]
        if rule == MAY_BE_PRINCIPAL or (rule > 0 and rules.allowed_dx[rule - 1, principal_dx]):
            return place
        if rules.first_only:
            break
    return NOTHING


@numba.njit(cache=True, nogil=True)
def _rank(rules, proc, first, last):  # type: ignore[no-untyped-def]
    """The highest treatment of the procedures: the least rank."""
    rank = rules.lowest_rank
    for place in range(first, last):
        if not rules.proc_dropped[proc[place]]:
            rank = min(rank, rules.proc_rank[proc[place]])
    return rank


@numba.njit(cache=True, nogil=True)
def _any_resistant(rules, dx, first, last):  # type: ignore[no-untyped-def]
    for place in range(first, last):
        if rules.dx_resistant[dx[place]]:
            return 1
    return 0


@numba.njit(cache=True, nogil=True)
def _conditions(rules, row, rank, resistant, age_days, weight_g):  # type: ignore[no-untyped-def]
    if rules.row_treatment[row] != NOTHING and rules.row_treatment[row] != rank:
        return False
    if rules.row_resistant[row] != NOTHING and rules.row_resistant[row] != resistant:
        return False
    return _inside(rules.row_age, row, age_days) and _inside(rules.row_weight, row, weight_g)


@numba.njit(cache=True, nogil=True)
def _inside(bands, row, value):  # type: ignore[no-untyped-def]
    """Whether a value is in the band of a row; a missing value is in no band that has a bound."""
    least, most = bands[row, 0], bands[row, 1]
    if least == NOTHING and most == NOTHING:
        return True
    return value >= 0 and value >= least and (most == NOTHING or value <= most)


@numba.njit(cache=True, nogil=True)
def _level(code_keys, code, key):  # type: ignore[no-untyped-def]
    """The level at which a code matches a key: 0 whole, then shorter; ``NOTHING`` where it does not."""
    for level in range(code_keys.shape[1]):
        if code_keys[code, level] == key:
            return level
    return NOTHING


@numba.njit(cache=True, nogil=True)
def _find(code_keys, key, codes, first, last, skipped):  # type: ignore[no-untyped-def]
    """The best level at which any of the codes matches a key."""
    best = NOTHING
    for place in range(first, last):
        if place != skipped:
            level = _level(code_keys, codes[place], key)
            if level != NOTHING and (best == NOTHING or level < best):
                best = level
    return best


@numba.njit(cache=True, nogil=True)
def _dx_level(rules, row, dx, first, last):  # type: ignore[no-untyped-def]
    """The best level at which an alternative holds: principal diagnosis first, the rest among the others."""
    best = NOTHING
    cell = row * CELLS + CELL_DX
    for alternative in range(rules.cells[cell], rules.cells[cell + 1]):
        start, end = rules.alternatives[alternative], rules.alternatives[alternative + 1]
        level = _level(rules.dx_keys, dx[first], rules.keys[start])
        if level == NOTHING or (best != NOTHING and level >= best):
            continue
        for place in range(start + 1, end):
            if _find(rules.dx_keys, rules.keys[place], dx, first + 1, last, NOTHING) == NOTHING:
                level = NOTHING
                break
        if level != NOTHING:
            best = level
    return best


@numba.njit(cache=True, nogil=True)
def _other_dx(rules, row, dx, first, last):  # type: ignore[no-untyped-def]
    cell = row * CELLS + CELL_OTHER_DX
    if rules.cells[cell] == rules.cells[cell + 1]:
        return True
    for alternative in range(rules.cells[cell], rules.cells[cell + 1]):
        holds = True
        for place in range(rules.alternatives[alternative], rules.alternatives[alternative + 1]):
            if _find(rules.dx_keys, rules.keys[place], dx, first + 1, last, NOTHING) == NOTHING:
                holds = False
                break
        if holds:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _alternative(rules, alternative, proc, first, last, skipped):  # type: ignore[no-untyped-def]
    """The worst level of the codes of an alternative; ``NOTHING`` where one is not there."""
    worst = 0
    for place in range(rules.alternatives[alternative], rules.alternatives[alternative + 1]):
        level = _find(rules.proc_keys, rules.keys[place], proc, first, last, skipped)
        if level == NOTHING:
            return NOTHING
        worst = max(worst, level)
    return worst


@numba.njit(cache=True, nogil=True)
def _names_principal(rules, alternative, proc, principal):  # type: ignore[no-untyped-def]
    if principal == NOTHING:
        return False
    for place in range(rules.alternatives[alternative], rules.alternatives[alternative + 1]):
        if _level(rules.proc_keys, proc[principal], rules.keys[place]) != NOTHING:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _best_alternative(rules, cell, wants_principal, proc, first, last, principal, skipped):  # type: ignore[no-untyped-def]
    """Of the alternatives that hold, the one with most codes, then with the principal procedure, then most exact.

    Returns number of codes (``NOTHING``: none holds), whether the principal is named, worst level.
    """
    count, named, level = NOTHING, 0, 0
    for alternative in range(rules.cells[cell], rules.cells[cell + 1]):
        its_level = _alternative(rules, alternative, proc, first, last, skipped)
        if its_level == NOTHING:
            continue
        its_named = 1 if _names_principal(rules, alternative, proc, principal) else 0
        if wants_principal and not its_named:
            continue
        its_count = rules.alternatives[alternative + 1] - rules.alternatives[alternative]
        if its_count > count or (
            its_count == count and (its_named > named or (its_named == named and its_level < level))
        ):
            count, named, level = its_count, its_named, its_level
    return count, named, level


@numba.njit(cache=True, nogil=True)
def _measure(rules, row, dx_level, proc, first, last, principal, cost_fen, values):  # type: ignore[no-untyped-def]
    """Whether the procedures of a row hold; if so ``values`` by criterion, the less the better."""
    count, named, level = 0, 0, 0
    cell = row * CELLS + CELL_PROC
    where = rules.row_place[row]
    if where != PLACE_IGNORED:
        if rules.cells[cell] != rules.cells[cell + 1]:
            count, named, level = _best_alternative(
                rules, cell, where == PLACE_PRINCIPAL, proc, first, last, principal, NOTHING
            )
            if count == NOTHING:
                return False
        elif where == PLACE_PRINCIPAL and principal != NOTHING:
            return False
    related = row * CELLS + CELL_RELATED
    has_related = rules.cells[related] != rules.cells[related + 1]
    if has_related:
        more, _, _ = _best_alternative(rules, related, False, proc, first, last, NOTHING, principal)
        if more == NOTHING:
            return False
        count += more
    values[_DX_LEVEL] = dx_level
    values[_RELATED] = 0 if has_related else 1
    values[_PRINCIPAL] = 1 - named
    values[_MOST] = -count
    values[_PROC_LEVEL] = level
    mean = rules.row_mean[row]
    values[_NEAREST] = abs(cost_fen - mean) if cost_fen >= 0 and mean >= 0 else _FAR
    values[_LADDER] = rules.row_rank[row]
    return True


@numba.njit(cache=True, nogil=True)
def _better(criteria, layer, values, best, row, best_row):  # type: ignore[no-untyped-def]
    for place in range(criteria.shape[1]):
        criterion = criteria[layer, place]
        if criterion == NOTHING:
            break
        if values[criterion] != best[criterion]:
            return values[criterion] < best[criterion]
    return row < best_row
