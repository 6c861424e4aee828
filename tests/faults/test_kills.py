"""The app is killed in mid-candle and restarted: no shown candle is lost or changed."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.sync.client import connect

from orderflow_dash.simulator import SimulatedExchange
from orderflow_dash.simulator.command import environment
from tests.conftest import wait_until
from tests.faults.candles import CandleReader
from tests.faults.fault_run import STREAMS, SYMBOL, FaultRun, compare, is_settled, market, whole_truth
from tests.test_commands import Program, running

MINUTE = 60_000
SPEED = 20  # a minute in three seconds
SERVE = [sys.executable, "-m", "orderflow_dash", "serve", "--port", "0", "--no-demo"]
SETTINGS = {
    "ORDERFLOW_BACKFILL_MINUTES": "2",
    "ORDERFLOW_VERIFY_INTERVAL_S": "1",
    "ORDERFLOW_MEMORY_MINUTES": "1000",
}


@contextmanager
def followed(program: Program, exchange: SimulatedExchange) -> Iterator[FaultRun]:
    """A socket of each venue, once the program serves and both venues are live."""
    wait_until(program.ready, 45)
    query = {"symbol": SYMBOL, "step": exchange.source.listings[0].price.text(1), "lookback": 500}
    root = program.url.replace("http", "ws")
    with ExitStack() as sockets:
        run = FaultRun(exchange, {})
        for venue in STREAMS:
            url = f"{root}/ws/orderflow?{urlencode({**query, 'exchange': venue, 'emit_ms': 100})}"
            run.readers[venue] = CandleReader(
                sockets.enter_context(connect(url, max_size=1 << 26, proxy=None))
            )
        run.follow(
            lambda: all(reader.states[-1:] == ["live"] for reader in run.readers.values()),
            "both venues are live",
        )
        yield run


def proved(reader: CandleReader) -> dict[int, dict[str, Any]]:
    """The verified candles without what may still change: how they came about."""
    return {
        open_ts: {name: value for name, value in candle.items() if name not in ("rev", "quality")}
        for open_ts, candle in reader.candles.items()
        if candle["verified"] is True and candle["closed"]
    }


def stand(run: FaultRun, shown: dict[int, dict[str, Any]]) -> bool:
    """Whether all verified candles are shown again unchanged, and one more."""
    now = proved(run.readers["binance"])
    return now.items() >= shown.items() and len(now) > len(shown)


def live(run: FaultRun, shown: dict[int, dict[str, Any]], share: float) -> dict[int, dict[str, Any]]:
    """Reads until all of ``shown`` is back, then into a share of a candle; the verified candles then."""
    run.follow(lambda: stand(run, shown), "all verified candles are back, and one more")
    now = run.exchange.source.now()
    until = now - now % MINUTE + MINUTE * (1 + share)
    run.follow(lambda: run.exchange.source.now() >= until, "the time of the kill is reached")
    return proved(run.readers["binance"])


def settle(run: FaultRun) -> int:
    """Waits until every minute of both venues is settled; the open (ms) of the last one."""
    now = run.exchange.source.now()
    end = now - now % MINUTE
    run.follow(
        lambda: all(is_settled(venue, reader, end) for venue, reader in run.readers.items()), "all is settled"
    )
    return end


@pytest.mark.parametrize(
    ("seed", "kills"),
    [
        pytest.param(3, 2, id="short", marks=[pytest.mark.long, pytest.mark.timeout(240)]),
        pytest.param(4, 10, id="long", marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_a_killed_app_restarts_with_the_same_numbers(tmp_path: Path, seed: int, kills: int) -> None:
    """After each kill CVD starts where it did and verified candles are unchanged; finally all are correct."""
    chance = random.Random(seed)
    shown: dict[int, dict[str, Any]] = {}
    counted_from: set[int | None] = set()
    with SimulatedExchange(market(seed, SPEED)) as exchange:
        settings = {**environment(exchange), **SETTINGS, "DATABASE_URL": f"sqlite:///{tmp_path / 'store.db'}"}
        for number in range(kills + 1):
            with (
                running(SERVE, tmp_path / f"log-{number}", **settings) as program,
                followed(program, exchange) as run,
            ):
                shown = live(run, shown, chance.random())
                counted_from.add(run.readers["binance"].cvd_from)
                assert len(counted_from) == 1, "CVD starts elsewhere after a kill"
                if number == kills:
                    end = settle(run)
                else:
                    program.kill()
            assert "Traceback" not in program.output
    minutes = whole_truth(seed, end + MINUTE)
    binance, bybit = (run.readers[venue] for venue in STREAMS)
    counts = compare(binance, minutes, end)
    compare(bybit, minutes, end)
    assert counts["verified"] == counts["equal"] == counts["minutes"]
    assert counts["absent"] == 0
    (first,) = counted_from
    counted = [open_ts for open_ts in sorted(minutes) if first <= open_ts <= end]
    cvd = accumulate(minutes[open_ts]["ask"] - minutes[open_ts]["bid"] for open_ts in counted)
    assert [binance.candles[open_ts]["cvd"] for open_ts in counted] == list(cvd)
