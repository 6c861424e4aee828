"""Loads recordings, and reports its progress, and the damage of a file with its line."""

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
from orderflow_dash.simulator.recordings.builder import Finding, RecordingBuilder
from orderflow_dash.simulator.recordings.capture import DamagedFile, Kind, line_reader
from orderflow_dash.simulator.recordings.columns import BadLine, Columns, blocks, parse
from orderflow_dash.simulator.recordings.dayfile import DayFormat, day_format
from orderflow_dash.simulator.recordings.recording import Recording
from orderflow_dash.simulator.recordings.unpacking import NoFile, UnpackedFile, opened, printable

_HEAD = 1 << 16  # bytes that show the format
_MOST_LEADING = 20  # bad lines before the first good one
_NOTED = 10  # rows of a file that notes name one by one
_UNREADABLE = (FileNotFoundError, PermissionError, IsADirectoryError)
_TRUNCATED = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, zstandard.ZstdError, OSError)
_INVALID = (
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
    left_out: int = 0  # damaged rows between good ones
    repeats: int = 0  # rows that this or another file holds already: each counts once
    conflicts: int = 0  # rows whose id another trade has: left out, their candles marked
    error: str = ""  # with file and line; the rows before that line are loaded
    damage: list[str] = field(default_factory=list)  # rows left out, by line
    notes: list[str] = field(default_factory=list)  # repeated and conflicting rows
    series: dict[tuple[Venue, str], None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name, printable."""
        return printable(self.path.name)

    @property
    def all_damage(self) -> str:
        """The error that ended its loading, and the rows left out before; empty for an intact file."""
        parts = [self.error] if self.error else []
        if self.damage:
            parts += [f"{printable(str(self.path))}, {self.damage[0]}", *self.damage[1:]]
        return "; ".join(parts)

    def leave_out(self, line: int, reason: str) -> None:
        """Counts a damaged row that is skipped."""
        self.left_out += 1
        if self.left_out <= _NOTED:
            self.damage.append(f"line {line}: {reason} (left out)")


class Loading:
    """Loads files into recordings, one per venue and symbol."""

    def __init__(self, files: list[Path]) -> None:
        self.files = [LoadedFile(path) for path in files]
        for file in self.files:
            if file.path.is_file():
                file.bytes = file.path.stat().st_size
        self._builders: dict[tuple[Venue, str], RecordingBuilder] = {}

    def run(self, *, strict: bool) -> list[Recording]:
        """Loads all files. Raises DamagedFile and OSError if ``strict``, else stores them per file."""
        for file in self.files:
            try:
                self._load(file)
                if not file.rows:
                    raise DamagedFile(f"{file.path}: no trade")
            except (DamagedFile, *_UNREADABLE) as error:
                if strict:
                    raise
                file.error = printable(str(error))
            file.loaded_bytes = file.bytes
        broken = {source for source, file in enumerate(self.files) if file.error}
        recordings = []
        for builder in self._builders.values():
            if not len(builder):
                continue
            recording, findings = builder.build(broken)
            recordings.append(recording)
            for finding in findings:
                self._note(recording, finding)
        for file in self.files:
            _summarize(file)
            if strict and file.error:
                raise DamagedFile(file.error)
        self._builders.clear()
        return [recording for recording in recordings if next(recording.prints(), None) is not None]

    def _note(self, recording: Recording, finding: Finding) -> None:
        """Counts a finding about a row of a file."""
        file = self.files[finding.source]
        if finding.kind == "misplaced":
            file.leave_out(finding.line, "its time is far from those of its neighbors")
            return
        if finding.kind == "repeat":
            file.repeats += finding.rows
            return
        file.conflicts += 1
        if file.conflicts <= _NOTED:
            other = self.files[finding.other_source]
            where = f"line {finding.other_line}" + ("" if other is file else f" of {other.name}")
            file.notes.append(
                f"line {finding.line}: id {finding.id} of {recording.symbol} is another trade in {where};"
                " left out, its candle is marked as a gap"
            )

    def _load(self, file: LoadedFile) -> None:
        with _content(file.path) as (source, position), ExitStack() as stack:
            head, rest = _head(source.stream)
            lines = head.split(b"\n")
            form = day_format(lines, *source.names)
            if form is None:
                self._load_rows(file, head, rest, source.raw, position)
                return
            position.exact = False
            parts: list[Columns] = []
            # Also for a damaged file: the rows before the damage count.
            stack.callback(self._keep, file, parts)
            self._load_columns(file, form, (head, rest, source.raw), position, parts)

    def _load_columns(
        self,
        file: LoadedFile,
        form: DayFormat,
        source: tuple[bytes, Any, BinaryIO],
        position: _ReadPosition,
        parts: list[Columns],
    ) -> None:
        head, rest, raw = source
        for block in blocks(rest, head):
            columns, bad, skipped = _from_first_good(block, form, position.line + 1, is_first=not file.rows)
            for each in skipped:
                file.leave_out(position.line + each.line + 1, str(each))
            parts.append(columns)
            zeros = len(columns.quantities) - int(np.count_nonzero(columns.quantities))
            file.rows += len(columns.times)
            file.zero_quantities += zeros
            file.loaded_bytes = min(raw.tell(), file.bytes)
            if bad is not None:
                position.line += bad.line + 1
                position.exact = True
                raise bad
            position.line += block.count(b"\n")

    def _keep(self, file: LoadedFile, parts: list[Columns]) -> None:
        whole = [part for part in parts if len(part.times)]
        for part in whole:
            self._builder(file, part.venue, part.symbol).extend(part)

    def _load_rows(
        self,
        file: LoadedFile,
        head: bytes,
        rest: Any,  # noqa: ANN401
        raw: BinaryIO,
        position: _ReadPosition,
    ) -> None:
        read = line_reader(head.partition(b"\n")[0])
        for block in blocks(rest, head):
            position.exact = True
            for line in block.split(b"\n"):
                position.line += 1
                if not line.strip():
                    continue
                for row in read(line):
                    self._builder(file, row.venue, row.symbol).add(row, position.line)
                    file.rows += 1
                    if row.kind <= Kind.RPI and not row.quantity.strip("0."):
                        file.zero_quantities += 1
            position.line -= block.endswith(b"\n")
            position.exact = False
            file.loaded_bytes = min(raw.tell(), file.bytes)

    def _builder(self, file: LoadedFile, venue: Venue, symbol: str) -> RecordingBuilder:
        key = venue, symbol
        file.series[key] = None
        builder = self._builders.get(key)
        if builder is None:
            builder = self._builders[key] = RecordingBuilder(venue, symbol)
        builder.set_source(self.files.index(file))
        return builder


def _from_first_good(
    block: bytes, form: DayFormat, line: int, *, is_first: bool
) -> tuple[Columns, BadLine | None, list[BadLine]]:
    """The rows of a block of a file, the bad line that ends them, and bad lines before the first row.

    ``is_first``: no row precedes the block, so that damage at its start is skipped. Lines count from the
    start of the block, which is line ``line`` of the file.
    """
    columns, bad = parse(block, form, line)
    skipped: list[BadLine] = []
    at = 0
    while is_first and bad is not None and not len(columns.times) and len(skipped) < _MOST_LEADING:
        rest = block.split(b"\n", bad.line + 1)[-1] if block.count(b"\n") > bad.line else b""
        if not rest.strip():
            break
        skipped.append(BadLine(at + bad.line, str(bad)))
        at += bad.line + 1
        block = rest
        columns, bad = parse(block, form, line + at)
    if not len(columns.times) and skipped:  # no good row: report the first bad line
        return columns, skipped[0], []
    return columns, None if bad is None else BadLine(at + bad.line, str(bad)), skipped


def _summarize(file: LoadedFile) -> None:
    """Completes the notes after all files are loaded."""
    if file.left_out >= file.rows and not file.error:
        file.error = f"{printable(str(file.path))}: no valid row"
    if file.left_out > _NOTED:
        file.damage.append(f"{file.left_out} rows left out in total")
    if file.conflicts > _NOTED:
        file.notes.append(f"{file.conflicts} rows with a repeated id in total")
    if file.repeats:
        rows = "row is" if file.repeats == 1 else "rows are"
        file.notes.append(f"{file.repeats} {rows} in the recording twice and counted once")


def probe(path: Path) -> frozenset[Venue]:
    """The venues whose trades a file may hold, by its first lines.

    Raises DamagedFile or OSError if those already show that it holds no valid trade.
    """
    with _content(path) as (source, position):
        head, rest = _head(source.stream)
        form = day_format(head.split(b"\n"), *source.names)
        if form is None:
            line_reader(head.partition(b"\n")[0])
            cryptofeed = head.startswith(b"{")
            return frozenset((Venue.BINANCE, Venue.BYBIT) if cryptofeed else (Venue.BINANCE,))
        is_whole = rest.has_ended
        cut = len(head) if is_whole else head.rfind(b"\n") + 1
        columns, bad, _ = _from_first_good(head[:cut], form, 1, is_first=True)
        if len(columns.times):
            return frozenset((form.venue,))
        if bad is not None:
            position.line = bad.line + 1
            raise bad
        rest.raise_trouble()
        if is_whole:
            raise DamagedFile(f"{path}: no trade")
        return frozenset((form.venue,))


@dataclass
class _ReadPosition:
    """The position up to which a file was read."""

    line: int = 0
    exact: bool = True  # whether ``line`` is the unreadable one; else it is the last readable one


@contextmanager
def _content(path: Path) -> Iterator[tuple[UnpackedFile, _ReadPosition]]:
    """The unpacked content of a file; errors of reading it become DamagedFile with file and line."""
    position = _ReadPosition()
    try:
        with ExitStack() as stack:
            yield opened(path, stack), position
    except NoFile as error:
        raise DamagedFile(str(error)) from error
    except (*_UNREADABLE, DamagedFile):
        raise
    except _TRUNCATED as error:
        raise DamagedFile(f"{path}, after line {position.line}: {error}") from error
    except _INVALID as error:
        where = f"line {max(1, position.line)}" if position.exact else f"after line {position.line}"
        raise DamagedFile(f"{path}, {where}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return f"no field {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__


class _Rest:
    """The unread part of a stream; raises the error that reading its head raised, if any."""

    def __init__(self, stream: Any, trouble: Exception | None, *, has_ended: bool) -> None:  # noqa: ANN401
        self._stream = stream
        self._trouble = trouble
        self.has_ended = has_ended  # nothing follows the head

    def raise_trouble(self) -> None:
        """Raises the error that reading the head met, if any."""
        if self._trouble is not None:
            raise self._trouble

    def read1(self, size: int, /) -> bytes:
        """Some bytes; empty at the end."""
        self.raise_trouble()
        part: bytes = self._stream.read1(size)
        return part


def _head(stream: Any) -> tuple[bytes, _Rest]:  # noqa: ANN401
    """The first bytes, and the rest."""
    if not hasattr(stream, "read1"):
        stream.read1 = stream.read
    parts: list[bytes] = []
    trouble: Exception | None = None
    size = 0
    while size < _HEAD:
        try:
            part = stream.read1(_HEAD)
        except _TRUNCATED as error:
            if not parts:
                raise
            trouble = error
            break
        if not part:
            return b"".join(parts), _Rest(stream, None, has_ended=True)
        parts.append(part)
        size += len(part)
    return b"".join(parts), _Rest(stream, trouble, has_ended=False)
