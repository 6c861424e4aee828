"""Loads recordings, telling how far it has come, and what is wrong with a file and in which line."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import InvalidOperation
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import zstandard

from orderflow_dash.market import Venue

from .capture import DamagedFile, Kind, line_reader, opened
from .dayfile import Columns, DayFormat, blocks, day_format, parse
from .reel import Reel

_HEAD = 1 << 16  # bytes that tell the format
_GONE = (FileNotFoundError, PermissionError, IsADirectoryError)
_TORN = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, zstandard.ZstdError, OSError)
_SENSELESS = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    InvalidOperation,
    NotImplementedError,
    RuntimeError,
)


@dataclass
class LoadedFile:
    """How far the loading of one file has come. Written by the loading thread, read by any."""

    path: Path
    bytes: int = 0  # of the file as it lies on the disk
    loaded_bytes: int = 0
    rows: int = 0
    zero_quantities: int = 0  # rows that trade nothing: skipped
    error: str = ""  # names file and line; what stands before that line is loaded
    series: dict[tuple[Venue, str], None] = field(default_factory=dict)


class Loading:
    """Loads files into reels, one for each venue and symbol."""

    def __init__(self, files: list[Path]) -> None:
        self.files = [LoadedFile(path) for path in files]
        for file in self.files:
            if file.path.is_file():
                file.bytes = file.path.stat().st_size
        self._reels: dict[tuple[Venue, str], Reel] = {}

    def run(self, *, strict: bool) -> list[Reel]:
        """Loads everything. Raises DamagedFile and OSError where ``strict``, else keeps them by file."""
        for file in self.files:
            try:
                self._load(file)
                if not file.rows:
                    raise DamagedFile(f"{file.path}: no trade in it")
            except (DamagedFile, *_GONE) as error:
                if strict:
                    raise
                file.error = str(error)
            file.loaded_bytes = file.bytes
        reels = [reel for reel in self._reels.values() if len(reel)]
        for reel in reels:
            reel.close()
        self._reels.clear()
        return [reel for reel in reels if next(reel.prints(), None) is not None]

    def _load(self, file: LoadedFile) -> None:
        with _content(file.path) as (stream, name, raw, place), ExitStack() as stack:
            head, rest = _head(stream)
            lines = head.split(b"\n")
            form = day_format(lines, name)
            if form is None:
                self._load_rows(file, head, rest, raw, place)
                return
            place.exact = False
            parts: list[Columns] = []
            # Also where it is damaged: what stands before the damage counts.
            stack.callback(self._keep, file, parts)
            self._load_columns(file, form, (head, rest, raw), place, parts)

    def _load_columns(
        self,
        file: LoadedFile,
        form: DayFormat,
        source: tuple[bytes, Any, BinaryIO],
        place: _Place,
        parts: list[Columns],
    ) -> None:
        head, rest, raw = source
        for block in blocks(rest, head):
            columns, bad = parse(block, form)
            parts.append(columns)
            zeros = len(columns.quantities) - int(np.count_nonzero(columns.quantities))
            file.rows += len(columns.times)
            file.zero_quantities += zeros
            file.loaded_bytes = min(raw.tell(), file.bytes)
            if bad is not None:
                place.line += bad.line + 1
                place.exact = True
                raise bad
            place.line += block.count(b"\n")

    def _keep(self, file: LoadedFile, parts: list[Columns]) -> None:
        whole = [part for part in parts if len(part.times)]
        if not whole:
            return
        first = whole[0]
        if first.venue is Venue.BYBIT and first.times[0] > whole[-1].times[-1]:
            whole = [part.backwards() for part in reversed(whole)]  # older day files run backwards
        reel = self._reel(file, first.venue, first.symbol)
        for part in whole:
            reel.extend(part)

    def _load_rows(
        self,
        file: LoadedFile,
        head: bytes,
        rest: Any,  # noqa: ANN401
        raw: BinaryIO,
        place: _Place,
    ) -> None:
        read = line_reader(head.partition(b"\n")[0])
        for block in blocks(rest, head):
            place.exact = True
            for line in block.split(b"\n"):
                place.line += 1
                if not line.strip():
                    continue
                for row in read(line):
                    self._reel(file, row.venue, row.symbol).add(row)
                    file.rows += 1
                    if row.kind <= Kind.RPI and not row.quantity.strip("0."):
                        file.zero_quantities += 1
            place.line -= block.endswith(b"\n")
            place.exact = False
            file.loaded_bytes = min(raw.tell(), file.bytes)

    def _reel(self, file: LoadedFile, venue: Venue, symbol: str) -> Reel:
        key = venue, symbol
        file.series[key] = None
        reel = self._reels.get(key)
        if reel is None:
            reel = self._reels[key] = Reel(venue, symbol)
        return reel


def probe(path: Path) -> frozenset[Venue]:
    """The venues whose trades a file may hold, by its first lines.

    Raises DamagedFile or OSError where those already show that it cannot be read.
    """
    with _content(path) as (stream, name, _, place):
        head, _ = _head(stream)
        form = day_format(head.split(b"\n"), name)
        if form is None:
            line_reader(head.partition(b"\n")[0])
            cryptofeed = head.startswith(b"{")
            return frozenset((Venue.BINANCE, Venue.BYBIT) if cryptofeed else (Venue.BINANCE,))
        cut = head.rfind(b"\n") + 1 if len(head) >= _HEAD else len(head)
        columns, bad = parse(head[:cut], form)
        if bad is not None:
            place.line = bad.line + 1
            raise bad
        if not len(columns.times) and len(head) < _HEAD:
            raise DamagedFile(f"{path}: no trade in it")
        return frozenset((form.venue,))


@dataclass
class _Place:
    """How far a file was read."""

    line: int = 0
    exact: bool = True  # whether ``line`` is the one that cannot be read, or the last one that could


@contextmanager
def _content(path: Path) -> Iterator[tuple[Any, str, BinaryIO, _Place]]:
    """The unpacked content of a file; what goes wrong with it becomes DamagedFile with file and line."""
    place = _Place()
    try:
        with ExitStack() as stack:
            stream, name, raw = opened(path, stack)
            yield stream, name, raw, place
    except (*_GONE, DamagedFile):
        raise
    except _TORN as error:
        raise DamagedFile(f"{path}, after line {place.line}: {error}") from error
    except _SENSELESS as error:
        where = f"line {max(1, place.line)}" if place.exact else f"after line {place.line}"
        raise DamagedFile(f"{path}, {where}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return f"no field {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__


class _Rest:
    """What of a stream was not yet read; trouble that showed with the head is told again."""

    def __init__(self, stream: Any, trouble: Exception | None) -> None:  # noqa: ANN401
        self._stream = stream
        self._trouble = trouble

    def read1(self, size: int, /) -> bytes:
        """Some bytes; none at the end."""
        if self._trouble is not None:
            raise self._trouble
        part: bytes = self._stream.read1(size)
        return part


def _head(stream: Any) -> tuple[bytes, _Rest]:  # noqa: ANN401
    """The first bytes, and the rest."""
    if not hasattr(stream, "read1"):
        stream.read1 = stream.read
    parts: list[bytes] = []
    trouble: Exception | None = None
    while sum(map(len, parts)) < _HEAD:
        try:
            part = stream.read1(_HEAD)
        except _TORN as error:
            if not parts:
                raise
            trouble = error
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts), _Rest(stream, trouble)
