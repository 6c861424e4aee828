from decimal import Decimal

import pytest

from orderflow_dash.market import Instrument, Ticker, Venue
from orderflow_dash.web.symbols.rows import price_text, row_keys, symbol_row


def test_a_row_shows_the_figures_of_the_venue(instrument) -> None:
    """Last is exact text; open interest is valued at the last price."""
    ticker = Ticker(
        "BTCUSDT",
        last=Decimal("97243.8"),
        change_24h=Decimal("-0.53"),
        volume_24h=Decimal("4470000000"),
        funding=Decimal("0.0119"),
        open_interest=Decimal("1000"),
    )
    row = symbol_row(instrument, ticker)
    assert row["id"] == "demo:BTCUSDT"
    assert (row["last"], row["price"], row["change"]) == ("97,243.8", 97243.8, -0.53)
    assert (row["volume"], row["funding"], row["interest"]) == (4.47e9, 0.0119, 97_243_800.0)


def test_a_figure_that_the_venue_has_not_sent_is_none(instrument) -> None:
    """An unknown figure is not zero."""
    row = symbol_row(instrument, None)
    assert [row[name] for name in ("last", "price", "change", "volume", "funding", "interest")] == [None] * 6


def test_only_the_demo_venue_is_simulated(instrument) -> None:
    """Simulated data is never shown under a real venue's name."""
    assert symbol_row(instrument, None)["simulated"] is True
    for venue in (Venue.BINANCE, Venue.BYBIT):
        real = Instrument(venue, "BTCUSDT", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))
        assert symbol_row(real, None)["simulated"] is False


@pytest.mark.parametrize("is_pre_market", [True, False])
def test_a_pre_market_contract_is_marked(is_pre_market) -> None:
    """The table shows a badge."""
    pair = Decimal("0.1"), Decimal("1")
    contract = Instrument(Venue.BYBIT, "BPUSDT", "BP", "USDT", *pair, is_pre_market=is_pre_market)
    assert symbol_row(contract, None)["pre_market"] is is_pre_market


@pytest.mark.parametrize(
    ("price", "decimals", "expected"),
    [
        ("97243.8", 1, "97,243.8"),
        ("512", 2, "512.00"),
        ("0.0000412", 7, "0.0000412"),
        ("1.25", 1, "1.25"),
        ("100", 0, "100"),
        ("1E+3", 1, "1,000.0"),
    ],
)
def test_a_price_has_the_tick_s_decimals_and_loses_none(price, decimals, expected) -> None:
    """Trailing zeros are kept; a digit beyond the tick is not cut."""
    assert price_text(Decimal(price), decimals) == expected


@pytest.mark.parametrize(
    ("ids", "keys"),
    [
        (["demo:BTCUSDT", "bybit:A"], [(Venue.DEMO, "BTCUSDT"), (Venue.BYBIT, "A")]),
        (["nowhere:A", 5, ["demo:A"]], []),
        (None, []),
        ({"0": "demo:A"}, []),
        ("demo:A", []),
        (["demo:A"] * 9, [(Venue.DEMO, "A")] * 3),
    ],
)
def test_row_ids_of_a_browser_are_read_with_care(ids, keys) -> None:
    """What names no row of a venue is left out, and a list is never longer than asked."""
    assert row_keys(ids, 3) == keys
