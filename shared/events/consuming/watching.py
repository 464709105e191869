"""What a batch tells those who watch: how late it was applied, and whose trace it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.events.envelope import Received, Undecodable
from shared.observability import metrics

SAMPLES = 16


def observe_latency(consumer: str, now: datetime, applied: Sequence[Received]) -> None:
    """Of some of these events, how long ago they happened; history and replays are late for other reasons."""
    histogram = metrics.EVENT_LATENCY.labels(consumer)
    for received in applied[:: max(1, len(applied) // SAMPLES)]:
        if not (received.historic or received.replay):
            try:
                histogram.observe(max(0.0, (now - received.occurred_at).total_seconds()))
            except Undecodable:
                continue


def newest_trace(applied: Sequence[Received]) -> str | None:
    """The trace of the last event that has one."""
    return next((r.traceparent for r in reversed(applied) if r.traceparent is not None), None)
