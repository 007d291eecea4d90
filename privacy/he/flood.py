"""The flooding noise of a BFV ciphertext: uniform integers of 128 bits, as residues modulo the coefficient primes."""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def uniform_noise(count: int, primes: tuple[int, ...]) -> Words:
    """Residues (primes, count) of ``count`` integers uniform in [-2^127, 2^127), from the system's CSPRNG.

    Primes are below 2^62.
    """
    high, low = np.frombuffer(secrets.token_bytes(16 * count), np.uint64).reshape(2, count)
    return np.stack([residues(high, low, prime) for prime in primes])


def residues(high: Words, low: Words, prime: int) -> Words:
    """``high * 2^64 + low - 2^127`` modulo ``prime``, exactly."""
    modulus = np.uint64(prime)
    offset = np.uint64(prime - (1 << 127) % prime)
    # Three terms below 2^62 each do not overflow.
    total: Words = multiply_modulo(high, (1 << 64) % prime, prime) + low % modulus + offset
    return np.mod(total, modulus)


def multiply_modulo(words: Words, factor: int, prime: int) -> Words:
    """``words * factor`` modulo ``prime`` for a known factor below the prime (Shoup's method)."""
    quotient = _high_word(words, (factor << 64) // prime)
    # Exact modulo 2^64, and below 2 * prime.
    remainder: Words = words * np.uint64(factor) - quotient * np.uint64(prime)
    return np.mod(remainder, np.uint64(prime))


def _high_word(words: Words, factor: int) -> Words:
    """The upper 64 bits of the products of 128 bits."""
    upper, lower = words >> _HALF, words & _LOW
    factor_upper, factor_lower = np.uint64(factor >> 32), np.uint64(factor & 0xFFFFFFFF)
    middle = upper * factor_lower + (lower * factor_lower >> _HALF)
    carried = lower * factor_upper + (middle & _LOW)
    word: Words = upper * factor_upper + (middle >> _HALF) + (carried >> _HALF)
    return word
