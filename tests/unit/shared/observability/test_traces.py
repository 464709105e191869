"""Traces: ids travel with or without a collector; malformed headers begin a new trace."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.observability.traces import (
    attach,
    current_or_new_traceparent,
    current_traceparent,
    parse,
    setup_traces,
    shutdown_traces,
    span,
)
from shared.settings import Settings

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = HEADER.split("-")[1]


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    setup_traces(Settings(), "leads", "leads-app-1", exporter)
    yield exporter
    shutdown_traces()


class TestWithoutCollector:
    def test_there_is_no_header_when_nothing_is_under_way(self) -> None:
        assert current_traceparent() is None

    def test_a_trace_begins_when_something_is_recorded_outside_any(self) -> None:
        assert parse(current_or_new_traceparent()) is not None

    def test_what_is_recorded_belongs_to_what_is_under_way_when_there_is_something(self) -> None:
        with span("request"):
            assert current_or_new_traceparent() == current_traceparent()

    def test_keeps_the_trace_and_its_flags_when_a_header_came_in(self) -> None:
        with span("request", traceparent=HEADER):
            inside = current_traceparent()
        assert inside is not None
        _, trace_id, span_id, flags = inside.split("-")
        assert (trace_id, flags) == (TRACE, "01")
        assert span_id != HEADER.split("-")[2]

    def test_begins_a_trace_when_no_header_came_in(self) -> None:
        with span("request"):
            first = current_traceparent()
        with span("request"):
            second = current_traceparent()
        assert first is not None
        assert second is not None
        assert first.split("-")[1] != second.split("-")[1]

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "nonsense",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            HEADER.upper(),
        ],
    )
    def test_begins_a_trace_when_the_header_is_malformed(self, header: str) -> None:
        with span("request", traceparent=header):
            inside = current_traceparent()
        assert inside is not None
        assert inside.split("-")[1] != TRACE

    def test_leaves_every_trace_when_a_record_without_header_is_attached(self) -> None:
        with span("batch"), attach(None):
            assert current_traceparent() is None

    async def test_is_seen_by_its_own_task_only_when_tasks_interleave(self) -> None:
        async def inside(header: str) -> str | None:
            with attach(header):
                await asyncio.sleep(0)
                return current_traceparent()

        other = HEADER.replace("0af7", "1bf7")
        assert list(await asyncio.gather(inside(HEADER), inside(other))) == [HEADER, other]


class TestOverTheWire:
    async def test_a_span_reaches_the_collector_when_its_address_is_set(self) -> None:
        received: list[tuple[str, bytes]] = []

        async def take(request: web.Request) -> web.Response:
            received.append((request.path, await request.read()))
            return web.Response()

        app = web.Application()
        app.router.add_post("/v1/traces", take)
        async with TestServer(app) as collector:
            endpoint = str(collector.make_url("/"))
            setup_traces(Settings(otlp_endpoint=endpoint), "leads", "leads-app-1")
            with span("request", traceparent=HEADER):
                pass
            await asyncio.to_thread(shutdown_traces)
        (path, body) = received[0]
        sent = ExportTraceServiceRequest.FromString(
            gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        )
        resource = sent.resource_spans[0]
        assert path == "/v1/traces"
        assert resource.scope_spans[0].spans[0].trace_id.hex() == TRACE
        assert ("service.name", "cox-leads") in {
            (a.key, a.value.string_value) for a in resource.resource.attributes
        }


class TestWithCollector:
    def test_spans_form_one_trace_when_the_header_is_handed_on(self, exporter: InMemorySpanExporter) -> None:
        with span("http"):
            handed_on = current_traceparent()
        with span("consume", traceparent=handed_on, attributes={"consumer": "scoring.kpis"}):
            pass
        http, consume = exporter.get_finished_spans()
        assert consume.context is not None
        assert http.context is not None
        assert consume.parent is not None
        assert consume.context.trace_id == http.context.trace_id
        assert consume.parent.span_id == http.context.span_id

    def test_an_error_is_recorded_when_the_block_raises(self, exporter: InMemorySpanExporter) -> None:
        with pytest.raises(RuntimeError), span("http"):
            raise RuntimeError("no")
        assert [event.name for event in exporter.get_finished_spans()[0].events] == ["exception"]
