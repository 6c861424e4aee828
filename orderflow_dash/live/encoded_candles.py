"""The candles of one view with their encodings, which are made once per change for all clients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.market import Grid, Instrument, Timeframe
from orderflow_dash.wire import Encoder

_ENTRY_BYTES: Final = 930  # of a candle without its levels and texts, as Python holds it


class _Entry:
    """A candle with its encodings, made when first needed."""

    __slots__ = ("candle", "delta", "text")

    def __init__(self, candle: Candle) -> None:
        self.candle = candle
        self.text: str | None = None
        self.delta: str | None = None

    @property
    def held_bytes(self) -> int:
        """Estimated size in memory."""
        arrays = int(self.candle.levels.nbytes) + int(self.candle.turnover.nbytes)
        return _ENTRY_BYTES + arrays + len(self.text or "") + len(self.delta or "")


class EncodedCandles:
    """Candles by open, old to new, all on one grid. Not thread-safe: the view holds its lock."""

    def __init__(self, instrument: Instrument, timeframe: Timeframe, step: Decimal, grid: Grid) -> None:
        self.grid = grid
        self.cvd_from: int | None = None  # first minute (ms) that their CVD counts from
        self.encodings = 0  # candles encoded so far
        self._instrument = instrument
        self._timeframe = timeframe
        self._step = step
        self._encoder = Encoder(instrument, timeframe, step, grid)
        self._entries: dict[int, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def oldest(self) -> Candle | None:
        """The oldest candle."""
        return next((entry.candle for entry in self._entries.values()), None)

    @property
    def newest_open(self) -> int:
        """Open (ms) of the newest candle; -1 if empty."""
        return next(reversed(self._entries), -1)

    def newest(self, count: int) -> list[Candle]:
        """The newest candles, old to new."""
        return [entry.candle for entry in self._newest(count)]

    def refine(self, grid: Grid) -> None:
        """Convert to a finer grid."""
        if grid is self.grid:
            return
        self.grid = grid
        self._encoder = Encoder(self._instrument, self._timeframe, self._step, grid)
        self._entries = {open_ts: _Entry(entry.candle.on(grid)) for open_ts, entry in self._entries.items()}

    def update(self, candles: Sequence[Candle]) -> None:
        """Replace or add candles."""
        newest = self.newest_open
        # A late trade may create a candle between existing ones, and the dict keeps insertion order.
        disordered = any(
            candle.open_ts < newest and candle.open_ts not in self._entries for candle in candles
        )
        self._entries.update((candle.open_ts, _Entry(candle)) for candle in candles)
        if disordered:
            self._entries = dict(sorted(self._entries.items()))

    def prepend(self, candles: Iterable[Candle]) -> None:
        """Add candles older than all others, old to new."""
        self._entries = {candle.open_ts: _Entry(candle) for candle in candles} | self._entries

    def trim(self, count: int, settled: int) -> None:
        """Drop the oldest beyond ``count``, as far as they open before ``settled`` (ms)."""
        while len(self._entries) > count and next(iter(self._entries)) < settled:
            del self._entries[next(iter(self._entries))]

    def snapshot(self, lookback: int, server_ts: int) -> tuple[str, int]:
        """The ``snapshot`` message of the newest candles, and its oldest open (ms)."""
        entries = self._newest(lookback)
        texts = [self._text(entry) for entry in entries]
        oldest = entries[0].candle.open_ts if entries else 0
        return self._encoder.snapshot(texts, self.cvd_from, server_ts), oldest

    def deltas(self, since: int, oldest: int, server_ts: int) -> tuple[list[str], bool]:
        """The ``delta`` messages of candles changed after a revision, and whether any was encoded now.

        Candles that open before ``oldest`` (ms) are left out.
        """
        changed, is_new = [], False
        for open_ts in reversed(self._entries):
            entry = self._entries[open_ts]
            if entry.candle.rev <= since or open_ts < oldest:
                break
            if entry.delta is None:
                is_new = True
                entry.delta = self._encoder.delta(self._text(entry), server_ts)
            changed.append(entry.delta)
        return changed[::-1], is_new

    def held_bytes(self) -> int:
        """Estimated size in memory; may be called without the lock."""
        return sum(entry.held_bytes for entry in list(self._entries.values()))

    def _newest(self, count: int) -> list[_Entry]:
        return list(self._entries.values())[-count:]

    def _text(self, entry: _Entry) -> str:
        if entry.text is None:
            self.encodings += 1
            entry.text = self._encoder.candle(entry.candle)
        return entry.text
