"""Recorded trades as a market: each served once, at any speed, from a symbol's first listener on."""

from __future__ import annotations

import math
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from orderflow_dash.market import Venue

from .capture import DamagedFile, Kind, read
from .contract import Before, statistics
from .reel import Reel
from .source import BybitTrade, Day, Emission, Fill, Listing
from .tape import Print, Tape

_BATCH = 512  # prints of one symbol between two looks at how the clients keep up
_KEEP_MINUTES = 50_000  # a month

_QUOTES = ("USDT", "USDC", "BUSD", "USD")


@dataclass
class _Playback:
    """Where the playing of one symbol stands."""

    reel: Reel
    tape: Tape
    coming: Iterator[tuple[Print, int]]
    next: tuple[Print, int] | None
    first_ms: int
    before: Before | None
    began: float | None = None  # steady clock, seconds
    event_ms: int = 0  # of the newest print
    stops: array[int] = field(default_factory=lambda: array("q"))  # by print: rows used up to its end
    numbers: array[int] = field(default_factory=lambda: array("q"))  # by print: its id


class RecordedMarket:
    """Serves recorded trades with their own times, each once.

    A symbol begins with the first listener of its trades (other streams do not start it), so that
    nothing passes before anyone listens. It is served on its own venue's protocol.

    Args:
        files: captures and day files; several of one symbol are joined in order.
        speed: recorded milliseconds per wall millisecond; 0 or infinite means as fast as the clients
            take them (then it waits while nobody listens).

    Raises:
        DamagedFile: names the file and the line that cannot be read.
        ValueError: a bad speed, or no trade in any file.
    """

    def __init__(self, files: Iterable[str | Path], speed: float = 1.0) -> None:
        if math.isnan(speed) or speed < 0:
            raise ValueError(f"speed must not be negative, and not {speed}")
        self.speed = speed
        self.paced = speed > 0 and math.isfinite(speed)
        reels = _load([Path(file) for file in files])
        if not reels:
            raise ValueError("the files hold no trade")
        self._playbacks = {_listing(reel): _playback(reel) for reel in reels}
        self.listings: Sequence[Listing] = tuple(self._playbacks)
        self._now = min(playback.first_ms for playback in self._playbacks.values())

    def find(self, symbol: str, venue: Venue = Venue.BINANCE) -> Listing:
        """The listing of a symbol on a venue; KeyError where there is none."""
        for listing in self.listings:
            if listing.symbol == symbol and venue in listing.venues:
                return listing
        raise KeyError(symbol)

    def begin(self) -> None:
        """Nothing: each symbol's time starts with its first listener."""

    def now(self) -> int:
        """The time of the newest print served; of the first one recorded, before any was."""
        return self._now

    @property
    def finished(self) -> bool:
        """Whether every symbol was served to its end."""
        return all(playback.next is None for playback in self._playbacks.values())

    def poll(self, ready: Set[Listing]) -> Sequence[Emission]:
        """What is due by the clock of each symbol; without a clock, a batch of each that can take it."""
        wall = time.monotonic()
        emitted: list[Emission] = []
        for listing, playback in self._playbacks.items():
            if listing in ready and playback.began is None:
                playback.began = wall
            if not self.paced:
                until, most = math.inf, _BATCH if listing in ready else 0
            elif playback.began is not None:
                until, most = self._position(playback, wall), 1 << 60
            else:
                continue
            self._play(listing, playback, until, most, emitted)
        if emitted:
            self._now = max(self._now, max(emission.event_ms for emission in emitted))
        return emitted

    def _position(self, playback: _Playback, wall: float) -> float:
        """Recorded time that a playback has come to, ms; it stands at its first print before it begins."""
        began = wall if playback.began is None else playback.began
        return playback.first_ms + (wall - began) * 1000 * self.speed

    def _play(
        self, listing: Listing, playback: _Playback, until: float, most: int, emitted: list[Emission]
    ) -> None:
        while most and playback.next is not None and playback.next[0].time <= until:
            trade, stop = playback.next
            playback.next = next(playback.coming, None)
            playback.tape.append(trade)
            playback.stops.append(stop)
            playback.numbers.append(trade.id)
            playback.event_ms = max(playback.event_ms, trade.time)
            emitted.append(Emission(listing, playback.event_ms, trade))
            most -= 1

    def due_in(self, ready: Set[Listing]) -> float:
        """Seconds until something may be due: at once without a clock, as long as someone can take it."""
        wall, soonest = time.monotonic(), math.inf
        for listing, playback in self._playbacks.items():
            if playback.next is None or (playback.began is None and listing not in ready):
                continue
            if self.paced and playback.began is not None:
                ahead = playback.next[0].time - self._position(playback, wall)
                soonest = min(soonest, max(0.0, ahead / 1000 / self.speed))
            elif listing in ready:
                return 0.0
        return soonest

    def tape(self, listing: Listing) -> Tape:
        """What was served of a symbol."""
        return self._playbacks[listing].tape

    def day(self, listing: Listing) -> Day | None:
        """Statistics over what was served of the last 24 h; before that, the first recorded price alone."""
        playback = self._playbacks[listing]
        return statistics(listing.symbol, playback.tape, playback.before, self._now)

    def _rows(self, listing: Listing, trade: Print) -> range:
        """The recorded rows that a print takes up, with the off-book ones that came with it."""
        playback = self._playbacks[listing]
        at = bisect_left(playback.numbers, trade.id)
        return range(playback.stops[at - 1] if at else 0, playback.stops[at])

    def fills(self, listing: Listing, trade: Print) -> Sequence[Fill]:
        """The recorded matches; none where only aggregates were recorded."""
        reel = self._playbacks[listing].reel
        if reel.aggregates or reel.venue is not Venue.BINANCE:
            return ()
        made = []
        for i in self._rows(listing, trade):
            kind = Kind(int(reel.kinds[i]))
            empty = kind is Kind.NA
            made.append(
                Fill(
                    int(reel.ids[i]),
                    int(reel.times[i]),
                    "0" if empty else listing.price.text(int(reel.prices[i])),
                    "0" if empty else listing.quantity.text(abs(int(reel.quantities[i]))),
                    kind.name,
                    bool(reel.sells[i]),
                )
            )
        return made

    def bybit_trades(self, listing: Listing, trade: Print) -> Sequence[BybitTrade]:
        """The recorded trade, and the block trades recorded around it."""
        reel = self._playbacks[listing].reel
        if reel.venue is not Venue.BYBIT:
            return ()
        return [
            BybitTrade(
                reel.uuids[i],
                reel.seqs[i] or i + 1,
                int(reel.times[i]),
                listing.price.text(int(reel.prices[i])),
                listing.quantity.text(abs(int(reel.quantities[i]))),
                bool(reel.sells[i]),
                bool(reel.kinds[i] == Kind.BLOCK),
                bool(reel.kinds[i] == Kind.RPI),
            )
            for i in self._rows(listing, trade)
        ]


def _load(files: Sequence[Path]) -> list[Reel]:
    reels: dict[tuple[Venue, str], Reel] = {}
    for file in files:
        number = 0
        for number, row in enumerate(read(file), start=1):
            reel = reels.setdefault((row.venue, row.symbol), Reel(row.venue, row.symbol))
            try:
                reel.add(row)
            except ValueError as error:
                raise DamagedFile(f"{file}, trade {number}: {error}") from error
        if not number:
            raise DamagedFile(f"{file}: no trade in it")
    for reel in reels.values():
        reel.close()
    return list(reels.values())


def _listing(reel: Reel) -> Listing:
    quote = next((quote for quote in _QUOTES if reel.symbol.endswith(quote)), "")
    base = reel.symbol.removesuffix(quote)
    return Listing(reel.symbol, base, quote, reel.price, reel.quantity, frozenset((reel.venue,)))


def _playback(reel: Reel) -> _Playback:
    coming = reel.prints()
    first = next(coming, None)
    start = first[0] if first else None
    tape = Tape(start.id if start else 1, keep=200_000, keep_minutes=_KEEP_MINUTES)
    if start is None:
        return _Playback(reel, tape, coming, None, 0, None)
    price = start.price
    nothing = Before(start.time, price, price, price, price, 0, 0, 0, 0)
    return _Playback(reel, tape, coming, first, start.time, nothing)
