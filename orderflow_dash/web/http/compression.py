"""What answers weigh on their way: text is compressed, and what a browser has already is not sent again.

A file of the page is compressed once, for all who load it, whichever page and address they load it by. Any
other answer of a known length is compressed quickly for its one reader. An answer of unknown length is a
stream and stays one, as it is.

Lengths tell nothing that is secret (BREACH): the only such thing in a body is the token that Dash gives to a
page, which is another at each load and stands in a document that repeats nothing of its request.
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

_VERSIONED: Final = f"/{ADDRESS}"  # how the rules of our files end, with and without a version
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
_LEAST: Final = 1_000  # bytes; less travels in one packet anyway
_MOST_KEPT: Final = 16 << 20  # bytes; the files of all pages take a quarter of it, in both encodings
_TABLE_LOG: Final = 18  # of the entries of zstd's tables
_YEAR_S: Final = 365 * 24 * 3600


class _Encoder(NamedTuple):
    quick: Callable[[bytes], bytes]
    thorough: Callable[[bytes], bytes]


def _quick_zstd(plain: bytes) -> bytes:
    return ZstdCompressor(level=1).compress(plain)


def _thorough_zstd(plain: bytes) -> bytes:
    # Smaller tables than the level's own: a hundredth more bytes, and 2 MB at work where it would be 11.
    parameters = ZstdCompressionParameters.from_level(
        9, source_size=len(plain), hash_log=_TABLE_LOG, chain_log=_TABLE_LOG
    )
    return ZstdCompressor(compression_params=parameters).compress(plain)


# Best first. The files of the front page, 5.55 MB: zstd 1.39 MB in 75 ms, gzip, which is what browsers take
# where there is no TLS, 1.54 MB in 150 ms; Brotli needs 120 ms for 1.41 MB and a package more.
_ENCODERS: Final = {
    "zstd": _Encoder(_quick_zstd, _thorough_zstd),
    "gzip": _Encoder(
        partial(gzip.compress, compresslevel=1, mtime=0), partial(gzip.compress, compresslevel=6, mtime=0)
    ),
}


class CompressedFiles:
    """Compressed bodies by what they hold, up to so many bytes; beyond, the least recently asked for goes."""

    def __init__(self, most: int = _MOST_KEPT) -> None:
        self.size = 0  # bytes that are kept
        self._most = most
        self._bodies: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()
        self._guard = threading.Lock()
        self._work = threading.Lock()

    def body(self, plain: bytes, encoding: str) -> bytes:
        """A file's content in an encoding; compressed where it is not kept."""
        key = encoding, sha256(plain).digest()
        kept = self._kept(key)
        if kept is not None:
            return kept
        with self._work:  # no file twice, and one core at most: the streams need theirs
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
    """The best encoding that a client takes; None where it takes none of ours."""
    return _best_of(request.headers.get("Accept-Encoding", ""))


@lru_cache(maxsize=64)
def _best_of(accepted: str) -> str | None:
    """Of what a header says; browsers say one of a few things."""
    encoding = parse_accept_header(accepted, Accept).best_match((*_ENCODERS, "identity"))
    return encoding if encoding in _ENCODERS else None


def encoded(plain: bytes, encoding: str) -> bytes:
    """An answer in one of our encodings, quickly."""
    return _ENCODERS[encoding].quick(plain)


def spare_bytes(server: Flask) -> None:
    """Compress the server's answers, and let browsers keep the files whose address names their version."""
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
            # Each encoding is a representation of its own, and may be the one that the client has.
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
    def tell_how_long_it_lasts(response: Response) -> Response:
        if response.status_code in (200, 304) and _names_its_version():
            keep = response.cache_control  # who else may keep it is told elsewhere
            keep.no_cache, keep.max_age, keep.immutable = None, _YEAR_S, True
        return response


def _names_its_version() -> bool:
    """Whether the request is for a file of ours by the version that it has: no other may be kept."""
    if request.method == "OPTIONS" or not _rule().endswith(_VERSIONED):  # OPTIONS looks at no file
        return False
    values = request.view_args or {}
    return is_current(values["version"], values["filename"])


def _rule() -> str:
    """The rule that the request's path met; empty where it met none."""
    return "" if request.url_rule is None else request.url_rule.rule


def _is_worth_it(response: Response) -> bool:
    """Whether it is a whole answer of a known length that is not small."""
    return response.status_code == 200 and (response.content_length or 0) >= _LEAST
