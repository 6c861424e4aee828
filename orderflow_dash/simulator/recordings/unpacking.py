"""Opens recordings: plain, gzip, zip or zstd, and reads a damaged archive as far as possible.

The libraries' own readers drop the unpacked part of a damaged piece; these return it first. The content
shows the kind, not the name.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import zstandard

_PIECE = 1 << 14  # packed bytes at once
_GZIP, _RAW = 31, -15  # zlib's window bits for a gzip and a bare stream
_LOCAL = struct.Struct("<4s5H3I2H")  # a zip archive's header before each file
_LOCAL_MAGIC = b"PK\x03\x04"
_UTF8 = 0x800
_SIZES_FOLLOW = 0x8
_ENCRYPTED = 0x1
_SHOWN = 3  # names of an archive's files in a message
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NoFile(ValueError):
    """The path does not name a regular file."""


class UnpackedFile(NamedTuple):
    """An open recording."""

    stream: Any  # of the unpacked content; has ``read1``
    names: tuple[str, ...]  # that may give the symbol, the likeliest first
    raw: BinaryIO  # the file on the disk


def opened(path: Path, stack: ExitStack) -> UnpackedFile:
    """Opens a file. Raises NoFile, OSError, or ValueError or BadZipFile for an unreadable archive."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):  # opening a pipe would wait for a writer
        kind = next((name for test, name in _KINDS if test(mode)), "no file")
        raise NoFile(f"{path}: it is {kind}, not a regular file")
    file: BinaryIO = stack.enter_context(path.open("rb"))
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return UnpackedFile(_Inflated(file, _GZIP), (path.name,), file)
    if magic == b"\x28\xb5\x2f\xfd":
        return UnpackedFile(
            stack.enter_context(zstandard.ZstdDecompressor().stream_reader(file)), (path.name,), file
        )
    if magic.startswith(b"PK"):
        stream, name = _unzipped(file, stack)
        return UnpackedFile(stream, (name, path.name), file)
    return UnpackedFile(file, (path.name,), file)


def printable(text: str) -> str:
    """A path, or text with one in it, that can be printed and sent, whatever bytes the path has."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class _Inflated:
    """Unpacks deflate data; raises EOFError or zlib.error after the last readable byte."""

    def __init__(self, file: BinaryIO, wrapping: int) -> None:
        self._file = file
        self._wrapping = wrapping
        self._inflate = zlib.decompressobj(wrapping)
        self._pending = b""
        self._ended = False
        self._trouble: Exception | None = None

    def read1(self, size: int, /) -> bytes:
        """Some bytes; empty at the end."""
        while not self._ended and self._trouble is None:
            if part := self._step(size):
                return part
        if self._trouble is not None:
            raise self._trouble
        return b""

    def _step(self, size: int) -> bytes:
        given = self._pending or self._file.read(_PIECE)
        before = self._inflate.copy()
        try:
            part = self._inflate.decompress(given, size)
        except zlib.error as error:
            self._trouble = error
            return _salvaged(before, given)
        self._pending = self._inflate.unconsumed_tail
        if self._inflate.eof:
            self._follow(self._inflate.unused_data)
        elif not given and not part:
            self._trouble = EOFError("the file is cut off")
        return part

    def _follow(self, rest: bytes) -> None:
        """After the end of the data: a gzip file may hold more than one piece."""
        rest = rest or self._file.read(_PIECE) if self._wrapping == _GZIP else b""
        if not rest.strip(b"\0"):
            self._ended = True
        elif rest.startswith(b"\x1f\x8b"):
            self._inflate, self._pending = zlib.decompressobj(_GZIP), rest
        else:
            self._trouble = zlib.error("something other than packed data follows")


def _salvaged(inflate: Any, given: bytes) -> bytes:  # noqa: ANN401 - zlib does not export its type
    """The content of a piece up to its damaged byte."""
    parts = []
    for at in range(len(given)):
        try:
            parts.append(inflate.decompress(given[at : at + 1]))
        except zlib.error:
            break
    return b"".join(parts)


class _Stored:
    """A file that an archive holds uncompressed."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read1(self, size: int, /) -> bytes:
        """Some bytes; none at the end. EOFError if the file is truncated."""
        part = self._file.read(min(size, self._left))
        self._left -= len(part)
        if not part and self._left:
            raise EOFError("the file is cut off")
        return part


class _Checked:
    """A file of an archive, whose checksum is compared at its end."""

    def __init__(self, stream: _Inflated | _Stored, checksum: int | None, trouble: Exception | None) -> None:
        self._stream = stream
        self._wanted = checksum  # None if unknown
        self._trouble = trouble  # of the archive, raised at the end
        self._sum = 0

    def read1(self, size: int, /) -> bytes:
        """Some bytes; none at the end. BadZipFile if the checksum differs or the archive is truncated."""
        part = self._stream.read1(size)
        self._sum = zlib.crc32(part, self._sum)
        if not part and self._wanted not in (None, self._sum):
            raise zipfile.BadZipFile("its checksum does not match")
        if not part and self._trouble is not None:
            raise self._trouble
        return part


def _unzipped(file: BinaryIO, stack: ExitStack) -> tuple[Any, str]:
    """The one table in an archive, and its name."""
    try:
        archive = stack.enter_context(zipfile.ZipFile(file))
    except zipfile.BadZipFile as error:
        return _first_of_cut(file, error)
    usable = [info for info in archive.infolist() if not _is_junk(info.filename)]
    tables = [info for info in usable if info.filename.lower().endswith(".csv")] or usable
    if len(tables) != 1:
        names = ", ".join(_base(info.filename) for info in tables[:_SHOWN])
        more = f" and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else ""
        shown = f": {names}{more}" if tables else ""
        raise ValueError(f"the archive holds {len(tables)} files instead of one{shown}")
    (info,) = tables
    if info.flag_bits & _ENCRYPTED:
        raise ValueError("the archive is encrypted")
    name = _decoded(info.filename, is_utf8=bool(info.flag_bits & _UTF8))
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return stack.enter_context(archive.open(info)), name
    file.seek(info.header_offset)
    header = _header(file)
    if header is None:
        raise zipfile.BadZipFile("the header of its file is damaged")
    file.seek(header.skipped, os.SEEK_CUR)
    is_packed = info.compress_type == zipfile.ZIP_DEFLATED
    stream = _Inflated(file, _RAW) if is_packed else _Stored(file, info.compress_size)
    return _Checked(stream, info.CRC, None), name


class _Header(NamedTuple):
    flags: int
    method: int
    checksum: int
    packed: int
    name: str
    skipped: int  # bytes between the name and the data


def _header(file: BinaryIO) -> _Header | None:
    """The header of an archived file at this position, if there is one."""
    fixed = file.read(_LOCAL.size)
    if len(fixed) < _LOCAL.size or not fixed.startswith(_LOCAL_MAGIC):
        return None
    _, _, flags, method, _, _, checksum, packed, _, name, extra = _LOCAL.unpack(fixed)
    raw = file.read(name)
    return _Header(flags, method, checksum, packed, _decoded(raw.decode("cp437"), is_utf8=False), extra)


def _first_of_cut(file: BinaryIO, trouble: zipfile.BadZipFile) -> tuple[Any, str]:
    """The first table of an archive whose directory, which is at its end, is missing."""
    file.seek(0)
    while (header := _header(file)) is not None and not header.flags & _ENCRYPTED:
        file.seek(header.skipped, os.SEEK_CUR)
        if not _is_junk(header.name):
            is_packed = header.method == zipfile.ZIP_DEFLATED
            knows = not header.flags & _SIZES_FOLLOW
            if not is_packed and (header.method != zipfile.ZIP_STORED or not knows):
                break
            stream = _Inflated(file, _RAW) if is_packed else _Stored(file, header.packed)
            lost = zipfile.BadZipFile("the archive is cut off behind this file")
            return _Checked(stream, header.checksum if knows else None, lost), header.name
        if header.flags & _SIZES_FOLLOW:
            break
        file.seek(header.packed, os.SEEK_CUR)
    raise trouble


def _is_junk(name: str) -> bool:
    """Whether it is a folder, or a file that an operating system adds."""
    parts = name.split("/")
    return not parts[-1] or parts[-1].startswith(".") or "__MACOSX" in parts


def _base(name: str) -> str:
    return name.split("/")[-1]


def _decoded(name: str, *, is_utf8: bool) -> str:
    """A name as it was meant: many programs write UTF-8 without saying so."""
    if is_utf8:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name
