"""A lead goes in at the gateway and comes out as a KPI, over Kafka and four databases."""

from __future__ import annotations

from tests.support.speaking import NOWADAYS, Tenant


class TestFirstPath:
    async def test_lead_is_counted_when_it_was_created(self, tenant: Tenant) -> None:
        await tenant.team("North")
        rep = await tenant.hire("Lin", "North")
        await rep.create_lead("Acme", value={"amount": "100.00", "currency": "USD"})
        seen = await rep.kpis("leads_created", "rep", grain="day", **NOWADAYS)
        assert seen == {tenant.people["Lin"]: 1}

    async def test_deal_is_counted_when_it_was_won(self, tenant: Tenant) -> None:
        await tenant.team("North")
        rep = await tenant.hire("Lin", "North")
        lead = await tenant.admin.create_lead("Acme", value={"amount": "100.00", "currency": "USD"})
        await tenant.admin.assign(lead["id"], tenant.people["Lin"])
        rep.position = tenant.admin.position
        await rep.record("call", lead["id"], outcome="connected")
        await rep.move(lead["id"], "won")
        period = {"grain": "month", **NOWADAYS}
        lin = tenant.people["Lin"]
        assert await rep.kpis("deals_won", "rep", **period) == {lin: 1}
        assert await rep.kpis("calls", "rep", **period) == {lin: 1}
        revenue = await rep.kpis("won_revenue", "team", **period)
        assert revenue == {tenant.units["North"]: {"amount": "100.00", "currency": "USD"}}


class TestAssignment:
    async def test_client_follows_it_when_it_asks_for_the_next_change(self, tenant: Tenant) -> None:
        await tenant.team("North")
        rep = await tenant.hire("Lin", "North")
        lin = tenant.people["Lin"]
        candidates = {"user_ids": [lin]}
        rule = {"name": "All to Lin", "strategy": "round_robin", "candidates": candidates}
        await tenant.admin.post("/v1/assignment-rules", rule)
        created = await tenant.admin.create_lead("Acme")
        assert created["owner_id"] is None
        owned = await tenant.admin.lead_when(created["id"], lambda lead: lead["owner_id"] is not None)
        assert owned["owner_id"] == lin
        rep.position = tenant.admin.position
        period = {"grain": "day", **NOWADAYS}
        assert await rep.kpis("leads_assigned", "rep", **period) == {lin: 1}


class TestUnownedLead:
    async def test_its_creator_records_for_it_when_they_are_no_rep(self, tenant: Tenant) -> None:
        await tenant.team("North")
        head = await tenant.hire("Zhao", "North", "supervisor")
        lead = await head.create_lead("Acme")
        recorded = await head.record("call", lead["id"], outcome="connected")
        assert recorded["lead_id"] == lead["id"]
