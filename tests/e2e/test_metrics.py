"""What the dashboard shows moves when a lead goes through the system."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import REGISTRY

from tests.e2e.support.house import House
from tests.support.speaking import Tenant


def told(name: str, **labels: str) -> float:
    """The value of a series; 0 where it was never told."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def counts() -> dict[str, float]:
    created = {"method": "POST", "status": "201"}
    return {
        "answered by the gateway": told(
            "cox_http_requests_total", service="gateway", route="/v1/leads/*", **created
        ),
        "answered by leads": told("cox_http_requests_total", service="leads", route="/v1/leads", **created),
        "published": told("cox_relay_published_total", service="leads", topic="cox.leads"),
        "timed end to end": told("cox_event_latency_seconds_count", consumer="scoring.kpis"),
        "transactions": told("cox_consumer_batch_seconds_count", consumer="scoring.kpis"),
    }


class TestMetrics:
    async def test_each_step_is_counted_when_a_lead_becomes_a_number(
        self, house: House, tenant: Tenant
    ) -> None:
        before = counts()
        await tenant.admin.create_lead("Acme")
        today = datetime.now(UTC).date().isoformat()
        await tenant.admin.kpis("leads_created", "tenant", grain="day", **{"from": today, "to": today})
        after = counts()
        assert [what for what, count in after.items() if count <= before[what]] == []
        assert told("cox_dead_letters", consumer="scoring.kpis") == 0
        assert told("cox_relay_leader", service="leads") == 1
