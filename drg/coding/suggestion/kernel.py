"""How alike two terms are, character by character: compiled loops over many pairs."""

from __future__ import annotations

import numba
import numpy as np

STRING_FEATURES = (
    "subsequence_of_text",
    "subsequence_of_name",
    "substring_of_text",
    "substring_of_name",
    "name_covered",
    "text_covered",
    "pairs_shared",
    "same_start",
    "same_end",
    "same",
    "sounds_alike",
    "length_difference",
)
WORD_FEATURES = ("name_explained", "text_explained", "name_unexplained_words")
MAX_LENGTH = 64


@numba.njit(cache=True, nogil=True)
def _subsequence(a, b, scratch):  # type: ignore[no-untyped-def]
    """Length of the longest common subsequence."""
    for place in range(len(b) + 1):
        scratch[place] = 0
    for row in range(len(a)):
        diagonal = 0
        for place in range(len(b)):
            above = scratch[place + 1]
            if a[row] == b[place]:
                scratch[place + 1] = diagonal + 1
            elif scratch[place] > above:
                scratch[place + 1] = scratch[place]
            diagonal = above
    return scratch[len(b)]


@numba.njit(cache=True, nogil=True)
def _substring(a, b, scratch):  # type: ignore[no-untyped-def]
    """Length of the longest common substring."""
    best = 0
    for place in range(len(b) + 1):
        scratch[place] = 0
    for row in range(len(a)):
        for place in range(len(b) - 1, -1, -1):
            if a[row] == b[place]:
                scratch[place + 1] = scratch[place] + 1
                best = max(best, scratch[place + 1])
            else:
                scratch[place + 1] = 0
    return best


@numba.njit(cache=True, nogil=True)
def _covered(a, b, weight):  # type: ignore[no-untyped-def]
    """The share of the weight of ``a`` whose characters stand in ``b``."""
    shared = 0.0
    whole = 0.0
    for sign in a:
        whole += weight[sign]
        for other in b:
            if sign == other:
                shared += weight[sign]
                break
    return shared / whole if whole > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _pairs_shared(a, b):  # type: ignore[no-untyped-def]
    """Dice coefficient of the character pairs."""
    if len(a) < 2 or len(b) < 2:
        return 0.0
    shared = 0
    for row in range(len(a) - 1):
        for place in range(len(b) - 1):
            if a[row] == b[place] and a[row + 1] == b[place + 1]:
                shared += 1
                break
    return 2.0 * shared / (len(a) + len(b) - 2)


@numba.njit(cache=True, nogil=True)
def string_features(  # type: ignore[no-untyped-def]
    text_of, name_of, text_starts, text_signs, text_sounds, name_starts, name_signs, name_sounds, weight, out
):
    """Fills ``out`` (pairs x STRING_FEATURES) for the pairs (``text_of``, ``name_of``)."""
    scratch = np.zeros(MAX_LENGTH + 1, np.int32)
    for pair in range(len(text_of)):
        start, end = text_starts[text_of[pair]], text_starts[text_of[pair] + 1]
        end = min(end, start + MAX_LENGTH)
        name_start, name_end = name_starts[name_of[pair]], name_starts[name_of[pair] + 1]
        name_end = min(name_end, name_start + MAX_LENGTH)
        a, b = text_signs[start:end], name_signs[name_start:name_end]
        if len(a) == 0 or len(b) == 0:
            continue
        common = _subsequence(a, b, scratch)
        run = _substring(a, b, scratch)
        out[pair, 0] = common / len(a)
        out[pair, 1] = common / len(b)
        out[pair, 2] = run / len(a)
        out[pair, 3] = run / len(b)
        out[pair, 4] = _covered(b, a, weight)
        out[pair, 5] = _covered(a, b, weight)
        out[pair, 6] = _pairs_shared(a, b)
        shorter = min(len(a), len(b))
        place = 0
        while place < shorter and a[place] == b[place]:
            place += 1
        out[pair, 7] = place
        back = 0
        while back < shorter and a[len(a) - 1 - back] == b[len(b) - 1 - back]:
            back += 1
        out[pair, 8] = back
        out[pair, 9] = place == len(a) and len(a) == len(b)
        sounds = _subsequence(text_sounds[start:end], name_sounds[name_start:name_end], scratch)
        out[pair, 10] = sounds / max(len(a), len(b))
        out[pair, 11] = len(b) - len(a)


@numba.njit(cache=True, nogil=True)
def word_features(  # type: ignore[no-untyped-def]
    text_of, name_of, text_starts, text_words, name_starts, name_words, starts, words, probabilities, idf, out
):
    """Fills ``out`` (pairs x WORD_FEATURES): how far each side's words are explained by the other's.

    A word explains itself, and what it stands for with that probability. Word -1 is unknown and explains nothing.
    ``text_of`` is in ascending order.
    """
    explained = np.zeros(len(idf), np.float32)
    last = -1
    for pair in range(len(text_of)):
        text = text_of[pair]
        if text != last:
            if last >= 0:
                _explain(explained, text_starts, text_words, starts, words, probabilities, last, True)
            _explain(explained, text_starts, text_words, starts, words, probabilities, text, False)
            last = text
        name = name_of[pair]
        shared, whole, without = 0.0, 0.0, 0
        for place in range(name_starts[name], name_starts[name + 1]):
            word = name_words[place]
            whole += idf[word]
            shared += idf[word] * explained[word]
            without += explained[word] < 0.1
        out[pair, 0] = shared / whole if whole > 0 else 0.0
        out[pair, 2] = without
        shared, whole = 0.0, 0.0
        for place in range(text_starts[text], text_starts[text + 1]):
            word = text_words[place]
            weight = idf[word] if word >= 0 else 8.0
            whole += weight
            best = 0.0
            if word >= 0:
                for other in range(name_starts[name], name_starts[name + 1]):
                    if name_words[other] == word:
                        best = 1.0
                        break
                    for known in range(starts[word], starts[word + 1]):
                        if words[known] == name_words[other]:
                            best = max(best, probabilities[known])
            shared += weight * best
        out[pair, 1] = shared / whole if whole > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _explain(explained, text_starts, text_words, starts, words, probabilities, text, clear):  # type: ignore[no-untyped-def]
    for place in range(text_starts[text], text_starts[text + 1]):
        word = text_words[place]
        if word < 0:
            continue
        explained[word] = 0.0 if clear else 1.0
        for known in range(starts[word], starts[word + 1]):
            other = words[known]
            if clear:
                explained[other] = 0.0
            else:
                explained[other] = max(explained[other], probabilities[known])


@numba.njit(cache=True, nogil=True)
def associated(text_of, target_of, text_starts, text_grams, gram_weights, starts, targets, shares, size, out):  # type: ignore[no-untyped-def]
    """Fills ``out``: how strongly the grams of a text speak for each target. ``text_of`` ascends."""
    sums = np.zeros(size, np.float32)
    whole = 1.0
    last = -1
    for pair in range(len(text_of)):
        text = text_of[pair]
        if text != last:
            if last >= 0:
                for place in range(text_starts[last], text_starts[last + 1]):
                    for known in range(starts[text_grams[place]], starts[text_grams[place] + 1]):
                        sums[targets[known]] = 0.0
            whole = 1e-6
            for place in range(text_starts[text], text_starts[text + 1]):
                weight = gram_weights[text_grams[place]]
                whole += weight
                for known in range(starts[text_grams[place]], starts[text_grams[place] + 1]):
                    sums[targets[known]] += weight * shares[known]
            last = text
        out[pair] = sums[target_of[pair]] / whole
