"""THE list of metrics: each with its labels and one sentence; docs and dashboards are held against it.

Use them as they stand: `CONSUMED.labels(consumer, topic, "applied").inc(len(batch))`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

# When each series began is told by no query of ours, and doubles what is scraped.
disable_created_metrics()  # type: ignore[no-untyped-call]

FAST = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
COUNTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)


@dataclass(frozen=True, slots=True)
class Described:
    """A metric as documented. `name` is as scraped, without the suffixes of a histogram's series."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a query may use."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{suffix}" for suffix in ("bucket", "sum", "count"))
        return (self.name,)


DESCRIBED: list[Described] = []
"""Every metric of Coxswain, in the order below."""


def _counter(name: str, text: str, *labels: str) -> Counter:
    DESCRIBED.append(Described(f"{name}_total", "counter", labels, text))
    return Counter(name, text, labels)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    DESCRIBED.append(Described(name, "gauge", labels, text))
    return Gauge(name, text, labels)


def _histogram(name: str, text: str, *labels: str, buckets: Sequence[float] = FAST) -> Histogram:
    DESCRIBED.append(Described(name, "histogram", labels, text))
    return Histogram(name, text, labels, buckets=buckets)


# HTTP
HTTP_REQUESTS = _counter(
    "cox_http_requests",
    "Requests answered, by route template (not by path) and status.",
    "service",
    "method",
    "route",
    "status",
)
HTTP_SECONDS = _histogram(
    "cox_http_request_seconds",
    "From a request's first byte to its answer's last, in seconds.",
    "service",
    "method",
    "route",
)
HTTP_IN_FLIGHT = _gauge("cox_http_requests_in_flight", "Requests being answered right now.", "service")
RATE_LIMITED = _counter(
    "cox_rate_limited", "Requests refused because their principal sent too many.", "service"
)
WAITERS = _gauge("cox_position_waiters", "Requests waiting for a position (Cox-Wait-For).", "service")
WAITS = _counter(
    "cox_position_waits",
    "Waits for a position that ended, by outcome: applied, late, blocked.",
    "service",
    "outcome",
)

# Journal and relay
OUTBOX_PENDING = _gauge("cox_outbox_pending", "Events recorded and not yet acknowledged by Kafka.", "service")
OUTBOX_AGE = _gauge(
    "cox_outbox_age_seconds", "Age of the oldest pending event, in seconds; 0 if none.", "service"
)
RELAY_LEADER = _gauge(
    "cox_relay_leader", "1 in the worker that leads its service's relay, else 0.", "service"
)
RELAY_PUBLISHED = _counter("cox_relay_published", "Events acknowledged by Kafka.", "service", "topic")
RELAY_BATCH = _histogram(
    "cox_relay_batch_events", "Events in one round of the relay.", "service", buckets=COUNTS
)
RELAY_FAILURES = _counter(
    "cox_relay_failures", "Rounds of the relay that failed, by error class.", "service", "error"
)

# Consumers
CONSUMER_LAG = _gauge(
    "cox_consumer_lag_events",
    "Records of the log not yet applied by a consumer.",
    "consumer",
    "topic",
    "partition",
)
CONSUMED = _counter(
    "cox_consumer_events",
    "Records read by a consumer, by outcome: applied, dropped (known), parked, dead, skipped (not handled).",
    "consumer",
    "topic",
    "outcome",
)
CONSUMER_BATCH = _histogram(
    "cox_consumer_batch_events", "Records in one transaction of a consumer.", "consumer", buckets=COUNTS
)
CONSUMER_SECONDS = _histogram(
    "cox_consumer_batch_seconds", "Seconds that one transaction of a consumer took.", "consumer"
)
CONSUMER_RETRIES = _counter(
    "cox_consumer_retries",
    "Batches tried again after a passing error, by SQLSTATE or error class.",
    "consumer",
    "error",
)
CONSUMER_STOPPED = _gauge(
    "cox_consumer_stopped",
    "1 while a consumer has stopped for a person to look (too many dead, a hole).",
    "consumer",
)
PARKED = _gauge("cox_consumer_parked", "Events waiting for an earlier one of their aggregate.", "consumer")
DEAD_LETTERS = _gauge("cox_dead_letters", "Dead letters that nobody replayed or discarded yet.", "consumer")
EVENT_LATENCY = _histogram(
    "cox_event_latency_seconds",
    "End to end: from an event's time to the commit of its effect, of live events (no history, no replay).",
    "consumer",
    buckets=SLOW,
)

# Timers
TIMERS_FIRED = _counter(
    "cox_timers_fired", "Timers fired, by kind and outcome: fired, outdated, failed.", "kind", "outcome"
)
TIMER_DELAY = _histogram(
    "cox_timer_delay_seconds", "Seconds between a timer's due time and its firing.", "kind", buckets=SLOW
)

# Live streams and imports
LIVE_CLIENTS = _gauge("cox_live_clients", "Clients connected to the live stream of events.")
LIVE_EVENTS = _counter("cox_live_events", "Events sent to clients of the live stream.")
IMPORT_ROWS = _counter(
    "cox_import_rows", "Rows of imports done, by kind and outcome: done, failed.", "kind", "outcome"
)


def render() -> tuple[bytes, str]:
    """All metrics of this process as Prometheus reads them, and their content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
