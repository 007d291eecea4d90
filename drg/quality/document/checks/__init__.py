"""The functions of the content checks, by name. A rule file names its function; the data stand in its settings."""

from drg.quality.document.checks import (
    conflicts,
    consents,
    copies,
    evidence,
    operations,
    orders,
    sections,
    times,
)
from drg.quality.document.checks.registry import ACROSS, CHECKS

__all__ = [
    "ACROSS",
    "CHECKS",
    "conflicts",
    "consents",
    "copies",
    "evidence",
    "operations",
    "orders",
    "sections",
    "times",
]
