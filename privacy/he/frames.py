"""Frames between a node and its worker: header length (uint32), JSON header, buffers of the sizes it states.

No pickle: neither side can make the other do more than read numbers and bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

LENGTH = struct.Struct("<I")
MAX_HEADER_BYTES = 1 << 20
_DTYPES = ("int64", "float64")


class FrameError(Exception):
    """The other end of the pipe is gone, or sent what is no frame."""


@dataclass(frozen=True)
class Frame:
    """``fields`` say what is asked or answered; ``buffers`` are ciphertexts, keys or arrays."""

    fields: dict[str, Any]
    buffers: list[bytes]


def write_frame(stream: BinaryIO, fields: dict[str, Any], buffers: Sequence[bytes | memoryview]) -> None:
    header = json.dumps({**fields, "sizes": [len(buffer) for buffer in buffers]}).encode()
    stream.write(LENGTH.pack(len(header)))
    stream.write(header)
    for buffer in buffers:
        stream.write(buffer)
    stream.flush()


def read_frame(stream: BinaryIO, max_bytes: int) -> Frame:
    """The next frame; raises ``FrameError`` where there is none or one above ``max_bytes``."""
    (header_bytes,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    if header_bytes > MAX_HEADER_BYTES:
        raise FrameError("header too large")
    try:
        fields = json.loads(_exactly(stream, header_bytes))
        sizes = [int(size) for size in fields.pop("sizes")]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise FrameError("header is no JSON of ours") from error
    if any(size < 0 for size in sizes) or sum(sizes) > max_bytes:
        raise FrameError("frame too large")
    return Frame(fields, [_exactly(stream, size) for size in sizes])


def array_fields(array: npt.NDArray[Any]) -> dict[str, Any]:
    """How the buffer of an array is to be read."""
    return {"dtype": str(array.dtype), "shape": list(array.shape)}


def array_buffer(array: npt.NDArray[Any]) -> memoryview:
    """The bytes of an array, without a copy where it lies in one piece."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def read_array(buffer: bytes, told: dict[str, Any]) -> npt.NDArray[Any]:
    """The inverse of the two above; raises ``FrameError`` where they do not fit."""
    try:
        if told["dtype"] not in _DTYPES:
            raise FrameError("array type")
        return np.frombuffer(buffer, np.dtype(told["dtype"])).reshape(told["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise FrameError("array shape") from error


def _exactly(stream: BinaryIO, count: int) -> bytes:
    found = stream.read(count)
    if len(found) != count:
        raise FrameError("the pipe was closed")
    return found
