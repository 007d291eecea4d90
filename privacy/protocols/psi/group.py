"""The group of the intersection: ristretto255 of libsodium (rbcl), many elements at a time.

An element is 32 bytes. libsodium refuses an encoding that is not canonical, no element, or the identity. The work is
spread over threads: a call takes 50 microseconds outside Python's lock, so threads use all cores as processes would,
and no secret scalar is copied to another process.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import rbcl  # type: ignore[import-untyped]

from privacy.errors import Refused

ELEMENT_BYTES = 32
DOMAIN = b"DRGBridge PSI 1 ristretto255\x00"
_ELEMENTS_A_TASK = 512

Waiting = Callable[[], bytes]
"""Waits for work that is under way and returns its elements, one after the other."""


class GroupPool:
    """Threads, one a core, and the secret scalar of one party for one job."""

    def __init__(self) -> None:
        self._scalar = rbcl.crypto_core_ristretto255_scalar_random()
        self._threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="psi")

    def blind(self, keyed_ids: Sequence[bytes]) -> Waiting:
        """Start ``scalar * hash_to_group(id)`` of every id, in order."""
        return self._start(keyed_ids, partial(_blind, self._scalar))

    def blind_again(self, elements: bytes) -> Waiting:
        """Start ``scalar * element`` of the peer's elements, in order; ``Refused`` (``psi.element``) for a bad one."""
        return self._start(split(elements), partial(_multiply, self._scalar))

    def close(self) -> None:
        """Drop what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self, values: Sequence[bytes], work: Callable[[Sequence[bytes]], bytes]) -> Waiting:
        starts = range(0, len(values), _ELEMENTS_A_TASK)
        tasks = [self._threads.submit(work, values[start : start + _ELEMENTS_A_TASK]) for start in starts]
        return partial(_join, tasks)


def hash_to_group(keyed_id: bytes) -> bytes:
    """The element of an id: libsodium's map of the SHA-512 of domain and id (RFC 9496, section 4.3.4)."""
    return bytes(rbcl.crypto_core_ristretto255_from_hash(hashlib.sha512(DOMAIN + keyed_id).digest()))


def split(elements: bytes) -> list[bytes]:
    """The elements of a blob; ``Refused`` (``psi.element``) where its length does not fit."""
    if len(elements) % ELEMENT_BYTES:
        raise Refused("psi.element")
    return [elements[start : start + ELEMENT_BYTES] for start in range(0, len(elements), ELEMENT_BYTES)]


def _blind(scalar: bytes, keyed_ids: Sequence[bytes]) -> bytes:
    return _multiply(scalar, [hash_to_group(keyed_id) for keyed_id in keyed_ids])


def _multiply(scalar: bytes, elements: Sequence[bytes]) -> bytes:
    try:
        return b"".join([rbcl.crypto_scalarmult_ristretto255(scalar, element) for element in elements])
    except RuntimeError as error:
        raise Refused("psi.element") from error


def _join(tasks: list[Future[bytes]]) -> bytes:
    return b"".join([task.result() for task in tasks])
