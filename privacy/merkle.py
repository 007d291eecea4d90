"""Merkle tree hashes and proofs of RFC 6962 (section 2.1), SHA-256; the checks follow RFC 9162, 2.1.3.2 and 2.1.4.2.

Leaves are given as their hashes (``leaf_hash`` of the entry's bytes); a hash has 32 bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry: SHA-256 of a zero byte and the entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees: SHA-256 of a one byte and both hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class GrowingTree:
    """The root of a tree that grows: keeps one hash for each full subtree, so a new leaf costs log n hashes."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Add a leaf's hash at the right end."""
        whole = leaf
        completed = self.size
        while completed & 1:
            whole = node_hash(self._subtrees.pop(), whole)
            completed >>= 1
        self._subtrees.append(whole)
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves added so far."""
        if not self._subtrees:
            return EMPTY_ROOT
        *others, whole = self._subtrees
        for subtree in reversed(others):
            whole = node_hash(subtree, whole)
        return whole


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes."""
    tree = GrowingTree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of leaf ``index``, from the leaf up. Raises ``IndexError`` outside the tree."""
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    if len(leaves) == 1:
        return []
    split = _left_size(len(leaves))
    if index < split:
        return [*inclusion_proof(leaves[:split], index), root(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), root(leaves[:split])]


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Proof that the tree over the first ``old_size`` leaves is a beginning of the whole tree."""
    if not 0 <= old_size <= len(leaves):
        raise IndexError(old_size)
    if old_size in (0, len(leaves)):
        return []
    return _subproof(leaves, old_size, whole_is_known=True)


def _subproof(leaves: Sequence[bytes], old_size: int, whole_is_known: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole_is_known else [root(leaves)]
    split = _left_size(len(leaves))
    if old_size <= split:
        return [*_subproof(leaves[:split], old_size, whole_is_known), root(leaves[split:])]
    return [*_subproof(leaves[split:], old_size - split, whole_is_known=False), root(leaves[:split])]


def _left_size(size: int) -> int:
    """The largest power of two below ``size``."""
    return int(1 << ((size - 1).bit_length() - 1))


def includes(proof: Sequence[bytes], leaf: bytes, index: int, size: int, root: bytes) -> bool:
    """Whether ``proof`` shows that ``leaf`` is at ``index`` of the tree of ``size`` leaves with ``root``."""
    if not 0 <= index < size:
        return False
    place, last, hashed = index, size - 1, leaf
    for other in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            hashed = node_hash(other, hashed)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            hashed = node_hash(hashed, other)
        place, last = place >> 1, last >> 1
    return last == 0 and hashed == root


def is_consistent(
    proof: Sequence[bytes], old_size: int, old_root: bytes, new_size: int, new_root: bytes
) -> bool:
    """Whether ``proof`` shows that the old tree is a beginning of the new one."""
    if not 0 <= old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    hashes = list(proof)
    if old_size & (old_size - 1) == 0:
        # The old tree is a full subtree of the new one, and its root is known.
        hashes.insert(0, old_root)
    if not hashes:
        return False
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(other, old), node_hash(other, new)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, other)
        place, last = place >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root
