"""The one error of this package: something is refused, and a code says why."""

from __future__ import annotations

Param = str | int | float


class Refused(Exception):  # noqa: N818 - the word of DESIGN.md for it
    """A message, job, file or value is refused.

    ``code`` is ``<area>.<reason>`` (``message.signature``), ``params`` what the sentence needs. The sentences are
    in ``ui/texts/joint.toml`` under the code with ``_`` for the dot. No personal data in ``params``: they cross
    to the peer and go to the log.
    """

    # The slash: a parameter that the peer sends may have any name.
    def __init__(self, code: str, /, **params: Param):
        self.code = code
        self.params = params
        super().__init__(code, params)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.code} ({told})" if told else self.code


class PeerRefused(Refused):
    """The peer refused; ``by`` is its name. ``code`` and ``params`` are what it answered."""

    def __init__(self, by: str, code: str, /, **params: Param):
        super().__init__(code, **params)
        self.by = by

    def __str__(self) -> str:
        return f"{self.by}: {super().__str__()}"
