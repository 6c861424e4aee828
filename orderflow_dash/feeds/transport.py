"""HTTP requests with one deadline for the whole exchange, direct or through a proxy.

httpx limits each read separately, so a response that trickles in could hold a thread forever. Here every
read, write and handshake of a request is limited to the time left until its deadline.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import httpcore
import httpx
import python_socks
from python_socks.sync import Proxy as SocksProxy

from orderflow_dash.feeds.proxies import Proxy

_T = TypeVar("_T")
_Options = Iterable[Any] | None
_MAPPED: Final[tuple[tuple[type[Exception], type[httpx.TransportError]], ...]] = (
    (httpcore.TimeoutException, httpx.TimeoutException),
    (httpcore.ProxyError, httpx.ProxyError),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.NetworkError, httpx.NetworkError),
    (httpcore.RemoteProtocolError, httpx.RemoteProtocolError),
    (httpcore.ProtocolError, httpx.ProtocolError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
)


class Deadline(threading.local):
    """When the request of the current thread must have ended."""

    def __init__(self) -> None:
        self._ends: float | None = None  # monotonic

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Requests in the block end within ``seconds``, or raise httpx.TimeoutException."""
        self._ends = time.monotonic() + seconds
        try:
            yield
        finally:
            self._ends = None

    def has_passed(self) -> bool:
        """Whether no time is left."""
        return self._ends is not None and time.monotonic() >= self._ends

    def clip(self, timeout: float | None) -> float | None:
        """The shorter of a timeout and the time left; raises httpcore.ReadTimeout if there is none."""
        if self._ends is None:
            return timeout
        left = self._ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return left if timeout is None else min(timeout, left)


class DeadlineTransport(httpx.BaseTransport):
    """httpx's transport to one venue, through ``proxy`` if there is one. Thread-safe."""

    def __init__(self, proxy: Proxy | None, deadline: Deadline) -> None:
        context = httpx.create_ssl_context()
        if proxy is None or proxy.is_socks:
            self._pool = httpcore.ConnectionPool(
                ssl_context=context,
                max_connections=20,
                keepalive_expiry=5.0,
                network_backend=_Backend(deadline, proxy),
            )
        else:
            auth = None if proxy.user is None else (proxy.user.encode(), proxy.password.encode())
            self._pool = httpcore.HTTPProxy(
                f"{proxy.scheme}://{proxy.label}",
                proxy_auth=auth,
                ssl_context=context,
                max_connections=20,
                keepalive_expiry=5.0,
                network_backend=_Backend(deadline, None),
            )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request; raises httpx.TransportError."""
        url = request.url
        with _mapped():
            response = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _mapped():
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


@contextmanager
def _mapped() -> Iterator[None]:
    """The httpx exception of an httpcore one."""
    try:
        yield
    except Exception as error:
        for known, mapped in _MAPPED:
            if isinstance(error, known):
                raise mapped(str(error)) from error
        raise


class _Backend(httpcore.NetworkBackend):
    """Opens connections whose every operation keeps the deadline, through a SOCKS proxy if there is one."""

    def __init__(self, deadline: Deadline, socks: Proxy | None) -> None:
        self._deadline = deadline
        self._socks = socks
        self._direct = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: _Options = None,
    ) -> httpcore.NetworkStream:
        timeout = self._deadline.clip(timeout)
        if self._socks is not None:
            return _Timed(_SocketStream(_socks_socket(self._socks, host, port, timeout)), self._deadline)
        opened = self._direct.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Timed(opened, self._deadline)


def _socks_socket(proxy: Proxy, host: str, port: int, timeout: float | None) -> socket.socket:
    kind = (
        python_socks.ProxyType.SOCKS4 if proxy.scheme.startswith("socks4") else python_socks.ProxyType.SOCKS5
    )
    # socks4 and socks5 resolve names here; socks4a and socks5h leave that to the proxy.
    remote = proxy.scheme in ("socks4a", "socks5h")
    way = SocksProxy(kind, proxy.host, proxy.port, proxy.user, proxy.password, remote)
    try:
        return way.connect(host, port, timeout)
    except python_socks.ProxyTimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except (python_socks.ProxyError, python_socks.ProxyConnectionError) as error:
        raise httpcore.ProxyError(str(error)) from error
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error


class _Timed(httpcore.NetworkStream):
    """A stream whose every operation keeps the deadline of the thread that uses it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.clip(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.clip(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.clip(timeout))
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        return self._stream.get_extra_info(info)


class _SocketStream(httpcore.NetworkStream):
    """A connected socket with httpcore's stream interface."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._socket.settimeout(timeout)
        return _io(lambda: self._socket.recv(max_bytes), httpcore.ReadTimeout, httpcore.ReadError)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._socket.settimeout(timeout)
        _io(lambda: self._socket.sendall(buffer), httpcore.WriteTimeout, httpcore.WriteError)

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._socket.settimeout(timeout)
        try:
            secured = _io(
                lambda: ssl_context.wrap_socket(self._socket, server_hostname=server_hostname),
                httpcore.ConnectTimeout,
                httpcore.ConnectError,
            )
        except BaseException:
            self.close()
            raise
        return _SocketStream(secured)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        if info == "is_readable":
            return _is_readable(self._socket)
        return self._socket if info == "socket" else None


def _is_readable(sock: socket.socket) -> bool:
    if sock.fileno() < 0:
        return True  # closed: a read returns at once
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _io(act: Callable[[], _T], late: type[Exception], failed: type[Exception]) -> _T:
    try:
        return act()
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise failed(str(error)) from error
