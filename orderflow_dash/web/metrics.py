"""``/metrics``: what ``/health`` tells, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..hub import Hub
from ..supervised import CRASHES

_COUNTED: Final = {
    "trades": "Trade records that were counted",
    "repaired": "Trade records that came by request",
    "repeats": "Trade records that had been seen before",
    "malformed": "Records that could not be understood or believed",
    "excluded": "Trades made off the book, which klines leave out too",
    "reconnects": "Connections that were opened anew",
}
_MEASURED: Final = {
    "gaps": "Stretches with missing trades, by now not filled",
    "connections": "Connections to the venue",
    "reachable": "Whether the venue answers",
    "symbols": "Perpetuals that the venue lists",
}
_WATCHED: Final = {
    "series": "Symbols that stream",
    "views": "Views that are derived",
    "leases": "Panels open on pages",
}
_STORED: Final = {
    "queued": "Minutes that wait to be stored",
    "lag_ms": "How long the oldest of them has waited, ms",
}


class HubCollector(Collector):
    """Reads a hub whenever it is asked."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterable[Metric]:
        """All metrics of now."""
        health: Mapping[str, Any] = self._hub.health()
        yield from _single(health, _WATCHED, "orderflow_")
        feeds: Mapping[str, Mapping[str, Any]] = health["feeds"]
        for name, meaning in _COUNTED.items():
            counter = CounterMetricFamily(f"orderflow_{name}", meaning, labels=["venue"])
            for venue, feed in feeds.items():
                counter.add_metric([venue], feed[name])
            yield counter
        for name, meaning in _MEASURED.items():
            gauge = GaugeMetricFamily(f"orderflow_{name}", meaning, labels=["venue"])
            for venue, feed in feeds.items():
                gauge.add_metric([venue], feed[name])
            yield gauge
        yield _ages(feeds)
        yield _minutes(feeds)
        yield _crashes()
        store: Mapping[str, Any] | None = health["store"]
        if store is not None:
            yield from _single(store, _STORED, "orderflow_store_")
            failing = "Whether minutes wait in memory because the store fails"
            yield GaugeMetricFamily("orderflow_store_failing", failing, float(store["state"] == "memory"))


def _single(figures: Mapping[str, Any], names: Mapping[str, str], prefix: str) -> Iterator[Metric]:
    for name, meaning in names.items():
        yield GaugeMetricFamily(prefix + name, meaning, figures[name])


def _ages(feeds: Mapping[str, Mapping[str, Any]]) -> Metric:
    gauge = GaugeMetricFamily(
        "orderflow_event_age_seconds", "Time since anything came from the venue", labels=["venue"]
    )
    for venue, feed in feeds.items():
        if feed["age_ms"] is not None:
            gauge.add_metric([venue], feed["age_ms"] / 1000)
    return gauge


def _minutes(feeds: Mapping[str, Mapping[str, Any]]) -> Metric:
    gauge = GaugeMetricFamily(
        "orderflow_minutes",
        "Closed minutes by what comparing them with the venue's klines gave",
        labels=["venue", "outcome"],
    )
    for venue, feed in feeds.items():
        for outcome in ("verified", "differing", "unverifiable", "waiting"):
            if feed["klines"] is not None:
                gauge.add_metric([venue, outcome], feed["klines"][outcome])
    return gauge


def _crashes() -> Metric:
    counter = CounterMetricFamily(
        "orderflow_crashes", "Threads that failed on a defect and began again", labels=["thread"]
    )
    for thread, count in CRASHES.health()["threads"].items():
        counter.add_metric([thread], count)
    return counter


def register_metrics(server: Flask, hub: Hub, prefix: str = "/") -> None:
    """Serve it under a path prefix."""
    registry = CollectorRegistry()
    registry.register(HubCollector(hub))

    @server.get(prefix + "metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
