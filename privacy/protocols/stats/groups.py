"""The initiator's groups of the common rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from privacy.errors import Refused
from privacy.he.fixed_point import Integers
from privacy.protocols.stats.parameters import StatsParameters
from privacy.table import Table

LABELS = ("0", "1")


@dataclass(frozen=True)
class Groups:
    """``indicators`` (groups, rows) of 0 and 1. ``names`` has None for the one group of all rows."""

    names: tuple[str | None, ...]
    indicators: Integers

    @property
    def sizes(self) -> list[int]:
        """Rows of each group."""
        return [int(size) for size in self.indicators.sum(axis=1)]


def groups_of(parameters: StatsParameters, table: Table) -> Groups:
    """The groups that the rows have. A row whose group or label is missing is in none.

    Raises ``Refused``: ``stats.label`` for a label that is not 0 or 1, ``stats.no_group`` where all are missing.
    """
    if parameters.label_column is not None:
        labels = table.columns[parameters.label_column]
        if not np.isin(labels[~np.isnan(labels)], (0.0, 1.0)).all():
            raise Refused("stats.label", column=parameters.label_column)
        return Groups(LABELS, np.stack([labels == 0.0, labels == 1.0]).astype(np.int64))
    if parameters.group_column is not None:
        texts = table.texts[parameters.group_column]
        names = sorted({text for text in texts if text is not None})
        if not names:
            raise Refused("stats.no_group", column=parameters.group_column)
        column = np.array([text if text is not None else "" for text in texts], dtype=object)
        known = np.array([text is not None for text in texts], dtype=np.bool_)
        found = np.stack([known & (column == name) for name in names])
        return Groups(tuple(names), found.astype(np.int64))
    return Groups((None,), np.ones((1, len(table)), np.int64))
