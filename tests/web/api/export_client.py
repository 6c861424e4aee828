"""A client of ``/api/export.csv``."""

from __future__ import annotations

import csv

from flask import Flask
from flask.testing import FlaskClient

from orderflow_dash.live.view import ViewKey
from orderflow_dash.web import routes
from orderflow_dash.web.api.export import register_export
from orderflow_dash.web.query import parse_view_query
from tests.live.hub_bench import HubBench

URL = f"/{routes.EXPORT}"
QUERY = {"exchange": "binance", "symbol": "BTCUSDT", "tf": "1m", "step": "0.1"}


def client_of(setting: HubBench) -> FlaskClient:
    """A client of a server that only has the export."""
    server = Flask("export")
    register_export(server, setting.hub)
    return server.test_client()


def key_of(setting: HubBench, **changes: str) -> ViewKey:
    """The view that the query names."""
    return parse_view_query({**QUERY, **changes}, setting.hub, None).key


def parts(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The header by name, and the rows by column."""
    lines = text.split("\r\n")
    above = [line for line in lines if line.startswith("#")]
    about = dict(line.removeprefix("# ").partition(":")[::2] for line in above)
    rows = list(csv.DictReader(lines[len(above) :], strict=True))
    return {name: value.strip() for name, value in about.items()}, rows


def asked(client: FlaskClient, **query: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The parts of a response with status 200."""
    answer = client.get(URL, query_string={**QUERY, **query})
    assert answer.status_code == 200, answer.text
    return parts(answer.text)
