"""Grouping on a Spark platform that is there already: ``cases.mapInPandas(grouped("chs-drg-1.1"), GROUPED)``.

``cases`` is a Spark table with the columns of ``drg.case.CASE_SCHEMA``, such as the nightly run's ``cases``. Needs
pyspark and Java on the platform, and DRGBridge on its workers. The other steps of ``steps.PART_STEPS`` go the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("case_id", "status", "mdc", "adrg", "drg", "cc_level", "scheme")
GROUPED = ", ".join(f"{name} string" for name in COLUMNS)
"""The schema of the answer, as Spark writes it."""


def grouped(scheme: str | None = None) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    """A function for ``mapInPandas`` that groups cases by a scheme, or each by region and day."""

    def work(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        from drg.grouper.table import group

        for frame in frames:
            table = group(pa.Table.from_pandas(frame, preserve_index=False), scheme).select(list(COLUMNS))
            yield table.cast(pa.schema([(name, pa.string()) for name in COLUMNS])).to_pandas()

    return work
