"""What each client of the hub holds: panels, views and streams. Not thread-safe: the hub's lock is held."""

from __future__ import annotations

from typing import Final, NamedTuple

from orderflow_dash.live.view import ViewKey
from orderflow_dash.market import Venue
from orderflow_dash.runtime.client_limits import Client, Places

Symbol = tuple[Venue, str]

COUNTED_IDLE_S: Final = 30.0
"""An idle stream counts for its last client so long, so that no client starts streams all the time."""

_CLOSE: Final = "Close a panel or another connected program and try again"


class WatchLimits(NamedTuple):
    """Limits of all clients together, and of one client."""

    panels: int = 1_000
    panels_per_client: int = 1_000
    views: int = 1_000
    views_per_client: int = 1_000
    series: int = 200
    series_per_client: int = 200


class WatchPlaces:
    """Distinct panels, views and symbols that are held. Methods that check raise NoPlace."""

    def __init__(self, limits: WatchLimits) -> None:
        self.panels: Places[tuple[Client, str]] = Places(
            limits.panels, limits.panels_per_client, "panels", "Close one and try again."
        )
        self.views: Places[ViewKey] = Places(
            limits.views,
            limits.views_per_client,
            "views",
            f"Choose a timeframe and step that is open already. {_CLOSE}.",
        )
        self.symbols: Places[Symbol] = Places(
            limits.series, limits.series_per_client, "symbols", f"{_CLOSE} in {COUNTED_IDLE_S:.0f} s."
        )
        self._idle: dict[Symbol, Client] = {}  # the last client of a stream, while it still counts

    def check(self, client: Client, key: ViewKey, instead_of: ViewKey | None) -> None:
        """Raise where a client may not watch a view; one that it gives back for it makes room."""
        self.views.check(client, key, instead_of)
        self.symbols.check(client, (key.venue, key.symbol))

    def hold(self, client: Client, key: ViewKey) -> None:
        """A client watches a view."""
        self.views.hold(client, key)
        self.symbols.hold(client, (key.venue, key.symbol))
        self.stop_counting_idle((key.venue, key.symbol))

    def give_back(self, client: Client, key: ViewKey, *, is_last: bool) -> None:
        """A client watches a view no longer; ``is_last``: its symbol has no watcher left."""
        symbol = key.venue, key.symbol
        self.views.give_back(client, key)
        if is_last:
            self._idle[symbol] = client
        else:
            self.symbols.give_back(client, symbol)

    def stop_counting_idle(self, symbol: Symbol) -> None:
        """An idle stream counts for no client from now on."""
        client = self._idle.pop(symbol, None)
        if client is not None:
            self.symbols.give_back(client, symbol)
