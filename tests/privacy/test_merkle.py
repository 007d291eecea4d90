"""The Merkle tree against RFC 6962: its definition, its worked example and the vectors of Certificate Transparency."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy import merkle


def _h(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _leaves(count: int) -> list[bytes]:
    return [hashlib.sha256(b"\x00" + bytes([n])).digest() for n in range(count)]


# The tree of seven leaves that RFC 6962 draws in section 2.1.3, with its names for the nodes.
A, B, C, D, E, F, J = _leaves(7)
G, H, I = _h(A, B), _h(C, D), _h(E, F)  # noqa: E741
K, L = _h(G, H), _h(I, J)
ROOT = _h(K, L)
SEVEN = [A, B, C, D, E, F, J]


def test_root_of_the_worked_example():
    assert merkle.root(SEVEN) == ROOT
    assert merkle.root([]) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize(("index", "path"), [(0, [B, H, L]), (3, [C, G, L]), (4, [F, J, K]), (6, [I, K])])
def test_inclusion_proofs_of_the_worked_example(index: int, path: list[bytes]):
    assert merkle.inclusion_proof(SEVEN, index) == path
    assert merkle.includes(path, SEVEN[index], index, 7, ROOT)


@pytest.mark.parametrize(("old", "proof"), [(3, [C, D, G, L]), (4, [L]), (6, [I, J, K])])
def test_consistency_proofs_of_the_worked_example(old: int, proof: list[bytes]):
    assert merkle.consistency_proof(SEVEN, old) == proof
    assert merkle.is_consistent(proof, old, merkle.root(SEVEN[:old]), 7, ROOT)


def test_vectors_of_certificate_transparency():
    # Entries and roots of the CT project's Merkle tree tests (sizes 1 to 8).
    entries = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    leaves = [merkle.leaf_hash(bytes.fromhex(entry)) for entry in entries]
    assert leaves[0].hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.root(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_proof_holds_and_no_other_leaf_index_or_size_passes(data: st.DataObject):
    size = data.draw(st.integers(1, 70))
    leaves = _leaves(size)
    root = merkle.root(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(leaves, index)
    assert merkle.includes(path, leaves[index], index, size, root)
    other = data.draw(st.integers(0, size - 1))
    assert merkle.includes(path, leaves[other], index, size, root) == (other == index)
    assert merkle.includes(path, leaves[index], other, size, root) == (other == index)
    assert not merkle.includes([*path, root], leaves[index], index, size, root)
    if path:
        assert not merkle.includes(path[:-1], leaves[index], index, size, root)
        turned = data.draw(st.integers(0, len(path) - 1))
        wrong = [bytes([p[0] ^ 1]) + p[1:] if n == turned else p for n, p in enumerate(path)]
        assert not merkle.includes(wrong, leaves[index], index, size, root)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_consistency_holds_for_beginnings_only(data: st.DataObject):
    size = data.draw(st.integers(0, 70))
    old = data.draw(st.integers(0, size))
    leaves = _leaves(size)
    old_root, root = merkle.root(leaves[:old]), merkle.root(leaves)
    proof = merkle.consistency_proof(leaves, old)
    assert merkle.is_consistent(proof, old, old_root, size, root)
    assert not merkle.is_consistent([*proof, root], old, old_root, size, root)
    if 0 < old < size:
        assert not merkle.is_consistent(proof[:-1], old, old_root, size, root)
        changed = [hashlib.sha256(b"other").digest(), *leaves[1:]]
        assert not merkle.is_consistent(
            merkle.consistency_proof(changed, old), old, old_root, size, merkle.root(changed)
        )
        assert not merkle.is_consistent(proof, old, root, size, root)


@given(st.integers(0, 300))
def test_growing_tree_has_the_root_of_the_recursive_definition(size: int):
    def defined(leaves: list[bytes]) -> bytes:
        if len(leaves) <= 1:
            return leaves[0] if leaves else hashlib.sha256(b"").digest()
        split = 1
        while split * 2 < len(leaves):
            split *= 2
        return _h(defined(leaves[:split]), defined(leaves[split:]))

    leaves = [hashlib.sha256(n.to_bytes(2, "big")).digest() for n in range(size)]
    assert merkle.root(leaves) == defined(leaves)
