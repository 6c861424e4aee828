"""Many cells of a table at once: bytes become numbers, words and short texts without a loop over rows.

Each function takes the starts and ends of the cells in ``data``, and clears ``good`` for cells that it
cannot read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderflow_dash.simulator.recordings.dayfile import MOST_DIGITS, WIDEST_UUID

_POINT, _ZERO = b".0"

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Truths = NDArray[np.bool_]
Texts = NDArray[np.bytes_]


def decimals_of(data: Bytes, starts: Ints, ends: Ints, decimals: int, good: Truths) -> Ints:
    """Exact counts of ``10**-decimals``; clears ``good`` for anything but a short number.

    With decimals 0 neither a point nor an exponent is accepted.
    """
    plain: Truths = np.ones(len(starts), np.bool_)
    value = _plain_decimals(data, starts, ends, decimals, plain)
    if decimals and not plain.all():
        rest = np.flatnonzero(~plain)
        value[rest], plain[rest] = _with_exponents(data, starts[rest], ends[rest], decimals)
    good &= plain
    return value


def _with_exponents(data: Bytes, starts: Ints, ends: Ints, decimals: int) -> tuple[Ints, Truths]:
    """Numbers that are written with an exponent, and which of them are such."""
    length = ends - starts
    back = np.zeros(len(starts), np.int64)  # of the letter from the end
    for place in range(2, 6):
        letter = data[np.maximum(ends - place, 0)] | 0x20
        back = np.where((back == 0) & (length > place) & (letter == ord("e")), place, back)
    good = back > 0
    mark = ends - back
    sign = data[np.minimum(mark + 1, len(data) - 1)]
    signed = (sign == ord("-")) | (sign == ord("+"))
    value = _plain_decimals(data, starts, mark, decimals, good)
    exponent = _plain_decimals(data, mark + 1 + signed, ends, 0, good)
    good &= exponent <= MOST_DIGITS
    power = 10 ** np.minimum(exponent, MOST_DIGITS)
    quotient, rest = np.divmod(value, power)
    shrinks = sign == ord("-")
    good &= np.where(shrinks, rest == 0, value < 10**MOST_DIGITS // power)
    return np.where(shrinks, quotient, np.where(good, value, 0) * power), good


def _plain_decimals(data: Bytes, starts: Ints, ends: Ints, decimals: int, good: Truths) -> Ints:
    """Exact counts of ``10**-decimals``; clears ``good`` for anything but a short plain number.

    With decimals 0 a point is not accepted.
    """
    length = ends - starts
    value = np.zeros(len(starts), np.int64)
    if not len(starts):
        return value
    longest = min(int(length.max()), MOST_DIGITS + 1)
    even = int(length.min()) == longest  # all of one length: nothing to mask
    scale = np.ones(len(starts), np.int64)  # of the next digit to the left
    behind = np.zeros(len(starts), np.int64)  # digits behind the point
    points = np.zeros(len(starts), np.int64)
    for back in range(longest):
        at = ends - 1 - back
        character = data[at] if even else data[np.maximum(at, 0)]
        digit = character - np.uint8(_ZERO)  # wraps round below "0"
        is_digit = digit <= 9
        if not even:
            is_inside = back < length
            is_digit &= is_inside
        if decimals:
            is_point = character == _POINT
            if not even:
                is_point &= is_inside
            if is_point.any():
                behind[is_point] = back
                points += is_point
            value += np.where(is_digit, digit, 0) * scale
            # Numbers beyond eighteen digits are not good, so a scale that overflows does no harm.
            scale = np.where(is_digit, scale * 10, scale) if back < MOST_DIGITS else scale
        elif even:
            value += digit * np.int64(10 ** min(back, MOST_DIGITS))
        else:
            value += np.where(is_digit, digit, 0) * np.int64(10 ** min(back, MOST_DIGITS))
        accepted = is_digit | is_point if decimals else is_digit
        good &= accepted if even else accepted | ~is_inside
    whole = length - behind - points
    good &= (points <= 1) & (length <= longest) & (whole >= 1) & (whole <= MOST_DIGITS - decimals)
    if decimals:
        good &= (behind <= decimals) & ((points == 0) | (behind >= 1))
        powers = 10 ** np.arange(decimals + 1, dtype=np.int64)
        value *= powers[decimals - np.minimum(behind, decimals)]
    return value


def words_of(
    data: Bytes, starts: Ints, ends: Ints, spellings: tuple[tuple[bytes, bool], ...], good: Truths
) -> Truths:
    """The meaning of each word; clears ``good`` for unknown spellings."""
    length = ends - starts
    meaning = np.zeros(len(starts), np.bool_)
    known = np.zeros(len(starts), np.bool_)
    for word, means in spellings:
        same = length == len(word)
        if not same.any():
            continue
        for place, letter in enumerate(word):
            same &= data[np.minimum(starts + place, len(data) - 1)] == letter
        known |= same
        if means:
            meaning |= same
    good &= known
    return meaning


def texts_of(data: Bytes, starts: Ints, ends: Ints, good: Truths) -> Texts:
    """Short texts, padded with zeros as NumPy has them; clears ``good`` for longer ones."""
    length = ends - starts
    width = max(1, min(int(length.max(initial=0)), WIDEST_UUID))
    texts = np.zeros((len(starts), width), np.uint8)
    for place in range(width):
        inside = place < length
        texts[:, place] = np.where(inside, data[np.where(inside, starts + place, 0)], 0)
    good &= (length <= WIDEST_UUID) & (texts < 128).all(axis=1) & (texts != ord('"')).all(axis=1)
    return texts.view(f"S{width}")[:, 0]
