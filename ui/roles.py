"""The rules of ``access.toml``: roles, and which pages, actions and personal fields they have."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ui.errors import UiError

FILE = Path(__file__).with_name("access.toml")
ANY = "any"
Party = Literal["hospital", "insurer", "any"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(_Part):
    """A page: in which section of the menu, whose it is, and the roles that see it."""

    section: str
    party: Party
    roles: tuple[str, ...]


class Field(_Part):
    """A personal field: the roles that read it whole; the others see ``keep`` signs at its start and end."""

    roles: tuple[str, ...]
    keep: tuple[int, int]


class _WithoutLogin(_Part):
    pages: tuple[str, ...]


class Rules(_Part):
    """What ``access.toml`` says."""

    roles: Mapping[str, Party]
    without_login: _WithoutLogin
    pages: Mapping[str, Page]
    actions: Mapping[str, tuple[str, ...]]
    fields: Mapping[str, Field]


@cache
def rules() -> Rules:
    """The rules of ``access.toml``."""
    return Rules.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8")))


def check_roles(roles: Iterable[str]) -> frozenset[str]:
    """The roles, where one account may have them together. Raises ``UiError`` for an unknown one or two parties."""
    found = frozenset(roles)
    if not found:
        raise UiError("access.no_role", roles=tuple(rules().roles))
    if unknown := sorted(found - set(rules().roles)):
        raise UiError("access.role_unknown", role=unknown[0], roles=tuple(rules().roles))
    if len(parties(found)) > 1:
        raise UiError("access.two_parties", roles=tuple(sorted(found)))
    return found


def parties(roles: Iterable[str]) -> set[Party]:
    """The parties that roles belong to, without those for any."""
    return {rules().roles[role] for role in roles} - {ANY}
