"""One trace id from the HTTP request, over Kafka, to the write of the KPI."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.events.kafka import Reader, Record
from shared.events.topics import partitions_of
from shared.observability.traces import setup_traces, shutdown_traces
from tests.e2e.support.house import House, wait_until
from tests.support.speaking import NOWADAYS, Tenant

TRACE = "0af7651916cd43dd8448eb211c80319c"
CLIENT = "b7ad6b7169203331"
STEPS = {"POST /v1/leads/*", "POST /v1/leads", "apply scoring.kpis"}
LIMIT_S = 120.0


@pytest.fixture
def exporter(house: House) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    setup_traces(house.settings, "everything", "test", exporter)
    yield exporter
    shutdown_traces()


def of_the_trace(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """The finished spans of our trace, by name."""
    return {
        span.name: span
        for span in exporter.get_finished_spans()
        if span.context is not None and format(span.context.trace_id, "032x") == TRACE
    }


def ids(span: ReadableSpan) -> tuple[str | None, str]:
    """(parent, own) span ids in hex."""
    assert span.context is not None
    parent = None if span.parent is None else format(span.parent.span_id, "016x")
    return parent, format(span.context.span_id, "016x")


async def record_of(house: House, key: str) -> Record:
    """The newest record of an aggregate on `cox.leads`."""
    reader = Reader(house.settings.kafka_bootstrap, "test-trace", group=None)
    partitions = partitions_of(("cox.leads",), house.settings.topic_prefix)
    try:
        await reader.start()
        reader.assign(partitions)
        for tp in partitions:
            reader.go_on(tp, 0)
        while True:
            found = [record for record in await reader.poll(500, 5000) if record.key == key.encode()]
            if found:
                return found[-1]
    finally:
        await reader.stop()


class TestOneTrace:
    async def test_the_kpis_write_belongs_to_the_clients_trace_when_a_lead_was_created(
        self, house: House, tenant: Tenant, exporter: InMemorySpanExporter
    ) -> None:
        sent = {"traceparent": f"00-{TRACE}-{CLIENT}-01"}
        lead = (await tenant.admin.ask("POST", "/v1/leads", {"name": "Acme"}, headers=sent)).ok().json
        period = {"grain": "day", **NOWADAYS}
        assert list((await tenant.admin.kpis("leads_created", "tenant", **period)).values()) == [1]
        record = await record_of(house, lead["id"])

        # A span ends after what it is about, which may be told before that.
        await wait_until(lambda: of_the_trace(exporter).keys() >= STEPS, LIMIT_S)
        spans = of_the_trace(exporter)
        gateway_parent, gateway = ids(spans["POST /v1/leads/*"])
        leads_parent, leads = ids(spans["POST /v1/leads"])
        kpis_parent, _ = ids(spans["apply scoring.kpis"])
        assert gateway_parent == CLIENT
        assert leads_parent == gateway
        assert dict(record.headers)["traceparent"].decode() == f"00-{TRACE}-{leads}-01"
        assert kpis_parent == leads

    async def test_a_problem_names_the_clients_trace_when_a_request_is_refused(self, tenant: Tenant) -> None:
        sent = {"traceparent": f"00-{TRACE}-{CLIENT}-01"}
        refused = await tenant.admin.ask("POST", "/v1/leads", {"nonsense": 1}, headers=sent)
        assert (refused.status, refused.json["trace_id"]) == (422, TRACE)
