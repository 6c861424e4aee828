"""Readable causes of store failures."""

from __future__ import annotations

import errno
import os
import sqlite3

from sqlalchemy import exc

_SQLITE = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the disk or the file is read-only",
    "SQLITE_CANTOPEN": "the file cannot be opened or created",
    "SQLITE_PERM": "no permission to open the file",
    "SQLITE_CORRUPT": "the database file is damaged",
    "SQLITE_NOTADB": "the file is damaged or not an SQLite database",
    "SQLITE_BUSY": "another process holds the database",
    "SQLITE_LOCKED": "another process holds the database",
    "SQLITE_IOERR": "the disk cannot be written or read",
}
_SYSTEM = {
    errno.ENOSPC: "the disk is full",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.EFBIG: "the file has reached its maximum size",
    errno.ENOTDIR: "part of the path is not a folder",
    errno.EEXIST: "part of the path is not a folder",
}


class StoreError(Exception):
    """A failure of a store, in one line; ``reason`` is the cause without the place."""

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.reason = reason


def describe_failure(error: BaseException) -> str:
    """The cause that a database or the system reports, in one line."""
    cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig is not None else error
    if isinstance(cause, sqlite3.Error):
        name = str(getattr(cause, "sqlite_errorname", ""))
        primary = "_".join(name.split("_")[:2])
        return _SQLITE.get(primary) or _line(cause)
    if isinstance(cause, OSError) and cause.errno is not None:
        return _SYSTEM.get(cause.errno) or os.strerror(cause.errno)  # its own text has paths
    if isinstance(cause, exc.TimeoutError):
        return "too many read the database at once"
    if isinstance(error, exc.DBAPIError):
        return _postgres(cause)
    return _line(cause)


def _postgres(cause: BaseException) -> str:
    text = str(cause)
    code = getattr(cause, "sqlstate", None)
    if code in {"28P01", "28000"} or "authentication failed" in text:
        return "the database refuses user or password"
    if code == "3D000" or ('database "' in text and "does not exist" in text):
        return "the database does not exist on the server"
    if code == "53100":
        return "the disk of the database server is full"
    if code == "25006":
        return "the database is read-only"
    if "Connection refused" in text:
        return "the database server cannot be reached: connection refused"
    if "timeout" in text.lower():
        return "the database server does not answer in time"
    if code in {"57P01", "57P02", "57P03"} or "server closed the connection" in text:
        return "the database server ended the connection"
    return _line(cause)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
