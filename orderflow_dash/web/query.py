"""The query of a view, on the socket and on the page: names, defaults, limits, errors."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode

from orderflow_dash.access.embed_token import TokenScope
from orderflow_dash.footprint.measures import default_step
from orderflow_dash.live.hub import Hub, Unavailable, UnknownSymbol
from orderflow_dash.live.view import ViewKey
from orderflow_dash.market import Instrument, Timeframe, Venue, parse_decimal
from orderflow_dash.runtime.wording import invalid_value, join_or

ErrorCode = Literal["bad_parameter", "unknown_symbol", "unavailable"]

NAMES = frozenset({"exchange", "symbol", "tf", "step"})  # any of them in an address opens a panel
_TIMEFRAMES = [timeframe.value for timeframe in Timeframe]
_LONGEST_SEARCH = 4096  # characters; the longest request line of the server


class QueryError(ValueError):
    """An invalid query: the parameter and what is valid."""

    def __init__(self, code: ErrorCode, param: str | None, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.param = param


class ViewQuery(NamedTuple):
    """A valid query."""

    key: ViewKey
    lookback: int  # candles
    emit_ms: int


def parse_view_query(
    args: Mapping[str, str], hub: Hub, scope: TokenScope | None, *, at_once: bool = False
) -> ViewQuery:
    """Check a query against the listed instruments and the token's scope, if any. Raises QueryError.

    Names of venues and symbols are case-insensitive. Every view that is shown, sent or exported passes this
    check; ``at_once`` does not wait for a venue whose instruments have not loaded.
    """
    args = args if scope is None else _within(scope, args)
    served = [status.venue.value for status in hub.venues()]
    named = {"exchange": args["exchange"].lower()} if "exchange" in args else {}
    exchange = one_of(named, "exchange", served, Venue.BINANCE.value)
    timeframe = one_of(args, "tf", _TIMEFRAMES, Timeframe.M1.value)
    lookback = _integer(args, "lookback", 30, 1, 500)
    emit_ms = _integer(args, "emit_ms", 300, 50, 10_000)
    symbol = args.get("symbol", "BTCUSDT").upper()
    try:
        instrument = hub.instrument(Venue(exchange), symbol, at_once=at_once)
    except UnknownSymbol as error:
        raise QueryError("unknown_symbol", "symbol", str(error)) from error
    except Unavailable as error:
        raise QueryError("unavailable", "exchange", str(error)) from error
    try:
        step = _step(args, instrument, hub)
    except QueryError:
        if at_once:
            raise
        instrument = hub.relisted(instrument)  # its tick may have just changed
        step = _step(args, instrument, hub)
    return ViewQuery(
        ViewKey(instrument.venue, instrument.symbol, Timeframe(timeframe), step), lookback, emit_ms
    )


def _within(scope: TokenScope, args: Mapping[str, str]) -> Mapping[str, str]:
    """A query with the scope's venue and symbol as defaults. Raises QueryError for one outside of it."""
    beyond = scope.violation(args)
    if beyond is not None:
        raise QueryError("bad_parameter", *beyond)
    return {"exchange": scope.venue.value, "symbol": scope.symbols[0], **args}


def view_args(args: Mapping[str, str]) -> dict[str, str]:
    """The parameters that name a view."""
    return {name: value for name, value in args.items() if name in NAMES}


def search_of(wish: object) -> str:
    """The query string of a page's address, as sent by the browser, cut to the longest valid length."""
    search = wish.get("search") if isinstance(wish, dict) else None
    return str(search or "")[:_LONGEST_SEARCH]


def query_args(search: str) -> dict[str, str]:
    """The names and values of a query string ("?a=1&b=2"); the first value of a repeated name counts."""
    args: dict[str, str] = {}
    for name, value in parse_qsl(search.lstrip("?"), keep_blank_values=True):
        args.setdefault(name, value)
    return args


def view_query_string(key: ViewKey) -> str:
    """The query that names a view."""
    step = f"{key.step.normalize():f}"
    return urlencode(
        {"exchange": key.venue.value, "symbol": key.symbol, "tf": key.timeframe.value, "step": step}
    )


def one_of(args: Mapping[str, str], name: str, accepted: list[str], default: str) -> str:
    """A parameter that must be one of the accepted values. Raises QueryError."""
    value = args.get(name, default)
    if value not in accepted:
        raise QueryError("bad_parameter", name, invalid_value(name, value, join_or(accepted)))
    return value


def _integer(args: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = args.get(name)
    if text is None:
        return default
    # isdecimal also accepts digits of other scripts.
    if len(text) <= len(str(most)) and text.isascii() and text.isdecimal() and least <= int(text) <= most:
        return int(text)
    raise QueryError(
        "bad_parameter",
        name,
        invalid_value(name, text, f"a whole number from {least} to {most}"),
    )


def _step(args: Mapping[str, str], instrument: Instrument, hub: Hub) -> Decimal:
    price = hub.price(instrument)
    default = default_step(instrument.tick, price)
    text = args.get("step")
    if text is None:
        return default
    most = max(price, instrument.tick) if price else instrument.tick * 10**9
    try:
        step = parse_decimal(text)
    except ValueError:
        step = Decimal(0)
    fits = 0 < step <= most and not step % instrument.tick
    if not fits and not hub.has_step(instrument, step):
        raise QueryError(
            "bad_parameter",
            "step",
            invalid_value(
                "step",
                text,
                f"a whole multiple of the tick {instrument.tick:f} of {instrument.symbol}, at most its price,"
                f" for example {default:f}",
            ),
        )
    return step.normalize()
