"""``make bench``: a table of figures, their ratios to the plain baseline, and their targets."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal

from benchmarks import baseline, lateness, replay, store, tape
from benchmarks.idle import idle_mb
from benchmarks.timing import best, measure, median
from orderflow_dash.exchanges.binance.stream import BinanceProtocol
from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.sequencing import NewTrades, SequenceTracker
from orderflow_dash.footprint.candle import CandleBuilder
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import Grid, Timeframe, Trade
from orderflow_dash.store.minutes import restore
from orderflow_dash.wire import Encoder

FRAMES = 60_000
BATCH = 1_000_000
NOW_MS = tape.START_MS + 86_400_000


Task = Callable[[], object]


def app_tasks(frames: list[bytes]) -> dict[str, Task]:
    """The stages of the live path, and the batch path."""
    columns = tape.arrays(BATCH)
    # One connection's protocol for all rounds: a feed runs for hours, so its memo of texts is warm.
    receive = BinanceProtocol({"BTCUSDT": tape.INSTRUMENT}).receive
    batches = [receive(frame, NOW_MS) for frame in frames]

    def decode() -> None:
        for frame in frames:
            receive(frame, NOW_MS)

    def apply() -> None:
        count = Series(grid=tape.INSTRUMENT.grid).apply
        for batch in batches:
            count(batch.trades, batch.grid)  # type: ignore[union-attr]

    def both() -> None:
        count = Series(grid=tape.INSTRUMENT.grid).apply
        for frame in frames:
            event = receive(frame, NOW_MS)
            if isinstance(event, TradeBatch):
                count(event.trades, event.grid)

    def live() -> None:
        track = SequenceTracker().receive
        count = Series(grid=tape.INSTRUMENT.grid).apply
        for frame in frames:
            event = receive(frame, NOW_MS)
            if not isinstance(event, TradeBatch):
                continue
            changes = track(event)
            if changes is None:
                count(event.trades, event.grid)
                continue
            for change in changes:  # the tape has no gap
                assert isinstance(change, NewTrades)  # noqa: S101
                count(change.trades, change.grid)

    def batch() -> None:
        Series(10_000).apply_arrays(*columns)

    return {"decode": decode, "apply": apply, "both": both, "live": live, "batch": batch}


def plain_tasks(frames: list[bytes]) -> dict[str, Task]:
    """The same stages in the plain way."""
    tick = float(tape.INSTRUMENT.tick)
    trades = [baseline.decode(frame) for frame in frames]

    def decode() -> None:
        for frame in frames:
            baseline.decode(frame)

    def apply() -> None:
        candles: baseline.Candles = {}
        for trade in trades:
            baseline.apply(candles, trade, tick)

    def both() -> None:
        candles: baseline.Candles = {}
        for frame in frames:
            baseline.apply(candles, baseline.decode(frame), tick)

    return {"plain decode": decode, "plain apply": apply, "plain both": both}


def throughput() -> list[tuple[str, str, str, str, str]]:
    """Trades per second of decoding, applying and both, and of the batch path."""
    frames = tape.frames(FRAMES)
    app, plain = app_tasks(frames), plain_tasks(frames)
    gc.collect()
    gc.freeze()  # as the server does after its start: the collector skips long-lived objects
    # Each task next to its baseline, so that a drift of the machine's speed affects both.
    order = ("decode", "plain decode", "apply", "plain apply", "both", "live", "plain both", "batch")
    runs = measure({name: (app | plain)[name] for name in order}, rounds=9)

    def row(name: str, task: str, plain_task: str, count: int, bar: str) -> tuple[str, str, str, str, str]:
        million = count / 1e6
        plain_count = FRAMES / 1e6
        ratios = sorted(
            (plain_run / plain_count) / (run / million)
            for run, plain_run in zip(runs[task], runs[plain_task], strict=True)
        )
        return (
            name,
            f"{million / best(runs[task]):.2f} M/s",
            f"{million / median(runs[task]):.2f} M/s",
            f"{median(ratios):.1f} x",
            bar,
        )

    return [
        row("decode aggTrade frames", "decode", "plain decode", FRAMES, ""),
        row("apply one trade per call, tick 0.1", "apply", "plain apply", FRAMES, ""),
        row("decode + apply", "both", "plain both", FRAMES, "0.60 M/s, 2 x"),
        row("decode + sequence by ids + apply", "live", "plain both", FRAMES, ""),
        row("batch of arrays (against plain apply)", "batch", "plain apply", BATCH, "20 M/s"),
    ]


def encoding() -> tuple[str, str, str, str, str]:
    """Deriving and encoding one candle of 100 levels."""
    rows: list[Trade] = [(tape.START_MS + i, i, 834_344 + i % 100, i % 7 + 1) for i in range(1_000)]
    series = Series(grid=tape.INSTRUMENT.grid)
    series.apply(rows)
    candles: baseline.Candles = {}
    for at, _, price, quantity in rows:
        baseline.apply(candles, (at, price / 10, quantity / 1000, False), 0.1)
    builder = CandleBuilder(series, Timeframe.M1, tape.INSTRUMENT.tick)
    encoder = Encoder(tape.INSTRUMENT, Timeframe.M1, tape.INSTRUMENT.tick, tape.INSTRUMENT.grid)

    def encode() -> None:
        for _ in range(200):
            encoder.delta(encoder.candle(builder.build(tape.START_MS)), NOW_MS)

    def plain_encode() -> None:
        for _ in range(200):
            baseline.encode_delta(tape.START_MS, candles[tape.START_MS])

    runs = measure({"encode": encode, "plain": plain_encode})
    ratio = median(runs["plain"]) / median(runs["encode"])
    return (
        "derive + encode a delta of 100 levels",
        f"{best(runs['encode']) / 200 * 1e3:.3f} ms",
        f"{median(runs['encode']) / 200 * 1e3:.3f} ms",
        f"{ratio:.1f} x",
        "1 ms",
    )


def refining() -> list[tuple[str, str, str, str, str]]:
    """Converting every stored minute to a finer tick, once."""
    minutes = store.market(500, 200, 200)
    finer = Grid.of(Decimal("0.01"), Decimal("0.0001"))
    times = []
    for _ in range(9):
        series = Series(1_000, grid=tape.INSTRUMENT.grid)
        series.restore([restore(each) for each in minutes], [], minutes[0].open_ts)
        start = time.perf_counter()
        series.refine(finer)
        times.append(time.perf_counter() - start)
    figures = (f"{figure * 1e3:.1f} ms" for figure in (best(times), median(times)))
    return [("refine 500 minutes of 200 levels, once", *figures, "", "")]


def memory() -> list[tuple[str, str, str, str, str]]:
    """Resident memory of full series and of the idle app."""
    command = [sys.executable, "-m", "benchmarks.memory"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    before, after = map(float, printed.split())
    idle = idle_mb()
    return [
        ("100 symbols x 500 candles x 50 levels", f"{after:.0f} MB", f"{after:.0f} MB", "", "300 MB"),
        ("  of which before any trade", f"{before:.0f} MB", f"{before:.0f} MB", "", ""),
        ("the app idle, its serving process", f"{idle[0]:.0f} MB", f"{idle[0]:.0f} MB", "", "150 MB"),
        ("  and gunicorn's master process", f"{sum(idle[1:]):.0f} MB", f"{sum(idle[1:]):.0f} MB", "", ""),
    ]


def main() -> None:
    table = [
        ("figure", "best", "median", "against plain", "bar"),
        *throughput(),
        encoding(),
        *refining(),
        *replay.rows(),
        *store.store_figures(),
        *lateness.rows(),
        *memory(),
    ]
    widths = [max(len(row[column]) for row in table) for column in range(5)]
    for row in table:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        print("  ".join(cells))


if __name__ == "__main__":
    main()
