"""The worker process: ``python -m privacy.he.worker_main SCHEME MEMORY_BYTES CPU_SECONDS MAX_FRAME_BYTES``.

It has no files, no network (where bubblewrap started it) and few resources. It reads frames from standard input and
answers on standard output until its input ends. Whatever is not a ``Refused`` ends it: the node sees a closed pipe.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from privacy.errors import Refused
from privacy.he.frames import Frame, array_buffer, read_array, read_frame, write_frame

if TYPE_CHECKING:
    from privacy.he.bfv import Bfv
    from privacy.he.ckks import Ckks

OPEN_FILES = 32
Answer = tuple[dict[str, Any], Sequence[bytes | memoryview]]


def main() -> None:
    scheme_name, *limits = sys.argv[1:]
    memory_bytes, cpu_seconds, max_frame_bytes = (int(limit) for limit in limits)
    set_limits(memory_bytes, cpu_seconds)
    # Frames go to a descriptor of their own: a library that prints cannot break them.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    operations = operations_of(load_scheme(scheme_name))
    write_frame(answers, {"ready": scheme_name}, [])
    while True:
        frame = read_frame(sys.stdin.buffer, max_frame_bytes)
        try:
            fields, buffers = operations[frame.fields["operation"]](frame)
        except Refused as refused:
            fields, buffers = {"refused": refused.code, "params": refused.params}, []
        write_frame(answers, fields, buffers)


def set_limits(memory_bytes: int, cpu_seconds: int) -> None:
    """No more than this can be taken by whatever a ciphertext does; also no core file, which would hold keys."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def load_scheme(name: str) -> Bfv | Ckks:
    """Imported after the limits are set."""
    if name == "bfv":
        from privacy.he.bfv import Bfv

        return Bfv()
    from privacy.he.ckks import Ckks

    return Ckks()


def operations_of(scheme: Bfv | Ckks) -> dict[str, Callable[[Frame], Answer]]:
    """What a worker answers: frames in, fields and buffers out."""

    def make_key(frame: Frame) -> Answer:
        return {}, scheme.make_key()

    def use_secret_key(frame: Frame) -> Answer:
        scheme.use_secret_key(frame.buffers[0])
        return {"key_id": scheme.own[0].hex()}, []

    def use_public_key(frame: Frame) -> Answer:
        return {"key_id": scheme.use_public_key(frame.buffers[0]).hex()}, []

    def encrypt(frame: Frame) -> Answer:
        return {}, scheme.encrypt(read_array(frame.buffers[0], frame.fields["arrays"][0]))

    def decrypt(frame: Frame) -> Answer:
        return {}, [array_buffer(scheme.decrypt(frame.buffers))]

    def combine(frame: Frame) -> Answer:
        told = frame.fields["arrays"]
        arrays = [read_array(buffer, each) for buffer, each in zip(frame.buffers, told, strict=False)]
        return {}, scheme.combine(frame.buffers[len(told) :], *arrays)

    return {
        operation.__name__: operation
        for operation in (make_key, use_secret_key, use_public_key, encrypt, decrypt, combine)
    }


if __name__ == "__main__":
    main()
