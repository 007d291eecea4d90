"""Many elements at a time are what libsodium makes of one after the other; what it refuses is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import rbcl  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy import ristretto

ORDER = 2**252 + 27742317777372353535851937790883648493
SCALARS = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "little"))
UNIFORM = st.lists(st.binary(min_size=64, max_size=64), max_size=4)
# Above the prime, negative, no element (RFC 9496, appendix A.2), the identity.
NO_ELEMENT = bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371")
BAD_ELEMENTS = [b"\xff" * 32, b"\x01" + bytes(31), NO_ELEMENT, bytes(32)]


@settings(max_examples=50, deadline=None)
@given(SCALARS, UNIFORM)
def test_many_are_as_one_after_the_other(scalar: bytes, uniform: list[bytes]) -> None:
    elements = [rbcl.crypto_core_ristretto255_from_hash(each) for each in uniform]
    assert ristretto.from_uniform(b"".join(uniform)) == b"".join(elements)
    products = [rbcl.crypto_scalarmult_ristretto255(scalar, each) for each in elements]
    assert ristretto.multiply(scalar, b"".join(elements)) == b"".join(products)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(0, 2))
def test_what_libsodium_refuses_is_refused_at_any_place(element: bytes, place: int) -> None:
    scalar, good = ristretto.random_scalar(), ristretto.from_uniform(bytes(range(64)))
    elements = [good, good]
    elements.insert(place, element)
    try:
        expected = [rbcl.crypto_scalarmult_ristretto255(scalar, each) for each in elements]
    except RuntimeError:
        with pytest.raises(ValueError, match="not an element"):
            ristretto.multiply(scalar, b"".join(elements))
    else:
        assert ristretto.multiply(scalar, b"".join(elements)) == b"".join(expected)


@pytest.mark.parametrize("bad", BAD_ELEMENTS)
def test_bad_elements_are_refused(bad: bytes) -> None:
    good = ristretto.from_uniform(bytes(range(64)))
    with pytest.raises(ValueError, match="not an element"):
        ristretto.multiply(ristretto.random_scalar(), good + bad)


def test_a_product_that_is_the_identity_is_refused() -> None:
    with pytest.raises(ValueError, match="not an element"):
        ristretto.multiply(bytes(32), ristretto.from_uniform(bytes(range(64))))


def test_other_lengths_are_refused() -> None:
    scalar, good = ristretto.random_scalar(), ristretto.from_uniform(bytes(range(64)))
    for wrong in (scalar[:-1], scalar + b"\x00"):
        with pytest.raises(ValueError, match="not a scalar"):
            ristretto.multiply(wrong, good)
    with pytest.raises(ValueError, match="pieces of 32"):
        ristretto.multiply(scalar, good[:-1])
    with pytest.raises(ValueError, match="pieces of 64"):
        ristretto.from_uniform(good)


def test_the_map_is_that_of_rfc_9496() -> None:
    """RFC 9496, appendix A.3, of the SHA-512 of a sentence."""
    uniform = bytes.fromhex(
        "5d1be09e3d0c82fc538112490e35701979d99e06ca3e2b5b54bffe8b4dc772c1"
        "4d98b696a1bbfb5ca32c436cc61c16563790306c79eaca7705668b47dffe5bb6"
    )
    expected = "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46"
    assert ristretto.from_uniform(uniform).hex() == expected


def test_the_library_leaves_no_temporary_file() -> None:
    from rbcl._sodium import _sodium  # type: ignore[import-untyped]

    assert not Path(_sodium._name).exists()
