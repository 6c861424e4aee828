"""Limits of the hub, and each client's panels, views and symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orderflow_dash.live.view import ViewKey
from orderflow_dash.market import Venue
from orderflow_dash.runtime.client_limits import Client, ItemLimiter

Symbol = tuple[Venue, str]
Panel = tuple[Client, str]  # a client and its name for the panel

COUNTED_IDLE_S: Final = 30.0
"""How long an idle stream counts for its last client, so that no client starts streams all the time."""


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Sizes and durations. Counts are for all clients together, and for one client."""

    window: int = 500  # minutes of a series in memory, at least
    grace_s: float = 30.0  # a stream is kept after its last viewer leaves
    lease_s: float = 15.0  # without a renewal
    coalesce_s: float = 0.0  # between two refreshes of a view for its deltas
    panels: int = 1_000
    panels_per_client: int = 1_000
    views: int = 1_000
    views_per_client: int = 1_000
    series: int = 200
    series_per_client: int = 200


class WatchLimiter:
    """Distinct panels, views and symbols that clients hold. Not thread-safe: the hub holds its lock."""

    def __init__(self, limits: HubLimits) -> None:
        self.panels: ItemLimiter[Panel] = ItemLimiter("panel", limits.panels, limits.panels_per_client)
        self.views: ItemLimiter[ViewKey] = ItemLimiter("view", limits.views, limits.views_per_client)
        self.symbols: ItemLimiter[Symbol] = ItemLimiter("symbol", limits.series, limits.series_per_client)
        self._idle: dict[Symbol, Client] = {}  # the last client of a stream that still counts

    def check(self, client: Client, key: ViewKey, instead_of: ViewKey | None) -> None:
        """Raise LimitReached if a client may not watch a view in addition, or instead of another."""
        self.views.check(client, key, instead_of)
        self.symbols.check(client, (key.venue, key.symbol))

    def acquire(self, client: Client, key: ViewKey) -> None:
        """Count a view for a client."""
        self.views.acquire(client, key)
        self.symbols.acquire(client, (key.venue, key.symbol))
        self.stop_counting_idle((key.venue, key.symbol))

    def release(self, client: Client, key: ViewKey, *, is_last: bool) -> None:
        """Stop counting a view for a client; ``is_last``: its symbol has no viewer left."""
        symbol = key.venue, key.symbol
        self.views.release(client, key)
        if is_last:
            self._idle[symbol] = client
        else:
            self.symbols.release(client, symbol)

    def stop_counting_idle(self, symbol: Symbol) -> None:
        """Stop counting an idle stream for its last client."""
        client = self._idle.pop(symbol, None)
        if client is not None:
            self.symbols.release(client, symbol)
