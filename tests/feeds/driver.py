"""Applies what a sequencer returns to a sink, as a stream does."""

from __future__ import annotations

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.sequencing import Change, GapOpened, NewTrades, Sequencer
from orderflow_dash.feeds.stream import TradeSink


class Driver:
    """A sequencer and the sink of its trades."""

    def __init__(self, sequencer: Sequencer, sink: TradeSink) -> None:
        self.sequencer = sequencer
        self._sink = sink

    def receive(self, batch: TradeBatch) -> None:
        changes = self.sequencer.receive(batch)
        self._apply([NewTrades(batch.trades, batch.grid)] if changes is None else changes)

    def fill(self, batch: TradeBatch) -> int:
        """How many trades were missing."""
        changes = self.sequencer.fill(batch)
        self._apply(changes)
        return sum(len(change.trades) for change in changes if isinstance(change, NewTrades))

    def on_disconnect(self) -> None:
        self.sequencer.on_disconnect()

    @property
    def repeats(self) -> int:
        return self.sequencer.repeats

    @property
    def impossible(self) -> int:
        return self.sequencer.impossible

    def _apply(self, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change, NewTrades):
                self._sink.on_trades(*change)
            elif isinstance(change, GapOpened):
                self._sink.on_gap(change.gap)
            else:
                self._sink.on_gap_filled(change.gap)
