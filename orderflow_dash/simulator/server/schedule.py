"""Streams that a venue sends by the clock: tickers, mark prices, candles, liquidations, contract changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from orderflow_dash.market import Venue
from orderflow_dash.simulator.binance import frames as binance_frames
from orderflow_dash.simulator.binance.instruments import contract_info
from orderflow_dash.simulator.bybit import frames as bybit_frames
from orderflow_dash.simulator.market.day import Day
from orderflow_dash.simulator.market.source import Emission, Listing, Market, VenueListings
from orderflow_dash.simulator.server.client_queue import ClientQueue
from orderflow_dash.simulator.server.kline_streams import KlineStreams
from orderflow_dash.simulator.server.liquidations import Liquidations
from orderflow_dash.simulator.server.publisher import Publisher, Subscribers

_CONTRACTS = "!contractInfo"


class Schedule:
    """Sends everything due by the clock to its subscribers, if it changed."""

    def __init__(self, market: Market, publisher: Publisher, subscribers: Subscribers) -> None:
        self._market = market
        self._publisher = publisher
        self._subscribers = subscribers
        self._binance = VenueListings(market, Venue.BINANCE)
        self._bybit = VenueListings(market, Venue.BYBIT)
        self._klines = KlineStreams(market, publisher)
        self._liquidations = Liquidations(market, publisher, subscribers)
        self._jobs: list[tuple[float, Callable[[list[str]], None]]] = [
            (0.1, self._bybit_tickers),
            (0.25, self._klines.run),
            (0.5, lambda _: self._liquidations.run()),
            (1.0, self._seconds),
            (2.0, self._single_tickers),
            (3.0, self._mark_prices),
        ]
        self._due = [0.0] * len(self._jobs)
        self._revision = market.revision
        self._contracts = self._listed()
        # Last sent, by stream: the next print's id of every symbol; that id and all fields.
        self._sent_rows: dict[str, dict[str, int]] = {}
        self._sent_tickers: dict[str, tuple[int, dict[str, str]]] = {}

    def run(self, now: float) -> None:
        """Sends everything due at ``now`` (seconds of the loop's clock), and changes of contracts at once."""
        if self._market.revision != self._revision:
            self._announce_changes()
        names: list[str] | None = None
        for i, (interval, job) in enumerate(self._jobs):
            if now >= self._due[i]:
                self._due[i] = now + interval
                if names is None:
                    names = self._subscribers.names()
                job(names)

    def note(self, emissions: Sequence[Emission]) -> None:
        """Records the liquidations among new prints."""
        self._liquidations.note(emissions)

    def restart_stream(self, name: str) -> None:
        """Forgets what earlier subscribers of a stream received, for its first new one."""
        self._klines.forget(name)

    def _listed(self) -> dict[str, tuple[object, ...]]:
        return {x.symbol: (x.status, x.tick, x.lot) for x in self._binance.values()}

    def _announce_changes(self) -> None:
        self._revision = self._market.revision
        known, self._contracts = self._contracts, self._listed()
        for symbol, terms in self._contracts.items():
            if known.get(symbol) != terms:
                event = contract_info(self._binance[symbol], self._market.now())
                self._publisher.publish(_CONTRACTS, orjson.dumps(event))

    def due_in(self, now: float) -> float:
        """Seconds until something may be due to a subscriber."""
        names = self._subscribers.names()
        if any(name.startswith("tickers.") for name in names):
            return max(0.0, self._due[0] - now)
        if any("kline" in name or "Kline" in name for name in names):
            return max(0.0, self._due[1] - now)
        if any("forceOrder" in name or "Liquidation" in name for name in names):
            return max(0.0, self._due[2] - now)
        if any(name.startswith("!") or "icker" in name or "@mark" in name for name in names):
            return max(0.0, min(self._due[3:]) - now)
        return math.inf

    def _rows(
        self, stream: str, row: Callable[[Listing, Day, int], dict[str, Any]], *, always: bool = False
    ) -> list[dict[str, Any]]:
        """A row for every Binance symbol that traded since this stream last sent it."""
        sent = self._sent_rows.setdefault(stream, {})
        now, rows = self._market.now(), []
        for symbol, listing in self._binance.items():
            next_id = self._market.tape(listing).next_id
            if sent.get(symbol) == next_id and not always:
                continue
            day = self._market.day(listing)
            if day is not None:
                sent[symbol] = next_id
                rows.append(row(listing, day, now))
        return rows

    def _array(
        self, stream: str, row: Callable[[Listing, Day, int], dict[str, Any]], *, always: bool = False
    ) -> None:
        if stream in self._subscribers:
            rows = self._rows(stream, row, always=always)
            # The venue merged its markets, so coin-margined rows are in the same array.
            rows += [binance_frames.coin_margined(r) for r in rows if r["s"] in ("BTCUSDT", "ETHUSDT")]
            if rows:
                self._publisher.publish(stream, orjson.dumps(rows))

    def _each(
        self, names: list[str], suffix: str, row: Callable[[Listing, Day, int], dict[str, Any]]
    ) -> None:
        for stream in names:
            symbol, _, kind = stream.partition("@")
            listing = self._binance.get(symbol.upper())
            if kind != suffix or listing is None:
                continue
            day = self._market.day(listing)
            if day is not None:
                self._publisher.publish(stream, orjson.dumps(row(listing, day, self._market.now())))

    def _seconds(self, names: list[str]) -> None:
        self._array("!ticker@arr", binance_frames.ticker)
        self._array("!miniTicker@arr", binance_frames.mini_ticker)
        self._array("!markPrice@arr@1s", binance_frames.mark_price, always=True)
        self._each(names, "miniTicker", binance_frames.mini_ticker)
        self._each(names, "markPrice@1s", binance_frames.mark_price)

    def _single_tickers(self, names: list[str]) -> None:
        self._each(names, "ticker", binance_frames.ticker)

    def _mark_prices(self, names: list[str]) -> None:
        self._array("!markPrice@arr", binance_frames.mark_price, always=True)
        self._each(names, "markPrice", binance_frames.mark_price)

    def _bybit_tickers(self, names: list[str]) -> None:
        for topic in names:
            if topic.startswith("tickers."):
                self.bybit_ticker(topic)

    def bybit_ticker(self, topic: str) -> None:
        """Sends the changed fields of a ``tickers`` topic, or all of them the first time."""
        listing = self._bybit[topic.removeprefix("tickers.")]
        next_id = self._market.tape(listing).next_id
        sent = self._sent_tickers.get(topic)
        day = self._market.day(listing)
        if day is None or (sent is not None and sent[0] == next_id):
            return
        fields = changed = bybit_frames.ticker(listing, day)
        if sent is not None:
            changed = {k: v for k, v in fields.items() if k == "symbol" or sent[1].get(k) != v}
        self._sent_tickers[topic] = next_id, fields
        kind = "snapshot" if sent is None else "delta"
        message = bybit_frames.ticker_message(changed, kind, next_id, self._market.now())
        self._publisher.publish(topic, message)

    def bybit_snapshot(self, topic: str, client: ClientQueue) -> None:
        """Sends the present fields to one new subscriber."""
        sent = self._sent_tickers.get(topic)
        if sent is not None:
            message = bybit_frames.ticker_message(sent[1], "snapshot", sent[0], self._market.now())
            client.send(message)
