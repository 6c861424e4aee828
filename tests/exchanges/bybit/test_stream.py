"""Bybit v5 linear: frames to trades, and nothing but FrameError for anything else."""

from __future__ import annotations

import json
from decimal import Decimal

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.exchanges.bybit import rest as bybit_rest
from orderflow_dash.exchanges.bybit.stream import BybitProtocol
from orderflow_dash.exchanges.protocol import FrameError, Rejected, TickerBatch, TradeBatch
from orderflow_dash.market import Venue
from tests.exchanges.frames import LISTED, NOW, print_row, public_trade
from tests.exchanges.fuzz import assert_only_frame_errors, json_values

GOOD = (NOW - 10, 753843954913, 651_142, -4)
UID = "a9188a0a-82bc-50de-be60-03eedbe3cdd7"


GRID = LISTED["BTCUSDT"].grid


def read(frame):
    """One frame on a fresh connection."""
    return BybitProtocol(LISTED).receive(frame, NOW)


def test_a_print_is_read_exactly():
    """Time, cross sequence, ticks, signed lots and the uuid."""
    assert read(public_trade(print_row())) == TradeBatch("BTCUSDT", [GOOD], [UID], grid=GRID)
    assert read(public_trade(print_row(S="Buy")).encode()).trades[0][3] == 4


def test_a_message_of_many_prints_keeps_their_order():
    """One batch, in the order of the message, one uuid for each trade."""
    rows = [print_row(i=str(n), seq=n, v=f"0.00{n}") for n in range(1, 6)]
    batch = read(public_trade(*rows))
    assert [(order, quantity) for _, order, _, quantity in batch.trades] == [(n, -n) for n in range(1, 6)]
    assert batch.uids == ["1", "2", "3", "4", "5"]


def test_block_trades_are_left_out_and_rpi_prints_count():
    """Block trades are made off the book; retail price improvement is a trade of the book."""
    batch = read(public_trade(print_row(BT=True, i="a"), print_row(RPI=True, i="b")))
    assert (batch.trades, batch.uids, batch.excluded) == ([GOOD], ["b"], 1)


def test_older_frames_without_the_newer_fields_are_read():
    """BT and seq may be missing."""
    assert read(public_trade(print_row(BT=..., RPI=..., seq=...))).trades == [(GOOD[0], 0, *GOOD[2:])]


BAD_ROWS = [
    ("p", value)
    for value in (..., None, 1.5, "", "NaN", "1e3", "-1.0", "0", "1." + "0" * 18 + "1", "9" * 40, [])
] + [
    ("v", value) for value in (..., None, 1, "", "Infinity", "-1", "0", "9" * 40, ["1"])
] + [
    ("T", value) for value in (..., None, "1", -1, 0, 1.5, 10**30, [], True)
] + [
    ("s", value) for value in (..., None, 7, "ETHUSDT", "")
] + [
    ("S", value) for value in (..., None, "buy", "", 1)
] + [
    ("i", value) for value in (..., None, "", "x" * 65, 7, {})
] + [
    ("seq", value) for value in (None, "1", -1, 1 << 62)
] + [
    ("BT", value) for value in (None, "false", 0)
]  # fmt: skip


@pytest.mark.parametrize("ts", [NOW, NOW + 23 * 3_600_000])
def test_rows_ahead_of_the_clock_report_their_latest_time(ts):
    """Whatever the frame's own time says; the other rows count."""
    hour = 3_600_000
    rows = [print_row(i="1"), print_row(i="2", T=NOW + 23 * hour), print_row(i="3", T=NOW + hour)]
    batch = read(public_trade(*rows, ts=ts))
    assert (batch.trades, batch.uids, batch.malformed, batch.ahead) == ([GOOD], ["1"], 2, NOW + 23 * hour)
    assert batch.lost == ((NOW + 1_000, "2"), (NOW + 1_000, "3"))


@pytest.mark.parametrize(("field", "value"), BAD_ROWS)
def test_one_bad_row_costs_only_itself(field, value):
    """The good rows before and after it count, with their own uuids."""
    frame = public_trade(print_row(i="1"), print_row(i="2"), print_row(i="4"))
    rows = orjson.loads(frame)["data"]
    rows.insert(2, print_row(**{"i": "3", field: value}))
    batch = read(public_trade(*rows))
    assert (batch.trades, batch.uids, batch.malformed) == ([GOOD] * 3, ["1", "2", "4"], 1)
    assert len(batch.lost) == 1
    assert NOW - 3_600_000 < batch.lost[0][0] <= NOW + 1_000


@pytest.mark.parametrize("ahead", [0, 7, 5_000])
def test_a_lost_row_has_its_own_time_where_the_clock_is_behind(ahead):
    """The recent trades have it at that time; a hole that ends earlier would close without it."""
    assert read(public_trade(print_row(p="x", T=NOW + ahead))).lost == ((NOW + ahead, UID),)


@pytest.mark.parametrize("row", [None, 1, "x", [], {}, [[]]])
def test_a_row_that_is_not_an_object_is_skipped_alone(row):
    """Foreign values among the rows are counted."""
    batch = read(public_trade(row, print_row()))
    assert batch == TradeBatch("BTCUSDT", [GOOD], [UID], malformed=1, grid=GRID, lost=[(NOW + 1_000, "")])


def test_an_unlisted_symbol_counts_as_malformed():
    """Nothing is known of its tick and lot."""
    frame = public_trade(print_row(s="NOPEUSDT"), topic="publicTrade.NOPEUSDT")
    assert read(frame) == TradeBatch("NOPEUSDT", [], [], malformed=1, lost=((NOW - 10, UID),))


def test_rows_off_the_tick_or_lot_refine_the_grid_of_the_frame():
    """Every row of the frame counts on one grid, those before the finer one too."""
    rows = [print_row(i="1"), print_row(i="2", p="65114.25"), print_row(i="3", v="0.0045"), print_row(i="4")]
    batch = read(public_trade(*rows))
    exact = [(batch.grid.price.text(p), batch.grid.quantity.text(abs(q))) for _, _, p, q in batch.trades]
    assert exact == [
        ("65114.20", "0.0040"), ("65114.25", "0.0040"), ("65114.20", "0.0045"), ("65114.20", "0.0040")
    ]  # fmt: skip
    assert (batch.malformed, batch.lost) == (0, ())


@pytest.mark.parametrize(
    "frame",
    [
        '{"topic":"publicTrade.BTCUSDT"}', '{"topic":"publicTrade.BTCUSDT","data":{}}',
        '{"topic":"publicTrade.BTCUSDT","data":null}', '{"topic":"publicTrade.BTCUSDT","data":[],"ts":"x"}',
        '{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1', public_trade(print_row())[:-9],
    ],
)  # fmt: skip
def test_an_unreadable_trade_frame_is_lost_for_its_symbol(frame):
    """No id of this venue would show it."""
    assert read(frame) == TradeBatch("BTCUSDT", [], [], malformed=1, lost=[(NOW + 1_000, "")])


@pytest.mark.parametrize(
    "frame",
    [
        "", "{", "null", "1", "[1]", "{}", b"\xff", "\ud800", "[" * 5_000, '{"topic":7}', "<html></html>",
    ],
)  # fmt: skip
def test_an_unreadable_frame_raises_frame_error(frame):
    """Not JSON, or JSON of an unknown form."""
    with pytest.raises(FrameError):
        read(frame)


@pytest.mark.parametrize("depth", [10, 900, 985, 990, 1_000, 1_010, 1_015, 1_020, 1_024, 2_000])
@pytest.mark.parametrize("shape", ['{"topic":"publicTrade.BTCUSDT","data":[%s]}',
                                   '{"topic":"publicTrade.BTCUSDT","data":[{"T":%s}]}',
                                   '{"topic":"tickers.BTCUSDT","data":%s}'])  # fmt: skip
def test_nests_of_any_depth_are_survived(shape, depth):
    """Between the depths that two decoders refuse there is none that ends the connection."""
    assert_only_frame_errors(BybitProtocol(LISTED), shape % ("[" * depth + "]" * depth))


NAMES = [
    "topic", "data", "ts", "T", "s", "S", "v", "p", "i", "BT", "RPI", "seq", "op", "success", "ret_msg",
    "req_id", "args",
]  # fmt: skip
TEXTS = ["publicTrade.BTCUSDT", "publicTrade.", "tickers.X", "Buy", "BTCUSDT", "1.0"]
values = json_values(NAMES, TEXTS)


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_arbitrary_bytes_raise_nothing_but_frame_errors(frame):
    """A line of noise is counted, not fatal."""
    assert_only_frame_errors(BybitProtocol(LISTED), frame)


@given(values)
def test_arbitrary_json_raises_nothing_but_frame_errors(message):
    """Any JSON document, with the venue's own names in it."""
    assert_only_frame_errors(BybitProtocol(LISTED), json.dumps(message))


@given(
    st.dictionaries(st.sampled_from(NAMES), values, max_size=3),
    st.dictionaries(st.sampled_from(NAMES), values, max_size=2),
    st.integers(0, 300),
)
def test_mutated_frames_raise_nothing_but_frame_errors(row, top, cut):
    """Good frames with foreign values in rows and around them, whole or cut short."""
    frame = public_trade(print_row(), {**print_row(), **row}, **top)
    protocol = BybitProtocol(LISTED)
    assert_only_frame_errors(protocol, frame)
    assert_only_frame_errors(protocol, frame[:cut])


def reply(**fields):
    """A reply of the venue."""
    return json.dumps({"success": True, "ret_msg": "", "conn_id": "c", "op": "subscribe", **fields})


def test_a_refusal_names_the_topics_of_its_own_request():
    """One unknown topic refuses the whole request; the reply is matched by its req_id."""
    protocol = BybitProtocol(LISTED)
    one = json.loads(protocol.subscribe(["publicTrade.A", "publicTrade.B"]))
    two = json.loads(protocol.subscribe(["publicTrade.C"]))
    assert (one["op"], one["args"]) == ("subscribe", ["publicTrade.A", "publicTrade.B"])
    assert protocol.receive(reply(req_id=two["req_id"]), NOW) is None
    reason = "error:handler not found,topic:publicTrade.A"
    refused = protocol.receive(reply(success=False, ret_msg=reason, req_id=one["req_id"]), NOW)
    assert refused == Rejected(["publicTrade.A", "publicTrade.B"], reason)
    assert protocol.receive(reply(success=False, ret_msg="no", req_id="?"), NOW) == Rejected([], "no")


def test_already_subscribed_acknowledges_a_single_topic():
    """Of several topics the others were refused with it and need another request."""
    protocol = BybitProtocol(LISTED)
    reason = "error:already subscribed,topic:publicTrade.A"
    one = json.loads(protocol.subscribe(["publicTrade.A"]))["req_id"]
    two = json.loads(protocol.subscribe(["publicTrade.A", "publicTrade.B"]))["req_id"]
    assert protocol.receive(reply(success=False, ret_msg=reason, req_id=one), NOW) is None
    refused = protocol.receive(reply(success=False, ret_msg=reason, req_id=two), NOW)
    assert refused == Rejected(["publicTrade.A", "publicTrade.B"], reason)


@pytest.mark.parametrize(
    "frame",
    [
        '{"success":true,"ret_msg":"pong","conn_id":"c","req_id":"","op":"ping"}',
        '{"op":"pong","args":["1"],"conn_id":"c"}',
        '{"success":true,"ret_msg":"subscribe","conn_id":"c","op":"subscribe"}',
        '{"topic":"orderbook.1.BTCUSDT","data":{}}',
    ],
)
def test_pongs_and_acknowledgements_yield_no_event(frame):
    """They hold no trades."""
    assert read(frame) is None


def test_topics_and_heartbeat():
    """Tickers of BTCUSDT are the pulse; the ping is the venue's own."""
    protocol = BybitProtocol(LISTED)
    assert protocol.trade_topic("BTCUSDT") == "publicTrade.BTCUSDT"
    assert protocol.pulse_topic() == "tickers.BTCUSDT"
    assert BybitProtocol({}).pulse_topic() is None
    assert read('{"topic":"tickers.BTCUSDT","data":{}}') == TickerBatch([])
    assert json.loads(protocol.heartbeat()) == {"op": "ping"}
    assert json.loads(protocol.unsubscribe(["x"]))["op"] == "unsubscribe"


def test_a_real_session_is_read_frame_by_frame(recorded_data):
    """A recorded session: 327 trades, exact to the last digit, each with its own uuid."""
    seen, listed, protocol = set(), {}, None
    with zstandard.open(recorded_data / "cryptofeed/BYBIT.jsonl.zst", "rt") as file:
        for line in file:
            record = orjson.loads(line)
            if record["t"] == "http" and "category=linear" in record["url"]:
                listed, _, cursor = bybit_rest.parse_instruments(Venue.BYBIT, record["data"].encode())
                assert (len(listed), cursor) == (760, "")
                protocol = BybitProtocol(listed)
            if record["t"] != "recv" or record["conn"] != "BYBIT.ws.2":
                continue
            message = orjson.loads(record["data"])
            event = protocol.receive(record["data"], NOW)
            assert isinstance(event, TradeBatch) == message.get("topic", "").startswith("publicTrade.")
            if isinstance(event, TradeBatch):
                instrument = listed[event.symbol]
                assert (event.malformed, event.excluded) == (0, 0)
                for row, trade, uid in zip(message["data"], event.trades, event.uids, strict=True):
                    assert uid == row["i"]
                    assert trade[:2] == (row["T"], row["seq"])
                    assert trade[2] * instrument.tick == Decimal(row["p"])
                    assert trade[3] * instrument.lot == Decimal(row["v"]) * (1 if row["S"] == "Buy" else -1)
                    assert uid not in seen
                    seen.add(uid)
    assert len(seen) == 327
