"""Faults of every kind, one after the other, in a running market: the final candles are correct."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from orderflow_dash.simulator import SimulatedExchange
from tests.conftest import Served, venues_at
from tests.faults.candles import CandleReader
from tests.faults.fault_run import (
    KINDS,
    STREAMS,
    SYMBOL,
    FaultRun,
    compare,
    is_settled,
    market,
    plan,
    report,
    whole_truth,
)


@pytest.mark.parametrize(
    ("seed", "speed", "count", "seconds"),
    [
        pytest.param(1, 40, len(KINDS), 20, id="short", marks=pytest.mark.timeout(150)),
        pytest.param(2, 20, 20, 600, id="long", marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_every_minute_is_correct_or_marked_after_all_faults(
    serve: Callable[..., Served], seed: int, speed: int, count: int, seconds: int
) -> None:
    """Binance: every minute equals the market's and is verified. Bybit: each is equal or marked ``gap``."""
    with SimulatedExchange(market(seed, speed)) as exchange:
        app = serve(
            **venues_at(exchange),
            stall_timeout_s=1,
            backfill_minutes=2,
            verify_interval_s=1,
            memory_minutes=1_000,
        )
        query = {"symbol": SYMBOL, "step": exchange.source.listings[0].price.text(1), "lookback": 500}
        sockets = {venue: app.socket(**query, exchange=venue, emit_ms=200) for venue in STREAMS}
        with sockets["binance"], sockets["bybit"]:
            run = FaultRun(exchange, {venue: CandleReader(socket) for venue, socket in sockets.items()})
            run.follow(
                lambda: all(reader.states[-1:] == ["live"] for reader in run.readers.values()),
                "both venues are live",
            )
            end = run.run(plan(seed, count, seconds), seconds)
            for venue, reader in run.readers.items():
                run.follow(
                    lambda venue=venue, reader=reader: is_settled(venue, reader, end),
                    f"every minute of {venue} is settled",
                )
            repaired = {venue: app.health(venue)["repaired"] for venue in run.readers}
    minutes = whole_truth(seed, end + 60_000)
    counts: dict[str, Counter[str]] = {
        venue: compare(reader, minutes, end) for venue, reader in run.readers.items()
    }
    print(report(run, counts, repaired, seconds))  # noqa: T201 - `make faults` shows it
    assert {fault.kind for fault in run.injected} == set(KINDS)
    binance = counts["binance"]
    assert binance["verified"] == binance["equal"] == binance["minutes"]
    assert binance["absent"] == 0
