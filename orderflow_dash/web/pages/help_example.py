"""The worked example of the help page. All figures are literals; a test compares them with the code."""

from __future__ import annotations

from typing import Final, NamedTuple


class ExampleTrade(NamedTuple):
    """One trade: second of the minute, aggressor, price, quantity, and the running delta after it."""

    second: int
    aggressor: str  # "sold" or "bought"
    price: str
    quantity: str
    running: str


class ExampleLevel(NamedTuple):
    """One level, and whether it has a diagonal imbalance."""

    price: str
    bid: str
    ask: str
    buy: bool = False


class ExampleRow(NamedTuple):
    """One row of the footprint table."""

    bid: str
    ask: str
    delta: str
    cvd: str
    fire: bool


TICK: Final = "0.1"
LOT: Final = "0.1"
STEP: Final = "0.5"

TRADES: Final = (
    ExampleTrade(2, "sold", "100.2", "4.0", "−4.0"),
    ExampleTrade(5, "sold", "100.7", "2.0", "−6.0"),
    ExampleTrade(9, "bought", "99.9", "1.0", "−5.0"),
    ExampleTrade(14, "bought", "100.6", "6.0", "+1.0"),
    ExampleTrade(20, "sold", "101.0", "2.0", "−1.0"),
    ExampleTrade(23, "bought", "101.1", "8.0", "+7.0"),
    ExampleTrade(31, "sold", "101.4", "2.0", "+5.0"),
    ExampleTrade(36, "bought", "101.6", "9.0", "+14.0"),
    ExampleTrade(42, "sold", "102.0", "1.0", "+13.0"),
    ExampleTrade(47, "bought", "102.1", "12.0", "+25.0"),
    ExampleTrade(55, "bought", "102.4", "2.0", "+27.0"),
    ExampleTrade(58, "sold", "102.3", "1.0", "+26.0"),
)

LEVELS: Final = (
    ExampleLevel("102.5", "1.0", "2.0"),
    ExampleLevel("102.0", "1.0", "12.0", buy=True),
    ExampleLevel("101.5", "2.0", "9.0", buy=True),
    ExampleLevel("101.0", "2.0", "8.0", buy=True),
    ExampleLevel("100.5", "2.0", "6.0"),
    ExampleLevel("100.0", "4.0", "1.0"),
)

FIGURES: Final = {
    "open": "100.2",
    "high": "102.4",
    "low": "99.9",
    "close": "102.3",
    "bid": "12.0",
    "ask": "38.0",
    "volume": "50.0",
    "trades": "12",
    "delta": "+26.0",
    "min_delta": "−6.0",
    "max_delta": "+27.0",
    "ratio": "3.17",
    "poc": "102.0",
    "poc_volume": "13.0",
    "value_high": "102.0",
    "value_low": "100.0",
    "value_volume": "47.0",
    "one_row_high": "102.0",
    "one_row_low": "100.5",
    "one_row_volume": "42.0",
    "turnover": "5,068.0",
    "vwap": "101.36",
}

CVD: Final = (("+26.0", "+26.0"), ("−9.0", "+17.0"), ("+3.0", "+20.0"))
"""Delta and CVD of three candles, old to new."""

STEPS: Final = (("95,000", "0.1", "0.5"), ("3,400", "0.01", "0.5"), ("0.21", "0.00001", "0.0001"))
"""Price, tick and default step."""

MOMENTUM: Final = (
    ExampleRow("12.5", "45.3", "+32.8", "+32.8", fire=True),
    ExampleRow("8.2", "38.1", "+29.9", "+62.7", fire=True),
    ExampleRow("15.0", "22.4", "+7.4", "+70.1", fire=False),
)
"""Buyers in control, old to new, from a CVD of 0."""

ABSORPTION: Final = (
    ExampleRow("85.2", "18.3", "−66.9", "−120.5", fire=True),
    ExampleRow("12.1", "55.8", "+43.7", "−76.8", fire=True),
    ExampleRow("5.2", "72.4", "+67.2", "−9.6", fire=True),
)
"""A seller is absorbed, old to new, from a CVD of -53.6."""
