"""Mining of whole files, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drg import records
from drg.coding.graph.mining import Miner, Together
from drg.coding.review.paired import paired
from drg.grouper.files import Edition, in_nhsa_edition
from drg.quality.record import open_records
from drg.quality.record_objects import WHOLE_RECORD
from drg.scheme.pack import Pack


def mine_file(
    path: Path,
    pack: Pack,
    minimum: int,
    profile: str | None = None,
    edition: Edition | None = None,
    progress: Callable[[int], None] | None = None,
) -> Together:
    """What occurs together in the cases of a file, or of a folder of whole records. Raises ``InputError``.

    Memory does not grow with the file.
    """
    miner = Miner(pack, minimum)
    done = 0
    if path.is_dir() or open_records(path, profile).dialect == WHOLE_RECORD:
        for pairs in paired(path, profile, edition):
            miner.add(pairs.cases, pairs.records)
            done += len(pairs.cases)
            if progress is not None:
                progress(done)
    else:
        source = records.read(path, profile)
        for batch in source.batches():
            miner.add(in_nhsa_edition(batch.cases, edition or source.edition)[0])
            done += batch.row_count
            if progress is not None:
                progress(done)
    return miner.finish()
