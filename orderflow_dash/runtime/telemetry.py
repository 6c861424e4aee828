"""What this process measures of itself while it works, for ``/metrics``.

Everything else that ``/metrics`` tells is read off the hub when it is asked. Labels are few and fixed: no
symbol, no address, nothing that a stranger chooses.
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

disable_created_metrics()  # type: ignore[no-untyped-call] # a second sample of each figure, which tells only when the process began

REGISTRY: Final = CollectorRegistry()

_QUICK = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_SLOW = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

ENCODE_SECONDS: Final = Histogram(
    "orderflow_encode_seconds",
    "Deriving and encoding what changed of a view, for all of its clients",
    buckets=_QUICK,
    registry=REGISTRY,
)
SNAPSHOT_SECONDS: Final = Histogram(
    "orderflow_snapshot_seconds",
    "Deriving and encoding the snapshot of a view",
    buckets=_SLOW,
    registry=REGISTRY,
)
CALLBACK_SECONDS: Final = Histogram(
    "orderflow_callback_seconds",
    "Answering one callback of a page",
    labelnames=("callback",),
    buckets=_SLOW,
    registry=REGISTRY,
)
REQUESTS: Final = Counter(
    "orderflow_http_requests",
    "Requests that were answered, by class of status; 1xx are websockets that have ended",
    labelnames=("status",),
    registry=REGISTRY,
)
SOCKETS: Final = Gauge("orderflow_sockets", "Clients of /ws/orderflow", registry=REGISTRY)
SOCKET_REFUSALS: Final = Counter(
    "orderflow_socket_refusals",
    "Clients of /ws/orderflow that were refused, by the code they were told",
    labelnames=("code",),
    registry=REGISTRY,
)
DELTAS_SENT: Final = Counter(
    "orderflow_deltas_sent", "Deltas that clients of /ws/orderflow were sent", registry=REGISTRY
)
SNAPSHOTS_SENT: Final = Counter(
    "orderflow_snapshots_sent", "Snapshots that clients of /ws/orderflow were sent", registry=REGISTRY
)
CONFLATIONS: Final = Counter(
    "orderflow_conflations",
    "Emissions that came so late, because a client was slow to take the one before, that states were skipped",
    registry=REGISTRY,
)
EXPORTS: Final = Gauge("orderflow_exports", "Exports that are running", registry=REGISTRY)
THREADS: Final = Gauge("orderflow_threads", "Threads of the process that Python knows", registry=REGISTRY)

THREADS.set_function(threading.active_count)
ProcessCollector(registry=REGISTRY)  # memory, open files, CPU time
