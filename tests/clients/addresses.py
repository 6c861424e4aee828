"""Leads ccxt to a simulated exchange: the same paths on another host."""

from __future__ import annotations

import re
from typing import Any

from orderflow_dash.simulator import SimulatedExchange


def lead(client: Any, exchange: SimulatedExchange) -> Any:
    """Replaces the hosts in a ccxt client's addresses, and leaves out what needs a key."""
    client.urls["api"] = _led(client.urls["api"], exchange)
    client.has["fetchCurrencies"] = False
    client.options["fetchMarkets"] = {"types": ["linear"]}
    client.aiohttp_trust_env = False
    return client


def _led(address: Any, exchange: SimulatedExchange) -> Any:
    if isinstance(address, dict):
        return {name: _led(value, exchange) for name, value in address.items()}
    address = re.sub(r"^https://[^/]+", exchange.rest_root, address)
    return re.sub(r"^wss://[^/]+", exchange.ws_root, address)
