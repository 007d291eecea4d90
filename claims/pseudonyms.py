"""Keyed pseudonyms of persons, telephones and accounts: one text and key always give the same one.

Without the key nobody can try all numbers, so the key is as secret as they are.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from claims.errors import input_error
from privacy.deidentify.table import read_key
from privacy.errors import Refused
from privacy.files import write_new
from privacy.ids import KEY_BYTES, derived_key, keyed

PERSON = "person"
DIGITS = 32
"""Hexadecimal digits of a pseudonym."""


def pseudonyms(texts: pa.Array, kind: str, key: bytes) -> pa.Array:
    """A pseudonym of each text, null where there is none; those of different kinds do not meet.

    In numbers of telephones and accounts blanks and hyphens do not count, in persons only blanks around them.
    """
    ignored = r"^\s+|\s+$" if kind == PERSON else r"[\s-]"
    encoded = pc.replace_substring_regex(texts, ignored, "").dictionary_encode()
    hashed = keyed(encoded.dictionary.to_pylist(), key, f"network.{kind}")
    return pa.array([one.hex()[:DIGITS] for one in hashed], pa.string()).take(encoded.indices)


def load_key(path: Path) -> bytes:
    """The key in a file that only its owner can read. Raises ``InputError``."""
    try:
        return read_key(path)
    except Refused as refused:
        raise input_error("nightly.key_unusable", str(path), detail=str(refused)) from None


def make_key(path: Path) -> None:
    """Make a key, unless there is one: whole or not at all, for its owner only. Raises ``OSError``."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    write_new(draft, secrets.token_bytes(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def fingerprint(key: bytes) -> str:
    """What tells two keys apart and says nothing of them."""
    return derived_key(key, "fingerprint").hex()
