"""``/metrics``: the figures of ``/health`` for Prometheus."""

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
    "trades": "Trade records counted",
    "repaired": "Trade records backfilled",
    "repeats": "Repeated trade records",
    "malformed": "Invalid or implausible records",
    "excluded": "Off-book trades, which klines exclude too",
    "reconnects": "Reconnects after a lost connection",
    "handovers": "Planned replacements of connections, before the venue's limit",
    "refused": "Requests that the venue rejected",
    "late": "Trades received out of order",
}
_MEASURED: Final = {
    "gaps": "Gaps that are not filled",
    "connections": "Connections to the venue",
    "reachable": "Whether the venue is reachable",
    "symbols": "Perpetuals listed by the venue",
}
_WATCHED: Final = {
    "series": "Streamed symbols",
    "views": "Derived views",
    "leases": "Panels open on pages",
}
_STORED: Final = {
    "queued": "Minutes waiting to be stored",
}
_STORE_COUNTED: Final = {
    "written": "Minutes stored",
    "dropped": "Minutes stored without their levels, or not at all",
    "retired": "Minutes deleted by age or size",
}


class HubCollector(Collector):
    """Reads a hub at each scrape."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterable[Metric]:
        """All metrics."""
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
            waited = "Age of the oldest minute waiting to be stored"
            yield GaugeMetricFamily("orderflow_store_lag_seconds", waited, store["lag_ms"] / 1000)
            for name, meaning in _STORE_COUNTED.items():
                yield CounterMetricFamily(f"orderflow_store_{name}", meaning, store[name])
            failing = "Whether minutes are kept in memory because the store fails"
            yield GaugeMetricFamily("orderflow_store_failing", failing, float(store["state"] == "memory"))


def _single(figures: Mapping[str, Any], names: Mapping[str, str], prefix: str) -> Iterator[Metric]:
    for name, meaning in names.items():
        yield GaugeMetricFamily(prefix + name, meaning, figures[name])


def _lags(meters: Mapping[Venue, LagMeter | None]) -> Metric:
    """Not corrected for the difference of the clocks, see ``orderflow_clock_skew_seconds``."""
    histogram = HistogramMetricFamily(
        "orderflow_feed_lag_seconds",
        "Time from the exchange's timestamp of a trade to its arrival, by frame",
        labels=["venue"],
    )
    for venue, meter in meters.items():
        if meter is not None:
            counts, sum_ms = meter.count()
            histogram.add_metric([venue.value], histogram_buckets(counts), sum_ms / 1000)
    return histogram


def _clocks(feeds: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    skew = GaugeMetricFamily(
        "orderflow_clock_skew_seconds", "The venue's clock minus this server's", labels=["venue"]
    )
    within = GaugeMetricFamily(
        "orderflow_clock_skew_within_seconds",
        "Uncertainty of the skew: half of the measured round trip",
        labels=["venue"],
    )
    for venue, feed in feeds.items():
        if feed["clock"] is not None:
            skew.add_metric([venue], feed["clock"]["skew_ms"] / 1000)
            within.add_metric([venue], feed["clock"]["within_ms"] / 1000)
    yield skew
    yield within


def _streams(feeds: Mapping[str, Mapping[str, Any]]) -> Metric:
    gauge = GaugeMetricFamily("orderflow_streams", "Streamed symbols by state", labels=["venue", "state"])
    for venue, feed in feeds.items():
        states = Counter(stream["state"] for stream in feed["streams"].values())
        for state in State:
            gauge.add_metric([venue, state.value], states[state.value])
    return gauge


def _ages(feeds: Mapping[str, Mapping[str, Any]]) -> Metric:
    gauge = GaugeMetricFamily(
        "orderflow_event_age_seconds", "Time since the last event from the venue", labels=["venue"]
    )
    for venue, feed in feeds.items():
        if feed["age_ms"] is not None:
            gauge.add_metric([venue], feed["age_ms"] / 1000)
    return gauge


def _minutes(feeds: Mapping[str, Mapping[str, Any]]) -> Metric:
    gauge = GaugeMetricFamily(
        "orderflow_compared_candles",
        "Closed one-minute candles by the result of the comparison with the venue's klines",
        labels=["venue", "outcome"],
    )
    for venue, feed in feeds.items():
        for outcome in ("verified", "differing", "unverifiable", "waiting"):
            if feed["klines"] is not None:
                gauge.add_metric([venue, outcome], feed["klines"][outcome])
    return gauge


def _held(health: Mapping[str, Any]) -> Metric:
    gauge = GaugeMetricFamily("orderflow_held_bytes", "Approximate memory use", labels=["what"])
    for what in ("series", "shelves", "views"):
        gauge.add_metric([what], health["memory"][f"{what}_bytes"])
    if health["store"] is not None:
        gauge.add_metric(["backlog"], health["store"]["queued_bytes"])
    return gauge


def _crashes() -> Metric:
    counter = CounterMetricFamily("orderflow_crashes", "Crashes of threads, which restart", labels=["thread"])
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
