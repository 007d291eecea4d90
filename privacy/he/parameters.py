"""The pinned parameters, read once from ``parameters.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("parameters.toml")


@dataclass(frozen=True)
class BfvParameters:
    """``degree`` is also the number of slots of a ciphertext."""

    degree: int
    coefficient_primes: tuple[int, ...]
    plain_modulus: int
    flood_bits: int
    max_terms: int

    @property
    def data_primes(self) -> tuple[int, ...]:
        """The primes of a fresh ciphertext; a result that leaves has only the first."""
        return self.coefficient_primes[:-1]


@dataclass(frozen=True)
class CkksParameters:
    """A ciphertext has ``degree // 2`` slots."""

    degree: int
    coefficient_bits: tuple[int, ...]
    scale_bits: int
    max_magnitude_bits: int


@cache
def bfv_parameters() -> BfvParameters:
    found = dict(_read()["bfv"])
    return BfvParameters(**{**found, "coefficient_primes": tuple(found["coefficient_primes"])})


@cache
def ckks_parameters() -> CkksParameters:
    found = dict(_read()["ckks"])
    return CkksParameters(**{**found, "coefficient_bits": tuple(found["coefficient_bits"])})


def _read() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
