"""The socket's messages: their shapes, and numbers that are exact as text."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import get_type_hints

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.market import Instrument, Quality, State, Timeframe, Venue
from orderflow_dash.wire import (
    CandleMessage,
    DeltaMessage,
    Encoder,
    ErrorMessage,
    LevelMessage,
    SnapshotMessage,
    StatusMessage,
    encode_error,
    encode_status,
)

T0 = 1_790_000_040_000
PRICES = ("open", "high", "low", "close", "poc")
VOLUMES = ("bid", "ask", "delta", "cvd", "min_delta", "max_delta")


def encoder_of(listed: Instrument, timeframe: Timeframe, step: int) -> Encoder:
    """An encoder of candles on the listed grid; ``step`` in ticks."""
    return Encoder(listed, timeframe, step * listed.tick, listed.grid)


def instrument(tick: str, lot: str, symbol: str = "BTCUSDT") -> Instrument:
    """A perpetual with these units."""
    return Instrument(Venue.BYBIT, symbol, "BTC", "USDT", Decimal(tick), Decimal(lot))


def candle(levels, **changes) -> Candle:
    """A candle with these levels."""
    prices = [row[0] for row in levels]
    values = {
        "open_ts": T0, "open": prices[0], "high": max(prices), "low": min(prices), "close": prices[-1],
        "bid": sum(row[1] for row in levels), "ask": sum(row[2] for row in levels), "cvd": -7,
        "n": sum(row[3] for row in levels), "min_delta": -3, "max_delta": 4, "poc": prices[0],
        "levels": np.array(levels, dtype=np.int64), "closed": False, "quality": Quality.PARTIAL, "rev": 12,
    }  # fmt: skip
    return Candle(**{**values, **changes})


def exact(text: str):
    """A message with its numbers as written."""
    return json.loads(text, parse_float=Decimal, parse_int=int)


units = st.integers(0, 10**9)
level_rows = st.lists(
    st.tuples(st.integers(1, 10**9), units, units, st.integers(1, 99)),
    min_size=1,
    max_size=6,
    unique_by=lambda row: row[0],
).map(lambda rows: sorted(rows, reverse=True))


@given(
    level_rows,
    st.sampled_from(["0.1", "0.05", "10", "0.0000001", "0.3", "1"]),
    st.sampled_from(["0.001", "1", "100", "0.00000001"]),
    st.integers(-(10**12), 10**12),
)
def test_every_number_is_decimal_arithmetic_of_units(levels, tick, lot, cvd):
    """Price texts are ticks x tick, volume texts lots x lot, to the last digit, and orjson reads them."""
    made = candle(levels, cvd=cvd)
    text = encoder_of(instrument(tick, lot), Timeframe.M1, 5).candle(made)
    message = exact(text)
    for name in PRICES:
        assert message[name] == getattr(made, name) * Decimal(tick)
    for name in VOLUMES:
        assert message[name] == getattr(made, name) * Decimal(lot)
    for row, level in zip(levels, message["levels"], strict=True):
        assert level == {
            "p": row[0] * Decimal(tick),
            "bid": row[1] * Decimal(lot),
            "ask": row[2] * Decimal(lot),
            "n": row[3],
        }
    assert orjson.loads(text) == json.loads(text)
    assert "e" not in text.replace("levels", "").replace("open", "").replace("close", "").split('"rev"')[1]


@pytest.mark.parametrize(("verified", "text"), [(True, "true"), (False, "false"), (None, "null")])
def test_a_candle_has_its_verification(verified, text):
    """True, false, or null while it was not compared."""
    made = encoder_of(instrument("0.1", "0.001"), Timeframe.M1, 1).candle(
        candle([[3, 1, 2, 1]], verified=verified)
    )
    assert f'"verified":{text},' in made


def test_awkward_units_print_as_they_are():
    """Never 0.30000000000000004, never 1e-7."""
    encoder = encoder_of(instrument("0.1", "0.0000001"), Timeframe.M1, 3)
    text = encoder.candle(candle([[3, 1, 2, 1]], cvd=-1))
    assert '"p":0.3,"bid":0.0000001,"ask":0.0000002,"n":1' in text
    assert '"cvd":-0.0000001' in text
    assert '"step":0.3' in encoder.snapshot([], None, 0)
    assert '"step":30' in encoder_of(instrument("10", "1"), Timeframe.M1, 3).snapshot([], None, 0)


def test_messages_have_exactly_the_fields_of_their_types():
    """Every message matches its type."""
    encoder = encoder_of(instrument("0.1", "0.001"), Timeframe.M5, 5)
    text = encoder.candle(candle([[30, 1, 2, 3]]))
    message = exact(text)
    assert set(message) == set(get_type_hints(CandleMessage))
    assert set(message["levels"][0]) == set(get_type_hints(LevelMessage))
    snapshot = exact(encoder.snapshot([text, text], T0, 5))
    assert set(snapshot) == set(get_type_hints(SnapshotMessage))
    assert snapshot["candles"] == [message, message]
    delta = exact(encoder.delta(text, 5))
    assert set(delta) == set(get_type_hints(DeltaMessage))
    assert delta["candle"] == message
    status = encode_status(Venue.DEMO, "A", State.STALE, 'no "trade"\n', 5)
    assert set(exact(status)) == set(get_type_hints(StatusMessage))
    error = encode_error("bad_parameter", "step", "no")
    assert set(exact(error)) == set(get_type_hints(ErrorMessage))


def test_heads_name_the_series():
    """Type, venue, symbol, timeframe and step, as in the contract."""
    encoder = encoder_of(instrument("0.1", "0.001", 'A"\\B'), Timeframe.M5, 5)
    expected = {
        "exchange": "bybit",
        "symbol": 'A"\\B',
        "tf_ms": 300_000,
        "step": Decimal("0.5"),
        "server_ts": 9,
    }
    snapshot = exact(encoder.snapshot([], T0 + 60_000, 9))
    assert snapshot == {
        "type": "snapshot",
        **expected,
        "cvd_from": (T0 + 60_000) // 300_000 * 300_000,
        "candles": [],
    }
    assert exact(encoder.snapshot([], None, 9))["cvd_from"] is None
    assert exact(encoder.delta("{}", 9)) == {"type": "delta", **expected, "candle": {}}
    assert exact(encode_status(Venue.BYBIT, "A", State.LIVE, "", 9)) == {
        "type": "status", "exchange": "bybit", "symbol": "A", "state": "live", "detail": "", "server_ts": 9,
    }  # fmt: skip
    assert exact(encode_error("unavailable", None, "x")) == {
        "type": "error", "code": "unavailable", "param": None, "message": "x",
    }  # fmt: skip


@pytest.mark.parametrize("quality", Quality)
@pytest.mark.parametrize("closed", [True, False])
def test_words_and_flags_are_json(quality, closed):
    """Quality by name, closed as a boolean, verified unknown so far."""
    encoder = encoder_of(instrument("0.1", "0.001"), Timeframe.M1, 1)
    message = exact(encoder.candle(candle([[1, 1, 1, 1]], quality=quality, closed=closed)))
    assert (message["quality"], message["closed"], message["verified"]) == (quality.value, closed, None)
    assert (message["open_ts"], message["rev"]) == (T0, 12)
