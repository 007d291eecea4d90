"""What the package `privacy` refuses, as a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ui.cli.language import LANG, visible
from ui.text import text

if TYPE_CHECKING:
    from privacy.errors import Refused


def say_joint(key: str, **params: Any) -> str:
    """A text of ``ui/texts/joint.toml`` in the language of this run."""
    return text(f"joint.{key}", LANG, **params)


def sentence(refused: Refused, lang: str = LANG) -> str:
    """What is refused, where, and what to do."""
    from privacy.errors import PeerRefused

    # Line feeds of a peer would make lines of their own.
    shown = {
        name: " ".join(value.splitlines()) if isinstance(value, str) else value
        for name, value in refused.params.items()
    }
    try:
        told = text(f"joint.{refused.code.replace('.', '_')}", lang, **shown)
    except (KeyError, TypeError):
        # A code of a peer of another version, or without a parameter that our sentence has, or with one named as
        # an argument of ours is.
        params = ", ".join(f"{name}={value}" for name, value in shown.items())
        told = text("joint.unknown_code", lang, code=refused.code, params=params)
    if isinstance(refused, PeerRefused):
        told = text("joint.peer_refused", lang, peer=refused.by, why=told)
    return visible(told)
