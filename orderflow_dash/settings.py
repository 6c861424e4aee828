"""Every option of the product in one table: name, default, unit, meaning.

Each field is one environment variable. A value that is not accepted stops the start with one line.
"""

from __future__ import annotations

import re
import secrets
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from orderflow_dash.access.hosts import check_allowed_hosts
from orderflow_dash.access.setting_checks import (
    check_allowed_origins,
    check_secret_key,
    check_trusted_proxies,
    check_user_header,
    check_users,
)
from orderflow_dash.limit_settings import LimitSettings
from orderflow_dash.runtime.redaction import redact


class SettingsError(Exception):
    """One line: the variable, its value, and what is accepted."""


def _url(*schemes: str) -> AfterValidator:
    accepted = " or ".join(f"{scheme}://" for scheme in schemes)

    def check(value: str) -> str:
        try:
            parts = urlsplit(value)
            is_url = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:  # half an IPv6 address, or a port that is none
            is_url = False
        if not is_url:
            raise ValueError(f"a URL that begins with {accepted} and names a host")
        return value

    return AfterValidator(check)


WebsocketUrl = Annotated[str, _url("wss", "ws")]
HttpUrl = Annotated[str, _url("https", "http")]


def _database_url(value: str) -> str:
    if value and value != "off":
        # Only then: gunicorn's watching process reads the settings and has no use for a database.
        from orderflow_dash.store.database import parse_url

        parse_url(value)
    return value


_SOURCE = re.compile(
    r"\*|'self'|https?:|(https?://)?(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:(\*|[0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)


_PASSWORD = re.compile(r"://[^\s/:@]*:([^\s/]+)@")  # in an address, also where it holds what no address may
_PREFIX = re.compile(r"/|(/[a-z0-9_-]+(\.[a-z0-9_-]+)*)+/?", re.ASCII | re.IGNORECASE)


def _frame_ancestors(value: str) -> str:
    sources = value.split()
    if sources == ["'none'"] or (sources and all(_SOURCE.fullmatch(each) for each in sources)):
        return " ".join(sources)
    raise ValueError(
        "'none', or a list of 'self', https: and hosts such as https://portal.example, by spaces"
    )


def _prefix(value: str) -> str:
    if _PREFIX.fullmatch(value):
        return value if value.endswith("/") else f"{value}/"
    raise ValueError("a path such as /flow/, of letters, digits, _, - and dots inside a name")


class Settings(LimitSettings):
    """Where to connect, what to serve and how long to keep things."""

    model_config = SettingsConfigDict(case_sensitive=False, extra="ignore", populate_by_name=True)

    port: Annotated[int, Field(ge=0, le=65535, alias="PORT", description="port the app listens on")] = 8050
    binance_ws: Annotated[
        WebsocketUrl, Field(alias="BINANCE_FUTURES_WS", description="Binance USD-M websocket root")
    ] = "wss://fstream.binance.com"
    binance_rest: Annotated[
        HttpUrl, Field(alias="BINANCE_FUTURES_REST", description="Binance USD-M REST root")
    ] = "https://fapi.binance.com"
    bybit_ws: Annotated[
        WebsocketUrl, Field(alias="BYBIT_WS_LINEAR", description="Bybit v5 public linear websocket")
    ] = "wss://stream.bybit.com/v5/public/linear"
    bybit_rest: Annotated[HttpUrl, Field(alias="BYBIT_REST", description="Bybit v5 REST root")] = (
        "https://api.bybit.com"
    )
    database_url: Annotated[
        str,
        AfterValidator(_database_url),
        Field(
            repr=False,  # it may hold a password
            alias="DATABASE_URL",
            description="where closed minutes are stored: `sqlite:///PATH`, `postgres://...` or `off`;"
            " where unset, an SQLite file in the user's data directory,"
            " or nowhere if a venue's address is set",
        ),
    ] = ""
    keep_days: Annotated[
        float,
        Field(gt=0, le=36_500, alias="ORDERFLOW_KEEP_DAYS", description="stored minutes are kept for, days"),
    ] = 90.0
    keep_mb: Annotated[
        float,
        Field(
            ge=10,
            le=1e6,
            alias="ORDERFLOW_KEEP_MB",
            description="most that is stored, MB; beyond it the oldest goes",
        ),
    ] = 4096.0
    ping_interval: Annotated[
        float,
        Field(gt=0, le=300, alias="WS_PING_INTERVAL", description="ping of our own socket's clients, s"),
    ] = 20.0
    demo: Annotated[
        bool, Field(alias="ORDERFLOW_DEMO", description="serve the simulated market as venue `demo`")
    ] = True
    demo_seed: Annotated[
        int, Field(ge=0, alias="ORDERFLOW_DEMO_SEED", description="seed of the simulated market")
    ] = 1
    demo_speed: Annotated[
        float,
        Field(gt=0, le=100, alias="ORDERFLOW_DEMO_SPEED", description="simulated seconds per second"),
    ] = 1.0
    replay: Annotated[
        str,
        Field(
            alias="ORDERFLOW_REPLAY",
            description="recorded trades to serve instead of the venues: a path, or a JSON list of paths",
        ),
    ] = "off"
    replay_speed: Annotated[
        float,
        Field(
            ge=0,
            le=1000,
            alias="ORDERFLOW_REPLAY_SPEED",
            description="recorded seconds per second; 0 is as fast as it goes",
        ),
    ] = 1.0
    window: Annotated[
        int,
        Field(ge=60, le=10_000, alias="ORDERFLOW_WINDOW", description="one-minute candles kept per symbol"),
    ] = 500
    grace: Annotated[
        float,
        Field(ge=0, le=3600, alias="ORDERFLOW_GRACE", description="a stream outlives its last watcher by, s"),
    ] = 30.0
    lease: Annotated[
        float,
        Field(
            ge=3,
            le=300,
            alias="ORDERFLOW_LEASE",
            description="a page that is not heard of is forgotten after, s",
        ),
    ] = 15.0
    history: Annotated[
        int,
        Field(
            ge=0,
            le=1440,
            alias="ORDERFLOW_HISTORY",
            description="fetched before a symbol's first trade, minutes",
        ),
    ] = 30
    stall: Annotated[
        float,
        Field(
            ge=1,
            le=600,
            alias="ORDERFLOW_STALL",
            description="a venue connection silent for so long is renewed, s",
        ),
    ] = 20.0
    connection_life: Annotated[
        float,
        Field(
            ge=1,
            le=86_000,
            alias="ORDERFLOW_CONNECTION_LIFE",
            description="planned renewal of a venue connection, before the venue's cut at 24 h, s",
        ),
    ] = 82_800.0
    reconcile: Annotated[
        float,
        Field(
            ge=0,
            le=3600,
            alias="ORDERFLOW_RECONCILE",
            description="closed minutes of a symbol are compared with the venue's klines at most every, s;"
            " 0: never",
        ),
    ] = 15.0
    frame_ancestors: Annotated[
        str,
        AfterValidator(_frame_ancestors),
        Field(
            alias="ORDERFLOW_FRAME_ANCESTORS",
            description="who may show the app in a frame: `'none'`, or `'self'` and hosts, by spaces",
        ),
    ] = "'self'"
    access: Annotated[
        Literal["none", "basic", "proxy"],
        Field(
            alias="ORDERFLOW_ACCESS",
            description="who may come in: `none` (everybody), `basic` (a name and a password)"
            " or `proxy` (whom a proxy has let in)",
        ),
    ] = "none"
    users: Annotated[
        SecretStr,
        AfterValidator(check_users),
        Field(
            alias="ORDERFLOW_USERS",
            validate_default=True,
            description="who may log in with `basic`: `NAME:HASH`"
            " as `orderflow-dash hash-password NAME` prints it, by spaces",
        ),
    ] = SecretStr("")
    user_header: Annotated[
        str,
        AfterValidator(check_user_header),
        Field(alias="ORDERFLOW_USER_HEADER", description="header in which a trusted proxy names the user"),
    ] = "X-Forwarded-User"
    trusted_proxies: Annotated[
        str,
        AfterValidator(check_trusted_proxies),
        Field(
            alias="ORDERFLOW_TRUSTED_PROXIES",
            validate_default=True,
            description="networks of your proxies, by spaces; `unix` for peers of a unix socket:"
            " with `proxy` they alone name the user; where set, `X-Forwarded-*` headers of other"
            " peers are not believed",
        ),
    ] = ""
    allowed_origins: Annotated[
        str,
        AfterValidator(check_allowed_origins),
        Field(
            alias="ORDERFLOW_ALLOWED_ORIGINS",
            description="further pages that may open the socket, such as `https://portal.example`, by spaces;"
            " `null` for sandboxed frames",
        ),
    ] = ""
    allowed_hosts: Annotated[
        str,
        AfterValidator(check_allowed_hosts),
        Field(
            alias="ORDERFLOW_ALLOWED_HOSTS",
            description="names under which the app is served without TLS and without access control,"
            " such as `flow.lan`, by spaces",
        ),
    ] = ""
    prefix: Annotated[
        str,
        AfterValidator(_prefix),
        Field(
            alias="ORDERFLOW_PREFIX", description="path under which everything is served, such as `/flow/`"
        ),
    ] = "/"
    proxy_hops: Annotated[
        int,
        Field(
            ge=0,
            le=10,
            alias="ORDERFLOW_PROXY_HOPS",
            description="reverse proxies in front whose `X-Forwarded-*` headers are believed; 0: none",
        ),
    ] = 0
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Field(alias="ORDERFLOW_LOG_LEVEL", description="least level that is logged"),
    ] = "INFO"
    log_format: Annotated[
        Literal["text", "json"],
        Field(alias="ORDERFLOW_LOG_FORMAT", description="form of log lines: `text` (logfmt) or `json`"),
    ] = "text"
    access_log: Annotated[
        bool,
        Field(alias="ORDERFLOW_ACCESS_LOG", description="log each request with its duration and status"),
    ] = False
    secret_key: Annotated[
        SecretStr,
        AfterValidator(check_secret_key),
        Field(
            default_factory=lambda: SecretStr(secrets.token_urlsafe(32)),
            alias="ORDERFLOW_SECRET_KEY",
            description="signs embed tokens; random at each start where unset;"
            " older keys that are still believed follow by spaces",
        ),
    ]

    def secrets(self) -> list[str]:
        """What no log line may tell: keys, and the passwords in addresses."""
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
        for name in ("binance_ws", "binance_rest", "bybit_ws", "bybit_rest"):
            own = urlsplit(str(type(self).model_fields[name].default)).hostname
            if urlsplit(getattr(self, name)).hostname != own:
                return False
        return True


def load_settings(**given: Any) -> Settings:  # noqa: ANN401 - pydantic checks each
    """Settings from the environment, overridden by what is given by field name. Raises SettingsError."""
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        if name in Settings.model_fields:  # what is wrong is a default, beside another setting
            name = str(Settings.model_fields[name].alias)
        accepted = first["msg"].removeprefix("Value error, ")
        value = _shown(name, first["input"])
        raise SettingsError(f"{name}={value} is not accepted: {accepted}") from None


def _shown(name: str, value: object) -> str:
    """A value as an error may tell it: a database's address may hold a password."""
    if name == "DATABASE_URL":
        return f"{str(value).partition('://')[0]}://..." if "://" in str(value) else "(hidden)"
    return "(hidden)" if "SECRET" in name or "USERS" in name else redact(repr(value))
