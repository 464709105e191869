"""Traces: ids always travel (W3C traceparent), spans are made only where a collector or a test listens.

Without an exporter a span is two dozen bytes in a context variable: the write path pays microseconds.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.util.types import AttributeValue

from shared.settings import Settings

_TRACEPARENT = re.compile(r"^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$")
_provider: TracerProvider | None = None


def setup_traces(
    settings: Settings, service: str, process: str, exporter: SpanExporter | None = None
) -> None:
    """Record spans if COX_OTLP_ENDPOINT is set, or into `exporter` at once (tests give an in-memory one)."""
    if exporter is None and settings.otlp_endpoint is None:
        shutdown_traces()
        return
    resource = Resource.create({"service.name": f"cox-{service}", "service.instance.id": process})
    provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)))
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(f"{settings.otlp_endpoint}/v1/traces"))
        )
    shutdown_traces()
    _use(provider)


def shutdown_traces() -> None:
    """Send what is waiting and stop recording."""
    if _provider is not None:
        _provider.shutdown()
    _use(None)


def _use(provider: TracerProvider | None) -> None:
    global _provider  # noqa: PLW0603 - one per process, set at its start
    _provider = provider


def current_traceparent() -> str | None:
    """The W3C header of what is under way, or None outside any trace."""
    current = trace.get_current_span().get_span_context()
    return _header(current) if current.is_valid else None


def _header(of: SpanContext) -> str:
    return f"00-{of.trace_id:032x}-{of.span_id:016x}-{of.trace_flags:02x}"


def current_or_new_traceparent() -> str:
    """The W3C header of what is under way; outside any trace the beginning of a new one."""
    return current_traceparent() or _header(_child_of(trace.INVALID_SPAN_CONTEXT))


def current_trace_id() -> str | None:
    """32 hex digits, as problems and logs show them; None outside any trace."""
    current = trace.get_current_span().get_span_context()
    return format(current.trace_id, "032x") if current.is_valid else None


def parse(traceparent: str | None) -> SpanContext | None:
    """The remote span that a header names; None where it is absent or malformed."""
    found = _TRACEPARENT.match(traceparent) if traceparent else None
    if found is None:
        return None
    remote = SpanContext(
        trace_id=int(found[1], 16),
        span_id=int(found[2], 16),
        is_remote=True,
        trace_flags=TraceFlags(int(found[3], 16)),
    )
    return remote if remote.is_valid else None


@contextmanager
def attach(traceparent: str | None) -> Iterator[None]:
    """Within the block, what is recorded or logged belongs to this header's trace (none: to no trace)."""
    remote = parse(traceparent)
    span: Span = trace.INVALID_SPAN if remote is None else NonRecordingSpan(remote)
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def span(
    name: str,
    *,
    traceparent: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """A span below `traceparent`, else below what is under way, else of a new trace."""
    remote = parse(traceparent)
    parent = trace.set_span_in_context(NonRecordingSpan(remote)) if remote else context.get_current()
    if _provider is None:
        made: Span = NonRecordingSpan(_child_of(trace.get_current_span(parent).get_span_context()))
        token = context.attach(trace.set_span_in_context(made, parent))
        try:
            yield made
        finally:
            context.detach(token)
        return
    tracer = _provider.get_tracer("coxswain")
    with tracer.start_as_current_span(name, context=parent, kind=kind, attributes=attributes) as recorded:
        yield recorded


def _child_of(parent: SpanContext) -> SpanContext:
    return SpanContext(
        # No secrets; Python seeds anew after a fork. The kernel's own would be asked for each request.
        trace_id=parent.trace_id if parent.is_valid else random.getrandbits(128) or 1,
        span_id=random.getrandbits(64) or 1,
        is_remote=False,
        trace_flags=parent.trace_flags if parent.is_valid else TraceFlags(0),
    )
