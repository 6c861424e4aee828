"""The simulated exchange as a command: serves until SIGINT or SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import click

from orderflow_dash.simulator.market.source import Market
from orderflow_dash.simulator.market.synthetic import SyntheticMarket
from orderflow_dash.simulator.recordings.market import RecordedMarket
from orderflow_dash.simulator.server.exchange import SimulatedExchange


def run_exchange(host: str, port: int, speed: float, files: Sequence[str | Path]) -> None:
    """Serves an invented market, or the files' trades, until SIGINT or SIGTERM.

    Prints the environment that points the app at it. OSError if it cannot listen; ValueError or
    DamagedFile for an invalid speed or file.
    """
    market: Market = RecordedMarket(files, speed) if files else SyntheticMarket(speed=speed)
    over = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: over.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with SimulatedExchange(market, host=host, port=port) as exchange:
            click.echo(f"# Simulated exchange: {_described(market)}. Paste these to point the app at it:")
            for note in market.notes if isinstance(market, RecordedMarket) else ():
                click.echo(f"# {note}")
            for name, value in environment(exchange).items():
                click.echo(f"export {name}={value}")
            over.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def environment(exchange: SimulatedExchange) -> dict[str, str]:
    """The variables that point the app at a running exchange, for both venues."""
    return {
        "BINANCE_FUTURES_WS": exchange.ws_root,
        "BINANCE_FUTURES_REST": exchange.rest_root,
        "BYBIT_WS_LINEAR": exchange.bybit_ws,
        "BYBIT_REST": exchange.rest_root,
    }


def _described(market: Market) -> str:
    names = [f"{'/'.join(sorted(x.venues))} {x.symbol}" for x in market.listings]
    kind = "recorded trades of" if isinstance(market, RecordedMarket) else "invented trades of"
    shown = ", ".join(names[:6])
    return f"{kind} {shown}" + (f" and {len(names) - 6} more" if len(names) > 6 else "")
