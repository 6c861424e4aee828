"""REST requests to a venue, with the pauses that the venue demands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from orderflow_dash.feeds.failure import describe_failure, describe_status
from orderflow_dash.feeds.proxies import Proxy, ProxyRefused, proxy_of
from orderflow_dash.feeds.transport import Deadline, DeadlineTransport

_TIMEOUT_S = 10.0  # of one read
_DEADLINE_S = 30.0  # of a whole response
_BLOCKS = {403: 600.0, 418: 300.0, 429: 60.0}  # pause in seconds where the venue names none
_LONGEST_PAUSE_S = 3 * 86_400.0  # the longest ban of any venue
_LARGEST_BODY = 32 << 20
_WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"
_WEIGHT_S = 60.0


class RestError(Exception):
    """A failed request; the text is the cause in plain words. ``status``: of HTTP, if it got that far."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class _Answer(NamedTuple):
    status: int
    headers: httpx.Headers
    body: bytes


class RestClient:
    """GET requests to one venue. After 403, 418 or 429 it sends none until the venue's pause is over.

    ``timeout`` limits each read, ``deadline`` a whole response, both in seconds. The proxy comes from the
    environment.
    """

    def __init__(self, root: str, timeout: float = _TIMEOUT_S, deadline: float = _DEADLINE_S) -> None:
        self.root = root
        self._proxy: Proxy | None = None
        self._refusal = ""  # why the proxy cannot be used
        try:
            self._proxy = proxy_of(root)
        except ProxyRefused as error:
            self._refusal = str(error)
        self._deadline_s = deadline
        self._deadline = Deadline()
        self._client = httpx.Client(
            base_url=root,
            timeout=timeout,
            trust_env=False,
            transport=DeadlineTransport(self._proxy, self._deadline),
            headers={"User-Agent": "orderflow-dash", "Accept": "application/json"},
        )
        self._resume_at = 0.0
        self._weight = 0
        self._weight_at = -_WEIGHT_S

    def used_weight(self) -> int:
        """Weight of the last minute's requests, as the venue reported it; 0 if it reported none."""
        return self._weight if time.monotonic() - self._weight_at < _WEIGHT_S else 0

    def _check_open(self) -> None:
        if self._client.is_closed:
            raise RestError(f"{urlsplit(self.root).hostname}: the client is closed")

    def get(
        self, path: str, params: Mapping[str, str | int] | None = None, *, deadline: float | None = None
    ) -> bytes:
        """Body of a 200; RestError for anything else. ``deadline`` (s) instead of the client's own."""
        self._check_open()
        if self._refusal:
            raise RestError(self._refusal)
        pause = self._resume_at - time.monotonic()
        if pause > 0:
            raise RestError(f"{urlsplit(self.root).hostname}: paused for {pause:.0f} s, as the venue asked")
        seconds = self._deadline_s if deadline is None else deadline
        try:
            with self._deadline.within(seconds):
                answer = self._ask(path, params, seconds)
        except RuntimeError:
            self._check_open()  # it was closed during the request
            raise
        except (httpx.HTTPError, OSError) as error:
            raise RestError(describe_failure(error, self.root, self._proxy)) from error
        weight = answer.headers.get(_WEIGHT_HEADER, "")
        if weight.isdecimal():
            self._weight, self._weight_at = int(weight), time.monotonic()
        if answer.status in _BLOCKS:
            self._resume_at = time.monotonic() + _retry_after(answer.headers, _BLOCKS[answer.status])
        if answer.status != httpx.codes.OK:
            cause = describe_status(answer.status, self._proxy)
            raise RestError(f"{urlsplit(self.root).hostname}: {cause}", answer.status)
        return answer.body

    def _ask(self, path: str, params: Mapping[str, str | int] | None, seconds: float) -> _Answer:
        try:
            try:
                return self._read(path, params)
            except httpx.RemoteProtocolError:
                # The venue has closed an idle connection: use a new one.
                return self._read(path, params)
        except httpx.TimeoutException as error:
            if not self._deadline.has_passed():
                raise
            host = urlsplit(self.root).hostname
            raise RestError(f"{host}: no whole answer within {seconds:g} s") from error

    def _read(self, path: str, params: Mapping[str, str | int] | None) -> _Answer:
        # In pieces: httpx's response is part of a cycle, which would keep a body that it has read.
        with self._client.stream("GET", path, params=params) as response:
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > _LARGEST_BODY:
                    raise RestError(f"{urlsplit(self.root).hostname}: more than {_LARGEST_BODY} bytes")
            return _Answer(response.status_code, response.headers, bytes(body))

    def close(self) -> None:
        """Release its sockets."""
        self._client.close()


def _retry_after(headers: httpx.Headers, default: float) -> float:
    text = headers.get("Retry-After", "")
    # Seconds; a date, which no supported venue sends, is ignored.
    return min(max(1.0, float(text)), _LONGEST_PAUSE_S) if text.isdecimal() else default
