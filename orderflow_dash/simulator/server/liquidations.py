"""The liquidation streams: Binance samples them, Bybit sends all."""

from __future__ import annotations

from collections.abc import Iterable

from orderflow_dash.market import Venue
from orderflow_dash.simulator.binance import frames as binance_frames
from orderflow_dash.simulator.bybit import frames as bybit_frames
from orderflow_dash.simulator.market.forced import bankruptcy_price
from orderflow_dash.simulator.market.source import Emission, Listing, Market
from orderflow_dash.simulator.market.tape import Print
from orderflow_dash.simulator.server.publisher import Publisher, Subscribers

_SECOND_MS = 1_000
_ARRAY = "!forceOrder@arr"


class Liquidations:
    """Collects liquidations and sends them by the clock.

    Binance sends at most one for each symbol and second of market time, the largest; Bybit sends all,
    in batches.
    """

    def __init__(self, market: Market, publisher: Publisher, subscribers: Subscribers) -> None:
        self._market = market
        self._publisher = publisher
        self._subscribers = subscribers
        self._largest: dict[tuple[Listing, int], Print] = {}  # by listing and second
        self._batches: dict[Listing, list[Print]] = {}

    def note(self, emissions: Iterable[Emission]) -> None:
        """Records the liquidations among new prints."""
        for listing, _, trade, liquidation in emissions:
            if not liquidation:
                continue
            if Venue.BYBIT in listing.venues:
                self._batches.setdefault(listing, []).append(trade)
            if Venue.BINANCE in listing.venues:
                second = listing, trade.time // _SECOND_MS
                known = self._largest.get(second)
                if known is None or abs(trade.quantity) > abs(known.quantity):
                    self._largest[second] = trade

    def run(self) -> None:
        """Sends everything due; drops it without listeners."""
        now = self._market.now()
        for listing, trades in self._batches.items():
            topic = f"allLiquidation.{listing.symbol}"
            if topic in self._subscribers:
                closed = [(trade, bankruptcy_price(listing, trade)) for trade in trades]
                self._publisher.publish(topic, bybit_frames.liquidations(listing, closed, now))
        self._batches.clear()
        # A print becomes public a little after its time, so a second is complete when the next one is over.
        due = [key for key in self._largest if (key[1] + 2) * _SECOND_MS <= now]
        for key in sorted(due, key=lambda key: key[1]):
            self._sample(key[0], self._largest.pop(key), now)

    def _sample(self, listing: Listing, trade: Print, now: int) -> None:
        own = f"{listing.symbol.lower()}@forceOrder"
        if own in self._subscribers or _ARRAY in self._subscribers:
            payload = binance_frames.force_order(listing, trade, bankruptcy_price(listing, trade), now)
            self._publisher.publish(own, payload)
            self._publisher.publish(_ARRAY, payload)
