"""Why something failed, in words that a person understands."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidHandshake, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from orderflow_dash.feeds.failure import describe_failure, describe_status


def status(code: int) -> InvalidStatus:
    """A refused handshake."""
    return InvalidStatus(Response(code, "", Headers(), b""))


def caused(outer: Exception, inner: Exception) -> Exception:
    """An exception with its cause, as libraries raise them."""
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (status(451), "not available from this location (HTTP 451)"),
        (status(403), "refused (HTTP 403): blocked or rate-limited"),
        (status(502), "HTTP 502"),
        (ConnectionClosedError(None, None), "connection lost"),
        (ConnectionClosedError(Close(1008, "x"), None), "closed the connection (code 1008)"),
        (caused(httpx.ConnectError("x"), socket.gaierror(-2, "x")), "host name not found"),
        (caused(httpx.ConnectError("x"), ConnectionRefusedError()), "connection refused"),
        (caused(httpx.ConnectError("x"), ssl.SSLError(1, "x")), "TLS failed (handshake)"),
        (httpx.ReadTimeout("x"), "no answer in time"),
        (TimeoutError(), "no answer in time"),
        (InvalidHandshake("x"), "no websocket there"),
        (OSError("something odd " * 50), ("something odd " * 50)[:120]),
        (EOFError(), "EOFError"),
    ],
)
def test_one_line_names_the_host_and_the_cause(error, words):
    """The page and the log show it as it is."""
    assert describe_failure(error, "wss://h.example:1/x") == f"h.example: {words}"


def test_a_url_without_a_host_is_named_itself():
    """The line names the configured proxy."""
    assert describe_failure(TimeoutError(), "nowhere").startswith("nowhere: ")


@pytest.mark.parametrize("code", [403, 418, 429, 451, 500])
def test_the_text_of_a_status_has_its_number(code):
    """So that it can be looked up."""
    assert str(code) in describe_status(code)
