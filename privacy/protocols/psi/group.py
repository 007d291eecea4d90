"""The group of the intersection: ristretto255, spread over threads.

The threads multiply outside Python's lock, so they use all cores as processes would, and no secret scalar is copied to
another process.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from privacy import ristretto
from privacy.errors import Refused
from privacy.ristretto import ELEMENT_BYTES

DOMAIN = b"DRGBridge PSI 1 ristretto255\x00"
_ELEMENTS_A_TASK = 512

Part = TypeVar("Part")

Waiting = Callable[[], bytes]
"""Waits for work that is under way and returns its elements, one after the other."""


class GroupPool:
    """Threads, one a core, and the secret scalar of one party for one job."""

    def __init__(self) -> None:
        self._scalar = ristretto.random_scalar()
        self._threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="psi")

    def blind(self, keyed_ids: Sequence[bytes]) -> Waiting:
        """Start ``scalar * hash_to_group(id)`` of every id, in order."""
        starts = range(0, len(keyed_ids), _ELEMENTS_A_TASK)
        return self._start(_blind, [keyed_ids[start : start + _ELEMENTS_A_TASK] for start in starts])

    def blind_again(self, elements: bytes) -> Waiting:
        """Start ``scalar * element`` of the peer's elements, in order; ``Refused`` (``psi.element``) for a bad one."""
        size = _ELEMENTS_A_TASK * ELEMENT_BYTES
        return self._start(
            _multiply, [elements[start : start + size] for start in range(0, len(elements), size)]
        )

    def close(self) -> None:
        """Drop what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self, work: Callable[[bytes, Part], bytes], parts: Sequence[Part]) -> Waiting:
        return partial(_join, [self._threads.submit(work, self._scalar, part) for part in parts])


def hash_to_group(keyed_ids: Sequence[bytes]) -> bytes:
    """The elements of ids: the map of the SHA-512 of domain and id, one after the other."""
    return ristretto.from_uniform(b"".join([hashlib.sha512(DOMAIN + each).digest() for each in keyed_ids]))


def _blind(scalar: bytes, keyed_ids: Sequence[bytes]) -> bytes:
    return _multiply(scalar, hash_to_group(keyed_ids))


def _multiply(scalar: bytes, elements: bytes) -> bytes:
    try:
        return ristretto.multiply(scalar, elements)
    except ValueError as error:
        raise Refused("psi.element") from error


def _join(tasks: list[Future[bytes]]) -> bytes:
    return b"".join([task.result() for task in tasks])
