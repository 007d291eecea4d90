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

    try:
        told = text(f"joint.{refused.code.replace('.', '_')}", lang, **refused.params)
    except KeyError:
        # A code of a peer of another version, or without a parameter that our sentence has.
        params = ", ".join(f"{name}={value}" for name, value in refused.params.items())
        told = text("joint.unknown_code", lang, code=refused.code, params=params)
    if isinstance(refused, PeerRefused):
        told = text("joint.peer_refused", lang, peer=refused.by, why=told)
    return visible(told)
