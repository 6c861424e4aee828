"""Settings: the code, the table of ``docs/settings.md`` and the error messages agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orderflow_dash.settings import Settings, SettingsError, load_settings

DOCUMENT = Path(__file__).parents[1] / "docs" / "settings.md"


def documented() -> dict[str, tuple[str, str]]:
    """The document's table: default and meaning by name."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*?) \|$", DOCUMENT.read_text(), re.MULTILINE)
    return {name: (default, meaning) for name, default, meaning in rows}


def shown(value: object) -> str:
    """A default as a person would set it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_every_setting_is_documented_with_its_default() -> None:
    """Names, defaults and meanings of the table equal those of the code."""
    table = documented()
    assert table.keys() == {field.alias for field in Settings.model_fields.values()}
    for field in Settings.model_fields.values():
        default, meaning = table[str(field.alias)]
        value = "random" if field.default_factory is not None else f"`{shown(field.default)}`"
        value = "unset" if str(field.default) == "" else value
        assert default == value, field.alias
        assert meaning == field.description, field.alias


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("BINANCE_FUTURES_WS", "https://fstream.binance.com"),
        ("BINANCE_FUTURES_REST", "fapi.binance.com"),
        ("BYBIT_WS_LINEAR", "wss://"),
        ("WS_PING_INTERVAL", "0"),
        ("ORDERFLOW_DEMO", "perhaps"),
        ("ORDERFLOW_MAX_SOCKETS", "-1"),
        ("ORDERFLOW_LOG_LEVEL", "LOUD"),
        ("ORDERFLOW_FRAME_ANCESTORS", ""),
        ("ORDERFLOW_FRAME_ANCESTORS", "'none' 'self'"),
        ("ORDERFLOW_FRAME_ANCESTORS", "https://portal.example; script-src *"),
        ("ORDERFLOW_FRAME_ANCESTORS", "https://portal.example/path"),
        ("ORDERFLOW_FRAME_ANCESTORS", "portal.example\r\nX: y"),
        ("ORDERFLOW_ACCESS", "password"),
        ("ORDERFLOW_USER_HEADER", "X_Forwarded_User"),
        ("ORDERFLOW_USER_HEADER", "X-User: y"),
        ("ORDERFLOW_USER_HEADER", "Authorization"),
        ("ORDERFLOW_USER_HEADER", ""),
        ("ORDERFLOW_TRUSTED_PROXIES", "10.1.2.3/24"),
        ("ORDERFLOW_TRUSTED_PROXIES", "0.0.0.0/0"),
        ("ORDERFLOW_TRUSTED_PROXIES", "proxy.internal"),
        ("ORDERFLOW_ALLOWED_ORIGINS", "portal.example"),
        ("ORDERFLOW_ALLOWED_ORIGINS", "https://portal.example/path"),
        ("ORDERFLOW_ALLOWED_ORIGINS", "*"),
        ("BINANCE_FUTURES_REST", "https://[::1"),
        ("BYBIT_REST", "https://api.bybit.com:port"),
        ("ORDERFLOW_PREFIX", ""),
        ("ORDERFLOW_PREFIX", "flow/"),
        ("ORDERFLOW_PREFIX", "//flow/"),
        ("ORDERFLOW_PREFIX", "/flow/../"),
        ("ORDERFLOW_PREFIX", "/<string:x>/"),
        ("ORDERFLOW_PREFIX", "/flow?/"),
        ("ORDERFLOW_PREFIX", "/flow/\n"),
        ("ORDERFLOW_PROXY_HOPS", "-1"),
        ("ORDERFLOW_PROXY_HOPS", "many"),
        ("ORDERFLOW_CALLBACK_RATE", "0"),
    ],
)
def test_a_bad_value_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The variable, the value and what is accepted stand in one line."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    line = str(error.value)
    assert line.startswith(f"{name}={value!r} is not accepted: ")
    assert "\n" not in line
    assert len(line) > len(f"{name}={value!r} is not accepted: ") + 5
    assert not re.search("Invalid|cast", line)  # what is accepted, not what a library thinks of it


def test_the_contracts_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each variable reaches its setting."""
    monkeypatch.setenv("BINANCE_FUTURES_WS", "wss://fstream.binance.com/stream")
    monkeypatch.setenv("BYBIT_WS_LINEAR", "ws://127.0.0.1:1/v5/public/linear")
    monkeypatch.setenv("PORT", "8123")
    monkeypatch.setenv("WS_PING_INTERVAL", "7.5")
    settings = load_settings()
    assert settings.binance_ws == "wss://fstream.binance.com/stream"
    assert settings.bybit_ws == "ws://127.0.0.1:1/v5/public/linear"
    assert (settings.port, settings.ping_interval) == (8123, 7.5)


def test_a_venues_own_addresses_are_told_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old root of the venue is its own; a testnet or a simulator is not."""
    assert load_settings().venues_are_their_own
    monkeypatch.setenv("BINANCE_FUTURES_WS", "wss://fstream.binance.com/stream")
    assert load_settings().venues_are_their_own
    monkeypatch.setenv("BYBIT_REST", "https://api-testnet.bybit.com")
    assert not load_settings().venues_are_their_own


@pytest.mark.parametrize(
    "value",
    ["'none'", "'self'", "*", "'self' https://portal.example https://*.example:8443", "portal:* https:"],
)
def test_frame_ancestors_are_a_list_of_sources(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """As the header of that name takes them."""
    monkeypatch.setenv("ORDERFLOW_FRAME_ANCESTORS", f"  {value} ")
    assert load_settings().frame_ancestors == value


@pytest.mark.parametrize(
    ("value", "prefix"),
    [
        ("/", "/"),
        ("/flow", "/flow/"),
        ("/flow/", "/flow/"),
        ("/desk-1/Order_flow.v2/", "/desk-1/Order_flow.v2/"),
    ],
)
def test_a_prefix_ends_with_a_slash(monkeypatch: pytest.MonkeyPatch, value: str, prefix: str) -> None:
    """With or without one at its end it is the same prefix."""
    monkeypatch.setenv("ORDERFLOW_PREFIX", value)
    assert load_settings().prefix == prefix


def test_a_databases_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where the address is refused nor in any text form of the settings."""
    monkeypatch.setenv("DATABASE_URL", "mysql://trader:do-not-tell@host/prices")
    with pytest.raises(SettingsError, match=r"^DATABASE_URL=mysql://\.\.\. is not accepted: sqlite") as error:
        load_settings()
    assert "do-not-tell" not in str(error.value)
    monkeypatch.setenv("DATABASE_URL", "postgres://trader:do-not-tell@host/prices")
    assert "do-not-tell" not in f"{load_settings()!r} {load_settings()}"


def test_a_password_in_an_address_is_not_shown_where_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a venue's address too, which somebody may reach by a proxy that asks for one."""
    monkeypatch.setenv("BYBIT_REST", "ftp://me:do-not-tell@proxy.example")
    with pytest.raises(SettingsError, match=r"BYBIT_REST='ftp://me:.*@proxy") as error:
        load_settings()
    assert "do-not-tell" not in str(error.value)


@pytest.mark.parametrize("password", ["word", "w[rd", "w]rd", "w#rd", "w@rd", "w?rd", "w%5Brd"])
def test_a_password_is_known_whatever_it_holds(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    """So that no line tells it, and a start does not fail on it."""
    monkeypatch.setenv("DATABASE_URL", f"postgres://trader:{password}@host/prices")
    assert password in load_settings().secrets()


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret key appears in no text form of the settings."""
    monkeypatch.setenv("ORDERFLOW_SECRET_KEY", "do-not-tell-anybody")
    settings = load_settings()
    assert "do-not-tell-anybody" not in f"{settings!r} {settings}"
    assert settings.secret_key.get_secret_value() == "do-not-tell-anybody"


@pytest.mark.parametrize(
    ("name", "value"), [("ORDERFLOW_SECRET_KEY", "short"), ("ORDERFLOW_USERS", "alice:swordfish")]
)
def test_a_bad_secret_is_refused_without_telling_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The line names the variable and what is accepted alone."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert str(error.value).startswith(f"{name}=(hidden) is not accepted: ")
    assert value not in str(error.value)
    assert "swordfish" not in f"{error.value!r} {error.value.__cause__!r}"


@pytest.mark.parametrize(
    ("access", "missing"), [("basic", "ORDERFLOW_USERS"), ("proxy", "ORDERFLOW_TRUSTED_PROXIES")]
)
def test_a_mode_without_what_it_needs_does_not_start(
    monkeypatch: pytest.MonkeyPatch, access: str, missing: str
) -> None:
    """Else nobody could come in, or everybody."""
    monkeypatch.setenv("ORDERFLOW_ACCESS", access)
    with pytest.raises(SettingsError, match=f"^{missing}=.*ORDERFLOW_ACCESS={access} needs"):
        load_settings()


def test_users_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither names nor hashes stand in a text form of the settings."""
    hashed = f"scrypt:32768:8:1.{'salt' * 4}.{'ab' * 64}"
    monkeypatch.setenv("ORDERFLOW_USERS", f"alice:{hashed}")
    settings = load_settings()
    assert "alice" not in f"{settings!r} {settings}"
    assert "salt" not in f"{settings!r} {settings}"
