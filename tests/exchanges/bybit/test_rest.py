"""Bybit REST bodies: instruments and tickers, and ValueError for anything else."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.exchanges.bybit import rest as bybit_rest
from orderflow_dash.market import Ticker, Venue
from tests.exchanges.fuzz import assert_only_value_errors, json_values


def row(**changes):
    """A row of instruments-info."""
    return {
        "symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "BTC",
        "quoteCoin": "USDT", "priceScale": "2", "priceFilter": {"tickSize": "0.10"},
        "lotSizeFilter": {"qtyStep": "0.001"}, **changes,
    }  # fmt: skip


def body(*rows, cursor="", code=0):
    """The venue's envelope around rows."""
    result = {"category": "linear", "list": list(rows), "nextPageCursor": cursor}
    return json.dumps({"retCode": code, "retMsg": "OK", "result": result}).encode()


def parsed(*rows):
    """Instruments of a body with these rows."""
    return bybit_rest.parse_instruments(Venue.BYBIT, body(*rows)).listed


def test_tick_and_lot_come_from_the_filters():
    """Never from priceScale."""
    instrument = parsed(row())["BTCUSDT"]
    assert (instrument.tick, instrument.lot) == (Decimal("0.1"), Decimal("0.001"))
    assert (instrument.base, instrument.quote, instrument.venue) == ("BTC", "USDT", Venue.BYBIT)


def test_the_cursor_of_the_next_page_is_read():
    """An empty or missing cursor means the last page."""
    assert bybit_rest.parse_instruments(Venue.BYBIT, body(row(), cursor="next")).cursor == "next"
    assert bybit_rest.parse_instruments(Venue.BYBIT, body(row(), cursor=None)).cursor == ""


def early(phase):
    """The row of a contract before its launch."""
    info = {"curAuctionPhase": phase, "phases": []}
    return row(symbol="BPUSDT", status="PreLaunch", isPreListing=True, preListingInfo=info)


def test_a_contract_that_trades_before_launch_is_marked():
    """After its opening auction it trades continuously."""
    listed = parsed(early("ContinuousTrading"), row())
    assert listed["BPUSDT"].is_pre_market
    assert not listed["BTCUSDT"].is_pre_market


@pytest.mark.parametrize(
    ("phase", "status"),
    [("CallAuction", "PreLaunch, CallAuction"), ("NotStarted", "PreLaunch, NotStarted"), (None, "PreLaunch")],
)
def test_a_contract_in_its_opening_auction_is_absent(phase, status):
    """Nothing trades yet; the status says so."""
    page = bybit_rest.parse_instruments(Venue.BYBIT, body(early(phase)))
    assert (page.listed, page.absent) == ({}, {"BPUSDT": status})


@pytest.mark.parametrize("status", ["Closed", "Delivering", "Settling"])
def test_a_perpetual_that_stopped_trading_has_its_status(status):
    """Dated contracts are left out."""
    rows = row(symbol="ESUSDT", status=status), row(symbol="D", status=status, contractType="LinearFutures")
    assert bybit_rest.parse_instruments(Venue.BYBIT, body(*rows)).absent == {"ESUSDT": status}


@pytest.mark.parametrize(
    ("contract", "status", "listed"),
    [
        ("LinearPerpetual", "Trading", True),
        ("LinearFutures", "Trading", False),
        ("LinearPerpetual", "PreLaunch", False),
        ("LinearPerpetual", "Closed", False),
        (None, None, False),
    ],
)
def test_only_perpetuals_that_trade_are_listed(contract, status, listed):
    """Contract type and status decide."""
    assert bool(parsed(row(contractType=contract, status=status))) is listed


@pytest.mark.parametrize(
    "changes",
    [
        {"priceFilter": None},
        {"priceFilter": {}},
        {"priceFilter": {"tickSize": "0"}},
        {"priceFilter": {"tickSize": 0.1}},
        {"lotSizeFilter": []},
        {"lotSizeFilter": {"qtyStep": "-1"}},
    ],
)
def test_a_row_that_cannot_be_read_costs_only_itself(changes):
    """The other symbols are listed."""
    assert set(parsed(row(symbol="BAD", **changes), "x", None, row())) == {"BTCUSDT"}


@pytest.mark.parametrize(
    "wrong",
    [
        b"", b"{", b"[]", b"{}", b"null", b"<html>", b'{"retCode":0}', b'{"retCode":0,"result":[]}',
        b'{"retCode":0,"result":{}}', b'{"retCode":0,"result":{"list":{}}}',
        b'{"retCode":10006,"retMsg":"Too many visits!","result":{"list":[]}}',
    ],
)  # fmt: skip
def test_a_wrong_body_is_a_value_error(wrong):
    """Not JSON, a refusal, or an envelope without the list."""
    with pytest.raises(ValueError, match=r".+"):
        bybit_rest.parse_instruments(Venue.BYBIT, wrong)
    with pytest.raises(ValueError, match=r".+"):
        bybit_rest.parse_tickers(wrong)


def test_a_refusal_has_the_venues_words():
    """The reason reaches the page."""
    with pytest.raises(ValueError, match="Too many visits"):
        bybit_rest.parse_tickers(b'{"retCode":10006,"retMsg":"Too many visits!","result":{}}')


NAMES = [*row(), "list"]
values = json_values(NAMES, ["Trading"], max_leaves=15)


@given(values, st.dictionaries(st.sampled_from(list(row())), values, max_size=3))
def test_any_json_is_read_or_a_value_error(anything, changes):
    """Nothing else comes out of a venue's answer, however wrong."""
    wrapped = json.dumps({"retCode": 0, "result": anything}).encode()
    assert_only_value_errors(
        lambda: bybit_rest.parse_instruments(Venue.BYBIT, wrapped),
        lambda: bybit_rest.parse_tickers(wrapped),
        lambda: bybit_rest.parse_tickers(body(anything)),
        lambda: parsed(row(**changes)),
    )


def test_tickers_of_all_symbols():
    """Rates become per cent, open interest one side, empty and missing fields None."""
    rows = [
        {
            "symbol": "A", "lastPrice": "65114.30", "price24hPcnt": "0.001624", "turnover24h": "12.5",
            "fundingRate": "-0.0001", "openInterest": "59891.732", "singleOpenInterest": "29945.866",
        },
        {"symbol": "B", "lastPrice": "", "fundingRate": "", "openInterest": "10"},
        {"symbol": "C"},
        {"lastPrice": "1"},
    ]  # fmt: skip
    assert bybit_rest.parse_tickers(body(*rows)) == [
        Ticker(
            "A",
            Decimal("65114.30"),
            Decimal("0.1624"),
            Decimal("12.5"),
            Decimal("-0.01"),
            Decimal("29945.866"),
        ),
        Ticker("B", open_interest=Decimal(5)),
        Ticker("C"),
    ]


def test_the_venues_clock_is_read():
    """Nanoseconds as text become ms; anything else is a ValueError."""
    body = b'{"retCode":0,"result":{"timeSecond":"1790000000","timeNano":"1790000000123456789"}}'
    assert bybit_rest.parse_time(body) == 1_790_000_000_123
    for wrong in (b"{}", b'{"timeNano":5}', b'{"timeNano":"x"}', b'{"timeNano":"5"}'):
        with pytest.raises(ValueError, match="time"):
            bybit_rest.parse_time(b'{"retCode":0,"result":' + wrong + b"}")
