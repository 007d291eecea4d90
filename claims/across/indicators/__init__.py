"""Supervision indicators for a payer: by hospital and month, against peers."""

from claims.across.indicators.figures import FIGURE_SCHEMA, Figures, Indicator, definitions, figures

__all__ = ["FIGURE_SCHEMA", "Figures", "Indicator", "definitions", "figures"]
