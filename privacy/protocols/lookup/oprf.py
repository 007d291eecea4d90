"""The oblivious pseudorandom function of RFC 9497, OPRF(ristretto255, SHA-512), over libsodium (rbcl).

The client learns the function of its inputs and not the key; the server, which has the key, learns nothing of the
inputs.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import rbcl  # type: ignore[import-untyped]

from privacy import ristretto
from privacy.errors import Refused
from privacy.ristretto import ELEMENT_BYTES

OUTPUT_BYTES = 64
_CONTEXT = b"OPRFV1-\x00-ristretto255-SHA512"
_HASH_TO_GROUP = b"HashToGroup-" + _CONTEXT
_DERIVE_KEY = b"DeriveKeyPair" + _CONTEXT
_HASH_TO_SCALAR = b"HashToScalar-" + _CONTEXT
_SHA512_BLOCK = bytes(128)
_A_TASK = 512


def derived_key(seed: bytes, info: bytes) -> bytes:
    """The server's key of a 32 byte seed (RFC 9497, 3.2.1). ``info`` sets keys of one seed apart."""
    message = seed + _sized(info) + b"\x00"
    # Of 2^252 scalars one is zero; the RFC tries again there, here multiplying by it would be refused.
    return bytes(rbcl.crypto_core_ristretto255_scalar_reduce(expand(message, _DERIVE_KEY)))


def hash_to_group(value: bytes) -> bytes:
    """The element of an input (RFC 9380, hash_to_ristretto255)."""
    return ristretto.from_uniform(expand(value, _HASH_TO_GROUP))


def expand(message: bytes, domain: bytes) -> bytes:
    """``expand_message_xmd`` with SHA-512 to 64 bytes (RFC 9380, 5.3.1)."""
    tail = domain + bytes([len(domain)])
    first = hashlib.sha512(
        _SHA512_BLOCK + message + struct.pack(">H", OUTPUT_BYTES) + b"\x00" + tail
    ).digest()
    return hashlib.sha512(first + b"\x01" + tail).digest()


def multiply(scalar: bytes, element: bytes) -> bytes:
    """``scalar * element``; ``Refused`` (``lookup.element``) for a bad element."""
    try:
        return ristretto.multiply(scalar, element)
    except ValueError as error:
        raise Refused("lookup.element") from error


def unblind(scalar: bytes, element: bytes) -> bytes:
    """``element`` divided by the blinding factor."""
    return multiply(bytes(rbcl.crypto_core_ristretto255_scalar_invert(scalar)), element)


def finalize(value: bytes, element: bytes) -> bytes:
    """The output (64 bytes) for an input and its element under the key (RFC 9497, 3.3.1)."""
    return hashlib.sha512(_sized(value) + _sized(element) + b"Finalize").digest()


def evaluate(key: bytes, value: bytes) -> bytes:
    """The output for an input, by who has the key."""
    return finalize(value, multiply(key, hash_to_group(value)))


def split(elements: bytes) -> list[bytes]:
    """The elements of a blob; ``Refused`` (``lookup.element``) where its length does not fit."""
    if len(elements) % ELEMENT_BYTES:
        raise Refused("lookup.element")
    return [elements[start : start + ELEMENT_BYTES] for start in range(0, len(elements), ELEMENT_BYTES)]


def in_threads(work: Callable[[bytes], bytes], values: Sequence[bytes]) -> list[bytes]:
    """``work`` of every value, in order, on all cores: multiplying is outside Python's lock."""

    def a_task(start: int) -> list[bytes]:
        return [work(value) for value in values[start : start + _A_TASK]]

    with ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="oprf") as pool:
        return [found for part in pool.map(a_task, range(0, len(values), _A_TASK)) for found in part]


def _sized(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value
