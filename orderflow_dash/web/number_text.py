"""How numbers read on the page: exact decimals grouped by thousands, signs, times and ages.

All of it works on decimal text or integers, so no figure passes through a float.
"""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

MINUS: Final = "−"
"""Before every figure below zero that a person reads, as wide as the plus; machines get a hyphen."""


def grouped(text: str) -> str:
    """``"-12345.670"`` as ``"−12,345.670"``: the same digits, thousands marked."""
    sign, digits = (MINUS, text[1:]) if text.startswith("-") else ("", text)
    whole, point, fraction = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{fraction}"


def signed(text: str) -> str:
    """``grouped`` with a plus before what is above zero; zero has no sign."""
    body = grouped(text)
    if body.startswith(MINUS) or not text.strip("0."):
        return body
    return f"+{body}"


def rounded(value: Fraction, decimals: int) -> str:
    """A value of zero or more as decimal text with so many decimals, rounded exactly, halves up."""
    units = (2 * value.numerator * 10**decimals + value.denominator) // (2 * value.denominator)
    if not decimals:
        return str(units)
    digits = f"{units:0{decimals + 1}d}"
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def clock(ms: int) -> str:
    """Hour and minute in UTC of a time in ms since the epoch."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M}"


def day_clock(ms: int) -> str:
    """Day, hour and minute in UTC of a time in ms since the epoch."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%d %b %H:%M}"


def age(ms: int) -> str:
    """A short age: tenths of a second below ten seconds, then seconds, minutes, hours."""
    if ms < 10_000:
        return f"{max(ms, 0) / 1000:.1f} s"
    if ms < 120_000:
        return f"{ms // 1000} s"
    if ms < 7_200_000:
        return f"{ms // 60_000} min"
    return f"{ms // 3_600_000} h"
