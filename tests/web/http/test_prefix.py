"""Everything under a path prefix, and nothing outside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.conftest import UNREACHABLE, Served, wait_until

PATHS = (
    "",
    "embed",
    "compare",
    "help",
    "health",
    "ready",
    "metrics",
    "api/export.csv?exchange=demo",
    "assets/js/main.mjs",
    "_dash-layout",
    "embed/_dash-layout",
    "compare/_dash-dependencies",
)


@pytest.fixture(scope="module")
def app() -> Iterator[Served]:
    """The app under ``/desk/flow/``."""
    served = Served(**UNREACHABLE, prefix="/desk/flow/", demo=True, database_url="off")
    wait_until(lambda: get(served, "/desk/flow/ready").status_code == 200)
    yield served
    served.stop()


def get(served: Served, path: str) -> httpx.Response:
    """The answer to a path of the server, redirects not followed."""
    return httpx.get(f"{served.url}{path}", trust_env=False, timeout=20)


@pytest.mark.parametrize("path", PATHS)
def test_each_address_is_served_under_the_prefix_and_nowhere_else(app: Served, path: str) -> None:
    """200 with the prefix, 404 without it."""
    assert get(app, f"/desk/flow/{path}").status_code == 200
    assert get(app, f"/{path}").status_code == 404
    assert get(app, f"/flow/{path}").status_code == 404


@pytest.mark.parametrize("page", ["", "embed", "compare", "help"])
def test_a_page_asks_for_nothing_outside_the_prefix(app: Served, page: str) -> None:
    """Every script, style sheet and icon of its document lies under the prefix and is there."""
    found = re.findall(r'(?:src|href)="(/[^"]*)"', get(app, f"/desk/flow/{page}").text)
    assert found
    for address in found:
        assert address.startswith("/desk/flow/")
        assert get(app, address).status_code == 200


@pytest.mark.parametrize("page", ["", "embed/", "compare/"])
def test_a_link_of_a_page_leads_to_no_address_outside_the_prefix(app: Served, page: str) -> None:
    """Links that the layout holds are relative to the page."""
    layout = json.dumps(get(app, f"/desk/flow/{page}_dash-layout").json())
    links = re.findall(r'"href": "([^"]+)"', layout)
    assert links or page == "embed/"
    assert not [link for link in links if link.startswith("/")]


def test_a_page_has_one_address(app: Served) -> None:
    """A missing or extra slash redirects to the canonical path, and the query is kept."""
    assert get(app, "/desk/flow").headers["Location"].endswith("/desk/flow/")
    for page in ("embed", "compare"):
        answer = get(app, f"/desk/flow/{page}/?symbol=BTCUSDT&tf=1m")
        assert answer.status_code == 308
        assert answer.headers["Location"] == f"/desk/flow/{page}?symbol=BTCUSDT&tf=1m"
        assert get(app, f"/desk/flow/{page}/").headers["Location"] == f"/desk/flow/{page}"


def test_the_socket_is_under_the_prefix(app: Served) -> None:
    """It sends its snapshot there; the path without the prefix is not a socket."""
    root = app.url.replace("http", "ws")
    with connect(f"{root}/desk/flow/ws/orderflow?exchange=demo", proxy=None) as socket:
        assert json.loads(socket.recv(timeout=5))["type"] == "snapshot"
    with pytest.raises(InvalidStatus, match="404"), connect(f"{root}/ws/orderflow", proxy=None):
        pass


def test_unknown_paths_under_the_prefix_are_a_404(app: Served) -> None:
    """As they are without one."""
    for path in ("nope", "embed/nope", "compare/x/y", "desk/flow/", "assets/nope.css"):
        assert get(app, f"/desk/flow/{path}").status_code == 404


def test_the_replays_address_is_under_the_prefix(app: Served) -> None:
    """It says that nothing is replayed, which is its own 404."""
    assert "no replay is running" in get(app, "/desk/flow/api/replay").text
