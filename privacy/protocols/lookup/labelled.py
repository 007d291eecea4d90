"""The labelled table: for each question that has an answer a tag and the month, both hidden by the OPRF.

An entry is 18 bytes: the first 16 of the function's output as tag, and the month number (uint16, big-endian) under the
next 2. Entries are in the order of their tags. Without the function's value of a question its entry cannot be told
from random bytes.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import partial
from pathlib import Path

from privacy.errors import Refused
from privacy.files import owner_folder, replace, require_owner_only
from privacy.protocols.lookup import oprf
from privacy.protocols.lookup.records import LAST_MONTH, Records

TAG_BYTES, MONTH_BYTES = 16, 2
ENTRY_BYTES = TAG_BYTES + MONTH_BYTES
SEED_BYTES = 32
PADDING = b"DRGBridge lookup padding\x00"
FOLDER = "lookup"
SEED_FILE = "seed.key"
KEPT_TABLES = 8
DIGEST_BYTES = 32


class LabelledTable:
    """The responder's table and the key it was made with."""

    def __init__(self, key: bytes, data: bytes):
        self.key = key
        self.data = data

    @property
    def entries(self) -> int:
        return len(self.data) // ENTRY_BYTES


def build(key: bytes, records: Records) -> bytes:
    """The bytes of a table under a key: ``records.entries`` entries, those without a question random."""
    outputs = oprf.in_threads(partial(oprf.evaluate, key), records.keys)
    entries = [_entry(output, month) for output, month in zip(outputs, records.months, strict=True)]
    missing = records.entries - len(entries)
    padding = hashlib.shake_256(PADDING + key).digest(ENTRY_BYTES * missing)
    starts = range(0, len(padding), ENTRY_BYTES)
    return b"".join(sorted([*entries, *(padding[start : start + ENTRY_BYTES] for start in starts)]))


def table_of(state: Path, name: str, records: Records) -> LabelledTable:
    """The table of these records, from ``state/lookup`` where it was made before.

    The key comes from the seed of this party and from the records: with any change of them, such as a consent that was
    revoked, there is a new key, and what the peer holds of the old table is of no use any more.
    """
    folder = owner_folder(state / FOLDER)
    digest = _digest(records)
    key = oprf.derived_key(_seed(folder), digest)
    # Bound to the key too: two first lookups at once may each have drawn a seed.
    name_of_both = hashlib.sha256(key + digest).digest()
    path = folder / f"{name}.table"
    if path.exists():
        require_owner_only(path)
        held = path.read_bytes()
        if held[:DIGEST_BYTES] == name_of_both:
            return LabelledTable(key, held[DIGEST_BYTES:])
    data = build(key, records)
    replace(path, name_of_both + data)
    return LabelledTable(key, data)


class HeldTable:
    """The initiator's copy of a table."""

    def __init__(self, data: bytes):
        if len(data) % ENTRY_BYTES:
            raise Refused("lookup.size")
        starts = range(0, len(data), ENTRY_BYTES)
        self._masked = {
            data[start : start + TAG_BYTES]: data[start + TAG_BYTES : start + ENTRY_BYTES] for start in starts
        }

    def month_of(self, output: bytes) -> int | None:
        """The month number for the function's value of a question, or None."""
        masked = self._masked.get(output[:TAG_BYTES])
        if masked is None:
            return None
        month = int.from_bytes(_under(output, masked), "big")
        if not 1 <= month <= LAST_MONTH:
            raise Refused("lookup.size")
        return month


def held_path(state: Path, sha256: str) -> Path:
    """Where the initiator keeps a table."""
    return owner_folder(state / FOLDER) / f"held-{sha256}.table"


def keep(state: Path, sha256: str, data: bytes) -> None:
    """Keep a table that came, and no more than the newest ``KEPT_TABLES``."""
    path = held_path(state, sha256)
    replace(path, data)
    held = sorted(path.parent.glob("held-*.table"), key=lambda each: each.stat().st_mtime_ns, reverse=True)
    for old in held[KEPT_TABLES:]:
        old.unlink(missing_ok=True)


def _entry(output: bytes, month: int) -> bytes:
    return output[:TAG_BYTES] + _under(output, month.to_bytes(MONTH_BYTES, "big"))


def _under(output: bytes, month: bytes) -> bytes:
    pad = output[TAG_BYTES : TAG_BYTES + MONTH_BYTES]
    return bytes(left ^ right for left, right in zip(month, pad, strict=True))


def _digest(records: Records) -> bytes:
    digest = hashlib.sha256(records.entries.to_bytes(8, "big"))
    for key, month in sorted(zip(records.keys, records.months, strict=True)):
        digest.update(key + month.to_bytes(MONTH_BYTES, "big"))
    return digest.digest()


def _seed(folder: Path) -> bytes:
    path = folder / SEED_FILE
    if not path.exists():
        replace(path, secrets.token_bytes(SEED_BYTES))
    require_owner_only(path)
    return path.read_bytes()
