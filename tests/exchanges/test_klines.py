"""Kline bodies of both venues: exact integers, bad rows left out, wrong bodies refused."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.exchanges.binance import rest as binance_rest
from orderflow_dash.exchanges.bybit import rest as bybit_rest
from orderflow_dash.market import Instrument, Kline, Venue

T0 = 1_790_000_040_000
INSTRUMENT = Instrument(Venue.BINANCE, "BTCUSDT", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))
BINANCE_ROW = [
    T0, "100.0", "110.50", "90.1", "105.0", "2.500", T0 + 59_999, "250.0", 12, "1.250", "125.0", "0",
]  # fmt: skip
BYBIT_ROW = [str(T0), "100", "110.5", "90.1", "105", "2.5", "250"]


def bybit(*rows, code=0, symbol="BTCUSDT"):
    """The venue's envelope."""
    result = {"category": "linear", "symbol": symbol, "list": list(rows)}
    return json.dumps({"retCode": code, "retMsg": "refused here", "result": result}).encode()


def changed(row, **columns):
    """A row with other values, by column number."""
    return [columns.get(f"c{number}", value) for number, value in enumerate(row)]


def test_binance_klines_are_exact():
    """Prices in ticks, volumes in lots, with taker-buy volume and count; old to new."""
    later = changed(BINANCE_ROW, c0=T0 + 60_000)
    klines = binance_rest.parse_klines(json.dumps([later, BINANCE_ROW]).encode(), INSTRUMENT)
    assert klines[0] == Kline(T0, 1000, 1105, 901, 1050, 2500, 1250, 12, INSTRUMENT.grid)
    assert [kline.open_ts for kline in klines] == [T0, T0 + 60_000]


def test_bybit_klines_are_exact_and_turned():
    """Newest first becomes old to new, without buy volume and count."""
    klines = bybit_rest.parse_klines(bybit(changed(BYBIT_ROW, c0=str(T0 + 60_000)), BYBIT_ROW), INSTRUMENT)
    assert klines[0] == Kline(T0, 1000, 1105, 901, 1050, 2500, grid=INSTRUMENT.grid)
    assert [kline.open_ts for kline in klines] == [T0, T0 + 60_000]


def test_a_kline_off_the_tick_or_lot_comes_with_a_finer_grid():
    """Of a page, only the rows from there on."""
    later = changed(BINANCE_ROW, c0=T0 + 60_000, c4="104.95", c5="2.5001")
    first, second = binance_rest.parse_klines(json.dumps([BINANCE_ROW, later]).encode(), INSTRUMENT)
    assert (first.close, first.grid) == (1050, INSTRUMENT.grid)
    assert (second.grid.price.text(second.close), second.grid.quantity.text(second.volume)) == (
        "104.95",
        "2.5001",
    )
    row = changed(BYBIT_ROW, c2="110.55", c5="2.50001")
    (kline,) = bybit_rest.parse_klines(bybit(row), INSTRUMENT)
    assert (kline.grid.price.text(kline.high), kline.grid.quantity.text(kline.volume)) == (
        "110.55",
        "2.50001",
    )


BAD_BINANCE = [
    changed(BINANCE_ROW, c0="x"), changed(BINANCE_ROW, c0=T0 + 1), changed(BINANCE_ROW, c0=True),
    changed(BINANCE_ROW, c2="99"), changed(BINANCE_ROW, c3="0"),
    changed(BINANCE_ROW, c4="1e2"), changed(BINANCE_ROW, c5="-2.5"), changed(BINANCE_ROW, c5=2.5),
    changed(BINANCE_ROW, c9="2.501"), changed(BINANCE_ROW, c9=None), changed(BINANCE_ROW, c8="12"),
    BINANCE_ROW[:5], [], {}, "x" * 12, None, 5,
]  # fmt: skip


@pytest.mark.parametrize("row", BAD_BINANCE, ids=range(len(BAD_BINANCE)))
def test_a_bad_binance_row_is_left_out(row):
    """The good one beside it counts."""
    body = json.dumps([row, BINANCE_ROW]).encode()
    assert [kline.open_ts for kline in binance_rest.parse_klines(body, INSTRUMENT)] == [T0]


BAD_BYBIT = [
    changed(BYBIT_ROW, c0=T0), changed(BYBIT_ROW, c0="-60000"), changed(BYBIT_ROW, c0=str(T0 + 5)),
    changed(BYBIT_ROW, c3="101"), changed(BYBIT_ROW, c5=""),
    changed(BYBIT_ROW, c5=None), BYBIT_ROW[:4], [], {}, None, "nothing",
]  # fmt: skip


@pytest.mark.parametrize("row", BAD_BYBIT, ids=range(len(BAD_BYBIT)))
def test_a_bad_bybit_row_is_left_out(row):
    """The good one beside it counts."""
    klines = bybit_rest.parse_klines(bybit(row, BYBIT_ROW), INSTRUMENT)
    assert [kline.open_ts for kline in klines] == [T0]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"code":-1121,"msg":"Invalid symbol."}', b"5"])
def test_a_wrong_binance_body_is_refused(body):
    """ValueError, for klines and for trades."""
    with pytest.raises(ValueError, match=r".+"):
        binance_rest.parse_klines(body, INSTRUMENT)
    with pytest.raises(ValueError, match=r".+"):
        binance_rest.parse_agg_volumes(body)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", bybit(code=10001), bybit(symbol="ETHUSDT"), b'{"retCode":0,"result":{}}']
)
def test_a_wrong_bybit_body_is_refused(body):
    """ValueError, also for the klines of another symbol."""
    with pytest.raises(ValueError, match=r".+"):
        bybit_rest.parse_klines(body, INSTRUMENT)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


@given(json_values, st.integers(0, 11), json_values)
def test_nothing_else_is_ever_raised(value, column, odd):
    """Whatever JSON comes, the parsers give klines or ValueError."""
    row = changed(BINANCE_ROW, **{f"c{column}": odd})
    short = changed(BYBIT_ROW, **{f"c{column}": odd})
    for parse in (
        lambda: binance_rest.parse_klines(json.dumps(value).encode(), INSTRUMENT),
        lambda: binance_rest.parse_klines(json.dumps([row]).encode(), INSTRUMENT),
        lambda: binance_rest.parse_agg_volumes(json.dumps(value).encode()),
        lambda: bybit_rest.parse_klines(json.dumps(value).encode(), INSTRUMENT),
        lambda: bybit_rest.parse_klines(bybit(short), INSTRUMENT),
    ):
        with contextlib.suppress(ValueError):
            parse()


def test_volumes_with_and_without_rpi():
    """Both volumes of an aggregate trade, and its side; a missing volume is None."""
    rows = [
        {"a": 5, "p": "1", "q": "0.016", "nq": "0.010", "f": 1, "l": 2, "T": T0, "m": True},
        {"a": 6, "p": "1", "q": "0.5", "f": 3, "l": 3, "T": T0 + 1, "m": False},
    ]
    first, second = binance_rest.parse_agg_volumes(json.dumps(rows).encode())
    assert first == (5, T0, Decimal("0.016"), Decimal("0.010"), False)
    assert second == (6, T0 + 1, Decimal("0.5"), None, True)


def test_queries_ask_for_whole_ranges():
    """Both bounds are opens and both are included."""
    asked = binance_rest.klines_query("BTCUSDT", T0, T0 + 120_000)
    assert (asked["startTime"], asked["endTime"], asked["limit"]) == (T0, T0 + 120_000, 3)
    asked = bybit_rest.klines_query("BTCUSDT", T0, T0)
    assert (asked["start"], asked["end"], asked["limit"], asked["interval"]) == (T0, T0, 1, "1")


def test_recorded_klines_are_read(recorded_data):
    """Every row of a recorded body gives a kline."""
    mock = orjson.loads((recorded_data / "gocryptotrader/binance_http.json").read_bytes())["routes"]
    rows = mock["/fapi/v1/klines"]["GET"][-1]["data"]
    fine = Instrument(Venue.BINANCE, "X", "X", "USDT", Decimal("0.00000001"), Decimal("0.00000001"))
    minutes = [row for row in rows if not row[0] % 60_000]
    assert minutes
    assert len(binance_rest.parse_klines(orjson.dumps(rows), fine)) == len({row[0] for row in minutes})


def test_hours_are_asked_for_without_a_time() -> None:
    """The newest hours, whatever our clock says, at the least weight."""
    assert binance_rest.hours_query("BTCUSDT", 24) == {"symbol": "BTCUSDT", "interval": "1h", "limit": 24}
    assert bybit_rest.hours_query("BTCUSDT", 24) == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "interval": "60",
        "limit": 24,
    }
