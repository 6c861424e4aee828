"""``/metrics``: what ``/health`` tells, for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from orderflow_dash.feeds.latency import LagMeter, histogram_buckets
from orderflow_dash.live.hub import Hub
from orderflow_dash.market import State, Venue
from orderflow_dash.runtime.telemetry import REGISTRY
from orderflow_dash.runtime.threads import CRASHES
from orderflow_dash.web import routes

_COUNTED: Final = {
    "trades": "Trade records that were counted",
    "repaired": "Trade records that came by request",
    "repeats": "Trade records that had been seen before",
    "malformed": "Records that could not be understood or believed",
    "excluded": "Trades made off the book, which klines leave out too",
    "reconnects": "Connections that were opened anew",
    "handovers": "Connections that were replaced as planned, before the venue's cut",
    "refused": "Requests on a connection that the venue refused",
    "late": "Trades that came out of the venue's order",
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
}
_STORE_COUNTED: Final = {
    "written": "Minutes that were stored",
    "dropped": "Minutes that lost their levels, or could not be stored at all",
    "retired": "Minutes that were dropped for their age, or for room",
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
        yield _lags(self._hub.lags())
        yield from _clocks(feeds)
        yield _streams(feeds)
        yield _ages(feeds)
        yield _minutes(feeds)
        yield _crashes()
        yield _held(health)
        store: Mapping[str, Any] | None = health["store"]
        if store is not None:
            yield from _single(store, _STORED, "orderflow_store_")
            waited = "How long the oldest minute that waits to be stored has waited"
            yield GaugeMetricFamily("orderflow_store_lag_seconds", waited, store["lag_ms"] / 1000)
            for name, meaning in _STORE_COUNTED.items():
                yield CounterMetricFamily(f"orderflow_store_{name}", meaning, store[name])
            failing = "Whether minutes wait in memory because the store fails"
            yield GaugeMetricFamily("orderflow_store_failing", failing, float(store["state"] == "memory"))


def _single(figures: Mapping[str, Any], names: Mapping[str, str], prefix: str) -> Iterator[Metric]:
    for name, meaning in names.items():
        yield GaugeMetricFamily(prefix + name, meaning, figures[name])


def _lags(meters: Mapping[Venue, LagMeter | None]) -> Metric:
    """Not corrected for the clocks' difference, which ``orderflow_clock_skew_seconds`` tells."""
    histogram = HistogramMetricFamily(
        "orderflow_feed_lag_seconds",
        "From the exchange's own time of a trade to its coming here, by frame",
        labels=["venue"],
    )
    for venue, meter in meters.items():
        if meter is not None:
            counts, sum_ms = meter.count()
            histogram.add_metric([venue.value], histogram_buckets(counts), sum_ms / 1000)
    return histogram


def _clocks(feeds: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    skew = GaugeMetricFamily(
        "orderflow_clock_skew_seconds", "The venue's clock less this server's", labels=["venue"]
    )
    within = GaugeMetricFamily(
        "orderflow_clock_skew_within_seconds",
        "How far the skew that is told may be off: half of the round trip that it was measured by",
        labels=["venue"],
    )
    for venue, feed in feeds.items():
        if feed["clock"] is not None:
            skew.add_metric([venue], feed["clock"]["skew_ms"] / 1000)
            within.add_metric([venue], feed["clock"]["within_ms"] / 1000)
    yield skew
    yield within


def _streams(feeds: Mapping[str, Mapping[str, Any]]) -> Metric:
    gauge = GaugeMetricFamily(
        "orderflow_streams", "Symbols that stream, by the state that pages show", labels=["venue", "state"]
    )
    for venue, feed in feeds.items():
        states = Counter(stream["state"] for stream in feed["streams"].values())
        for state in State:
            gauge.add_metric([venue, state.value], states[state.value])
    return gauge


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
        "orderflow_compared_candles",
        "Closed one-minute candles by what comparing them with the venue's klines gave",
        labels=["venue", "outcome"],
    )
    for venue, feed in feeds.items():
        for outcome in ("verified", "differing", "unverifiable", "waiting"):
            if feed["klines"] is not None:
                gauge.add_metric([venue, outcome], feed["klines"][outcome])
    return gauge


def _held(health: Mapping[str, Any]) -> Metric:
    gauge = GaugeMetricFamily("orderflow_held_bytes", "About what is held in memory", labels=["what"])
    for what in ("series", "shelves", "views"):
        gauge.add_metric([what], health["memory"][f"{what}_bytes"])
    if health["store"] is not None:
        gauge.add_metric(["backlog"], health["store"]["queued_bytes"])
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

    @server.get(prefix + routes.METRICS)
    def metrics() -> Response:
        text = generate_latest(registry) + generate_latest(REGISTRY)
        return Response(text, content_type=CONTENT_TYPE_LATEST)
