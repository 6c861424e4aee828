"""Access control as an operator sets it up: the commands, and the server as a host starts it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from orderflow_dash.access.embed_token import EmbedTokens
from orderflow_dash.access.logins import Logins
from orderflow_dash.access.users import parse_users
from orderflow_dash.cli import main
from orderflow_dash.market import Venue
from tests.conftest import wait_until
from tests.test_commands import procfile_command, running

KEY = "a-key-for-tests-and-nothing-else"
SERVE = [sys.executable, "-m", "orderflow_dash", "serve", "--port", "0"]
WARNING = "NO ACCESS CONTROL"


def run(*arguments: str, typed: str = "") -> Result:
    """What a command prints."""
    return CliRunner().invoke(main, list(arguments), input=typed)


# -- hash-password ---------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_a_hashed_password_opens_the_login_it_was_made_for(ending: str) -> None:
    """Read from standard input, one line, spaces and all; printed as the setting wants it."""
    done = run("hash-password", "alice", typed=f" correct horse:$battery {ending}")
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 1
    assert "horse" not in done.output
    logins = Logins(parse_users(done.stdout))
    assert logins.check("alice", " correct horse:$battery ", "x").is_valid
    assert not logins.check("alice", "correct horse:$battery", "x").is_valid


def test_without_a_name_the_hash_stands_alone() -> None:
    """To be put behind a name by hand."""
    done = run("hash-password", typed="correct horse battery\n")
    assert parse_users(f"bob:{done.stdout}").keys() == {"bob"}


def test_a_short_password_is_warned_of_and_none_is_refused() -> None:
    """The warning does not go to standard output."""
    done = run("hash-password", "alice", typed="swordfish\n")
    assert done.exit_code == 0
    assert "easy to guess" in done.stderr
    assert parse_users(done.stdout)
    for arguments, typed in ((["alice"], "\n"), (["alice"], ""), (["a:b"], "correct horse battery\n")):
        done = run("hash-password", *arguments, typed=typed)
        assert done.exit_code != 0
        assert not done.stdout


# -- embed-token -----------------------------------------------------------------------------


def test_a_printed_token_opens_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the key of the setting, the newest where there are several."""
    monkeypatch.setenv("ORDERFLOW_SECRET_KEY", f"{KEY} an-older-key-than-that")
    done = run(
        *("embed-token", "--exchange", "bybit", "--symbol", "btcusdt", "--symbol", "ETHUSDT"),
        *("--minutes", "5"),
    )
    lock = EmbedTokens(KEY).read(done.stdout.strip(), 0.0)
    assert (lock.venue, lock.symbols) == (Venue.BYBIT, ("BTCUSDT", "ETHUSDT"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--exchange", "okx", "--symbol", "BTCUSDT"],
        ["--exchange", "binance"],
        ["--exchange", "binance", "--symbol", ""],
        ["--exchange", "binance", "--symbol", "BTCUSDT", "--minutes", "0"],
        ["--exchange", "binance", "--symbol", "BTCUSDT", "--minutes", "10081"],
    ],
)
def test_a_token_that_cannot_be_is_not_printed(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    """Another venue, no symbol, no time or more than a week."""
    monkeypatch.setenv("ORDERFLOW_SECRET_KEY", KEY)
    done = run("embed-token", *arguments)
    assert done.exit_code != 0
    assert not done.stdout


def test_without_a_key_no_token_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server could verify it."""
    monkeypatch.delenv("ORDERFLOW_SECRET_KEY", raising=False)
    done = run("embed-token", "--exchange", "binance", "--symbol", "BTCUSDT")
    assert done.exit_code != 0
    assert "ORDERFLOW_SECRET_KEY is not set" in done.stderr


# -- the server ------------------------------------------------------------------------------


def test_a_public_server_without_access_control_warns_once(tmp_path: Path) -> None:
    """However it was started; one on loopback or with a password does not."""
    user = {
        "ORDERFLOW_AUTH": "basic",
        "ORDERFLOW_USERS": run("hash-password", "a", typed="x\n").stdout.strip(),
    }
    starts = {
        "public": ([*SERVE, "--host", "0.0.0.0"], {}, 1),  # noqa: S104
        "procfile": (procfile_command(), {"PORT": "0"}, 1),
        "loopback": (SERVE, {}, 0),
        "guarded": (procfile_command(), {"PORT": "0", **user}, 0),
    }
    for name, (command, environment, warnings) in starts.items():
        (tmp_path / name).mkdir()
        with running(command, tmp_path / name / "log", **environment) as program:
            assert httpx.get(f"{program.url}/health", trust_env=False, timeout=30).status_code == 200
            assert program.output.count(WARNING) == warnings, name
        assert "Traceback" not in program.output


def accesses(output: str, path: str) -> int:
    """The number of lines of the access log with a GET of a path."""
    lines = (line for line in output.splitlines() if "logger=gunicorn.access" in line)
    return sum(f'"GET {path} ' in line for line in lines)


def test_gunicorn_logs_neither_tokens_nor_logins(tmp_path: Path) -> None:
    """With the access log on: by path, query and referrer; a refused login leaves no password."""
    token = EmbedTokens(KEY).sign(Venue.DEMO, ["BTCUSDT"], 60)
    environment = {
        "GUNICORN_CMD_ARGS": "--access-logfile - --bind 127.0.0.1:0",
        "ORDERFLOW_SECRET_KEY": KEY,
        "ORDERFLOW_DEMO": "on",
        "ORDERFLOW_AUTH": "basic",
        "ORDERFLOW_USERS": run("hash-password", "alice", typed="correct horse\n").stdout.strip(),
        "ORDERFLOW_LOG_LEVEL": "DEBUG",
    }
    with running(procfile_command(), tmp_path / "log", **environment) as program:
        with httpx.Client(base_url=program.url, trust_env=False, timeout=30) as asking:
            referer = {"Referer": f"{program.url}/embed/t/{token}/?token={token}"}
            for path in (f"/embed?token={token}", f"/embed/t/{token}/", f"/embed/t/{token}/nosuch"):
                asking.get(path, headers=referer)
            asking.post(f"/embed/t/{token}/_dash-update-component", content=b"{", headers=referer)
            for password in ("correct horse", "wrong swordfish"):
                asking.get("/health", auth=("alice", password))
        wait_until(lambda: accesses(program.output, "/health") == 2)
        assert accesses(program.output, "/embed/t/***/") == 1
    log = program.output
    assert token not in log
    for part in token.split("."):
        assert part not in log
    for secret in ("swordfish", "horse", KEY, environment["ORDERFLOW_USERS"][20:]):
        assert secret not in log


def test_a_proxy_on_a_unix_socket_is_trusted_by_its_word(tmp_path: Path) -> None:
    """Its peers have no address; without the word they are strangers, whatever networks are trusted."""
    for word, status in (("unix", 200), ("0.0.0.0/1 128.0.0.0/1 ::1", 401)):
        path = tmp_path / f"{status}.sock"
        environment = {
            "GUNICORN_CMD_ARGS": f"--bind unix:{path}",
            "ORDERFLOW_AUTH": "proxy",
            "ORDERFLOW_TRUSTED_PROXIES": word,
        }
        with running(procfile_command(), tmp_path / "log", **environment) as program:
            wait_until(lambda: re.search(r"Booting worker", program.output), 20)
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://x") as asking:
                headers = {"X-Forwarded-User": "alice"}
                assert asking.get("/help", headers=headers, timeout=30).status_code == status
                assert asking.get("/help", timeout=30).status_code == 401
        assert WARNING not in program.output
        assert "Traceback" not in program.output
