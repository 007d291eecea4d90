"""A party whose process dies as by ``kill -9`` at one step: ``python -m tests.privacy.dying STEP -- COMMAND...``.

``STEP`` is ``answered:TYPE`` (the node has answered a message of this type, and the answer is not sent yet) or
``asked:TYPE`` (the initiator has the reply to one). ``COMMAND`` is a command line of drgbridge.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from privacy import channel
from privacy.message import Envelope, Message
from privacy.node import jobs
from ui.cli.app import run


def die_when(is_time: bool) -> None:
    if is_time:
        os.kill(os.getpid(), signal.SIGKILL)


def dying_node(last: str) -> None:
    in_turn = jobs.Node._in_turn

    def answer(node: jobs.Node, entry: Any, envelope: Envelope) -> bytes:
        reply = in_turn(node, entry, envelope)
        die_when(envelope.header.type == last)
        return reply

    jobs.Node._in_turn = answer  # type: ignore[method-assign, assignment]


def dying_initiator(last: str) -> None:
    ask: Callable[..., Message] = channel.Channel.ask

    def asked(self: channel.Channel, job: str, sequence: int, message: Message, *others: Any) -> Any:
        reply = ask(self, job, sequence, message, *others)
        die_when(last == message.TYPE)
        return reply

    channel.Channel.ask = asked  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    when, _, last_type = sys.argv[1].partition(":")
    {"answered": dying_node, "asked": dying_initiator}[when](last_type)
    sys.exit(run(sys.argv[3:]))
