"""``/api/export.csv``: the candles or the levels of a view as a table for spreadsheets and programs.

The response is UTF-8 text as in RFC 4180. It starts with ``# name: value`` lines that describe the table; the
column names follow, then one row per candle, old to new, or per level, from high to low within its candle.
``pandas.read_csv(..., comment="#")`` skips the first part; a spreadsheet shows each of its lines in one cell,
because none contains a separator or a quote.

Every figure is the exact decimal text that the socket sends. A cell of the table is a number, a time or one
of a few fixed words, so none can start a formula; a venue's names of symbols and currencies are only in ``#``
lines, reduced to letters and digits.
"""

from __future__ import annotations

import csv
import errno
import io
import re
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from socket import SO_SNDTIMEO, SOL_SOCKET
from typing import Final, Literal, NamedTuple, cast

from flask import Flask, Response, request

from orderflow_dash.feeds.stream import StreamStatus
from orderflow_dash.footprint.candle import Candle
from orderflow_dash.live.hub import Hub, Unavailable, UnknownSymbol
from orderflow_dash.live.limits import COUNTED_IDLE_S
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import Quality, State, Venue
from orderflow_dash.runtime.client_limits import ConnectionLimiter, LimitReached, client_limit
from orderflow_dash.runtime.telemetry import EXPORTS
from orderflow_dash.web import routes
from orderflow_dash.web.api.history_wait import await_history, is_pending
from orderflow_dash.web.grant import current_client, current_scope
from orderflow_dash.web.limit_text import EXPORT_RETRY_S, error_text, limit_text
from orderflow_dash.web.query import ErrorCode, QueryError, ViewQuery, one_of, parse_view_query

Rows = Literal["candles", "levels"]

# fmt: off
CANDLE_COLUMNS: Final = (
    "open_time", "open_ts", "open", "high", "low", "close", "bid", "ask", "delta", "min_delta", "max_delta",
    "cvd", "n", "poc", "levels", "closed", "quality", "verified", "rev",
)
# fmt: on
LEVEL_COLUMNS: Final = ("open_time", "open_ts", "price", "bid", "ask", "delta", "n")

MAX_EXPORTS: Final = 8  # at a time: each holds a thread; one client gets a quarter of them
_PLACE_S: Final = int(COUNTED_IDLE_S)  # time for which an unwatched symbol still counts
_SEND_S: Final = 5  # a reader that stalls for a few times as long loses its place
MAX_EXPORT_S: Final = 180.0  # a slow reader would otherwise hold its place forever
_STATUS: Final[dict[ErrorCode, int]] = {"bad_parameter": 400, "unknown_symbol": 404, "unavailable": 503}
_TRUTH: Final = {True: "true", False: "false", None: ""}

_MEANINGS: Final = {
    "bid": "volume of trades whose aggressor sold",
    "ask": "volume of trades whose aggressor bought",
    "delta": "ask less bid",
    "cvd": "running sum of delta since cvd_from",
    "n": "trade records of the venue",
    f"quality {Quality.COMPLETE}": "every trade was seen",
    f"quality {Quality.REPAIRED}": "fetched from the venue afterwards and whole",
    f"quality {Quality.PARTIAL}": "the feed began inside it",
    f"quality {Quality.GAP}": "trades are missing and known to be",
    "verified": "true where a closed candle equals the venue's own klines - false where it differs -"
    " empty where it was not or cannot be compared",
}


class ExportQuery(NamedTuple):
    """A query, checked."""

    view: ViewQuery
    rows: Rows


def parse_export_query(args: Mapping[str, str], hub: Hub) -> ExportQuery:
    """Check a query: that of a view, and ``rows``. Raises QueryError."""
    rows = cast(Rows, one_of(args, "rows", ["candles", "levels"], "candles"))
    return ExportQuery(parse_view_query(args, hub, current_scope()), rows)


def register_export(server: Flask, hub: Hub, *, is_replay: bool = False, prefix: str = "/") -> None:
    """Serve it under a path prefix. ``is_replay``: the trades are recorded."""
    limiter = ConnectionLimiter("export", MAX_EXPORTS, client_limit(MAX_EXPORTS, 0))

    @server.get(prefix + routes.EXPORT)
    def export_csv() -> Response:
        """The table, or 400, 404 or 503 with one line of text."""
        with ExitStack() as held:
            try:
                held.enter_context(limiter.connection(current_client()))
            except LimitReached as error:
                return _error(503, limit_text(error))
            EXPORTS.inc()
            held.callback(EXPORTS.dec)
            try:
                query = parse_export_query(request.args.to_dict(), hub)
                view = held.enter_context(hub.watch(query.view.key, current_client()))
            except QueryError as error:
                return _error(_STATUS[error.code], str(error))
            except UnknownSymbol as error:
                return _error(404, str(error))
            except (Unavailable, LimitReached) as error:
                return _error(503, error_text(error), retry_s=_PLACE_S)
            await_history(view, query.view.lookback, hub.stopping, hub.stopping.wait, is_whole=True)
            if cause := _missing_rows_cause(view, query.view.lookback):
                return _error(503, cause)
            source = "recorded trades" if is_replay else "live trades"
            now = datetime.now(UTC)
            lines = within_time(export_text(view, query, source, now))
            response = Response(lines, mimetype="text/csv")
            name = file_name(view.key, query.rows, now)
            response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
            _limit_send_time(held)
            # Not in the generator: one that never starts would never clean up.
            response.call_on_close(held.pop_all().close)
            return _no_store(response)


def export_text(view: View, query: ExportQuery, source: str, now: datetime) -> Iterator[str]:
    """The lines of the table, one candle at a time, from one consistent state."""
    candles, cvd_from = view.dated_candles(query.view.lookback)
    status = view.status()
    about = {
        "venue": view.key.venue.value,
        "symbol": plain_text(view.key.symbol),
        "timeframe": view.key.timeframe.value,
        "step": _step_text(view, candles),
        "prices in": plain_text(view.instrument.quote),
        "volumes in": plain_text(view.instrument.base),
        "time zone": "UTC",
        "source": "simulated market - not real prices" if view.key.venue is Venue.DEMO else source,
        "generated at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "feed": _feed_text(status),
        **({"warning": warning} if (warning := _warning(view)) else {}),
        "cvd_from": "" if cvd_from is None else _iso(cvd_from),
        "cvd_from_ts": "" if cvd_from is None else str(cvd_from),
        **_MEANINGS,
    }
    return _lines(about, candles, query.rows)


def _step_text(view: View, candles: Sequence[Candle]) -> str:
    price = (candles[-1].grid if candles else view.instrument.grid).price
    return price.text(price.count(view.key.step))


def _missing_rows_cause(view: View, lookback: int) -> str:
    """The cause of an empty table while rows may still arrive; otherwise empty."""
    status = view.status()
    if view.candles(lookback) or not (is_pending(view) or status.state is State.DISCONNECTED):
        return ""
    feed = ", ".join(part for part in (status.state.value, status.detail) if part)
    return f"no trade of {view.key.symbol} has been received yet ({feed}); try again in {EXPORT_RETRY_S} s"


def _feed_text(status: StreamStatus) -> str:
    """The state and its cause, "connecting: connected - waiting for a trade"; a comma splits the cell."""
    parts = [plain_text(part).strip() for part in re.split(r"[,;()]", status.detail)]
    return ": ".join(filter(None, [status.state.value, " - ".join(filter(None, parts))]))


def _warning(view: View) -> str:
    """The warning about old or missing rows; empty if the rows mark every gap."""
    if is_pending(view):
        return "history is still being fetched - rows may be old or missing"
    if view.status().state is State.DISCONNECTED:
        return "no trades are being received - the newest rows are missing"
    return ""


def within_time(lines: Iterable[str], clock: Callable[[], float] = time.monotonic) -> Iterator[str]:
    """The lines, limited to ``MAX_EXPORT_S``.

    Raises ConnectionResetError, which the server treats as a reader that has left: the response ends without
    HTTP's final chunk, so the reader can see that it is incomplete.
    """
    until = clock() + MAX_EXPORT_S
    for line in lines:
        if clock() > until:
            raise ConnectionResetError(errno.ECONNRESET, f"not read within {MAX_EXPORT_S:.0f} s")
        yield line


def file_name(key: ViewKey, rows: Rows, now: datetime) -> str:
    """A name that is valid in every file system and header."""
    symbol = "".join(char if char.isascii() and char.isalnum() else "_" for char in key.symbol)[:40]
    return f"orderflow_{key.venue}_{symbol}_{key.timeframe}_{rows}_{now:%Y%m%dT%H%M%SZ}.csv"


def plain_text(text: str) -> str:
    """A venue's text without separators, quotes and characters that start a formula."""
    return "".join(char if char.isalnum() or char in " ._:/" else "_" for char in text)


def _lines(about: Mapping[str, str], candles: Sequence[Candle], rows: Rows) -> Iterator[str]:
    yield "".join(f"# {name}: {value}".rstrip() + "\r\n" for name, value in about.items())
    columns, rows_of = (CANDLE_COLUMNS, _candle_rows) if rows == "candles" else (LEVEL_COLUMNS, _level_rows)
    yield _csv([columns])
    for candle in candles:
        yield _csv(rows_of(candle))


def _candle_rows(candle: Candle) -> list[tuple[object, ...]]:
    price, quantity = candle.grid.price.text, candle.grid.quantity.text
    return [
        (
            _iso(candle.open_ts),
            candle.open_ts,
            *(price(each) for each in (candle.open, candle.high, candle.low, candle.close)),
            *(quantity(each) for each in (candle.bid, candle.ask, candle.delta)),
            *(quantity(each) for each in (candle.min_delta, candle.max_delta, candle.cvd)),
            candle.n,
            price(candle.poc),
            len(candle.levels),
            _TRUTH[candle.closed],
            candle.quality.value,
            _TRUTH[candle.verified],
            candle.rev,
        )
    ]


def _level_rows(candle: Candle) -> list[tuple[object, ...]]:
    price, quantity = candle.grid.price.text, candle.grid.quantity.text
    opened = _iso(candle.open_ts), candle.open_ts
    return [
        (*opened, price(p), quantity(bid), quantity(ask), quantity(ask - bid), n)
        for p, bid, ask, n in candle.levels.tolist()
    ]


def _csv(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _iso(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _limit_send_time(held: ExitStack) -> None:
    """Disconnect a stalled reader while the response is sent."""
    socket = request.environ.get("gunicorn.socket")
    if socket is not None:
        socket.setsockopt(SOL_SOCKET, SO_SNDTIMEO, struct.pack("ll", _SEND_S, 0))
        # The connection may serve another request.
        held.callback(socket.setsockopt, SOL_SOCKET, SO_SNDTIMEO, struct.pack("ll", 0, 0))


def _error(status: int, message: str, retry_s: int = EXPORT_RETRY_S) -> Response:
    line = " ".join(message.split())  # it may contain a name that a venue chose
    response = Response(f"{line}\n", status, mimetype="text/plain")
    if status == 503:
        response.headers["Retry-After"] = str(retry_s)
    return _no_store(response)


def _no_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
