"""Corrections of a scheme's workbook against the printed scheme, each with its source.

``amendments.toml`` stands beside the settings file of an import::

    [[add_exclusion]]
    table = "12"
    codes = ["A00.000"]
    source = "CHS-DRG 3.0, printed edition, p. 812"

    [[correct_name]]
    table = "adrg"            # mdc, adrg or drg
    code = "..."
    name = "..."
    source = "..."
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class AddExclusion(BaseModel):
    """Principal diagnoses that an exclusion table lists in print, but not in the workbook."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    codes: list[str]
    source: str


class CorrectName(BaseModel):
    """The printed name of an MDC, ADRG or DRG."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: Literal["mdc", "adrg", "drg"]
    code: str
    name: str
    source: str


class Amendments(BaseModel):
    """``amendments.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    add_exclusion: list[AddExclusion] = []
    correct_name: list[CorrectName] = []
