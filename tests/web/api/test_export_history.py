"""``/api/export.csv``: waiting for history, and warnings where it is incomplete."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from orderflow_dash.exchanges.binance.rest import AGG_TRADES_PATH
from orderflow_dash.feeds.feed import StreamStatus
from orderflow_dash.market import MINUTE_MS, State
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.web.api import history_wait
from tests.conftest import Served, venues_at, wait_until
from tests.live.hub_bench import HubBench, at
from tests.web.api.export_client import QUERY, URL, asked, client_of, parts


def test_an_unwatched_symbol_gets_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The export starts the stream; trades that arrive in time are in it."""
    setting = HubBench()
    asked_for: list[str] = []

    def status(symbol: str) -> StreamStatus:
        """Connecting at first; the third call brings a trade."""
        asked_for.append(symbol)
        if len(asked_for) == 3:
            setting.source.give(at(1))
        return StreamStatus(State.CONNECTING if len(asked_for) < 3 else State.LIVE, "", None)

    monkeypatch.setattr(setting.source, "status", status)
    about, rows = asked(client_of(setting))
    assert about["feed"] == "live"
    assert [row["ask"] for row in rows] == ["0.005"]


def test_a_feed_without_trades_is_an_empty_table(setting: HubBench) -> None:
    """Without a candle the response is the header and the columns."""
    client = client_of(setting)
    about, rows = asked(client, symbol="ETHUSDT", step="0.01")
    assert (about["cvd_from"], rows) == ("", [])


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_the_first_export_of_a_silent_symbol_has_history(serve: Callable[..., Served], venue: str) -> None:
    """It has no viewer and no live trade."""
    with SimulatedExchange(SyntheticMarket(seed=27, speed=0.5, history_ms=20 * MINUTE_MS)) as exchange:
        app = serve(**venues_at(exchange), backfill_minutes=10)
        wait_until(lambda: app.hub.instruments())
        url = f"{app.url}{URL}?exchange={venue}&symbol=YFIUSDT&tf=1m"
        answer = httpx.get(url, timeout=30, trust_env=False)
        feed = app.health(venue)["streams"]["YFIUSDT"]
    assert answer.status_code == 200
    assert feed["age_ms"] is None  # its first trade has not come
    assert len(parts(answer.text)[1]) > 2
    assert "# warning" not in answer.text


def test_an_export_without_history_is_503(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response is never an empty table."""
    monkeypatch.setattr(history_wait, "_LONGEST_FETCHING_S", 2.5)
    with SimulatedExchange(SyntheticMarket(seed=27, speed=0.5, history_ms=20 * MINUTE_MS)) as exchange:
        exchange.faults.http(503, path=AGG_TRADES_PATH)
        app = serve(**venues_at(exchange), backfill_minutes=10)
        wait_until(lambda: app.hub.instruments())
        url = f"{app.url}{URL}?exchange=binance&symbol=YFIUSDT&tf=1m"
        answer = httpx.get(url, timeout=30, trust_env=False)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert "no trade of YFIUSDT has been received yet (connecting, connected" in answer.text


@pytest.mark.parametrize(
    ("state", "past_known", "warning"),
    [
        (State.REPAIRING, None, "history is still being fetched"),
        (State.CONNECTING, False, "history is still being fetched"),
        (State.CONNECTING, True, ""),
        (State.DISCONNECTED, None, "no trades are being received"),
        (State.LIVE, None, ""),
        (State.STALE, None, ""),
    ],
)
def test_rows_that_may_be_old_are_marked(
    setting: HubBench, monkeypatch: pytest.MonkeyPatch, state: State, past_known: bool | None, warning: str
) -> None:
    """By a comment line; the columns are the same."""
    monkeypatch.setattr(history_wait, "_LONGEST_S", 0.1)
    monkeypatch.setattr(history_wait, "_LONGEST_FETCHING_S", 0.1)
    status = StreamStatus(state, "by hand", None, past_known)
    monkeypatch.setattr(setting.source, "status", lambda _symbol: status)
    answer = client_of(setting).get(URL, query_string=QUERY)
    assert answer.status_code == 200
    assert len(parts(answer.text)[1]) == 3
    assert ("# warning: " in answer.text) == bool(warning)
    assert warning in answer.text
