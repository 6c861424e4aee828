"""Number formats of the page: exact decimals grouped by thousands, signs, short amounts, times and ages.

Money and volumes have two forms. The long form, in tables, figures beside charts and hover texts, has every
digit, with commas between thousands. The short form, in axes, cells and the symbol table, has a few digits
and k, M, B or T for thousand, million, billion and trillion, without a space; no other letters and no
exponent. In both, negative values start with ``−`` (U+2212), and zero has no sign.
``assets/js/chart/model/decimal.mjs`` is the same rule in the browser.

All of it works on decimal text, integers or exact decimals, so no figure passes through a float.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

MINUS: Final = "−"
"""The sign of negative figures on the page, as wide as the plus; CSV and JSON use a hyphen."""

_CHARACTER_PX: Final = 6.6  # a digit at the charts' 11 px
_AXIS_GAP_PX: Final = 8

_SHORT: Final = tuple(
    (Decimal(10) ** power, letter) for power, letter in ((12, "T"), (9, "B"), (6, "M"), (3, "k"))
)


def grouped(text: str) -> str:
    """``"-12345.670"`` as ``"−12,345.670"``: the same digits, thousands marked."""
    sign, digits = (MINUS, text[1:]) if text.startswith("-") else ("", text)
    whole, point, fraction = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{fraction}"


def signed(text: str) -> str:
    """``grouped`` with a plus for positive values; zero has no sign."""
    body = grouped(text)
    if body.startswith(MINUS) or not text.strip("0."):
        return body
    return f"+{body}"


def rounded(value: Fraction, decimals: int) -> str:
    """A non-negative value as text with ``decimals`` decimals, rounded exactly, half up."""
    units = (2 * value.numerator * 10**decimals + value.denominator) // (2 * value.denominator)
    if not decimals:
        return str(units)
    digits = f"{units:0{decimals + 1}d}"
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def axis_texts(values: Sequence[Decimal]) -> list[str]:
    """Short texts of an axis's values: one letter for all, and enough decimals to distinguish them.

    Zero is ``0``.
    """
    largest = max((abs(value) for value in values), default=Decimal(0))
    size, letter = next(((size, letter) for size, letter in _SHORT if largest >= size), (Decimal(1), ""))
    scaled = [(value / size).normalize() for value in values]
    decimals = max((-int(value.as_tuple().exponent) for value in scaled), default=0)
    texts = [f"{abs(value):,.{max(decimals, 0)}f}{letter}" for value in scaled]
    return [
        "0" if not value else f"{MINUS}{text}" if value < 0 else text
        for value, text in zip(scaled, texts, strict=True)
    ]


def axis_margin(texts: Iterable[str], least: int) -> int:
    """The margin for an axis's texts, px: at least ``least``, and enough for the longest text."""
    return max(least, round(_CHARACTER_PX * max(map(len, texts), default=0) + _AXIS_GAP_PX))


def clock(ms: int) -> str:
    """Hour and minute in UTC of a time in ms since the epoch."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M}"


def day_clock(ms: int) -> str:
    """Day, hour and minute in UTC of a time in ms since the epoch."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%d %b %H:%M}"
