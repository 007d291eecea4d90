"""How easily persons are found again by their quasi-identifiers: k-anonymity, l-diversity, prosecutor risk.

Sizes are counted in persons, not rows. Terms: Sweeney 2002 (k), Machanavajjhala et al. 2007 (distinct l), El Emam
and Dankar 2008 (prosecutor risk: 1/k for somebody known to be in the data).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Risk:
    """Figures of a table.

    ``k``: persons in the smallest class. ``l``: distinct sensitive values in the poorest class (0 where no column
    is sensitive). ``highest`` and ``mean``: prosecutor risk over rows. ``uniques``: share of rows whose person is
    alone in the class.
    """

    rows: int
    classes: int
    k: int
    l: int  # noqa: E741 (the term of the field)
    highest: float
    mean: float
    uniques: float


def classes_of(columns: Sequence[Codes], rows: int) -> Codes:
    """The class of each row: rows with equal codes in all columns share one, numbered from 0."""
    found = np.zeros(rows, dtype=np.int64)
    for codes in columns:
        # Renumbering after each column keeps the product of two numbers small.
        span = int(codes.max(initial=0)) + 1
        found = np.unique(found * span + codes, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return found


def distinct_in(classes: Codes, values: Codes) -> Codes:
    """For each class, how many distinct values its rows have."""
    count = int(classes.max(initial=-1)) + 1
    span = int(values.max(initial=0)) + 1
    pairs = np.unique(classes * span + values)
    return np.bincount(pairs // span, minlength=count).astype(np.int64)


def diversity(classes: Codes, sensitive: Sequence[Codes]) -> Codes:
    """For each class, the distinct values of its poorest sensitive column; 0 where there is none."""
    count = int(classes.max(initial=-1)) + 1
    if not sensitive:
        return np.zeros(count, dtype=np.int64)
    poorest: Codes = np.min([distinct_in(classes, codes) for codes in sensitive], axis=0)
    return poorest


def risk(classes: Codes, persons: Codes, sensitive: Sequence[Codes]) -> Risk:
    """The figures of a table of rows with classes, persons and sensitive values (codes from 0)."""
    if len(classes) == 0:
        return Risk(0, 0, 0, 0, 0.0, 0.0, 0.0)
    sizes = distinct_in(classes, persons)
    size_of_row = sizes[classes]
    return Risk(
        rows=len(classes),
        classes=len(sizes),
        k=int(sizes.min()),
        l=int(diversity(classes, sensitive).min()),
        highest=float(1 / sizes.min()),
        mean=float((1 / size_of_row).mean()),
        uniques=float((size_of_row == 1).mean()),
    )
