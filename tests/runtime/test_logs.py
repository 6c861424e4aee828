"""Log lines: one an event, in a form that programs read, without secrets and without lines of strangers."""

from __future__ import annotations

import json
import logging
import re
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from flask import Flask
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from werkzeug.test import Client

from orderflow_dash.runtime.logs import REQUEST_ID, JsonLines, TextLines, fields
from orderflow_dash.runtime.redaction import Redaction
from orderflow_dash.settings import load_settings
from orderflow_dash.web.http.request_log import HEADER, RequestTrace, logged_query
from tests.conftest import wait_until
from tests.test_commands import Program, running

_PAIR = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$)')


@pytest.fixture(autouse=True)
def outside_of_requests() -> None:
    """Tests that ask an app in this thread may leave the id of a request that was never closed."""
    REQUEST_ID.set("")


def logfmt(line: str) -> dict[str, str]:
    """A line of ``name=value`` as it is meant; fails where it is none."""
    assert _PAIR.sub("", line) == "", line
    return {name: json.loads(value) if value[:1] == '"' else value for name, value in _PAIR.findall(line)}


def line(form: logging.Formatter, message: str, *arguments: object, **named: object) -> str:
    """One record as a formatter writes it."""
    record = logging.LogRecord("a.logger", logging.INFO, "file", 1, message, arguments, None)
    record.__dict__.update(fields(**named))
    return form.format(record)


@pytest.fixture(params=[(TextLines(), logfmt), (JsonLines(), json.loads)], ids=["text", "json"])
def form(request: pytest.FixtureRequest) -> tuple[logging.Formatter, object]:
    """A formatter, and what reads its lines."""
    return request.param


def test_a_line_has_time_level_logger_message_and_fields(form) -> None:
    """In both forms, and in UTC."""
    formatter, read = form
    parsed = read(line(formatter, "%s is %d", "it", 5, venue="binance", ms="1.5"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", parsed["ts"])
    assert {name: parsed[name] for name in ("level", "logger", "msg", "venue", "ms")} == {
        "level": "info",
        "logger": "a.logger",
        "msg": "it is 5",
        "venue": "binance",
        "ms": "1.5",
    }
    assert "request_id" not in parsed


def test_json_keeps_numbers() -> None:
    """A program need not read them out of texts."""
    parsed = json.loads(line(JsonLines(), "x", count=3, share=0.5, is_so=True, none=None))
    assert (parsed["count"], parsed["share"], parsed["is_so"], parsed["none"]) == (3, 0.5, True, None)


@pytest.mark.parametrize(
    "evil",
    [
        'a\nts=2026-01-01T00:00:00.000Z level=info msg="forged"',
        "a\r\n{}",
        'tab\tquote" back\\slash',
        "bell\x07 escape\x1b[31m delete\x7f",
        "next line\x85 separators\u2028\u2029 direction\u202e\u2066 nothing\x00",
        "",
        "=",
        "\U000e0001tag",
    ],
)
def test_outside_text_cannot_forge_a_line(form, evil: str) -> None:
    """Line ends, control characters and reversed text are escaped, in messages and in fields."""
    formatter, read = form
    text = line(formatter, "%s", evil, path=evil)
    assert text.isprintable()
    assert "\n" not in text
    parsed = read(text)
    assert parsed.keys() == {"ts", "level", "logger", "msg", "path"}
    assert (parsed["msg"], parsed["path"]) == (evil, evil)


def test_an_error_is_one_line_with_its_trace(form) -> None:
    """The lines of a traceback are one value."""
    formatter, read = form
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    parsed = read(formatter.format(record))
    assert parsed["trace"].startswith("Traceback (most recent call last):\n")
    assert parsed["trace"].endswith("ValueError: first\nsecond")


def test_a_name_in_any_script_is_logged_unchanged() -> None:
    """Venues list symbols in other scripts than Latin."""
    assert 'msg="币安人生USDT lists"' in line(TextLines(), "币安人生USDT lists")


# -- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "postgres://trader:S3CRET@host/prices",
        "wss://user:S3CRET@proxy:8080/stream?x=1",
        "Authorization: Bearer S3CRET-abc.def",
        "{'Authorization': 'Basic S3CRETabc=', 'Host': 'x'}",
        "('HTTP_AUTHORIZATION', 'S3CRET')",
        "Cookie: session=S3CRET; other=S3CRET",
        "Set-Cookie: id=S3CRET; Path=/",
        "X-Api-Key: S3CRET",
        "used bearer S3CRETS3CRET for it",
        "GET /x?token=S3CRET&symbol=BTCUSDT",
        "GET /x?api_key=S3CRET HTTP/1.1",
        "next=%2Fa%3Ftoken%3DS3CRET",
        '{"password": "S3CRET", "user": "a"}',
        "access-token=S3CRET",
        "sig=S3CRET",
        "listenKey: S3CRET",
    ],
)
def test_text_in_the_place_of_a_secret_is_redacted(text: str) -> None:
    """Known or not: the password of an address, a header, a named value."""
    redacted = Redaction()(text)
    assert "S3CRET" not in redacted
    assert "***" in redacted


@pytest.mark.parametrize(
    "text",
    [
        "binance: 530 perpetuals",
        "connection lost: fstream.binance.com: no data for 20 s; next attempt in 0.7 s",
        "https://fapi.binance.com:443/fapi/v1/time",
        "exchange=binance&symbol=BTCUSDT&tf=1m&step=0.5",
        "basic setup of 3 venues",
        "binance-trades crashed; restarting in 0.5 s",
    ],
)
def test_text_without_a_secret_is_kept(text: str) -> None:
    """Needless redaction makes a line useless."""
    assert Redaction()(text) == text


def test_a_known_secret_is_redacted_in_every_form() -> None:
    """Plain, and as addresses and queries encode it; an empty secret redacts nothing."""
    redact = Redaction()
    redact.hide(["p@ss/w0rd & more", "p@ss", "", "abc"])
    for text in ("p@ss/w0rd & more", "p%40ss%2Fw0rd%20%26%20more", "p%40ss%2Fw0rd+%26+more"):
        assert redact(f"x {text} y") == "x *** y"
    assert redact("abc") == "abc"


@pytest.mark.parametrize(
    "piece", ["a", "x-", ".-", "http_x_", "token", "x-key", "auth", "://a:", "basic ", '="']
)
def test_a_long_text_costs_no_more_than_its_length(piece: str) -> None:
    """Strangers choose what stands in a line: a long name of a header must not hold up everybody."""
    text = piece * (100_000 // len(piece))
    started = time.process_time()
    Redaction()(text)
    assert time.process_time() - started < 2


def test_settings_know_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and the passwords of addresses, whichever setting holds them."""
    monkeypatch.setenv("ORDERFLOW_SECRET_KEY", "the-key-of-this-test")
    monkeypatch.setenv("DATABASE_URL", "postgres://trader:the-word@host/prices")
    monkeypatch.setenv("BYBIT_REST", "https://me:the-other@proxy.example")
    assert {"the-key-of-this-test", "the-word", "the-other"} <= set(load_settings().secrets())


# -- requests -------------------------------------------------------------------------------------


class Lines(logging.Handler):
    """Logged records as fields, formatted as text lines when they are emitted."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(TextLines())
        self.records: list[dict[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(logfmt(self.format(record)))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Lines]:
    """Everything logged during the test."""
    caplog.set_level(logging.DEBUG)
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


class Asks(Client):
    """Reads each answer to its end, as a server's client does."""

    def open(self, *arguments, **options):
        return super().open(*arguments, buffered=True, **options)


def client(*, is_logged: bool = True) -> Client:
    """A small server behind the trace."""
    app = Flask("small")

    @app.get("/says")
    def says() -> str:
        logging.getLogger("small").info("answering")
        return "yes"

    @app.get("/streams")
    def streams() -> Iterator[str]:
        for part in "ab":
            logging.getLogger("small").info("part")
            yield part

    @app.get("/fails")
    def fails() -> str:
        raise KeyError("x")

    app.config["PROPAGATE_EXCEPTIONS"] = True
    return Asks(RequestTrace(app.wsgi_app, is_logged=is_logged))


def test_a_request_has_an_id_in_its_answer_and_in_all_of_its_lines(lines: Lines) -> None:
    """One that came with it, if it is short and plain; nothing of it remains for the next one."""
    answer = client().get("/says", headers={HEADER: "proxy-17.a_B"})
    assert answer.headers[HEADER] == "proxy-17.a_B"
    assert [each.get("request_id") for each in lines.records] == ["proxy-17.a_B"] * 2
    assert REQUEST_ID.get() == ""


def test_an_answer_that_streams_has_its_id_to_the_end(lines: Lines) -> None:
    """Lines that are written while the answer is under way carry it too."""
    answer = client().get("/streams")
    assert answer.text == "ab"
    assert {each["request_id"] for each in lines.records} == {answer.headers[HEADER]}
    assert [each["msg"] for each in lines.records] == ["part", "part", "request"]
    assert REQUEST_ID.get() == ""


@pytest.mark.parametrize(
    "given", ["", "a b", "x" * 65, "a\tb", 'a"b', "é", "-starts", "a=b", "$(x)", "<script>", "a/../b"]
)
def test_an_id_that_is_not_short_and_plain_is_replaced(given: str) -> None:
    """A header cannot put text into the log lines."""
    answered = client().get("/says", environ_base={"HTTP_X_REQUEST_ID": given}).headers[HEADER]
    assert answered != given
    assert re.fullmatch("[0-9a-f]{16}", answered)


def test_a_request_that_fails_is_logged_and_ends(lines: Lines) -> None:
    """Its id does not remain in the thread."""
    with pytest.raises(KeyError):
        client().get("/fails")
    assert lines.records[-1]["path"] == "/fails"
    assert REQUEST_ID.get() == ""


def test_the_access_log_has_method_path_status_and_duration(lines: Lines) -> None:
    """It shows only the parameters of the query that the app knows."""
    client().get("/says?symbol=BTCUSDT&token=S3CRET&S3CRET&tf=1m%0aforged", headers={HEADER: "r1"})
    parsed = lines.records[-1]
    assert (parsed["logger"], parsed["method"], parsed["path"], parsed["status"]) == (
        "orderflow_dash.access",
        "GET",
        "/says",
        "200",
    )
    assert parsed["query"] == "symbol=BTCUSDT&tf=1m\nforged&(2 hidden)"
    assert 0 <= float(parsed["ms"]) < 5_000


def test_without_an_access_log_there_is_no_line(lines: Lines) -> None:
    """The id is there even so."""
    assert client(is_logged=False).get("/says").headers[HEADER]
    assert [each["msg"] for each in lines.records] == ["answering"]


def test_a_query_beyond_measure_is_not_read() -> None:
    """The app never sends a thousand parameters."""
    assert logged_query("&".join(["symbol=x"] * 1_000)) == "(too many parameters)"
    assert len(logged_query("symbol=" + "x" * 10_000)) < 100


# -- the whole program ----------------------------------------------------------------------------

SECRET = "Zq7-do-not-leak-Zq7"  # noqa: S105 - of nothing


def ask_with_secrets(program: Program) -> None:
    """Requests that carry a secret wherever one can stand; some are malformed."""
    root = program.url
    query = {"token": SECRET, "key": SECRET, "symbol": "BTCUSDT", "exchange": "demo", "access_token": SECRET}
    headers = {"Authorization": f"Bearer {SECRET}", "X-Api-Key": SECRET, "X-Request-ID": f"{SECRET} x"}
    with httpx.Client(trust_env=False, headers=headers, cookies={"session": SECRET, "_dash": SECRET}) as asks:
        for path in (
            "/",
            "/health",
            "/ready",
            "/metrics",
            "/embed",
            "/compare",
            "/nowhere",
            "/api/export.csv",
        ):
            asks.get(root + path, params=query)
        asks.post(root + "/_dash-update-component", params=query, json={"output": f"password={SECRET}"})
        asks.post(root + "/_dash-update-component", content=f'{{"token": "{SECRET}", ')
        asks.post(root + "/api/replay", json={"speed": f"secret={SECRET}"})
    for address in (f"exchange=demo&token={SECRET}", f"exchange=demo&step=1&key={SECRET}", "exchange=none"):
        try:
            with connect(
                f"{root.replace('http', 'ws')}/ws/orderflow?{address}",
                proxy=None,
                additional_headers={**headers, "Cookie": f"session={SECRET}"},
            ) as websocket:
                websocket.recv(timeout=5)
        except WebSocketException:
            pass
    place = urlsplit(root)
    for malformed in (
        f"GET /?token={SECRET} HTTP/9.9\r\n\r\n",
        f"GET /health HTTP/1.1\r\nAuthorization: Bearer {SECRET}\r\nbroken header {SECRET}\r\n\r\n",
        f"BREW /x?key={SECRET}\x01 HTTP/1.1\r\nCookie: a={SECRET}\r\n\r\n",
    ):
        with socket.create_connection((place.hostname, place.port), 5) as raw:
            raw.sendall(malformed.encode())
            raw.recv(4096)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_of_the_program_has_a_secret(tmp_path: Path, form: str) -> None:
    """At the lowest level, with a database out of reach: each line is whole, and none holds a secret."""
    environment = {
        "DATABASE_URL": f"postgres://trader:{SECRET}@127.0.0.1:9/prices",
        "ORDERFLOW_SECRET_KEY": SECRET,
        "ORDERFLOW_LOG_FORMAT": form,
        "ORDERFLOW_LOG_LEVEL": "DEBUG",
        "ORDERFLOW_ACCESS_LOG": "on",
        "BINANCE_FUTURES_REST": f"http://me:{SECRET}@127.0.0.1:9",
    }
    command = [sys.executable, "-m", "orderflow_dash", "serve", "--port", "0"]
    with running(command, tmp_path / "log", **environment) as program:
        wait_until(program.ready, 30)
        ask_with_secrets(program)
        wait_until(lambda: "in memory only" in program.output, 20)
    output = program.output
    assert SECRET not in output
    read = logfmt if form == "text" else json.loads
    records = [read(each) for each in output.splitlines()]
    assert len([each for each in records if each["msg"] == "request"]) >= 12
    starting = next(each for each in records if each["msg"] == "starting")
    assert starting["store"] == "PostgreSQL at 127.0.0.1:9/prices"
    assert starting["version"]
    assert str(starting["max_sockets"]) == "80"
    assert {each["venue"] for each in records if each["msg"] == "venue"} == {"binance", "bybit", "demo"}
    serving = next(each for each in records if each["msg"] == "serving")
    assert serving["address"].startswith("http://127.0.0.1:")
