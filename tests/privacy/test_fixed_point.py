"""Fixed point numbers and masks modulo t, against Python's integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.errors import Refused
from privacy.he import fixed_point as fp
from privacy.he.flood import multiply_modulo, residues
from privacy.he.parameters import bfv_parameters

RESIDUE = st.integers(0, fp.PLAIN_MODULUS - 1)


def test_the_plain_modulus_batches_and_has_fifty_bits() -> None:
    assert fp.PLAIN_MODULUS.bit_length() >= 50
    assert fp.PLAIN_MODULUS % (2 * fp.SLOTS) == 1
    assert pow(3, fp.PLAIN_MODULUS - 1, fp.PLAIN_MODULUS) == 1


@given(st.lists(st.floats(-1000, 1000), max_size=20), st.integers(0, 30))
def test_encoding_rounds_to_the_nearest(values: list[float], scale_bits: int) -> None:
    encoded = fp.encode(np.array(values, np.float64), scale_bits)
    assert encoded.tolist() == [round(value * 2**scale_bits) for value in values]
    assert np.allclose(fp.decode(encoded, scale_bits), values, atol=0.5 / 2**scale_bits, rtol=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(Refused, match=r"he\.not_finite"):
        fp.encode(np.array([1.0, bad]), 10)


@pytest.mark.parametrize(("value", "scale_bits"), [(2.0**40, 9), (1.0, 50), (1e308, 60), (-(2.0**49), 0)])
def test_what_would_wrap_is_refused(value: float, scale_bits: int) -> None:
    with pytest.raises(Refused, match=r"he\.overflow"):
        fp.encode(np.array([value]), scale_bits)


def test_the_bound_is_exact() -> None:
    fp.require_bound("sum", fp.LARGEST)
    with pytest.raises(Refused, match=r"he\.overflow"):
        fp.require_bound("sum", fp.LARGEST + 1)


@given(st.lists(st.tuples(RESIDUE, RESIDUE), min_size=1, max_size=30))
def test_arithmetic_modulo_t_is_that_of_python(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
    t = fp.PLAIN_MODULUS
    assert fp.add(left, right).tolist() == [(a + b) % t for a, b in pairs]
    assert fp.subtract(left, right).tolist() == [(a - b) % t for a, b in pairs]
    assert int(fp.sum_modulo(left)) == sum(left.tolist()) % t
    assert fp.centred(left).tolist() == [a - t if a > t // 2 else a for a in left.tolist()]


def test_a_long_sum_modulo_t_does_not_overflow() -> None:
    residues_ = np.full((2, 100_000), fp.PLAIN_MODULUS - 1, np.int64)
    assert fp.sum_modulo(residues_).tolist() == [(fp.PLAIN_MODULUS - 1) * 100_000 % fp.PLAIN_MODULUS] * 2
    assert fp.sum_modulo(np.empty((3, 0), np.int64)).tolist() == [0, 0, 0]


def test_blocks_and_back() -> None:
    columns = np.arange(2 * (fp.SLOTS + 3), dtype=np.int64).reshape(2, -1)
    blocks = fp.to_blocks(columns)
    assert blocks.shape == (2, 2, fp.SLOTS)
    assert not blocks[:, 1, 3:].any()
    assert (fp.from_blocks(blocks, columns.shape[1]) == columns).all()


def test_masks_are_uniform_over_all_of_t() -> None:
    masks = fp.uniform_masks(16, fp.SLOTS)
    assert masks.min() >= 0
    assert masks.max() < fp.PLAIN_MODULUS
    bins = 64
    counts = np.bincount((masks.reshape(-1) * bins // fp.PLAIN_MODULUS).astype(int), minlength=bins)
    expected = masks.size / bins
    # 63 degrees of freedom: 137 is passed once in ten million runs.
    assert ((counts - expected) ** 2 / expected).sum() < 137
    assert len(np.unique(masks)) > 0.999 * masks.size


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_flooding_noise_has_exact_residues(high: int, low: int) -> None:
    for prime in bfv_parameters().data_primes:
        words = np.array([high], np.uint64)
        found = residues(words, np.array([low], np.uint64), prime)
        assert int(found[0]) == ((high << 64) + low - (1 << 127)) % prime
        assert int(multiply_modulo(words, low % prime, prime)[0]) == high * (low % prime) % prime
