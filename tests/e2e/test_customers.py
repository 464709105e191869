"""Through the gateway: a customer goes back and to somebody else, and whose deal it was stays."""

from __future__ import annotations

from functools import partial

from tests.e2e.support.china import at
from tests.e2e.support.house import House
from tests.support.speaking import Person, Tenant

MARCH = {"grain": "month", "from": "2026-03-01", "to": "2026-03-31"}
AUTUMN = {"grain": "month", "from": "2026-06-01", "to": "2026-09-30"}
KEEPING = {"first_follow_up_days": 3, "follow_up_days": 60, "deal_days": 180, "warn_days": [15, 3]}


async def credited(person: Person, **period: str) -> tuple[dict[str, object], dict[str, object]]:
    """Deals won and what they brought, by rep."""
    deals = await person.kpis("deals_won", "rep", **period)
    return deals, await person.kpis("won_revenue", "rep", **period)


class TestCustomers:
    async def test_credit_stays_with_the_winner_when_others_have_the_customer(self, house: House) -> None:
        house.clock.at = at(3, 2)
        company = await house.new_tenant(timezone="Asia/Shanghai", currency="CNY")
        try:
            await self._story(house, company)
        finally:
            house.clock.at = None

    async def _story(self, house: House, company: Tenant) -> None:
        admin = company.admin
        await company.team("Shanghai")
        winner, taker, given = [await company.hire(name, "Shanghai") for name in ("Wang", "Li", "Zhao")]
        boss = await company.hire("Chen", "Shanghai", role="supervisor")
        body = {
            "name": "客户公海", "kind": "customers", "is_default": True, "daily_claims": 3,
            "cooling_days": 30,
            "members": {"unit_ids": [company.units["Shanghai"]]}, "max_in_hand": {"default": 300},
            "keeping": KEEPING,
        }  # fmt: skip
        pool = (await admin.post("/v1/pools", body))["id"]
        value = {"amount": "80000.00", "currency": "CNY"}
        lead = (await admin.create_lead("启明 SaaS", value=value))["id"]
        await admin.assign(lead, company.people["Wang"])
        winner.position = admin.position
        seen = (await winner.move(lead, "won"))["version"]
        mine = {company.people["Wang"]: 1}, {company.people["Wang"]: value}
        assert await credited(winner, **MARCH) == mine

        # 60 days without follow-up: warned twice, then nobody has the customer.
        for warned in (at(4, 16), at(4, 28)):
            house.clock.at = warned
            seen = (await winner.lead_when(lead, partial(_is_newer, seen)))["version"]
        house.clock.at = at(5, 1)
        back = await admin.lead_when(lead, lambda one: one["pooled_at"] is not None)
        assert (back["pool_id"], back["status"], back["owner_id"]) == (pool, "won", None)

        house.clock.at = at(6, 1)
        taker.position = admin.position
        claimed = await taker.post(f"/v1/leads/{lead}/claim", {})
        assert (claimed["status"], claimed["owner_id"]) == ("won", company.people["Li"])
        house.clock.at = at(6, 2)
        await taker.post(f"/v1/leads/{lead}/release", {"reason": "moved to Suzhou"})

        house.clock.at = at(6, 3)
        boss.position = taker.position
        asked = {"lead_ids": [lead], "with_others": True}
        [suggested] = (await boss.post(f"/v1/pools/{pool}/suggestions", asked))["items"]
        why = {one["user_id"]: one["reason"] for one in suggested["others"]}
        assert why == {company.people["Li"]: "cooling_off"}
        gift = {"items": [{"lead_id": lead, "owner_id": company.people["Zhao"]}], "reason": "nearest"}
        assert (await boss.post(f"/v1/pools/{pool}/assign", gift))["assigned"] == 1
        given.position = boss.position
        story = (await given.get(f"/v1/leads/{lead}/timeline"))["items"]
        told = [(one["kind"], one["how"]) for one in reversed(story) if one["kind"] in ("assigned", "pooled")]
        assert told == [
            ("assigned", "manual"), ("pooled", "no_follow_up"), ("assigned", "claim"), ("pooled", "released"),
            ("assigned", "manual"),
        ]  # fmt: skip

        admin.position = boss.position
        assert await credited(admin, **MARCH) == mine
        assert await credited(admin, **AUTUMN) == ({}, {})


def _is_newer(version: int, lead: dict[str, int]) -> bool:
    return lead["version"] > version
