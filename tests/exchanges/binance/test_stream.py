"""Binance USD-M: frames to trades and tickers, and nothing but FrameError for anything else."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.exchanges.binance.stream import BinanceProtocol, market_stream_url
from orderflow_dash.exchanges.protocol import (
    AheadOfClock,
    FrameError,
    ListingChanged,
    ReconnectAsked,
    Rejected,
    TradeBatch,
)
from orderflow_dash.market import Ticker
from tests.exchanges.frames import LISTED, NOW, aggregate, combined, fill
from tests.exchanges.fuzz import assert_only_frame_errors, json_values


def read(frame, now=NOW, listed=LISTED):
    """One frame on a fresh connection."""
    return BinanceProtocol(listed).receive(frame, now)


@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_aggregate_is_read_in_both_forms(wrapped, as_bytes):
    """Combined or raw, text or bytes: time, id, ticks and signed lots."""
    frame = combined(aggregate()) if wrapped else json.dumps(aggregate())
    batch = read(frame.encode() if as_bytes else frame)
    assert batch == TradeBatch(
        "BTCUSDT", [(NOW - 1_126, 3478018549, 834_344, -16)], grid=LISTED["BTCUSDT"].grid
    )


def test_the_buyer_as_maker_means_an_aggressive_seller():
    """m=true counts as bid volume (negative), m=false as ask volume."""
    assert read(combined(aggregate(m=True))).trades[0][3] == -16
    assert read(combined(aggregate(m=False))).trades[0][3] == 16


def test_q_counts_and_nq_does_not():
    """The quantity includes RPI fills, with or without the quantity that leaves them out."""
    assert read(combined(aggregate(q="0.020", nq="0.004"))).trades[0][3] == -20
    assert read(combined(aggregate(nq=..., st=...))).trades[0][3] == -16


@pytest.mark.parametrize("make", [aggregate, fill])
def test_a_trade_off_the_tick_or_lot_comes_with_a_finer_grid(make):
    """The venue changed its tick or lot, or an order from before the change was hit."""
    protocol = BinanceProtocol(LISTED)
    for price, quantity in [("83434.45", "0.016"), ("83434.4", "0.0165"), ("83434.40", "0.016")]:
        batch = protocol.receive(combined(make(p=price, q=quantity)), NOW)
        _, _, ticks, lots = batch.trades[0]
        assert batch.grid.price.decimal(ticks) == Decimal(price)
        assert batch.grid.quantity.decimal(-lots) == Decimal(quantity)


def test_coin_margined_frames_are_left_alone():
    """st=2 is another market: neither a trade nor an error."""
    assert read(combined(aggregate(st=2))) is None
    assert read(combined(fill(st=2))) is None


@pytest.mark.parametrize("kind", ["INSURANCE_FUND", "ADL", "NA", "SOMETHING_NEW"])
def test_prints_off_the_market_use_their_id_up_without_volume(kind):
    """The id counts for continuity, price and volume do not."""
    changes = {"p": "0", "q": "0"} if kind == "NA" else {"p": "28722.50"}
    batch = read(combined(fill(X=kind, **changes)))
    assert batch == TradeBatch("BTCUSDT", [(NOW - 977, 8121136411, 0, 0)], excluded=1)


def test_a_change_of_the_listing_is_an_event():
    """USD-M only: the stream mixes in COIN-M."""
    change = {"e": "contractInfo", "E": NOW, "s": "NEWUSDT", "ct": "PERPETUAL", "cs": "TRADING", "st": 1}
    assert read(combined(change, "!contractInfo")) == ListingChanged("NEWUSDT")
    assert read(combined({**change, "st": 2}, "!contractInfo")) is None
    del change["st"]
    assert read(json.dumps(change)) == ListingChanged("NEWUSDT")


@pytest.mark.parametrize("kind", ["MARKET", "RPI"])
def test_market_and_rpi_fills_count(kind):
    """A kline's volume holds both."""
    assert read(combined(fill(X=kind))).trades == [(NOW - 977, 8121136411, 836_800, -1)]


def test_an_aggregate_slightly_ahead_of_the_clock_counts():
    """The estimate of the venue's clock may lag."""
    batch = read(combined(aggregate()), now=NOW - 50_000)
    assert batch.trades == [(NOW - 1_126, 3478018549, 834_344, -16)]


@pytest.mark.parametrize("frame", [aggregate, fill])
def test_a_frames_own_time_proves_nothing(frame):
    """Event and trade time of one frame may be wrong together."""
    later = NOW + 23 * 3_600_000
    with pytest.raises(AheadOfClock) as raised:
        read(combined(frame(E=later, T=later)))
    assert raised.value.time == later


UNCOUNTABLE = [
    ("p", value) for value in ("", "x", "NaN", "1e3", "-1.0", "0", "1." + "0" * 18 + "1", "9" * 40)
] + [
    ("q", value) for value in ("", "x", "Infinity", "-1", "0", "9" * 40)
]  # fmt: skip
BAD_FIELDS = [
    ("p", value) for value in (..., None, 1.5, [], {})
] + [
    ("q", value) for value in (..., None, 1, ["1"])
] + [
    ("T", value) for value in (..., None, "1", -1, 0, 1.5, 10**30, NOW + 31 * 86_400_000, [], True)
] + [
    ("s", value) for value in (..., None, 7, "", "NOPEUSDT", "btcusdt", [])
] + [
    ("m", value) for value in (..., None, "true", 1, [])
] + [
    ("st", value) for value in (None, "1", [])
]  # fmt: skip


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    ("field", "value"), [*BAD_FIELDS, *[("a", v) for v in (..., None, "1", -1, 1.5, 1 << 62)]]
)
def test_a_malformed_field_of_an_aggregate_is_a_frame_error(field, value, wrapped):
    """Every field is checked at the edge, and the connection reads on as if nothing had come."""
    protocol = BinanceProtocol(LISTED)
    payload = aggregate(**{field: value})
    with pytest.raises(FrameError):
        protocol.receive(combined(payload) if wrapped else json.dumps(payload), NOW)
    assert protocol.receive(combined(aggregate()), NOW).trades == [(NOW - 1_126, 3478018549, 834_344, -16)]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(("field", "value"), UNCOUNTABLE)
def test_an_aggregate_that_cannot_be_counted_is_lost_by_its_id(field, value, wrapped):
    """Its id is known, so the hole it leaves is known at once."""
    protocol = BinanceProtocol(LISTED)
    payload = aggregate(**{field: value})
    batch = protocol.receive(combined(payload) if wrapped else json.dumps(payload), NOW)
    assert (batch.trades, batch.malformed, batch.lost) == ([], 1, ((NOW - 1_126, 3478018549),))
    assert protocol.receive(combined(aggregate()), NOW).trades == [(NOW - 1_126, 3478018549, 834_344, -16)]


@pytest.mark.parametrize(
    ("field", "value"), [*BAD_FIELDS, *UNCOUNTABLE, *[("t", v) for v in (..., None, "1", -1)]]
)
def test_a_malformed_field_of_a_fill_is_a_frame_error(field, value):
    """As for aggregates; and aggregates of the symbol are read afterwards."""
    protocol = BinanceProtocol(LISTED)
    with pytest.raises(FrameError):
        protocol.receive(combined(fill(**{field: value})), NOW)
    assert protocol.receive(combined(aggregate()), NOW).trades


def test_fills_and_aggregates_of_a_symbol_never_mix():
    """A fill beside aggregates is refused; aggregates take precedence, being subscribed to."""
    protocol = BinanceProtocol(LISTED)
    assert protocol.receive(combined(fill()), NOW).trades
    assert protocol.receive(combined(aggregate()), NOW).trades
    with pytest.raises(FrameError, match="beside aggregates"):
        protocol.receive(combined(fill()), NOW)
    assert protocol.receive(combined(fill(s="ETHUSDT", p="1.00")), NOW).trades
    assert protocol.receive(combined(aggregate()), NOW).trades


@pytest.mark.parametrize(
    "frame",
    [
        "", "{", "null", "1", "[1,2,3]", '"x"', "{}", b"\xff\xfe", "\ud800", '{"event":{}}', '{"event":[]}',
        '{"stream":"x"}', '{"stream":"x","data":null}', '{"stream":"x","data":{}}', '{"e":"aggTrade"}',
        '{"e":"trade","s":"BTCUSDT"}', '{"e":null}', '{"e":[]}', "<html></html>", "[" * 5_000,
        '{"stream":' * 2_000, '{"data":' + "[" * 990 + "]" * 990 + "}", "[[]]", '[{"e":"24hrTicker"}]',
        '{"e":"24hrTicker","s":7}',
    ],
)  # fmt: skip
def test_an_unreadable_frame_raises_frame_error(frame):
    """Not JSON, JSON of an unknown form, deeply nested or cut off: always FrameError."""
    with pytest.raises(FrameError):
        read(frame)


NAMES = [
    "e", "E", "a", "s", "p", "q", "T", "m", "st", "X", "f", "l", "nq", "stream", "data", "event", "id",
    "error", "code", "result", "c", "P", "r", "t",
]  # fmt: skip
TEXTS = ["aggTrade", "trade", "BTCUSDT", "24hrTicker", "markPriceUpdate", "1.0", "serverShutdown"]
values = json_values(NAMES, TEXTS)


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_arbitrary_bytes_raise_nothing_but_frame_errors(frame):
    """A line of noise is counted, not fatal."""
    assert_only_frame_errors(BinanceProtocol(LISTED), frame)


@given(values)
def test_arbitrary_json_raises_nothing_but_frame_errors(message):
    """Any JSON document, with the venue's own names in it."""
    assert_only_frame_errors(BinanceProtocol(LISTED), json.dumps(message))


@given(
    st.sampled_from([aggregate(), fill()]),
    st.dictionaries(st.sampled_from(NAMES), values, max_size=3),
    st.booleans(),
    st.integers(0, 300),
)
def test_mutated_frames_raise_nothing_but_frame_errors(payload, changes, wrapped, cut):
    """Good frames with foreign values in them, whole or cut short."""
    payload = {**payload, **changes}
    frame = combined(payload) if wrapped else json.dumps(payload)
    protocol = BinanceProtocol(LISTED)
    assert_only_frame_errors(protocol, frame)
    assert_only_frame_errors(protocol, frame[:cut])


def test_tickers_are_read_field_by_field():
    """24 h statistics and mark prices give what the table shows; st=2 rows and bad rows fall out."""
    rows = [
        {"e": "24hrTicker", "E": NOW, "s": "BTCUSDT", "c": "83434.4", "P": "-1.5", "q": "12.5", "st": 1},
        {"e": "24hrTicker", "E": NOW, "s": "BTCUSD_PERP", "c": "1", "P": "1", "q": "1", "st": 2},
        {"e": "markPriceUpdate", "E": NOW, "s": "ETHUSDT", "r": "0.00010000"},
        {"e": "24hrMiniTicker", "E": NOW, "s": "ETHUSDT"},
        {"s": 7},
        "junk",
    ]
    event = read(combined(rows, "!ticker@arr"))
    assert event.malformed == 2
    assert event.tickers == [
        Ticker("BTCUSDT", Decimal("83434.4"), Decimal("-1.5"), Decimal("12.5"), time=NOW),
        Ticker("ETHUSDT", funding=Decimal("0.01"), time=NOW),
    ]


def test_a_ticker_without_its_fields_has_none_in_them():
    """Missing, empty or foreign fields are None, never an error."""
    event = read(json.dumps([{"e": "24hrTicker", "s": "X", "c": "", "P": 5, "E": "x"}]))
    assert event.tickers == [Ticker("X")]
    event = read(json.dumps({"e": "markPriceUpdate", "s": "X", "r": ""}))
    assert event.tickers == [Ticker("X")]


def test_frames_of_other_streams_yield_no_event():
    """A kline is neither an event nor an error."""
    assert read(combined({"e": "kline", "E": NOW, "s": "BTCUSDT", "k": {}})) is None


@pytest.mark.parametrize(
    "frame",
    [
        '{"e":"serverShutdown","E":1}',
        '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}',
        '{"event":{"e":"serverShutdown","E":1}}',
    ],
)
def test_an_announced_shutdown_requests_a_reconnect(frame):
    """Wherever it comes: raw, combined or in an event."""
    assert isinstance(read(frame), ReconnectAsked)


def test_requests_and_replies():
    """An acknowledgement proves nothing; an error names the topics of its own request."""
    protocol = BinanceProtocol(LISTED)
    one = json.loads(protocol.subscribe(["a@aggTrade", "b@aggTrade"]))
    two = json.loads(protocol.subscribe(["c@aggTrade"]))
    gone = json.loads(protocol.unsubscribe(["a@aggTrade"]))
    assert (one["method"], one["params"]) == ("SUBSCRIBE", ["a@aggTrade", "b@aggTrade"])
    assert gone["method"] == "UNSUBSCRIBE"
    assert len({one["id"], two["id"], gone["id"]}) == 3
    assert json.loads(protocol.heartbeat())["method"] == "LIST_SUBSCRIPTIONS"
    assert protocol.receive(json.dumps({"result": None, "id": one["id"]}), NOW) is None
    error = {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": two["id"]}
    assert protocol.receive(json.dumps(error), NOW) == Rejected(["c@aggTrade"], "Too many subscriptions")
    assert protocol.receive(json.dumps({"code": 2, "msg": "Invalid request"}), NOW) == Rejected(
        [], "Invalid request"
    )
    assert protocol.receive(json.dumps({"error": "no", "id": gone["id"]}), NOW) == Rejected([], "no")


def test_topics():
    """Trades are aggregates, lower case; the pulse is BTCUSDT's mark price where that is listed."""
    protocol = BinanceProtocol(LISTED)
    assert protocol.trade_topic("1000PEPEUSDT") == "1000pepeusdt@aggTrade"
    assert protocol.pulse_topic() == "btcusdt@markPrice@1s"
    assert BinanceProtocol({}).pulse_topic() is None


@pytest.mark.parametrize(
    "root",
    [
        "wss://h", "wss://h/", "wss://h/ws", "wss://h/stream", "wss://h/stream/", "wss://h/market",
        "wss://h/market/", "wss://h/market/ws", "wss://h/market/stream", "wss://h/stream?streams=x",
    ],
)  # fmt: skip
def test_every_form_of_the_root_leads_to_the_market_route(root):
    """The retired paths of the user's document are rerouted: they acknowledge and stay silent."""
    assert market_stream_url(root) == "wss://h/market/stream"


def test_a_root_may_have_a_port_and_a_path():
    """A gateway's path stays in front of the route."""
    assert market_stream_url("ws://127.0.0.1:9443/gate/ws") == "ws://127.0.0.1:9443/gate/market/stream"
