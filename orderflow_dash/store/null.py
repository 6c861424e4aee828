"""The store that ``DATABASE_URL`` selects; ``off`` stores nothing."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_dash.market import Instrument
from orderflow_dash.store.database import default_url, parse_url, place_of
from orderflow_dash.store.minutes import StoredHour, StoredMinute
from orderflow_dash.store.retention import Retention
from orderflow_dash.store.store import EVER, ResumePoint, open_store
from orderflow_dash.store.writer import StoreWriter

OFF = "off"


class NullStore:
    """Stores nothing; the interface of StoreWriter."""

    def start(self) -> None:
        """Nothing to start."""

    def stop(self, flush_s: float = 5.0) -> bool:  # noqa: ARG002 - the interface
        """Nothing waits."""
        return True

    def put(
        self, instrument: Instrument, minutes: Sequence[StoredMinute], cvd_from: int | None = None
    ) -> None:
        """Forget them."""

    def load(
        self,
        instrument: Instrument,  # noqa: ARG002
        since: int = 0,  # noqa: ARG002
        until: int = EVER,  # noqa: ARG002
        *,
        include_dropped: bool = False,  # noqa: ARG002
    ) -> list[StoredMinute]:
        """Nothing."""
        return []

    def load_hours(
        self,
        instrument: Instrument,  # noqa: ARG002
        since: int = 0,  # noqa: ARG002
        until: int = EVER,  # noqa: ARG002
        *,
        include_dropped: bool = False,  # noqa: ARG002
    ) -> list[StoredHour]:
        """Nothing."""
        return []

    def resume(self, instrument: Instrument) -> ResumePoint | None:  # noqa: ARG002
        """Nowhere."""
        return None

    def health(self) -> dict[str, object]:
        """Figures for ``/health``."""
        figures = dict.fromkeys(("queued", "queued_bytes", "written", "lag_ms", "dropped", "retired"), 0)
        return {"state": OFF, "detail": "history is not kept", **figures}


HistoryStore = StoreWriter | NullStore


def history_place(url: str) -> str:
    """Where ``open_history`` stores history, without a password; ``off`` if it stores none."""
    return OFF if url == OFF else place_of(parse_url(url or default_url()))


def open_history(url: str, retention: Retention | None = None) -> HistoryStore:
    """The store at an address, not started: none at ``off``, the default file at an empty one.

    Raises ValueError, with the valid forms, for an unknown kind of address.
    """
    if url == OFF:
        return NullStore()
    place = url or default_url()
    parse_url(place)
    return StoreWriter(lambda: open_store(place), retention=retention)
