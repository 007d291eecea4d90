"""Frames between a node and its worker: what is written is read, anything else is refused."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.he.frames import (
    LENGTH,
    FrameError,
    array_buffer,
    array_fields,
    read_array,
    read_frame,
    write_frame,
)


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_buffers_come_back(buffers: list[bytes]) -> None:
    stream = BytesIO()
    write_frame(stream, {"operation": "x"}, buffers)
    stream.seek(0)
    frame = read_frame(stream, 1000)
    assert (frame.fields, frame.buffers) == ({"operation": "x"}, buffers)


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3), np.zeros((0, 4)), np.ones((2, 3)).T])
def test_arrays_come_back(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    assert np.array_equal(read_array(bytes(array_buffer(array)), array_fields(array)), array)


@given(st.binary(max_size=100))
def test_other_bytes_are_no_frame(data: bytes) -> None:
    with pytest.raises(FrameError):
        read_frame(BytesIO(data), 1000)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{}",
        b'{"sizes": 1}',
        b'{"sizes": [-1]}',
        b'{"sizes": [2000]}',
        b'{"sizes": ["a"]}',
        b"[" * 100_000,
    ],
)
def test_headers_that_are_not_ours_are_refused(header: bytes) -> None:
    with pytest.raises(FrameError):
        read_frame(BytesIO(LENGTH.pack(len(header)) + header + bytes(3000)), 1000)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"dtype": "object", "shape": [1]},
        {"dtype": "int64", "shape": [3]},
        {"dtype": "int64", "shape": "x"},
    ],
)
def test_arrays_that_do_not_fit_are_refused(told: dict[str, object]) -> None:
    with pytest.raises(FrameError):
        read_array(bytes(16), told)
