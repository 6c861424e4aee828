"""Settings: the table in the code equals the documented one, and errors name the fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orderflow_dash.settings import Settings, SettingsError, load_settings, unknown_variables

DOCUMENT = Path(__file__).parents[1] / "docs" / "settings.md"


def documented() -> dict[str, tuple[str, str]]:
    """Default and meaning by name, of the documented table."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*?) \|$", DOCUMENT.read_text(), re.MULTILINE)
    return {name: (default, meaning) for name, default, meaning in rows}


def shown(value: object) -> str:
    """A default in the form in which it is set."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_docs_list_every_setting_with_its_default() -> None:
    table = documented()
    assert list(table) == Settings.variables()
    for name, field in Settings.model_fields.items():
        variable = Settings.variable(name)
        default, meaning = table[variable]
        value = "random" if field.default_factory is not None else f"`{shown(field.default)}`"
        value = "unset" if str(field.default) == "" else value
        assert default == value, variable
        assert meaning == field.description, variable


def test_every_name_with_a_unit_has_it_in_its_description() -> None:
    units = {"_S": ", s", "_MINUTES": ", minutes", "_DAYS": ", days", "_MB": ", MB", "_RATE": ", per "}
    for name, field in Settings.model_fields.items():
        for suffix, unit in units.items():
            if Settings.variable(name).endswith(suffix):
                assert unit in str(field.description), name


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("ORDERFLOW_MAX_SOCKET", "did you mean ORDERFLOW_MAX_SOCKETS?"),
        ("orderflow_connection_life", "did you mean ORDERFLOW_CONNECTION_LIFE_S?"),
        ("ORDERFLOW_PORT", "did you mean PORT?"),
        ("ORDERFLOW_DATABASE_URL", "did you mean DATABASE_URL?"),
        ("ORDERFLOW_WINDOW", "no setting has a similar name"),
    ],
)
def test_an_unknown_variable_is_named(variable: str, hint: str) -> None:
    """The warning suggests the nearest name."""
    assert unknown_variables({variable: "1"}) == [f"Unknown variable {variable} is ignored: {hint}"]


def test_known_variables_raise_no_warning() -> None:
    """A pod beside a service named `orderflow` or `orderflow-dash` has further ones."""
    environment = dict.fromkeys(Settings.variables(), "1")
    for name in ("ORDERFLOW", "ORDERFLOW_DASH"):
        environment |= {
            f"{name}_SERVICE_HOST": "10.0.0.1",
            f"{name}_SERVICE_PORT_HTTP": "80",
            f"{name}_PORT": "tcp://10.0.0.1:80",
            f"{name}_PORT_80_TCP_ADDR": "10.0.0.1",
        }
    assert unknown_variables(environment) == []


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
        ("ORDERFLOW_AUTH", "password"),
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
        ("ORDERFLOW_UPDATE_RATE", "0"),
    ],
)
def test_an_invalid_value_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The line names the variable, its value and what is valid."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    line = str(error.value)
    assert line.startswith(f"Invalid {name}={value!r}: must be ")
    assert "\n" not in line
    assert "Input" not in line  # a library's own wording


def test_variables_without_the_prefix_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_FUTURES_WS", "wss://fstream.binance.com/stream")
    monkeypatch.setenv("BYBIT_WS_LINEAR", "ws://127.0.0.1:1/v5/public/linear")
    monkeypatch.setenv("PORT", "8123")
    monkeypatch.setenv("WS_PING_INTERVAL", "7.5")
    settings = load_settings()
    assert settings.binance_ws == "wss://fstream.binance.com/stream"
    assert settings.bybit_ws == "ws://127.0.0.1:1/v5/public/linear"
    assert (settings.port, settings.ping_interval) == (8123, 7.5)


def test_a_venues_own_addresses_are_recognized(monkeypatch: pytest.MonkeyPatch) -> None:
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
    """In the form of the header."""
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
    monkeypatch.setenv("ORDERFLOW_PREFIX", value)
    assert load_settings().prefix == prefix


def test_a_databases_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the error nor in any text form of the settings."""
    monkeypatch.setenv("DATABASE_URL", "mysql://trader:keep-private@host/prices")
    with pytest.raises(SettingsError, match=r"^Invalid DATABASE_URL=mysql://\.\.\.: must be sqlite") as error:
        load_settings()
    assert "keep-private" not in str(error.value)
    monkeypatch.setenv("DATABASE_URL", "postgres://trader:keep-private@host/prices")
    assert "keep-private" not in f"{load_settings()!r} {load_settings()}"


def test_a_password_in_a_venues_address_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address may be that of a proxy with a login."""
    monkeypatch.setenv("BYBIT_REST", "ftp://me:keep-private@proxy.example")
    with pytest.raises(SettingsError, match=r"BYBIT_REST='ftp://me:.*@proxy") as error:
        load_settings()
    assert "keep-private" not in str(error.value)


@pytest.mark.parametrize("password", ["word", "w[rd", "w]rd", "w#rd", "w@rd", "w?rd", "w%5Brd"])
def test_any_character_of_a_password_is_a_secret(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    """No log line contains it, and the start does not fail on it."""
    monkeypatch.setenv("DATABASE_URL", f"postgres://trader:{password}@host/prices")
    assert password in load_settings().secrets()


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERFLOW_SECRET_KEY", "keep-this-private")
    settings = load_settings()
    assert "keep-this-private" not in f"{settings!r} {settings}"
    assert settings.secret_key.get_secret_value() == "keep-this-private"


@pytest.mark.parametrize(
    ("name", "value"), [("ORDERFLOW_SECRET_KEY", "short"), ("ORDERFLOW_USERS", "alice:swordfish")]
)
def test_an_invalid_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The line names the variable and what is valid."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert str(error.value).startswith(f"Invalid {name}=(hidden): must be ")
    assert value not in str(error.value)
    assert "swordfish" not in f"{error.value!r} {error.value.__cause__!r}"


@pytest.mark.parametrize(
    ("auth", "missing"), [("basic", "ORDERFLOW_USERS"), ("proxy", "ORDERFLOW_TRUSTED_PROXIES")]
)
def test_auth_requires_its_companion_setting(
    monkeypatch: pytest.MonkeyPatch, auth: str, missing: str
) -> None:
    """Without it every request would be rejected, or every one accepted."""
    monkeypatch.setenv("ORDERFLOW_AUTH", auth)
    with pytest.raises(SettingsError, match=f"^Invalid {missing}=.*ORDERFLOW_AUTH={auth} requires"):
        load_settings()


def test_users_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """No text form of the settings contains names or hashes."""
    hashed = f"scrypt:32768:8:1.{'salt' * 4}.{'ab' * 64}"
    monkeypatch.setenv("ORDERFLOW_USERS", f"alice:{hashed}")
    settings = load_settings()
    assert "alice" not in f"{settings!r} {settings}"
    assert "salt" not in f"{settings!r} {settings}"
