"""A websocket client's connection for the websocket library: atomic sends, limited receives.

The library sends from two threads, one that serves and one that reads and pings. For a slow reader a ping
could interrupt a message and corrupt the stream.

Client messages are ignored. A client that floods is read slowly until it is disconnected, so that its
messages and pings cost little.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Final

MAX_RECEIVED: Final = 16_384  # bytes in a window; pongs take some hundreds
WINDOW_S: Final = 10.0
_PACE_S: Final = 0.1  # between reads of a flooding client


class ClientSocket:
    """A connected stream socket with the methods that simple-websocket calls."""

    def __init__(self, connection: socket.socket) -> None:
        self.is_flooding = False
        self._connection = connection
        self._sending = threading.Lock()
        self._received = 0
        self._window_ends = 0.0

    def fileno(self) -> int:
        """The descriptor, for selectors."""
        return self._connection.fileno()

    def send(self, data: bytes) -> int:
        """Send all data without interruption by another thread. Raises OSError."""
        with self._sending:
            self._connection.sendall(data)
        return len(data)

    def recv(self, size: int) -> bytes:
        """Read at most ``size`` bytes. Raises OSError."""
        if self.is_flooding:
            time.sleep(_PACE_S)
        data = self._connection.recv(size)
        now = time.monotonic()
        if now >= self._window_ends:
            self._received, self._window_ends = 0, now + WINDOW_S
        self._received += len(data)
        self.is_flooding = self.is_flooding or self._received > MAX_RECEIVED
        return data

    def shutdown(self, how: int) -> None:
        """Shut down one direction or both. Raises OSError."""
        self._connection.shutdown(how)

    def close(self) -> None:
        """Close the descriptor."""
        self._connection.close()
