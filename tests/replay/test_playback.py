"""Candles of a replay equal those of the file, through pauses, seeks and speeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from orderflow_dash.market import Venue
from tests.conftest import Served, wait_until
from tests.faults.candles import CandleReader, assert_consistent
from tests.replay.recordings import (
    FORMATS,
    MINUTE,
    MINUTES,
    QUERY,
    START,
    assert_is_files_minute,
    binance_file,
    bybit_file,
    file_minutes,
    invented_rows,
    loaded,
    state,
    steer,
)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_candles_equal_the_minutes_of_the_file(
    tmp_path: Path, replayed: Callable[..., Served], venue: str
) -> None:
    """From the file over exchange, feed and socket: each figure of each minute, to the last digit."""
    rows = invented_rows()
    served = replayed((binance_file if venue == "binance" else bybit_file)(tmp_path, rows))
    state_now = loaded(served)
    assert (state_now["rows"], state_now["files"][0]["series"]) == (len(rows), [f"{venue} BTCUSDT"])
    with served.socket(exchange=venue, **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() or served.health(venue)["trades"] == len(rows))
        reader.drain()
    minutes = file_minutes(rows)
    assert_consistent(reader.candles.values())
    assert reader.candles.keys() == minutes.keys()
    for open_ts, candle in reader.candles.items():
        assert_is_files_minute(candle, minutes[open_ts])
        assert candle["quality"] == ("partial" if open_ts == START else "complete")
    assert state(served)["phase"] == "ended"
    assert state(served)["clock_ms"] == rows[-1][0]


def test_zero_quantities_are_skipped(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """They are counted, trade nothing and leave no gap."""
    rows = invented_rows(300)
    extra = [f"{5300 + i},0,0,1,1,{rows[-1][0] + i},true" for i in range(3)]
    extra.append(f"5303,250.01,0.5,1,1,{START + (MINUTES - 1) * MINUTE + 59_999},false")
    served = replayed(binance_file(tmp_path, rows, *extra))
    assert loaded(served)["files"][0]["zero_quantities"] == 3
    with served.socket(exchange="binance", **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() or served.health("binance")["trades"] >= 301)
        reader.drain()
    assert sum(candle["n"] for candle in reader.candles.values()) == 301
    assert {candle["quality"] for candle in list(reader.candles.values())[1:]} == {"complete"}
    assert served.health("binance")["gaps"] == 0


def test_both_venues_play_together(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """A file of each: the venues that the files hold are served, and no other."""
    rows = invented_rows(200)
    served = replayed(binance_file(tmp_path, rows), bybit_file(tmp_path, rows))
    loaded(served)
    wait_until(lambda: len(served.hub.instruments()) == 2)
    assert {each.venue for each in served.hub.instruments()} == {Venue.BINANCE, Venue.BYBIT}
    one = replayed(binance_file(tmp_path, rows))
    loaded(one)
    assert [status.venue for status in one.hub.venues()] == [Venue.BINANCE]


def test_figures_that_were_not_recorded_are_unknown(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """The table knows the last price, and neither funding nor open interest nor 24 h figures."""
    served = replayed(binance_file(tmp_path, invented_rows(200)))
    loaded(served)
    wait_until(lambda: served.hub.tickers().rows)
    (ticker,) = served.hub.tickers().rows.values()
    assert ticker.last is not None
    assert [ticker.funding, ticker.open_interest, ticker.change_24h, ticker.volume_24h] == [None] * 4


def test_pause_stops_deltas_until_resume(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """In a pause nothing comes and the status says so; after it every trade of the file has come once."""
    rows = invented_rows()
    served = replayed(binance_file(tmp_path, rows), speed=60)
    loaded(served)
    with served.socket(exchange="binance", **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() and "delta" in reader.messages)
        paused = steer(served, paused=True)
        assert (paused["phase"], paused["paused"]) == ("paused", True)
        wait_until(lambda: reader.read() and reader.states[-1] == "stale")
        reader.drain()
        count, clock = len(reader.messages), state(served)["clock_ms"]
        assert not reader.read(0.5)
        assert state(served)["clock_ms"] == clock
        health = served.health("binance")
        assert health["streams"]["BTCUSDT"]["detail"] == "the replay is paused"
        assert health["trades"] < len(rows)
        steer(served, paused=False, speed=0)
        wait_until(lambda: served.health("binance")["trades"] == len(rows))
        reader.drain()
    assert len(reader.messages) > count
    assert sum(candle["n"] for candle in reader.candles.values()) == len(rows)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_seek_closes_sockets_and_shows_earlier_candles(
    tmp_path: Path, replayed: Callable[..., Served], venue: str
) -> None:
    """Back and forth: 1012 with the reason, then the recording's candles up to there and what follows."""
    rows = invented_rows()
    served = replayed((binance_file if venue == "binance" else bybit_file)(tmp_path, rows))
    loaded(served)
    minutes = file_minutes(rows)
    for target in (5, 2):
        with served.socket(exchange=venue, **QUERY) as socket:
            reader = CandleReader(socket)
            wait_until(lambda reader=reader: reader.read() and reader.candles)
            steer(served, seek_ms=START + target * MINUTE + 17_000)
            with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - reads until it comes
                while True:
                    socket.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "replay position changed")
        with served.socket(exchange=venue, **QUERY) as socket:
            reader = CandleReader(socket)
            last = START + (MINUTES - 1) * MINUTE
            wait_until(lambda reader=reader, last=last: reader.read() and last in reader.candles)
            wait_until(lambda: state(served)["phase"] == "ended")
            reader.drain()
        assert sorted(reader.candles) == sorted(minutes)
        assert_consistent(reader.candles[open_ts] for open_ts in sorted(minutes))
        for open_ts, candle in reader.candles.items():
            assert_is_files_minute(candle, minutes[open_ts])
            assert candle["quality"] == ("partial" if open_ts == START else "complete")


@pytest.mark.parametrize("form", FORMATS)
def test_a_seek_shows_nothing_after_its_time(
    tmp_path: Path, replayed: Callable[..., Served], form: str
) -> None:
    """In a pause the candles end where the clock stands."""
    rows, venue = invented_rows(), "bybit" if form == "bybit" else "binance"
    served = replayed(FORMATS[form](tmp_path, rows))
    loaded(served)
    steer(served, paused=True, seek_ms=START + 5 * MINUTE)
    with served.socket(exchange=venue, **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() and START + 4 * MINUTE in reader.candles)
        reader.drain()
    minutes = file_minutes(rows)
    assert sorted(reader.candles) == [START + minute * MINUTE for minute in range(5)]
    for open_ts, candle in reader.candles.items():
        assert_is_files_minute(candle, minutes[open_ts], counts=form != "matches")


def test_speed_changes_while_it_plays(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """At speed 1 the minutes would take minutes; at another they are over at once."""
    served = replayed(binance_file(tmp_path, invented_rows()), speed=1)
    loaded(served)
    with served.socket(exchange="binance", **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: state(served)["phase"] == "playing")
        assert state(served)["clock_ms"] < START + MINUTE
        assert steer(served, speed=1000)["speed"] == 1000
        wait_until(lambda: reader.read() and state(served)["phase"] == "ended", 5)
        reader.drain()
