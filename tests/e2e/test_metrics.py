"""What the dashboard shows moves when a lead goes through the system."""

from __future__ import annotations

from prometheus_client import REGISTRY

from tests.e2e.support.house import House, wait_until
from tests.support.speaking import NOWADAYS, Tenant

LIMIT_S = 120.0


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
        await tenant.admin.kpis("leads_created", "tenant", grain="day", **NOWADAYS)

        def missing() -> list[str]:
            return [what for what, count in counts().items() if count <= before[what]]

        # Relay and consumer count what they did once it is done, and the number may be told before that.
        await wait_until(lambda: not missing(), LIMIT_S)
        assert missing() == []
        assert told("cox_dead_letters", consumer="scoring.kpis") == 0
        # A leader that stood still for five seconds is none for a moment.
        assert await wait_until(lambda: told("cox_relay_leader", service="leads") == 1, LIMIT_S)
