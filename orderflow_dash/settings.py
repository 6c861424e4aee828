# ruff: noqa: E501 - one line per field
"""The environment variables of the product: name, default, limits, meaning.

Each field of ``Settings`` is one variable. An invalid value stops the start with one line; the log warns of
an unknown ``ORDERFLOW_`` variable.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from orderflow_dash.access.hosts import check_allowed_hosts
from orderflow_dash.access.setting_checks import (
    check_allowed_origins,
    check_secret_key,
    check_trusted_proxies,
    check_user_header,
    check_users,
)
from orderflow_dash.runtime.redaction import redact

_PREFIX: Final = "ORDERFLOW_"
_PASSWORD = re.compile(r"://[^\s/:@]*:([^\s/]+)@")  # also in an address with invalid characters
_FRAME_SOURCE = re.compile(
    r"\*|'self'|https?:|(https?://)?(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:(\*|[0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)
_PATH = re.compile(r"/|(/[a-z0-9_-]+(\.[a-z0-9_-]+)*)+/?", re.ASCII | re.IGNORECASE)
# Kubernetes sets these in every pod beside a service named `orderflow` or `orderflow-dash`.
_SERVICE_LINK = re.compile(r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_\w+)?)=.*")
_SERVICE_PORT = re.compile(r"(\w+_)?PORT=(tcp|udp|sctp)://.*")


class SettingsError(Exception):
    """One line: the variable, its value, and what is valid."""


def _url(*schemes: str) -> AfterValidator:
    accepted = " or ".join(f"{scheme}://" for scheme in schemes)

    def check(value: str) -> str:
        try:
            parts = urlsplit(value)
            is_url = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:  # half an IPv6 address, or a port that is not a number
            is_url = False
        if not is_url:
            raise ValueError(f"must be a {accepted} URL with a host name")
        return value

    return AfterValidator(check)


def _database_url(value: str) -> str:
    if value and value != "off":
        # Imported late: gunicorn's master process reads the settings and never opens a database.
        from orderflow_dash.store.database import parse_url

        try:
            parse_url(value)
        except ValueError as error:
            raise ValueError(f"must be {error}, or off") from None
    return value


def _frame_ancestors(value: str) -> str:
    sources = value.split()
    if sources == ["'none'"] or (sources and all(_FRAME_SOURCE.fullmatch(each) for each in sources)):
        return " ".join(sources)
    raise ValueError(
        "must be 'none', or a list of 'self', https: and hosts such as https://portal.example,"
        " separated by spaces"
    )


def _prefix(value: str) -> str:
    if _PATH.fullmatch(value):
        return value if value.endswith("/") else f"{value}/"
    raise ValueError("must be a path such as /flow/ of letters, digits, _, - and dots inside a name")


_WebsocketUrl = Annotated[str, _url("wss", "ws")]
_HttpUrl = Annotated[str, _url("https", "http")]
_Rate = Annotated[int, Field(ge=1, le=1_000_000)]


class Settings(BaseSettings):
    """Venues, server, access, limits and storage.

    A rate counts requests of one client address; an office of many people is one address. A client with an
    embed token counts for its address and for the token: each has the limit of one client.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid")

    # fmt: off
    # Server
    port: int = Field(8050, ge=0, le=65535, alias="PORT", description="port that the app listens on")
    prefix: Annotated[str, AfterValidator(_prefix)] = Field("/", description="URL path under which everything is served, such as `/flow/`")
    proxy_hops: int = Field(0, ge=0, le=10, description="number of reverse proxies in front whose `X-Forwarded-*` headers are trusted (0: none)")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="minimum log level")
    log_format: Literal["text", "json"] = Field("text", description="format of log lines: `text` (logfmt) or `json`")
    access_log: bool = Field(False, description="one log line per request, with duration and status")

    # Venues
    binance_ws: _WebsocketUrl = Field("wss://fstream.binance.com", alias="BINANCE_FUTURES_WS", description="Binance USD-M websocket root")
    binance_rest: _HttpUrl = Field("https://fapi.binance.com", alias="BINANCE_FUTURES_REST", description="Binance USD-M REST root")
    bybit_ws: _WebsocketUrl = Field("wss://stream.bybit.com/v5/public/linear", alias="BYBIT_WS_LINEAR", description="Bybit v5 public linear websocket")
    bybit_rest: _HttpUrl = Field("https://api.bybit.com", alias="BYBIT_REST", description="Bybit v5 REST root")
    stall_timeout_s: float = Field(20.0, ge=1, le=600, description="time without data after which a venue connection is replaced, s")
    connection_life_s: float = Field(82_800.0, ge=1, le=86_000, description="age at which a venue connection is replaced, below the venues' limit of 24 h, s")
    verify_interval_s: float = Field(15.0, ge=0, le=3600, description="minimum interval at which a symbol's closed minutes are compared with the venue's klines (0: never), s")

    # Simulated market and replay
    demo: bool = Field(True, description="simulated market, served as venue `demo`")
    demo_seed: int = Field(1, ge=0, description="seed of the simulated market")
    demo_speed: float = Field(1.0, gt=0, le=100, description="speed of the simulated market, simulated seconds per second")
    replay: str = Field("off", description="recorded trades to serve instead of the venues: a path, a JSON list of paths, or `off`")
    replay_speed: float = Field(1.0, ge=0, le=1000, description="speed of the replay (0: as fast as possible), recorded seconds per second")

    # History
    memory_minutes: int = Field(500, ge=60, le=10_000, description="minimum history kept in memory per symbol, minutes")
    backfill_minutes: int = Field(30, ge=0, le=1440, description="history fetched from before a symbol's first live trade, minutes")
    database_url: Annotated[str, AfterValidator(_database_url)] = Field(
        "", repr=False, alias="DATABASE_URL",  # it may contain a password
        description="store of closed minutes: `sqlite:///PATH`, `postgres://...` or `off`; where unset, an SQLite file in the user's data directory, or `off` if a venue's address is set",
    )
    keep_days: float = Field(90.0, gt=0, le=36_500, description="time that stored minutes are kept, days")
    keep_mb: float = Field(4096.0, ge=10, le=1e6, description="maximum size of the store, beyond which the oldest data is deleted, MB")

    # Viewers
    stream_idle_s: float = Field(30.0, ge=0, le=3600, description="time that a stream is kept after its last viewer leaves, s")
    panel_timeout_s: float = Field(15.0, ge=3, le=300, description="time without a poll after which a panel's viewer counts as gone, s")
    ping_interval: float = Field(20.0, gt=0, le=300, alias="WS_PING_INTERVAL", description="interval of pings to the clients of `/ws/orderflow`, s")
    max_sockets: int = Field(80, ge=1, le=2000, description="maximum number of clients of `/ws/orderflow`")
    max_sockets_per_client: int = Field(0, ge=0, le=2000, description="maximum number of sockets per client (0: a quarter of all)")
    max_panels: int = Field(1000, ge=1, le=10_000, description="maximum number of open panels")
    max_panels_per_client: int = Field(0, ge=0, le=10_000, description="maximum number of panels per client (0: a quarter of all)")
    max_series: int = Field(200, ge=1, le=2000, description="maximum number of symbols streamed at once")
    max_series_per_client: int = Field(0, ge=0, le=2000, description="maximum number of symbols per client (0: a quarter of all)")
    max_views: int = Field(300, ge=1, le=10_000, description="maximum number of views at once: each timeframe and step of a symbol that has a viewer")
    max_views_per_client: int = Field(0, ge=0, le=10_000, description="maximum number of views per client (0: a quarter of all)")
    update_rate: _Rate = Field(300, description="maximum page updates per client address (an open panel takes 1), per second")
    page_rate: _Rate = Field(600, description="maximum page loads per client address, per minute")
    socket_rate: _Rate = Field(1200, description="maximum new connections to `/ws/orderflow` per client address, per minute")
    export_rate: _Rate = Field(120, description="maximum exports per client address, per minute")

    # Access
    auth: Literal["none", "basic", "proxy"] = Field("none", description="access control: `none` (open to everyone), `basic` (user name and password) or `proxy` (users that a proxy has authenticated)")
    users: Annotated[SecretStr, AfterValidator(check_users)] = Field(SecretStr(""), validate_default=True, description="users of `basic`: `NAME:HASH` as printed by `orderflow-dash hash-password NAME`, separated by spaces")
    user_header: Annotated[str, AfterValidator(check_user_header)] = Field("X-Forwarded-User", description="header in which a trusted proxy names the user")
    trusted_proxies: Annotated[str, AfterValidator(check_trusted_proxies)] = Field(
        "", validate_default=True,
        description="networks of your proxies, separated by spaces, and `unix` for peers of a unix socket: with `proxy` only they name the user; where set, `X-Forwarded-*` headers of other peers are ignored",
    )
    allowed_origins: Annotated[str, AfterValidator(check_allowed_origins)] = Field("", description="further origins that may open the socket, such as `https://portal.example`, separated by spaces; `null` for sandboxed frames")
    allowed_hosts: Annotated[str, AfterValidator(check_allowed_hosts)] = Field("", description="host names that the app answers to without TLS and without access control, such as `flow.lan`, separated by spaces")
    frame_ancestors: Annotated[str, AfterValidator(_frame_ancestors)] = Field("'self'", description="pages that may show the app in a frame: `'none'`, or `'self'` and hosts, separated by spaces")
    secret_key: Annotated[SecretStr, AfterValidator(check_secret_key)] = Field(
        default_factory=lambda: SecretStr(secrets.token_urlsafe(32)),
        description="key that signs embed tokens; random at each start where unset; older keys that stay valid follow, separated by spaces",
    )
    # fmt: on

    @classmethod
    def variable(cls, field: str) -> str:
        """The environment variable of a field."""
        return cls.model_fields[field].alias or f"{_PREFIX}{field.upper()}"

    @classmethod
    def variables(cls) -> list[str]:
        """All environment variables, in the order of the fields."""
        return [cls.variable(field) for field in cls.model_fields]

    def secrets(self) -> list[str]:
        """The keys and passwords that must not appear in a log line."""
        values = [value for _, value in self]
        keys = [
            key
            for value in values
            if isinstance(value, SecretStr)
            for key in value.get_secret_value().split()
        ]
        addresses = [value for value in values if isinstance(value, str)]
        return [*keys, *(password for each in addresses for password in _PASSWORD.findall(each))]

    @property
    def venues_are_their_own(self) -> bool:
        """Whether every address is the venue's own: a root that older guides have is one too."""
        for name in type(self).model_fields:
            if not name.endswith(("_ws", "_rest")):
                continue
            own = urlsplit(str(type(self).model_fields[name].default)).hostname
            if urlsplit(getattr(self, name)).hostname != own:
                return False
        return True


def load_settings(**given: Any) -> Settings:  # noqa: ANN401 - pydantic checks each
    """Settings from the environment, overridden by ``given`` (keyed by field). Raises SettingsError."""
    try:
        return Settings(**{Settings.model_fields[name].alias or name: value for name, value in given.items()})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        name = Settings.variable(name) if name in Settings.model_fields else name
        valid = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be", 1)
        raise SettingsError(f"Invalid {name}={_redacted(name, first['input'])}: {valid}") from None


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each ``ORDERFLOW_`` variable that no setting has: a misspelled one has no effect."""
    known = {variable.removeprefix(_PREFIX): variable for variable in Settings.variables()}
    sentences = []
    for variable, value in sorted(environment.items()):
        prefix, name = variable[: len(_PREFIX)].upper(), variable[len(_PREFIX) :].upper()
        if prefix != _PREFIX or known.get(name, "").startswith(_PREFIX):
            continue
        if _SERVICE_LINK.fullmatch(f"{name}={value}") or _SERVICE_PORT.fullmatch(f"{name}={value}"):
            continue
        similar = get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"did you mean {known[similar[0]]}?" if similar else "no setting has a similar name"
        sentences.append(f"Unknown variable {variable} is ignored: {hint}")
    return sentences


def _redacted(name: str, value: object) -> str:
    """A value without the passwords it may contain."""
    if name == "DATABASE_URL":
        return f"{str(value).partition('://')[0]}://..." if "://" in str(value) else "(hidden)"
    return "(hidden)" if "SECRET" in name or "USERS" in name else redact(repr(value))
