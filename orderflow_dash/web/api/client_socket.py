"""One websocket client's connection, as the websocket's library uses it: whole sends, bounded hearing.

The library sends from two threads, the one that serves and the one that reads and pings. To a client that
reads slowly a ping would go out in the middle of a message, and what follows could not be read.

What clients say means nothing here. One that says much is read slowly from then on, so that neither its
pings nor its messages cost more than a little, until it is sent away.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Final

MOST_HEARD: Final = 16_384  # bytes in a window; pongs and small talk are some hundreds
WINDOW_S: Final = 10.0
_PACE_S: Final = 0.1  # between reads of a client that said more


class ClientSocket:
    """A connected stream socket with the methods that simple-websocket calls."""

    def __init__(self, connection: socket.socket) -> None:
        self.is_flooding = False
        self._connection = connection
        self._sending = threading.Lock()
        self._heard = 0
        self._window_ends = 0.0

    def fileno(self) -> int:
        """The descriptor, for selectors."""
        return self._connection.fileno()

    def send(self, data: bytes) -> int:
        """Send all of it, and nothing of another thread in between. Raises OSError."""
        with self._sending:
            self._connection.sendall(data)
        return len(data)

    def recv(self, size: int) -> bytes:
        """Read at most so many bytes. Raises OSError."""
        if self.is_flooding:
            time.sleep(_PACE_S)
        data = self._connection.recv(size)
        now = time.monotonic()
        if now >= self._window_ends:
            self._heard, self._window_ends = 0, now + WINDOW_S
        self._heard += len(data)
        self.is_flooding = self.is_flooding or self._heard > MOST_HEARD
        return data

    def shutdown(self, how: int) -> None:
        """End one direction or both. Raises OSError."""
        self._connection.shutdown(how)

    def close(self) -> None:
        """Give the descriptor back."""
        self._connection.close()
