"""Compression and caching of responses.

A static file is compressed once, thoroughly, for all clients and URLs. Any other response of known length is
compressed quickly for its one reader. A response of unknown length is a stream and is sent as it is.

Compressed lengths leak no secret (BREACH): the only secret in a body is Dash's page token, which is new at
each load, in a document that repeats nothing of its request.
"""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import sha256
from typing import Final, NamedTuple

from flask import Flask, Request, Response, request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header
from zstandard import ZstdCompressionParameters, ZstdCompressor

from orderflow_dash.web.assets import ADDRESS, is_current

_VERSIONED: Final = f"/{ADDRESS}"  # suffix of the rules of our files
_ASSETS: Final = "/assets/<path:filename>"
_COMPONENTS: Final = "/<path:fingerprinted_path>"  # and those of Dash's
_TEXT: Final = frozenset(
    {
        "application/javascript",
        "application/json",
        "image/svg+xml",
        "text/css",
        "text/html",
        "text/javascript",
        "text/plain",
    }
)
_LEAST: Final = 1_000  # bytes; less fits into one packet
_MOST_KEPT: Final = 16 << 20  # bytes; the files of all pages take a quarter of it, in both encodings
_TABLE_LOG: Final = 18  # of the entries of zstd's tables
_YEAR_S: Final = 365 * 24 * 3600


class _Encoder(NamedTuple):
    quick: Callable[[bytes], bytes]
    thorough: Callable[[bytes], bytes]


def _quick_zstd(plain: bytes) -> bytes:
    return ZstdCompressor(level=1).compress(plain)


def _thorough_zstd(plain: bytes) -> bytes:
    # Smaller tables than the level's default: 1 % more bytes, 2 MB of working memory instead of 11.
    parameters = ZstdCompressionParameters.from_level(
        9, source_size=len(plain), hash_log=_TABLE_LOG, chain_log=_TABLE_LOG
    )
    return ZstdCompressor(compression_params=parameters).compress(plain)


# Best first. The files of the front page, 5.55 MB: zstd 1.39 MB in 75 ms; gzip, the best that browsers accept
# without TLS, 1.54 MB in 150 ms; Brotli 1.41 MB in 120 ms, with one more package.
_ENCODERS: Final = {
    "zstd": _Encoder(_quick_zstd, _thorough_zstd),
    "gzip": _Encoder(
        partial(gzip.compress, compresslevel=1, mtime=0), partial(gzip.compress, compresslevel=6, mtime=0)
    ),
}


class CompressedFiles:
    """Least-recently-used cache of compressed bodies by content, limited in bytes."""

    def __init__(self, most: int = _MOST_KEPT) -> None:
        self.size = 0  # bytes in the cache
        self._most = most
        self._bodies: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()
        self._guard = threading.Lock()
        self._work = threading.Lock()

    def body(self, plain: bytes, encoding: str) -> bytes:
        """A file's content in an encoding, from the cache or compressed now."""
        key = encoding, sha256(plain).digest()
        kept = self._kept(key)
        if kept is not None:
            return kept
        with self._work:  # each file once, on one core: the streams need the other
            kept = self._kept(key)
            if kept is None:
                kept = _ENCODERS[encoding].thorough(plain)
                self._keep(key, kept)
            return kept

    def _kept(self, key: tuple[str, bytes]) -> bytes | None:
        with self._guard:
            body = self._bodies.get(key)
            if body is not None:
                self._bodies.move_to_end(key)
            return body

    def _keep(self, key: tuple[str, bytes], body: bytes) -> None:
        with self._guard:
            self._bodies[key] = body
            self.size += len(body)
            while self.size > self._most:
                _, dropped = self._bodies.popitem(last=False)
                self.size -= len(dropped)


def accepted_encoding(request: Request) -> str | None:
    """The best supported encoding that a client accepts; None if there is none."""
    return _best_of(request.headers.get("Accept-Encoding", ""))


@lru_cache(maxsize=64)
def _best_of(accepted: str) -> str | None:
    # Cached: browsers send one of a few headers.
    encoding = parse_accept_header(accepted, Accept).best_match((*_ENCODERS, "identity"))
    return encoding if encoding in _ENCODERS else None


def encoded(plain: bytes, encoding: str) -> bytes:
    """A body in an encoding, compressed quickly."""
    return _ENCODERS[encoding].quick(plain)


def compress_responses(server: Flask) -> None:
    """Compress the server's responses, and let browsers cache files whose URL has their version."""
    files = CompressedFiles()

    @server.after_request
    def compress(response: Response) -> Response:
        if response.mimetype not in _TEXT or "Content-Encoding" in response.headers:
            return response
        response.vary.add("Accept-Encoding")
        if not _is_worth_it(response):
            return response
        encoding = accepted_encoding(request)
        if encoding is None:
            return response
        tag, is_weak = response.get_etag()
        if tag is not None:
            # Each encoding is its own representation; the client may have this one.
            response.set_etag(f"{tag}-{encoding}", bool(is_weak))
            if response.make_conditional(request).status_code != 200:
                return response
        response.direct_passthrough = False
        plain = response.get_data()  # a file is closed with the response
        is_file = _rule().endswith((_VERSIONED, _ASSETS, _COMPONENTS))
        response.set_data(files.body(plain, encoding) if is_file else encoded(plain, encoding))
        response.headers["Content-Encoding"] = encoding
        return response

    @server.after_request
    def cache_versioned_files(response: Response) -> Response:
        if response.status_code in (200, 304) and _has_current_version():
            keep = response.cache_control  # headers.py sets public or private
            keep.no_cache, keep.max_age, keep.immutable = None, _YEAR_S, True
        return response


def _has_current_version() -> bool:
    """Whether the request is for a file by its current version; no other may be cached."""
    if request.method == "OPTIONS" or not _rule().endswith(_VERSIONED):  # OPTIONS reads no file
        return False
    values = request.view_args or {}
    return is_current(values["version"], values["filename"])


def _rule() -> str:
    """The rule that matched the request's path; empty without a match."""
    return "" if request.url_rule is None else request.url_rule.rule


def _is_worth_it(response: Response) -> bool:
    """Whether a response is complete, of known length, and not small."""
    return response.status_code == 200 and (response.content_length or 0) >= _LEAST
