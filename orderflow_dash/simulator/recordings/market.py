"""Recorded trades as a market: each served once, at any speed, from a symbol's first listener on."""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from orderflow_dash.market import MINUTE_MS, Venue
from orderflow_dash.simulator.market.contract import statistics
from orderflow_dash.simulator.market.source import BybitTrade, Day, Emission, Fill, Listing
from orderflow_dash.simulator.market.tape import Print, Tape, TapeCandle
from orderflow_dash.simulator.recordings.capture import Kind
from orderflow_dash.simulator.recordings.loading import Loading
from orderflow_dash.simulator.recordings.playback import (
    Playback,
    PlaybackClock,
    PlayedUpTo,
    Playing,
    first_ms,
    listing_of,
    playback_from,
)
from orderflow_dash.simulator.recordings.recording import Recording
from orderflow_dash.simulator.recordings.splicing import LONG_MS, silences

_BATCH = 512  # prints of one symbol between two checks of the clients' queues
_TRIED_MINUTES = 5
_LEAD_MS = 1_000  # after a silence the clock continues this long before the next trade
_BURST = 2_048  # as _BATCH, of all symbols that share a clock; a client's queue holds four times as many


class RecordedMarket:
    """Serves recorded trades with their own times, each once.

    A symbol starts with the first listener of its trades (other streams do not start it), so that no
    trade is missed. It is served on its own venue's protocol.

    ``pause``, ``resume``, ``set_speed``, ``seek``, ``adopt`` and ``playing`` may be called from any thread.

    Args:
        files: captures and day files; several of one symbol are joined in order. None for a market that
            ``adopt`` fills later.
        speed: recorded milliseconds per wall millisecond; 0 or infinite means as fast as the clients
            take them (then it waits without listeners).
        together: whether all symbols share one clock, which the first listener of any symbol starts and
            which waits for slow clients. Else each symbol has its own clock, and a slow client is closed,
            as on the venues.

    Raises:
        DamagedFile: with the file and the line that cannot be read.
        ValueError: an invalid speed, or no trade in any file.
    """

    def __init__(
        self, files: Iterable[str | Path] | None, speed: float = 1.0, *, together: bool = False
    ) -> None:
        self.together = together
        self.session = 0
        self._lock = threading.RLock()
        self._paused = False
        self._set_speed(speed)
        self._playbacks: dict[Listing, Playback] = {}
        self.listings: Sequence[Listing] = ()
        self._span = 0, 0  # ms: the oldest and the newest trade
        self.notes: Sequence[str] = ()  # oddities of the files' rows
        self.silences: Sequence[tuple[int, int]] = ()  # long stretches (ms) without a trade: skipped
        self._now = 0
        if files is not None:
            loading = Loading([Path(file) for file in files])
            recordings = loading.run(strict=True)
            self.notes = [
                f"{file.name}: {note}" for file in loading.files for note in [*file.damage, *file.notes]
            ]
            if not recordings:
                raise ValueError("the files hold no trade")
            self.adopt(recordings)

    def adopt(self, recordings: Sequence[Recording]) -> None:
        """Replaces all recordings."""
        clock = PlaybackClock(0)
        with self._lock:
            self._playbacks = {
                listing_of(recording): playback_from(
                    recording, 0, clock if self.together else PlaybackClock(0)
                )
                for recording in recordings
            }
            self.listings = tuple(self._playbacks)
            for playback in self._playbacks.values():
                playback.clock.at = min(playback.clock.at or math.inf, first_ms(playback))
            self._now = int(min((p.clock.at for p in self._playbacks.values()), default=0))
            self.silences = silences([recording.rows.times for recording in recordings])
            if recordings:
                self._span = (
                    min(int(recording.rows.times.min()) for recording in recordings),
                    max(int(recording.rows.times.max()) for recording in recordings),
                )
            self.session += 1

    # -- control -----------------------------------------------------------------------------

    @property
    def paced(self) -> bool:
        """Whether a clock decides when a print is due."""
        return self.speed > 0 and math.isfinite(self.speed)

    def playing(self) -> Playing:
        """The playback state."""
        with self._lock:
            clocks = [playback.clock for playback in self._playbacks.values()]
            return Playing(
                self._paused,
                self.speed,
                any(clock.started for clock in clocks),
                bool(clocks) and self.finished,
                self.now(),
                *self._span,
            )

    def pause(self) -> None:
        """Stops recorded time."""
        with self._lock:
            self._rebase(stand=True)
            self._paused = True

    def resume(self) -> None:
        """Continues recorded time."""
        with self._lock:
            self._paused = False
            self._rebase()

    def set_speed(self, speed: float) -> None:
        """Changes the speed; ValueError if it is invalid."""
        with self._lock:
            self._rebase()
            self._set_speed(speed)

    def seek(self, time_ms: int) -> int:
        """Moves to the minute that holds a recorded time and returns its start (ms).

        Playback restarts there: the served prints are forgotten, and the clock waits for a listener.
        ValueError if nothing is recorded at that time.
        """
        with self._lock:
            known = self.playing()
            target = time_ms - time_ms % MINUTE_MS
            if not self._playbacks or not known.start_ms - MINUTE_MS < target <= known.end_ms:
                raise ValueError(f"nothing is recorded at {time_ms}")
            clock = PlaybackClock(target)
            for listing, playback in self._playbacks.items():
                row = playback.recording.row_at(target)
                self._playbacks[listing] = playback_from(
                    playback.recording, row, clock if self.together else PlaybackClock(target)
                )
            self._now = target
            self.session += 1
            return target

    def _set_speed(self, speed: float) -> None:
        if math.isnan(speed) or speed < 0:
            raise ValueError(f"invalid speed {speed}: use 0 or more")
        self.speed = speed

    def _rebase(self, *, stand: bool = False) -> None:
        """Restarts every clock from its present position, so that a change applies from now."""
        wall = time.monotonic()
        for playback in self._playbacks.values():
            clock = playback.clock
            at = clock.position(wall, self.speed) if self.paced else clock.at
            runs = clock.started and not stand and not self._paused
            clock.set(at, wall if runs else None)

    # -- Market ------------------------------------------------------------------------------

    revision = 0  # a recording does not hold changes of contracts

    def find(self, symbol: str, venue: Venue = Venue.BINANCE) -> Listing:
        """The listing of a symbol on a venue; KeyError if unknown."""
        for listing in self.listings:
            if listing.symbol == symbol and venue in listing.venues:
                return listing
        raise KeyError(symbol)

    def start(self) -> None:
        """Does nothing: time starts with the first listener."""

    def now(self) -> int:
        """The shared clock's time; without one, the time of the newest served or the first recorded print."""
        if not self.together or not self._playbacks:
            return self._now
        clock = next(iter(self._playbacks.values())).clock
        return int(clock.position(time.monotonic(), self.speed)) if self.paced else self._now

    @property
    def finished(self) -> bool:
        """Whether every symbol was served to its end."""
        return all(playback.next is None for playback in self._playbacks.values())

    def poll(self, ready: Set[Listing]) -> Sequence[Emission]:
        """The prints due by each symbol's clock; without a clock, a batch of each symbol in ``ready``."""
        with self._lock:
            if self._paused:
                return []
            wall = time.monotonic()
            for listing, playback in self._playbacks.items():
                if listing in ready and not playback.clock.started:
                    playback.clock.started = True
                    playback.clock.set(playback.clock.at, wall)
            emitted: list[Emission] = []
            if self.together:
                self._play_together(ready, wall, emitted)
            else:
                self._play_each(ready, wall, emitted)
            if emitted:
                self._now = max(self._now, max(emission.event_ms for emission in emitted))
            return emitted

    def _play_each(self, ready: Set[Listing], wall: float, emitted: list[Emission]) -> None:
        for listing, playback in self._playbacks.items():
            if not self.paced:
                until, most = math.inf, _BATCH if listing in ready else 0
            elif playback.clock.started:
                until, most = playback.clock.position(wall, self.speed), 1 << 60
            else:
                continue
            self._play(listing, playback, until, most, emitted)
            if not self.paced:
                playback.clock.set(max(playback.clock.at, playback.event_ms), None)

    def _play_together(self, ready: Set[Listing], wall: float, emitted: list[Emission]) -> None:
        """Plays all symbols up to one time; limits the prints per call and holds the clock back for it."""
        left = [playback for playback in self._playbacks.values() if playback.next is not None]
        if not left or not left[0].clock.started or not (self.paced or ready):
            return
        clock = left[0].clock
        self._pass_over_silence(clock, wall, min(p.next[0].time for p in left if p.next is not None))
        position = clock.position(wall, self.speed) if self.paced else math.inf
        until, share = position, max(1, _BURST // len(self._playbacks))
        for playback in left:
            row = playback.row + share
            if row < len(playback.recording):
                until = min(until, int(playback.recording.rows.times[row]))
        until = min(position, max(until, min(p.next[0].time for p in left if p.next is not None)))
        for listing, playback in self._playbacks.items():
            self._play(listing, playback, until, 1 << 60, emitted)
        if self.finished:
            end = max(int(playback.recording.rows.times[-1]) for playback in self._playbacks.values())
            clock.set(max(end, self._now), None)
        elif until < position:
            clock.set(until, wall)

    def _pass_over_silence(self, clock: PlaybackClock, wall: float, following: int) -> None:
        """Moves the clock close to the next trade (ms) if it is far away."""
        if self.paced and following - clock.position(wall, self.speed) >= LONG_MS:
            clock.set(following - _LEAD_MS, wall)

    def _play(
        self, listing: Listing, playback: Playback, until: float, most: int, emitted: list[Emission]
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
        """Seconds until a print may be due; without a clock 0, as long as a client can take it."""
        with self._lock:
            if self._paused:
                return math.inf
            wall, soonest = time.monotonic(), math.inf
            for listing, playback in self._playbacks.items():
                started = playback.clock.started
                if playback.next is None or (not started and listing not in ready):
                    continue
                if self.paced and started:
                    ahead = playback.next[0].time - playback.clock.position(wall, self.speed)
                    soonest = min(soonest, max(0.0, ahead / 1000 / self.speed))
                elif listing in ready or (self.together and ready):
                    return 0.0
            return soonest

    def tape(self, listing: Listing) -> Tape:
        """The served prints of a symbol."""
        return self._playbacks[listing].tape

    def day(self, listing: Listing) -> Day | None:
        """Statistics of the served prints of the last 24 h; without any, the first recorded price alone."""
        playback = self._playbacks[listing]
        return statistics(listing.symbol, playback.tape, playback.before, self._now)

    # -- played prints, for later listeners --------------------------------------------------

    def played_up_to(self, listing: Listing) -> PlayedUpTo | None:
        """The start of the newest minute before which everything was played; None if nothing was.

        After the end of the recording it is the end of its last minute.
        """
        with self._lock:
            playback, now = self._playbacks[listing], self.now()
            recording = playback.recording
            until = now - now % MINUTE_MS + (MINUTE_MS if self.finished else 0)
            for until_ms in range(until, until - _TRIED_MINUTES * MINUTE_MS, -MINUTE_MS):
                row = recording.row_at(until_ms)
                # Rows may lag: check that none of the following is older.
                if row and bool((recording.rows.times[row:] >= until_ms).all()):
                    return PlayedUpTo(recording, row, until_ms, playback.last_id_before(row))
            return None

    def first_id(self, listing: Listing) -> int | None:
        """The id of the first print served since the last seek; None if there is none."""
        with self._lock:
            numbers = self._playbacks[listing].numbers
            return numbers[0] if numbers else None

    def newest(self, listing: Listing) -> list[Print]:
        """The newest print served since the last seek; empty if there is none."""
        with self._lock:
            tape = self._playbacks[listing].tape
            return tape.prints(len(tape) - 1, len(tape))

    def played_by_id(self, listing: Listing, first: int, last: int, limit: int) -> list[Print]:
        """At most ``limit`` prints served since the last seek, from one id up to another, both included."""
        with self._lock:
            return self._playbacks[listing].by_id(first, last, limit)

    def played_between(self, listing: Listing, after: int, before: int) -> list[Print]:
        """The prints served since the last seek, from one time up to another (ms), both included."""
        with self._lock:
            return self._playbacks[listing].between(after, before)

    def gaps(self, listing: Listing) -> Sequence[tuple[int, int]]:
        """Stretches that lack trades without a jump of ids: the times (ms) of the trades around them."""
        with self._lock:
            return self._playbacks[listing].recording.gaps

    def _rows(self, listing: Listing, trade: Print) -> range:
        """The recorded rows of a print, with the off-book ones between."""
        playback = self._playbacks[listing]
        at = bisect_left(playback.numbers, trade.id)
        return range(playback.stops[at - 1] if at else playback.start_row, playback.stops[at])

    def hours_before(self, listing: Listing) -> Sequence[TapeCandle]:  # noqa: ARG002
        """None: a recording does not hold the day before."""
        return ()

    def fills(self, listing: Listing, trade: Print) -> Sequence[Fill]:
        """The recorded matches; none where only aggregates were recorded."""
        recording = self._playbacks[listing].recording
        if recording.aggregates or recording.venue is not Venue.BINANCE:
            return ()
        rows, made = recording.rows, []
        for i in self._rows(listing, trade):
            kind = Kind(int(rows.kinds[i]))
            empty = kind is Kind.NA
            made.append(
                Fill(
                    int(rows.ids[i]),
                    int(rows.times[i]),
                    "0" if empty else listing.price.text(int(rows.prices[i])),
                    "0" if empty else listing.quantity.text(abs(int(rows.quantities[i]))),
                    kind.name,
                    bool(rows.sells[i]),
                )
            )
        return made

    def bybit_trades(self, listing: Listing, trade: Print) -> Sequence[BybitTrade]:
        """The recorded trade, and the block trades recorded around it."""
        recording = self._playbacks[listing].recording
        if recording.venue is not Venue.BYBIT:
            return ()
        rows = recording.rows
        return [
            BybitTrade(
                rows.uuids[i].decode() if len(rows.uuids) else "",
                int(rows.seqs[i]) or i + 1,
                int(rows.times[i]),
                listing.price.text(int(rows.prices[i])),
                listing.quantity.text(abs(int(rows.quantities[i]))),
                bool(rows.sells[i]),
                bool(rows.kinds[i] == Kind.BLOCK),
                bool(rows.kinds[i] == Kind.RPI),
            )
            for i in self._rows(listing, trade)
        ]
