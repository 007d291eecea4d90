"""What both sides do with their sets of elements."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from privacy.errors import Refused
from privacy.protocols.psi.messages import MOST_ELEMENTS
from privacy.ristretto import ELEMENT_BYTES

Rows = npt.NDArray[np.int64]
# Elements all have 32 bytes, so that NumPy's cutting of zero bytes at the end makes no two of them equal.
Elements = npt.NDArray[np.bytes_]


def require_a_set(keyed_ids: Sequence[bytes]) -> None:
    """Raise ``Refused``: ``psi.duplicate_id`` where an id comes twice, ``psi.too_many`` above the cap."""
    repeated = len(keyed_ids) - len(set(keyed_ids))
    if repeated:
        raise Refused("psi.duplicate_id", rows=repeated)
    if len(keyed_ids) > MOST_ELEMENTS:
        raise Refused("psi.too_many", rows=len(keyed_ids), most=MOST_ELEMENTS)


def as_elements(blobs: Sequence[bytes]) -> Elements:
    """Blobs of elements as one array."""
    return np.frombuffer(b"".join(blobs), f"S{ELEMENT_BYTES}")


def require_distinct(elements: Elements) -> None:
    """Raise ``Refused`` (``psi.duplicate_element``) where the peer sent an element twice."""
    ordered = np.sort(elements)
    if (ordered[1:] == ordered[:-1]).any():
        raise Refused("psi.duplicate_element")


def common_places(left: Elements, right: Elements) -> tuple[Rows, Rows]:
    """Places of the common elements in each, in the order of the elements, which is that of no table."""
    _, in_left, in_right = np.intersect1d(left, right, assume_unique=True, return_indices=True)
    return in_left.astype(np.int64), in_right.astype(np.int64)


def random_order(count: int) -> Rows:
    """A permutation from the system's CSPRNG."""
    drawn = np.frombuffer(secrets.token_bytes(16 * count), "<u8").reshape(2, count)
    return np.lexsort((drawn[0], drawn[1])).astype(np.int64)
