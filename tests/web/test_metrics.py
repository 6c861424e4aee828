"""``/metrics``."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from prometheus_client.parser import text_string_to_metric_families

from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import Served, venues_at, wait_until


def scraped(app: Served) -> dict[tuple[str, ...], float]:
    """Every sample by name and label values."""
    text = httpx.get(f"{app.url}/metrics", trust_env=False).raise_for_status().text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_tell_what_health_tells(serve: Callable[..., Served]) -> None:
    """Trades, repaired and verified minutes of each venue, and how the store stands."""
    with SimulatedExchange(SyntheticMarket(seed=3, speed=20, history_ms=180_000)) as exchange:
        app = serve(**venues_at(exchange), history=2, reconcile=0.3)
        with app.socket(exchange="binance", symbol="BTCUSDT", emit_ms=50):
            wait_until(lambda: scraped(app)["orderflow_minutes", "verified", "binance"] > 0, 40)
            found, health = scraped(app), app.health("binance")
    assert 0 < found["orderflow_trades_total", "binance"] <= health["trades"]
    assert 0 < found["orderflow_repaired_total", "binance"] <= health["repaired"]
    assert found["orderflow_event_age_seconds", "binance"] < 10
    assert found["orderflow_gaps", "binance"] == 0
    assert found["orderflow_reachable", "bybit"] == 1
    assert found["orderflow_series",] == 1
    assert found["orderflow_store_failing",] == 0


def test_a_venue_that_never_answered_has_no_age(serve: Callable[..., Served]) -> None:
    """What is not known is left out, not shown as zero."""
    found = scraped(serve())
    assert ("orderflow_event_age_seconds", "binance") not in found
    assert found["orderflow_reachable", "binance"] == 0
