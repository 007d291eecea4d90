"""The loop over cases that counts pairs."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt


@numba.njit(cache=True, nogil=True)
def count_pairs(
    starts: npt.NDArray[np.int64], items: npt.NDArray[np.int64], most: int, pairs: npt.NDArray[np.int32]
) -> int:
    """Count every pair of distinct, ascending items of each case in the upper triangle of ``pairs``.

    ``starts``: where each case begins, with the end. Cases with more than ``most`` items are not counted; how many.
    """
    left_out = 0
    for case in range(len(starts) - 1):
        begin, end = starts[case], starts[case + 1]
        if end - begin > most:
            left_out += 1
            continue
        for place in range(begin, end):
            for other in range(place + 1, end):
                pairs[items[place], items[other]] += 1
    return left_out
