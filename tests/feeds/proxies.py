"""A proxy on loopback that speaks HTTP CONNECT, plain HTTP forwarding, SOCKS4(a) and SOCKS5."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class LoopbackProxy:
    """Connects every client to ``target`` for any requested host; keeps (protocol, host, port) of each.

    ``login`` is the only user and password that it accepts, where it wants one.
    """

    def __init__(self, target: int, login: tuple[str, str] | None = None) -> None:
        self.asked: list[tuple[str, str, int]] = []
        self._target = target
        self._login = login
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            first = client.recv(1, socket.MSG_PEEK)
            {b"\5": self._socks5, b"\4": self._socks4}.get(first, self._http)(client)

    def _socks5(self, client: socket.socket) -> None:
        _, count = _exactly(client, 2)
        methods = _exactly(client, count)
        wanted = 0 if self._login is None else 2
        client.sendall(bytes((5, wanted if wanted in methods else 0xFF)))
        if wanted == 2:
            _exactly(client, 1)
            user, password = (_exactly(client, _exactly(client, 1)[0]).decode() for _ in range(2))
            client.sendall(bytes((1, (user, password) != self._login)))
            if (user, password) != self._login:
                client.close()
                return
        kind = _exactly(client, 4)[3]
        if kind == 3:
            host = _exactly(client, _exactly(client, 1)[0]).decode()
        else:
            host = socket.inet_ntop(socket.AF_INET, _exactly(client, 4))
        self.asked.append(("socks5", host, struct.unpack("!H", _exactly(client, 2))[0]))
        client.sendall(b"\5\0\0\1\0\0\0\0\0\0")
        self._join(client, b"")

    def _socks4(self, client: socket.socket) -> None:
        _, _, port, address = struct.unpack("!BBH4s", _exactly(client, 8))
        _until(client, b"\0")
        host = socket.inet_ntop(socket.AF_INET, address)
        if host.startswith("0.0.0."):
            host = _until(client, b"\0")[:-1].decode()
        self.asked.append(("socks4", host, port))
        client.sendall(b"\0\x5a" + bytes(6))
        self._join(client, b"")

    def _http(self, client: socket.socket) -> None:
        head = _until(client, b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        if self._login is not None:
            key = base64.b64encode(":".join(self._login).encode())
            if b"basic " + key.lower() not in head.lower():
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                client.close()
                return
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        self.asked.append((method, str(parts.hostname), parts.port or 80))
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._join(client, b"")
        else:
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            self._join(client, head.replace(target.encode(), path.encode(), 1))

    def _join(self, client: socket.socket, head: bytes) -> None:
        server = socket.create_connection(("127.0.0.1", self._target))
        self._open.append(server)
        server.sendall(head)
        threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
        _pass_on(client, server)


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


def _exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = client.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        data += _exactly(client, 1)
    return data
