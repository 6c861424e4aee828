"""What travels between server and browser: compressed, once, and with the headers that say so."""

from __future__ import annotations

import gc
import os
import re
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from flask import Flask

from orderflow_dash.web import assets
from orderflow_dash.web.assets import address_of, assets_folder, is_current, modules
from orderflow_dash.web.http import compression
from orderflow_dash.web.http.compression import CompressedFiles, compress_responses
from tests.conftest import Served, wait_until
from tests.web.http.test_errors import JSON, own_callbacks

FIRST_LOAD = 2_200_000  # bytes
PLOTLY_FILE = "vendor/plotly-cartesian.min.js"
PLOTLY = f"/assets/{PLOTLY_FILE}"
GRID = "/_dash-component-suites/dash_ag_grid/async-community.js"  # fetched by the grid itself
FONT_FILE = "fonts/inter-latin.woff2"
FONT = f"/assets/{FONT_FILE}"
EXPORT = "/api/export.csv?exchange=demo&symbol=BTCUSDT&rows=levels"


@pytest.fixture
def client(serve: Callable[..., Served]) -> httpx.Client:
    """A client of the app that accepts no encoding unless a test names one."""
    client = httpx.Client(base_url=serve().url, trust_env=False, timeout=30)
    del client.headers["Accept-Encoding"]
    return client


def raw(client: httpx.Client, path: str, encoding: str = "", **headers: str) -> tuple[httpx.Response, bytes]:
    """The answer to a request and its body as it travelled."""
    accepted = {"Accept-Encoding": encoding} if encoding else {}
    with client.stream("GET", path, headers={**accepted, **headers}) as answer:
        return answer, b"".join(answer.iter_raw())


def plain(body: bytes, encoding: str) -> bytes:
    """What a body says once it is decoded."""
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompress(body)
    return zlib.decompress(body, wbits=31) if encoding == "gzip" else body


def file_of(path: str) -> bytes:
    """The file that lies behind the address of an asset."""
    return (assets_folder() / path.removeprefix("/assets/")).read_bytes()


def files_of(client: httpx.Client, page: str) -> list[str]:
    """Scripts and style sheets that a page names."""
    return re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', client.get(page).text)


def same(document: bytes) -> bytes:
    """A document without the token that Dash gives to each load of a page."""
    return re.sub(rb'(?<="end_id":)"[^"]*"', b"", document)


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_the_first_load_of_the_front_page_is_small(client: httpx.Client, encoding: str) -> None:
    """The document, all it names, and what these fetch: below the bar, whichever encoding a browser takes."""
    paths = ["/", *files_of(client, "/"), GRID, FONT, "/_dash-layout", "/_dash-dependencies"]
    assert len(paths) > 60
    assert sum(len(raw(client, path, encoding)[1]) for path in paths) < FIRST_LOAD * 0.8


@pytest.mark.parametrize("path", ["/", "/help", "/compare", "/_dash-dependencies", PLOTLY, GRID])
def test_every_encoding_says_the_same(client: httpx.Client, path: str) -> None:
    """Decoded, it equals the plain answer; encoded, it is much shorter; ``Vary`` names the request header."""
    first, whole = raw(client, path)
    assert (first.status_code, "Content-Encoding" in first.headers) == (200, False)
    assert first.headers["Vary"] == "Accept-Encoding"
    for encoding in ("zstd", "gzip"):
        answer, body = raw(client, path, encoding)
        assert answer.headers["Content-Encoding"] == encoding
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Content-Length"] == str(len(body))
        assert same(plain(body, encoding)) == same(whole)
        assert len(body) < len(whole) * 0.6


def test_headers_alone_are_those_of_the_whole(client: httpx.Client) -> None:
    """A HEAD request learns what a GET would get."""
    for encoding in ("zstd", "gzip", "identity"):
        whole, _ = raw(client, PLOTLY, encoding)
        headers = client.head(PLOTLY, headers={"Accept-Encoding": encoding}).headers
        own = {"date": "", "x-request-id": ""}
        assert {**headers, **own} == {**whole.headers, **own}


@pytest.mark.parametrize(
    ("accepted", "given"),
    [
        ("zstd, gzip", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("gzip, zstd;q=0.5", "gzip"),
        ("zstd;q=0, gzip;q=0.1", "gzip"),
        ("*", "zstd"),
        ("", None),
        ("br", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("*;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("nonsense;q=x, ,;", None),
    ],
)
def test_a_client_gets_what_it_likes_best(accepted: str, given: str | None) -> None:
    """Its weights decide, the server's order breaks ties; an excluded or unnamed encoding is never used."""
    server = Flask("transfer", static_folder=assets_folder(), static_url_path="/assets")
    compress_responses(server)
    with server.test_client().get(PLOTLY, headers={"Accept-Encoding": accepted}) as answer:
        assert answer.headers.get("Content-Encoding") == given
        assert plain(answer.data, given or "") == file_of(PLOTLY)


@pytest.mark.parametrize("path", [PLOTLY, GRID, "/help"])
def test_what_a_browser_has_is_not_sent_again(client: httpx.Client, path: str) -> None:
    """Each encoding has a tag of its own, and each is answered with 304 and nothing else."""
    tags = {each: raw(client, path, each)[0].headers["ETag"] for each in ("zstd", "gzip", "")}
    assert len(set(tags.values())) == 3
    for encoding, tag in tags.items():
        answer, body = raw(client, path, encoding, **{"If-None-Match": tag})
        assert (answer.status_code, body) == (304, b"")
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["Vary"] == "Accept-Encoding"
    changed, _ = raw(client, path, "gzip", **{"If-None-Match": '"another"'})
    assert (changed.status_code, changed.headers["Content-Encoding"]) == (200, "gzip")
    foreign, body = raw(client, path, "", **{"If-None-Match": tags["zstd"]})
    assert (foreign.status_code, "Content-Encoding" in foreign.headers) == (200, False)


def test_a_file_with_a_version_in_its_address_is_kept(client: httpx.Client) -> None:
    """Every file that the pages name is; an address that names no version, or another, is asked for again."""
    for page in ("/", "/embed", "/compare"):
        files = files_of(client, page)
        for each in files:
            assert "max-age=31536000" in client.head(each).headers["Cache-Control"], each
    own = f"/{address_of(PLOTLY_FILE)}"
    assert own in files
    assert client.get(own).headers["Cache-Control"] == "max-age=31536000, immutable"
    for address in (PLOTLY, f"{PLOTLY}?v=0123456789abcdef", f"/assets/0123456789abcdef/{PLOTLY_FILE}"):
        assert client.head(address).headers["Cache-Control"] == "no-cache"
    assert client.get(f"/assets/0123456789abcde/{PLOTLY_FILE}").status_code == 404


def test_what_a_file_names_has_its_version(client: httpx.Client) -> None:
    """Modules and fonts are named relative to a file with a version, and kept as long."""
    for name in ("js/chart/chart.mjs", FONT_FILE):
        assert address_of(name).split("/")[1] == address_of("js/main.mjs").split("/")[1]
        assert "immutable" in client.head(f"/{address_of(name)}").headers["Cache-Control"]


def test_every_module_is_imported_and_preloaded(client: httpx.Client) -> None:
    """No import waits for another, and no file is loaded for nothing."""
    files = files_of(client, "/")
    assert [each for each in files if each.endswith(".mjs")] == [
        *(f"/{address_of(name)}" for name in modules()),
        f"/{address_of('js/main.mjs')}",
    ]
    folder = assets_folder()
    imported = {
        (path.parent / name).resolve().relative_to(folder).as_posix()
        for path in folder.glob("js/**/*.mjs")
        for name in re.findall(r'from "([^"]+)"', re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL))
    }
    assert imported == {*modules()} - {"js/main.mjs"}


def test_a_version_is_of_the_content(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Folders of one time, as reproducible builds make them, differ by content; vendor/ is on its own."""

    def release(name: str, **files: str) -> str:
        folder = tmp_path / name
        for path, text in {"vendor/b.js": "", **files}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
            os.utime(folder / path, (1, 1))
        monkeypatch.setattr(assets, "assets_folder", lambda: folder)
        return address_of("a.js").split("/")[1]

    one = release("one", **{"a.js": "1"})
    vendor = address_of("vendor/b.js")
    assert re.fullmatch("[0-9a-f]{16}", one)
    assert release("two", **{"a.js": "2"}) != one
    assert address_of("vendor/b.js") == vendor
    assert release("three", **{"a.js": "1"}) == one
    assert is_current(one, "a.js")
    assert not is_current("0" * 16, "a.js")
    (tmp_path / "three/a.js").write_text("changed under the server")
    assert not is_current(one, "a.js")


def test_pages_share_their_files(client: httpx.Client) -> None:
    """Each asset of the app has one address on all pages; only pages with the symbol table load the grid."""
    front, embed, compare = (set(files_of(client, page)) for page in ("/", "/embed", "/compare"))
    assets = {each for each in front if each.startswith("/assets/")}
    assert len(assets) > 40
    assert assets == {each for each in embed | compare if "/assets/" in each}
    assert any("dash_ag_grid" in each for each in front)
    assert not any("dash_ag_grid" in each for each in embed | compare)


def test_a_part_of_a_file_is_sent_as_it_is(client: httpx.Client) -> None:
    """A range counts the bytes of the plain file."""
    answer, body = raw(client, PLOTLY, "zstd, gzip", Range="bytes=1000-9999")
    assert (answer.status_code, "Content-Encoding" in answer.headers) == (206, False)
    assert body == file_of(PLOTLY)[1000:10_000]


def test_what_gains_nothing_is_left_alone(client: httpx.Client) -> None:
    """A font, which is compressed in itself, and what fits into a packet."""
    for path in (FONT, "/ready", "/assets/favicon.svg", "/nope"):
        answer, _ = raw(client, path, "zstd, gzip")
        assert "Content-Encoding" not in answer.headers
    assert "Vary" not in raw(client, FONT)[0].headers


def test_callbacks_are_compressed_where_it_is_worth_it(serve: Callable[..., Served]) -> None:
    """The rows of the symbol table are; a few bytes are not."""
    served = serve(demo=True)
    wait_until(served.hub.instruments)
    rows = own_callbacks({}, {})[1]
    for encoding in ("zstd", "gzip"):
        headers = {**JSON, "Accept-Encoding": encoding}
        url = f"{served.url}/_dash-update-component"
        with httpx.stream("POST", url, content=rows, headers=headers, trust_env=False) as answer:
            body = b"".join(answer.iter_raw())
        assert answer.headers["Content-Encoding"] == encoding
        assert b"BTCUSDT" in plain(body, encoding)
        assert len(body) < len(plain(body, encoding)) / 2


def test_an_export_is_still_a_stream(serve: Callable[..., Served]) -> None:
    """Its length is unknown when it starts, so it is neither collected nor encoded."""
    served = serve(demo=True)
    wait_until(served.hub.instruments)
    accepted = {"Accept-Encoding": "zstd, gzip"}
    with httpx.stream("GET", served.url + EXPORT, headers=accepted, trust_env=False) as answer:
        body = b"".join(answer.iter_raw())
    assert not {"Content-Encoding", "Content-Length", "Vary"} & {name.title() for name in answer.headers}
    assert body.startswith(b"# venue: demo\r\n")
    with served.application.server.test_client() as inside:
        streamed = inside.get(EXPORT, headers=accepted)
        assert streamed.is_streamed
        streamed.close()


def test_metrics_are_what_they_were(client: httpx.Client) -> None:
    """Prometheus asks with gzip and gets the text that a plain request gets."""
    names = [
        re.findall(rb"^# HELP (\S+)", plain(raw(client, "/metrics", encoding)[1], encoding), re.MULTILINE)
        for encoding in ("gzip", "")
    ]
    assert names[0] == names[1]
    assert b"orderflow_trades_total" in names[0]


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Errors that the interpreter could only report, such as a file that was never closed."""
    found: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: found.append(str(event.exc_value)))
    yield found
    gc.collect()


def test_files_are_closed_when_they_are_sent(client: httpx.Client, unraisable: list[Any]) -> None:
    """Whole, compressed, in part, unchanged, or only their headers."""
    tag = raw(client, PLOTLY, "gzip")[0].headers["ETag"]
    for encoding in ("zstd", "gzip", ""):
        raw(client, PLOTLY, encoding)
        raw(client, PLOTLY, encoding, **{"If-None-Match": tag})
        raw(client, PLOTLY, encoding, Range="bytes=0-9")
        client.head(PLOTLY, headers={"Accept-Encoding": encoding or "identity"})
    gc.collect()
    assert unraisable == []


def test_a_file_is_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where many ask for it at the same time; and each encoding for itself."""
    asked: list[bytes] = []

    def thorough(content: bytes) -> bytes:
        asked.append(content)
        return content[:1]

    encoder = compression._ENCODERS["gzip"]._replace(thorough=thorough)
    monkeypatch.setitem(compression._ENCODERS, "gzip", encoder)
    files = CompressedFiles()
    crowd = [threading.Thread(target=files.body, args=(b"abc", "gzip")) for _ in range(20)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()
    assert asked == [b"abc"]
    assert files.body(b"abd", "gzip") == b"a"
    assert plain(files.body(b"abc", "zstd"), "zstd") == b"abc"
    assert asked == [b"abc", b"abd"]


def test_the_cache_of_compressed_files_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above its size the least recently used file is dropped, and compressed again on its next request."""
    asked: list[bytes] = []

    def thorough(content: bytes) -> bytes:
        asked.append(content)
        return content

    monkeypatch.setitem(
        compression._ENCODERS, "gzip", compression._ENCODERS["gzip"]._replace(thorough=thorough)
    )
    files = CompressedFiles(most=10)
    for content in (b"1111", b"2222", b"1111", b"3333", b"1111", b"2222"):
        assert files.body(content, "gzip") == content
        assert files.size <= 10
    assert asked == [b"1111", b"2222", b"3333", b"2222"]
    assert files.body(b"x" * 11, "gzip") == b"x" * 11
    assert files.size == 0
