"""Metrics that this process updates while it works; ``/metrics`` reads the others from the hub.

Labels are few and fixed, without symbols, addresses or anything else that a client chooses.
"""

from __future__ import annotations

import threading
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call] # they only repeat the start time of the process

REGISTRY: Final = CollectorRegistry()

_QUICK = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_SLOW = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

ENCODE_SECONDS: Final = Histogram(
    "orderflow_encode_seconds",
    "Time to derive and encode the changes of a view, once for all of its clients",
    buckets=_QUICK,
    registry=REGISTRY,
)
SNAPSHOT_SECONDS: Final = Histogram(
    "orderflow_snapshot_seconds",
    "Time to derive and encode the snapshot of a view",
    buckets=_SLOW,
    registry=REGISTRY,
)
CALLBACK_SECONDS: Final = Histogram(
    "orderflow_callback_seconds",
    "Time to answer one page callback",
    labelnames=("callback",),
    buckets=_SLOW,
    registry=REGISTRY,
)
REQUESTS: Final = Counter(
    "orderflow_http_requests",
    "Answered requests by status class; 1xx are closed websockets",
    labelnames=("status",),
    registry=REGISTRY,
)
SOCKETS: Final = Gauge("orderflow_sockets", "Clients of /ws/orderflow", registry=REGISTRY)
SOCKET_REFUSALS: Final = Counter(
    "orderflow_socket_refusals",
    "Rejected clients of /ws/orderflow, by error code",
    labelnames=("code",),
    registry=REGISTRY,
)
DELTAS_SENT: Final = Counter(
    "orderflow_deltas_sent", "Deltas sent to clients of /ws/orderflow", registry=REGISTRY
)
SNAPSHOTS_SENT: Final = Counter(
    "orderflow_snapshots_sent", "Snapshots sent to clients of /ws/orderflow", registry=REGISTRY
)
CONFLATIONS: Final = Counter(
    "orderflow_conflations",
    "Late emissions to slow clients, which skip intermediate states",
    registry=REGISTRY,
)
EXPORTS: Final = Gauge("orderflow_exports", "Running exports", registry=REGISTRY)
THREADS: Final = Gauge("orderflow_threads", "Python threads of the process", registry=REGISTRY)

THREADS.set_function(threading.active_count)
ProcessCollector(registry=REGISTRY)  # memory, open files, CPU time
