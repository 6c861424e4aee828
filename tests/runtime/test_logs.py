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


def test_a_line_tells_time_level_logger_message_and_fields(form) -> None:
    """In both forms, and in UTC."""
    formatter, read = form
    told = read(line(formatter, "%s is %d", "it", 5, venue="binance", ms="1.5"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["ts"])
    assert {name: told[name] for name in ("level", "logger", "msg", "venue", "ms")} == {
        "level": "info",
        "logger": "a.logger",
        "msg": "it is 5",
        "venue": "binance",
        "ms": "1.5",
    }
    assert "request_id" not in told


def test_json_keeps_numbers() -> None:
    """A program need not read them out of texts."""
    told = json.loads(line(JsonLines(), "x", count=3, share=0.5, is_so=True, none=None))
    assert (told["count"], told["share"], told["is_so"], told["none"]) == (3, 0.5, True, None)


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
def test_nobody_outside_writes_a_line_of_ours(form, evil: str) -> None:
    """Line ends, control characters and turned writing are escaped, in messages and in fields."""
    formatter, read = form
    text = line(formatter, "%s", evil, path=evil)
    assert text.isprintable()
    assert "\n" not in text
    told = read(text)
    assert told.keys() == {"ts", "level", "logger", "msg", "path"}
    assert (told["msg"], told["path"]) == (evil, evil)


def test_an_error_is_one_line_with_its_trace(form) -> None:
    """The lines of a traceback are one value."""
    formatter, read = form
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    told = read(formatter.format(record))
    assert told["trace"].startswith("Traceback (most recent call last):\n")
    assert told["trace"].endswith("ValueError: first\nsecond")


def test_a_name_in_any_script_is_told_as_it_is() -> None:
    """Venues list symbols that are no Latin words."""
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
def test_what_stands_where_secrets_stand_is_struck_out(text: str) -> None:
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
def test_what_is_no_secret_stands(text: str) -> None:
    """A line that is struck out for nothing helps nobody."""
    assert Redaction()(text) == text


def test_what_is_known_to_be_secret_is_struck_out_in_every_form() -> None:
    """As it is, and as addresses and queries write it; an empty one strikes out nothing."""
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
    begun = time.process_time()
    Redaction()(text)
    assert time.process_time() - begun < 2


def test_settings_know_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and the passwords of addresses, whichever setting holds them."""
    monkeypatch.setenv("ORDERFLOW_SECRET_KEY", "the-key-of-this-test")
    monkeypatch.setenv("DATABASE_URL", "postgres://trader:the-word@host/prices")
    monkeypatch.setenv("BYBIT_REST", "https://me:the-other@proxy.example")
    assert {"the-key-of-this-test", "the-word", "the-other"} <= set(load_settings().secrets())


# -- requests -------------------------------------------------------------------------------------


class Lines(logging.Handler):
    """What is logged, as text lines of the moment."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(TextLines())
        self.told: list[dict[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(logfmt(self.format(record)))


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
    assert [told.get("request_id") for told in lines.told] == ["proxy-17.a_B"] * 2
    assert REQUEST_ID.get() == ""


def test_an_answer_that_streams_has_its_id_to_the_end(lines: Lines) -> None:
    """Lines that are written while the answer is under way carry it too."""
    answer = client().get("/streams")
    assert answer.text == "ab"
    assert {told["request_id"] for told in lines.told} == {answer.headers[HEADER]}
    assert [told["msg"] for told in lines.told] == ["part", "part", "request"]
    assert REQUEST_ID.get() == ""


@pytest.mark.parametrize(
    "given", ["", "a b", "x" * 65, "a\tb", 'a"b', "é", "-begins", "a=b", "$(x)", "<script>", "a/../b"]
)
def test_an_id_that_is_not_short_and_plain_is_replaced(given: str) -> None:
    """Nobody puts text into our lines by a header."""
    answered = client().get("/says", environ_base={"HTTP_X_REQUEST_ID": given}).headers[HEADER]
    assert answered != given
    assert re.fullmatch("[0-9a-f]{16}", answered)


def test_a_request_that_fails_is_logged_and_ends(lines: Lines) -> None:
    """Its id does not remain in the thread."""
    with pytest.raises(KeyError):
        client().get("/fails")
    assert lines.told[-1]["path"] == "/fails"
    assert REQUEST_ID.get() == ""


def test_the_access_log_tells_method_path_status_and_duration(lines: Lines) -> None:
    """And of the query only what is ours."""
    client().get("/says?symbol=BTCUSDT&token=S3CRET&S3CRET&tf=1m%0aforged", headers={HEADER: "r1"})
    told = lines.told[-1]
    assert (told["logger"], told["method"], told["path"], told["status"]) == (
        "orderflow_dash.access",
        "GET",
        "/says",
        "200",
    )
    assert told["query"] == "symbol=BTCUSDT&tf=1m\nforged&(2 hidden)"
    assert 0 <= float(told["ms"]) < 5_000


def test_without_an_access_log_there_is_no_line(lines: Lines) -> None:
    """The id is there even so."""
    assert client(is_logged=False).get("/says").headers[HEADER]
    assert [told["msg"] for told in lines.told] == ["answering"]


def test_a_query_beyond_measure_is_not_read() -> None:
    """A thousand parameters are no query of ours."""
    assert logged_query("&".join(["symbol=x"] * 1_000)) == "(too many parameters)"
    assert len(logged_query("symbol=" + "x" * 10_000)) < 100


# -- the whole program ----------------------------------------------------------------------------

SECRET = "Zq7-do-not-tell-Zq7"  # noqa: S105 - of nothing


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
def test_no_line_of_the_program_tells_a_secret(tmp_path: Path, form: str) -> None:
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
    told = [read(each) for each in output.splitlines()]
    assert len([each for each in told if each["msg"] == "request"]) >= 12
    starting = next(each for each in told if each["msg"] == "starting")
    assert starting["store"] == "PostgreSQL at 127.0.0.1:9/prices"
    assert starting["version"]
    assert str(starting["max_sockets"]) == "80"
    assert {each["venue"] for each in told if each["msg"] == "venue"} == {"binance", "bybit", "demo"}
    serving = next(each for each in told if each["msg"] == "serving")
    assert serving["address"].startswith("http://127.0.0.1:")
