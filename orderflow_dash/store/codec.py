"""A minute's levels and path as bytes, exact, and back.

Layout: version, packing, CRC-32 of the rest; then, compressed where that is shorter: the path, the columns'
widths and (from version 2 on) the grid as variable-length integers, and each column (the gap to the price
above less one, bid, ask, trade records) byte plane by byte plane, lowest first. High planes are nearly all
zero and compress to almost nothing; a whole column is decoded by one copy.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard

from orderflow_dash.footprint.minute import Levels
from orderflow_dash.market import Grid

VERSION = 2

_PLAIN, _ZSTD = 0, 1
_PREFIX = 6  # version, packing, CRC-32
_COLUMNS = 4
_LEVEL_BYTES = _COLUMNS * 8
_HEAD = 14  # integers before the columns
_GRID = 4  # further ones: size and decimals of both units
_MOST_LEVELS = 1 << 24
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1


class Path(NamedTuple):
    """Where a minute opened and closed and how its delta ran: units of its grid, ms."""

    open: int
    close: int
    min_delta: int
    max_delta: int
    first: tuple[int, int]
    last: tuple[int, int]


class _Packers(threading.local):
    """Compressor and decompressor of one thread: neither may be shared."""

    def __init__(self) -> None:
        magicless = zstandard.FORMAT_ZSTD1_MAGICLESS
        parameters = zstandard.ZstdCompressionParameters.from_level(1, format=magicless)
        self.compressor = zstandard.ZstdCompressor(compression_params=parameters)
        self.decompressor = zstandard.ZstdDecompressor(format=magicless)


_packers = _Packers()


def encode(open_ts: int, levels: Levels, path: Path, grid: Grid) -> bytes:
    """Bytes of a minute. ValueError unless levels are a ladder: falling prices, nothing negative."""
    if levels.ndim != 2 or levels.shape[1] != _COLUMNS or levels.dtype != np.int64:
        raise ValueError("levels are not int64 of shape (k, 4)")
    columns = np.array(levels.T, order="C")  # a copy to change
    top = 0
    if len(levels):
        top = int(columns[0, 0])
        columns[0, 1:] = columns[0, :-1] - columns[0, 1:] - 1
        columns[0, 0] = 0
        if int(columns.min()) < 0 or int(levels[-1, 0]) < 0:
            raise ValueError("levels do not fall in price, or one is negative")
    planes = [_planes(column) for column in columns]
    (first_time, first_order), (last_time, last_order) = path.first, path.last
    head = (len(levels), *(width for width, _ in planes), top, path.open - top, path.close - top)
    head += (path.min_delta, path.max_delta, first_time - open_ts, first_order)
    head += (last_time - first_time, last_order - first_order)
    head += (grid.price.size, grid.price.decimals, grid.quantity.size, grid.quantity.decimals)
    plain = b"".join((_varints(head), *(packed for _, packed in planes)))
    short = _packers.compressor.compress(plain)
    packing, body = (_ZSTD, short) if len(short) < len(plain) else (_PLAIN, plain)
    check = zlib.crc32(body, packing)
    return bytes((VERSION, packing)) + check.to_bytes(4, "little") + body


def decode(open_ts: int, blob: bytes, first_grid: Grid) -> tuple[Levels, Path, Grid]:
    """Levels, path and grid of a minute; ValueError if the bytes are damaged or of a newer version.

    ``first_grid`` is that of bodies of version 1, which do not hold one.
    """
    if len(blob) <= _PREFIX:
        raise ValueError("a stored minute is truncated")
    version = blob[0]
    if version not in (1, VERSION):
        raise ValueError(f"a stored minute has version {version}; supported: up to {VERSION}")
    body = blob[_PREFIX:]
    packing = blob[1]
    if zlib.crc32(body, packing) != int.from_bytes(blob[2:_PREFIX], "little"):
        raise ValueError("a stored minute is damaged: its checksum differs")
    try:
        plain = _packers.decompressor.decompress(body) if packing == _ZSTD else body
    except zstandard.ZstdError as error:
        raise ValueError(f"a stored minute is damaged: {error}") from None
    return _unpacked(open_ts, plain, first_grid if version == 1 else None)


def _unpacked(open_ts: int, plain: bytes, grid: Grid | None) -> tuple[Levels, Path, Grid]:
    head, position = _read_varints(plain, _HEAD if grid is not None else _HEAD + _GRID)
    if grid is None:
        grid = _grid_of(*head[_HEAD:])
    count, widths, top = head[0], head[1:5], head[5]
    expected = position + count * sum(widths)
    if not 0 <= count <= _MOST_LEVELS or not all(0 <= w <= 8 for w in widths) or expected != len(plain):
        raise ValueError("a stored minute is damaged: its length does not fit")
    planes = np.frombuffer(plain, dtype=np.uint8)
    # Column by column in memory: quicker to fill, and quicker to sum than rows.
    columns = np.zeros((_COLUMNS, count), dtype="<i8")
    octets = columns.view(np.uint8).reshape(_COLUMNS, count, 8)
    for column, width in enumerate(widths):
        for plane in range(width):
            octets[column, :, plane] = planes[position : position + count]
            position += count
    if count:
        gaps = columns[0]
        gaps[1:] += 1
        np.cumsum(gaps, out=gaps)
        np.subtract(top, gaps, out=gaps)
    first = open_ts + head[10], head[11]
    last = first[0] + head[12], first[1] + head[13]
    path = Path(top + head[6], top + head[7], head[8], head[9], first, last)
    return columns.astype(np.int64, copy=False).T, path, grid


@lru_cache(maxsize=1_024)
def _grid_of(tick_size: int, tick_decimals: int, lot_size: int, lot_decimals: int) -> Grid:
    sizes, decimals = (tick_size, lot_size), (tick_decimals, lot_decimals)
    if not all(0 < size < 1 << 62 for size in sizes) or not all(0 <= each <= 18 for each in decimals):
        raise ValueError("a stored minute is damaged: its units are invalid")
    tick, lot = (Decimal(size).scaleb(-each) for size, each in zip(sizes, decimals, strict=True))
    return Grid.of(tick, lot)


def _planes(column: npt.NDArray[np.int64]) -> tuple[int, bytes]:
    """Bytes that the column's largest value needs, and its byte planes, lowest first."""
    width = (int(column.max()).bit_length() + 7) // 8 if len(column) else 0
    octets = column.astype("<i8", copy=False).view(np.uint8).reshape(len(column), 8)
    return width, b"".join(octets[:, plane].tobytes() for plane in range(width))


def _varints(values: tuple[int, ...]) -> bytes:
    """Signed integers as seven bits a byte, the sign lowest."""
    out = bytearray()
    for value in values:
        if not _SMALLEST <= value <= _LARGEST:
            raise ValueError(f"{value} does not fit into 64 bits")
        rest = value << 1 if value >= 0 else (~value << 1) | 1
        while rest > 0x7F:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def _read_varints(plain: bytes, count: int) -> tuple[list[int], int]:
    """The head's integers and where they end."""
    octets: Iterator[int] = iter(plain)
    values: list[int] = []
    used = 0
    for _ in range(count):
        value = shift = 0
        for octet in octets:
            used += 1
            value |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                break
        else:
            raise ValueError("a stored minute is truncated")
        values.append(~(value >> 1) if value & 1 else value >> 1)
    return values, used
