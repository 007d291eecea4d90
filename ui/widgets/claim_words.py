"""Amounts, bands and days as the analyst's desk shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from claims import messages
from drg.analytics.document import NOT_KNOWN
from ui.widgets import language

FEN = 100
BAND_COLORS = {"high": "#c2571a", "medium": "#d9a441", "low": "#9fb2bc"}
"""A color for each band of risk, the first to look at first."""


def bands() -> Mapping[str, str]:
    """The bands and their names in the language of the page."""
    return {band: messages.text(f"risk.band_{band}", language.chosen()) for band in BAND_COLORS}


def band_name(band: str | None) -> str:
    """The name of a band; one that is not known stands for itself."""
    return NOT_KNOWN if band is None else bands().get(band, band)


def yuan(fen: float | None) -> str:
    """An amount in yuan, without its unit."""
    return NOT_KNOWN if fen is None else f"{fen / FEN:,.2f}"


def share(value: float | None) -> str:
    """A share in percent."""
    return NOT_KNOWN if value is None else f"{value:.1%}"


def ratio(value: float | None) -> str:
    """How many times the payment standard."""
    return NOT_KNOWN if value is None else f"{value:.2f}"


def day(value: date | None) -> str:
    """A day as yyyy-MM-dd."""
    return NOT_KNOWN if value is None else value.isoformat()


def moment(value: datetime) -> str:
    """A time as yyyy-MM-dd HH:mm, in UTC."""
    return f"{value:%Y-%m-%d %H:%M} UTC"


def short_hash(value: str | None) -> str:
    """The beginning of a hash, enough to tell two apart."""
    return NOT_KNOWN if value is None else value[:12]
