"""Replays recorded trades: loads the files and plays them through the simulated exchange.

The exchange runs inside the app in place of both venues, so that adapters, feeds and footprints are those of
the live product. Figures that are not recorded (24 h statistics, funding, open interest) are unknown.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypedDict
from weakref import WeakKeyDictionary

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.listings import ListingSource, Report
from orderflow_dash.feeds.stream import StreamStatus, TradeStream
from orderflow_dash.market import Instrument, State, Ticker, Venue
from orderflow_dash.runtime.threads import CRASHES
from orderflow_dash.simulator import (
    DamagedFile,
    LoadedFile,
    Loading,
    RecordedMarket,
    SimulatedExchange,
    probe,
)
from orderflow_dash.simulator.recordings.unpacking import printable

log = logging.getLogger(__name__)

FASTEST: Final = 1_000.0  # maximum speed; 0 is unlimited


class FileState(TypedDict):
    """One file as ``/api/replay`` reports it."""

    name: str
    bytes: int
    loaded_bytes: int
    rows: int
    zero_quantities: int
    left_out: int  # damaged rows before valid ones
    repeats: int  # duplicate rows; each counts once
    conflicts: int  # rows whose id belongs to another trade; left out, their candles have gaps
    notes: list[str]
    series: list[str]
    error: str | None


class RecordedInstrument(TypedDict):
    """One symbol as ``/api/replay`` reports it. Tick and lot are inferred from its rows."""

    exchange: str
    symbol: str
    tick: str
    lot: str


class Silence(TypedDict):
    """A long span of the recording without a trade, which is skipped; ms of the trades around it."""

    from_ms: int
    to_ms: int


class ReplayState(TypedDict):
    """The response of ``/api/replay``. Recorded times in ms; null until a file is loaded."""

    phase: str  # loading, failed, waiting, playing, paused or ended
    paused: bool
    speed: float
    clock_ms: int | None
    start_ms: int | None
    end_ms: int | None
    generation: int
    total_bytes: int
    loaded_bytes: int
    rows: int
    files: list[FileState]
    instruments: list[RecordedInstrument]
    silences: list[Silence]


class NotLoaded(Exception):
    """No file is loaded yet."""


def replay_files(setting: str) -> list[Path]:
    """The files that the setting names: a path, or a JSON list of paths; none if it is ``off``."""
    if setting == "off":
        return []
    if setting.startswith("["):
        return [Path(str(path)) for path in json.loads(setting)]
    return [Path(setting)]


class Replay:
    """Recorded trades as the app's venues. Thread-safe."""

    def __init__(self, files: list[Path], speed: float) -> None:
        self.files = files
        self.market = RecordedMarket(None, speed, together=True)
        self.exchange = SimulatedExchange(self.market)
        self.venues = _venues(files)
        self._loading = Loading(files)
        self._loaded = False
        self._reset_series: Callable[[Callable[[], None]], None] = lambda move: move()
        self._steering = threading.Lock()
        self._reached: WeakKeyDictionary[TradeStream, int] = WeakKeyDictionary()  # newest trade, ms
        self._thread = threading.Thread(target=self._load, name="replay-loading", daemon=True)

    @property
    def names(self) -> list[str]:
        """The names of its files, printable."""
        return [file.name for file in self._loading.files]

    def start(self, reset_series: Callable[[Callable[[], None]], None]) -> None:
        """Start to load. ``reset_series`` calls its argument while no series has a feed, and resets them."""
        self._reset_series = reset_series
        self._thread.start()

    def stop(self) -> None:
        """Stop the exchange; the loading thread ends with the process."""
        self.exchange.stop()

    def _load(self) -> None:
        try:
            recordings = self._loading.run(strict=False)
            if recordings:
                self.market.adopt(recordings)
        except Exception as error:  # a crash must not leave the page at "loading"
            CRASHES.record(self._thread.name, error)
            log.exception("loading the replay crashed")
            self._loading.files[0].error = f"internal error: {type(error).__name__}"
        for file in self._loading.files:
            if file.all_damage:
                log.error("%s", file.all_damage)
            for note in file.notes:
                log.warning("%s: %s", file.name, note)
        self._loaded = True
        self.exchange.rouse()

    # -- state -------------------------------------------------------------------------------

    def state(self) -> ReplayState:
        """State of loading and playback."""
        loaded, playing = self._loaded, self.market.playing()
        known = bool(self.market.listings)
        files: list[FileState] = [
            {
                "name": file.name,
                "bytes": file.bytes,
                "loaded_bytes": file.loaded_bytes,
                "rows": file.rows,
                "zero_quantities": file.zero_quantities,
                "left_out": file.left_out,
                "repeats": file.repeats,
                "conflicts": file.conflicts,
                "notes": list(file.notes),
                "series": [f"{venue} {symbol}" for venue, symbol in list(file.series)],
                "error": _damage(file) or None,
            }
            for file in self._loading.files
        ]
        return {
            "phase": _phase(loaded, known, playing.paused, playing.started, playing.ended),
            "paused": playing.paused,
            "speed": playing.speed,
            "clock_ms": playing.clock_ms if known else None,
            "start_ms": playing.start_ms if known else None,
            "end_ms": playing.end_ms if known else None,
            "generation": self.market.session,
            "total_bytes": sum(file["bytes"] for file in files),
            "loaded_bytes": sum(file["loaded_bytes"] for file in files),
            "rows": sum(file["rows"] for file in files),
            "files": files,
            "instruments": [
                {
                    "exchange": str(venue),
                    "symbol": listing.symbol,
                    "tick": listing.price.text(1),
                    "lot": listing.quantity.text(1),
                }
                for listing in self.market.listings
                for venue in listing.venues
            ],
            "silences": [{"from_ms": last, "to_ms": following} for last, following in self.market.silences],
        }

    def gaps(self, venue: Venue, symbol: str) -> Sequence[tuple[int, int]]:
        """Spans of a symbol with missing trades that no id reveals: times (ms) before and after."""
        return self.market.gaps(self.market.find(symbol, venue))

    def standstill(self) -> str:
        """The reason why no trades come; empty if they do."""
        playing = self.market.playing()
        if not self.market.listings:
            return self.absence(None)
        if playing.ended:
            return "the recording has ended"
        return "the replay is paused" if playing.paused else ""

    def absence(self, venue: Venue | None) -> str:
        """The reason why a venue lists no instrument; empty if it does."""
        state = self.state()
        if any(venue is None or venue in listing.venues for listing in self.market.listings):
            return ""
        if state["phase"] == "loading":
            share = 100 * state["loaded_bytes"] // max(1, state["total_bytes"])
            return f"loading the recording, {share} %"
        errors = [file["error"] for file in state["files"] if file["error"]]
        return errors[0] if errors else "the recording has no trades of this venue"

    # -- control -----------------------------------------------------------------------------

    def steer(self, *, paused: bool | None, speed: float | None, seek_ms: int | None) -> None:
        """Change what is not None. Raises NotLoaded, or ValueError for a time outside the recording."""
        with self._steering:
            if seek_ms is not None:
                self._seek(seek_ms)
            if speed is not None:
                self.market.set_speed(speed)
            if paused is True:
                self.market.pause()
            elif paused is False:
                self.market.resume()
        self.exchange.rouse()

    def _seek(self, seek_ms: int) -> None:
        if not self.market.listings:
            raise NotLoaded("the recording is not loaded yet")
        playing = self.market.playing()
        if not playing.start_ms - playing.start_ms % 60_000 <= seek_ms <= playing.end_ms:
            raise ValueError(f"from {playing.start_ms} to {playing.end_ms}")

        def move() -> None:
            self.market.seek(seek_ms)

        self._reset_series(move)

    # -- for the feeds -----------------------------------------------------------------------

    def status(self, status: StreamStatus) -> StreamStatus:
        """The status of a stream, with the state of the replay."""
        if standstill := self.standstill():
            return replace(status, state=State.STALE, detail=standstill, past_known=None)
        if status.state is State.LIVE:
            return replace(status, detail="replay of recorded trades", past_known=None)
        return status

    def deliver(self, stream: TradeStream, batch: TradeBatch, now: float, received_ms: int) -> None:
        """Hand a batch to its stream; where the recording lacks trades, mark the gap first."""
        if batch.trades:
            newest = max(trade[0] for trade in batch.trades)
            reached = self._reached.get(stream, batch.trades[0][0])
            self._reached[stream] = max(reached, newest)
            for after, before in self.gaps(stream.instrument.venue, stream.symbol):
                if reached < before <= newest:
                    head, batch = _split(batch, before)
                    if head.trades:
                        stream.receive(head, now, received_ms)
                    stream.lose(after, before)
        stream.receive(batch, now, received_ms)

    def listing(self, venue: Venue, listing: ListingSource) -> ListingSource:
        """A listing without figures that were not recorded; if empty, it has the reason."""
        return _ReplayListing(self, venue, listing)


def _damage(file: LoadedFile) -> str:
    """A file's damage as text for the page, without its path."""
    text = file.all_damage.replace(printable(str(file.path)), file.name)
    return f"{text}; playing everything before it" if file.error and file.rows else text


def _split(batch: TradeBatch, time_ms: int) -> tuple[TradeBatch, TradeBatch]:
    """The trades before the first one at or after a time, and all others."""
    at = next(at for at, trade in enumerate(batch.trades) if trade[0] >= time_ms)
    uids = batch.uids or []
    has = batch.uids is not None
    head = TradeBatch(batch.symbol, batch.trades[:at], uids[:at] if has else None, grid=batch.grid)
    tail = batch.trades[at:], uids[at:] if has else None
    return head, TradeBatch(batch.symbol, *tail, batch.grid, batch.excluded, batch.malformed)


class _ReplayListing:
    reload_s = 1_800.0  # a recording's instruments do not change

    def __init__(self, replaying: Replay, venue: Venue, listing: ListingSource) -> None:
        self.poll_s = listing.poll_s
        self.absent: dict[str, str] = {}
        self._replay = replaying
        self._venue = venue
        self._listing = listing

    def load(self) -> dict[str, Instrument]:
        """The recorded instruments of the venue; ValueError if there are none (yet)."""
        absence = self._replay.absence(self._venue)
        if absence:
            raise ValueError(absence)
        return self._listing.load()

    def poll(self, report: Report) -> None:
        """Last prices."""
        self._listing.poll(lambda tickers: report(_recorded(tickers)))

    def watch(self, report: Report | None) -> None:
        """Live ones."""
        self._listing.watch(None if report is None else lambda tickers: report(_recorded(tickers)))

    def attend(self, changed: Callable[[], None]) -> None:
        """Never called: a recording's instruments do not change."""

    def status_of(self, symbol: str) -> str:
        """Always empty: unrecorded symbols have no status."""
        del symbol
        return ""

    def time(self) -> int:
        """Raises: a recording has no clock."""
        raise ValueError("a recording has no clock")

    def close(self) -> None:
        """Release what it holds."""
        self._listing.close()


def _recorded(tickers: list[Ticker]) -> list[Ticker]:
    """Tickers with only the last price, which is all that a recording has."""
    return [
        replace(ticker, change_24h=None, volume_24h=None, funding=None, open_interest=None)
        for ticker in tickers
    ]


def _phase(loaded: bool, known: bool, paused: bool, started: bool, ended: bool) -> str:
    if not known:
        return "failed" if loaded else "loading"
    if ended:
        return "ended"
    if paused:
        return "paused"
    return "playing" if started else "waiting"


def _venues(files: list[Path]) -> frozenset[Venue]:
    """The venues that the files may hold trades of."""
    venues: set[Venue] = set()
    for path in files:
        try:
            venues |= probe(path)
        except (DamagedFile, OSError):
            venues |= {Venue.BINANCE, Venue.BYBIT}  # loading reports the error
    return frozenset(venues)
