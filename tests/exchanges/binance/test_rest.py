"""Binance REST bodies: instruments and tickers, and ValueError for anything else."""

from __future__ import annotations

import json
from decimal import Decimal

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.exchanges.binance import rest as binance_rest
from orderflow_dash.market import Ticker, Venue
from tests.exchanges.fuzz import assert_only_value_errors, json_values


def symbol(**changes):
    """A row of exchangeInfo."""
    row = {
        "symbol": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": "BTC",
        "quoteAsset": "USDT", "pricePrecision": 2, "quantityPrecision": 3,
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001"},
            {"filterType": "MARKET_LOT_SIZE", "stepSize": "1"},
        ],
    }  # fmt: skip
    return {**row, **changes}


def parsed(*rows):
    """Instruments of a body with these rows."""
    return binance_rest.parse_instruments(Venue.BINANCE, json.dumps({"symbols": rows}).encode()).listed


def test_tick_and_lot_come_from_the_filters():
    """Never from pricePrecision, which is finer than the tick."""
    instrument = parsed(symbol())["BTCUSDT"]
    assert (instrument.tick, instrument.lot) == (Decimal("0.1"), Decimal("0.001"))
    assert (instrument.base, instrument.quote, instrument.venue) == ("BTC", "USDT", Venue.BINANCE)


@pytest.mark.parametrize(("kind", "is_marked"), [("PREMARKET", True), ("COIN", False), (None, False)])
def test_a_pre_market_contract_is_listed_and_marked(kind, is_marked):
    """It trades; its underlying does not trade elsewhere yet."""
    assert parsed(symbol(underlyingType=kind))["BTCUSDT"].is_pre_market == is_marked


@pytest.mark.parametrize(
    ("contract", "status", "absent"),
    [
        ("PERPETUAL", "SETTLING", "SETTLING"),
        ("PERPETUAL", "PENDING_TRADING", "PENDING_TRADING"),
        ("PERPETUAL_DELIVERING", "TRADING", "PERPETUAL_DELIVERING"),
        ("CURRENT_QUARTER", "SETTLING", None),
        ("PERPETUAL", None, None),
    ],
)
def test_a_perpetual_that_does_not_trade_has_its_status(contract, status, absent):
    """Other contracts are left out."""
    rows = json.dumps({"symbols": [symbol(contractType=contract, status=status)]}).encode()
    page = binance_rest.parse_instruments(Venue.BINANCE, rows)
    assert (page.listed, page.absent) == ({}, {} if absent is None else {"BTCUSDT": absent})


@pytest.mark.parametrize(
    ("contract", "status", "listed"),
    [
        ("PERPETUAL", "TRADING", True),
        ("TRADIFI_PERPETUAL", "TRADING", True),
        ("CURRENT_QUARTER", "TRADING", False),
        ("NEXT_QUARTER", "TRADING", False),
        ("PERPETUAL_DELIVERING", "TRADING", False),
        ("PERPETUAL", "PENDING_TRADING", False),
        ("PERPETUAL", "SETTLING", False),
        ("PERPETUAL", "CLOSE", False),
        (None, None, False),
    ],
)
def test_only_perpetuals_that_trade_are_listed(contract, status, listed):
    """Contract type and status decide."""
    assert bool(parsed(symbol(contractType=contract, status=status))) is listed


def filters(tick, lot):
    """The filters of a row, with these units in them."""
    return {
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": tick},
            {"filterType": "LOT_SIZE", "stepSize": lot},
        ]
    }


BAD = [
    {"filters": None}, {"filters": []}, {"filters": ["x"]}, {"filters": {"a": 1}},
    {"filters": [{"filterType": []}]}, {"filters": [{"filterType": "PRICE_FILTER", "tickSize": "1"}]},
    filters("0", "1"), filters(0.1, "1"), filters("NaN", "1"), filters("1", None), filters("1", "-1"),
]  # fmt: skip


@pytest.mark.parametrize("changes", BAD)
def test_a_row_that_cannot_be_read_costs_only_itself(changes):
    """The other symbols are listed."""
    assert set(parsed(symbol(symbol="BAD", **changes), "x", None, symbol())) == {"BTCUSDT"}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b"null", b'{"symbols":{}}', b"<html>", b'{"code":-1003}']
)
def test_a_wrong_body_is_a_value_error(body):
    """Not JSON, or JSON without the list."""
    with pytest.raises(ValueError, match=r".+"):
        binance_rest.parse_instruments(Venue.BINANCE, body)


NAMES = ["symbols", "symbol", "contractType", "status", "filters", "filterType", "lastPrice"]
values = json_values(NAMES, ["PERPETUAL", "TRADING", "1.0"], max_leaves=15)


@given(values, st.dictionaries(st.sampled_from(list(symbol())), values, max_size=3))
def test_any_json_is_read_or_a_value_error(body, changes):
    """Nothing else comes out of a venue's answer, however wrong."""
    text = json.dumps(body).encode()
    assert_only_value_errors(
        lambda: binance_rest.parse_instruments(Venue.BINANCE, text),
        lambda: binance_rest.parse_tickers(text),
        lambda: binance_rest.parse_funding(text),
        lambda: binance_rest.parse_open_interest(text),
        lambda: parsed(symbol(**changes)),
    )


def test_tickers_funding_and_open_interest():
    """Each endpoint has its own fields; missing or empty ones are None."""
    rows = [
        {"symbol": "A", "lastPrice": "1.5", "priceChangePercent": "-2.5", "quoteVolume": "7", "closeTime": 9},
        {"symbol": "B", "lastPrice": "", "closeTime": None},
        {"lastPrice": "1"},
        5,
    ]
    assert binance_rest.parse_tickers(json.dumps(rows).encode()) == [
        Ticker("A", Decimal("1.5"), Decimal("-2.5"), Decimal(7), time=9),
        Ticker("B"),
    ]
    rows = [{"symbol": "A", "lastFundingRate": "-0.0001", "time": 3}, {"symbol": "B", "lastFundingRate": ""}]
    assert binance_rest.parse_funding(json.dumps(rows).encode()) == [
        Ticker("A", funding=Decimal("-0.01"), time=3)
    ]
    body = b'{"openInterest":"12.5","symbol":"A","time":4}'
    assert binance_rest.parse_open_interest(body) == [Ticker("A", open_interest=Decimal("12.5"), time=4)]


def test_a_real_exchange_info_is_read(recorded_data):
    """Of a recorded exchangeInfo every perpetual that traded has a tick and lot from its filters."""
    with zstandard.open(recorded_data / "cryptofeed/BINANCE_FUTURES.jsonl.zst", "rt") as file:
        body = next(r["data"] for r in map(orjson.loads, file) if "exchangeInfo" in r.get("url", ""))
    listed = binance_rest.parse_instruments(Venue.BINANCE, body.encode()).listed
    rows = {row["symbol"]: row for row in orjson.loads(body)["symbols"]}
    assert listed
    for name, instrument in listed.items():
        filters = {each["filterType"]: each for each in rows[name]["filters"]}
        assert instrument.tick == Decimal(filters["PRICE_FILTER"]["tickSize"])
        assert instrument.lot == Decimal(filters["LOT_SIZE"]["stepSize"])
    tradable = {n for n, r in rows.items() if (r["contractType"], r["status"]) == ("PERPETUAL", "TRADING")}
    assert set(listed) == tradable


def test_recorded_answers_are_read(recorded_data):
    """Recorded bodies of ticker/24hr, premiumIndex and openInterest give figures."""
    mock = orjson.loads((recorded_data / "gocryptotrader/binance_http.json").read_bytes())["routes"]
    bodies = {path: mock[path]["GET"][-1]["data"] for path in mock if path.startswith("/fapi/v1/")}
    assert binance_rest.parse_tickers(orjson.dumps(bodies["/fapi/v1/ticker/24hr"]))[0].last is not None
    assert binance_rest.parse_funding(orjson.dumps(bodies["/fapi/v1/premiumIndex"]))
    assert binance_rest.parse_open_interest(orjson.dumps(bodies["/fapi/v1/openInterest"]))[0].open_interest


def test_the_venues_clock_is_read():
    """Milliseconds since the epoch; anything else is a ValueError."""
    assert binance_rest.parse_time(b'{"serverTime":1790000000123}') == 1_790_000_000_123
    for wrong in (b"{}", b"[]", b'{"serverTime":"1790000000123"}', b'{"serverTime":5}', b"null"):
        with pytest.raises(ValueError, match="time"):
            binance_rest.parse_time(wrong)
