"""Where nothing is to be kept: ``DATABASE_URL=off``."""

from __future__ import annotations

from collections.abc import Sequence

from ..market import Instrument
from .database import default_url, parse_url
from .minutes import StoredHour, StoredMinute
from .retention import Retention
from .store import EVER, ResumePoint, open_store
from .writer import StoreWriter

OFF = "off"


class NullStore:
    """Takes everything, keeps nothing; the interface of StoreWriter."""

    def start(self) -> None:
        """Nothing to start."""

    def stop(self, flush_s: float = 5.0) -> bool:  # noqa: ARG002 - the interface
        """Nothing waits."""
        return True

    def put(
        self, instrument: Instrument, minutes: Sequence[StoredMinute], cvd_from: int | None = None
    ) -> None:
        """Forget them."""

    def load(self, instrument: Instrument, since: int = 0, until: int = EVER) -> list[StoredMinute]:  # noqa: ARG002
        """Nothing."""
        return []

    def load_hours(self, instrument: Instrument, since: int = 0, until: int = EVER) -> list[StoredHour]:  # noqa: ARG002
        """Nothing."""
        return []

    def resume(self, instrument: Instrument) -> ResumePoint | None:  # noqa: ARG002
        """Nowhere."""
        return None

    def health(self) -> dict[str, object]:
        """Figures for ``/health``."""
        figures = dict.fromkeys(("queued", "written", "lag_ms", "dropped", "retired"), 0)
        return {"state": OFF, "detail": "history is not kept", **figures}


History = StoreWriter | NullStore


def open_history(url: str | None, retention: Retention | None = None, *, memory_mb: float = 64.0) -> History:
    """What keeps history at an address: ``off`` keeps none, None is the default file. Not yet started.

    Raises ValueError, with what is accepted, where the address is of no known kind.
    """
    if url == OFF:
        return NullStore()
    place = default_url() if url is None else url
    parse_url(place)
    return StoreWriter(lambda: open_store(place), retention=retention, memory_mb=memory_mb)
