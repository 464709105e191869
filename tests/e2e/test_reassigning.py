"""Many leads to others, through the gateway: the worker gives what was asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.leads.assigning.reassignment import going_on, use_cases
from tests.e2e.test_leaving import become
from tests.support.speaking import Tenant


@pytest.fixture
async def company(tenant: Tenant) -> Tenant:
    await tenant.team("North")
    for name in ("Lin", "Wu", "Hu"):
        await tenant.hire(name, "North")
    return tenant


class TestReassigning:
    @pytest.mark.timeout(900)
    async def test_what_is_done_in_portions_equals_what_was_previewed(
        self, company: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (going_on, use_cases):
            monkeypatch.setattr(module, "AT_ONCE", 3)
        admin = company.admin
        items = [{"name": f"线索 {n}", "source": "fair" if n < 8 else "web"} for n in range(10)]
        made = await admin.post("/v1/leads/batch", {"items": items})
        leads = [item["id"] for item in made["items"]]
        await asyncio.gather(*(admin.assign(lead, company.people["Lin"]) for lead in leads))
        to = {"user_ids": [company.people["Wu"], company.people["Hu"]], "by": "turns"}
        body = {"filters": {"source": ["fair"]}, "to": to}
        preview = (await admin.ask("POST", "/v1/reassignments", body | {"preview": True})).ok().json
        assert (preview["matching"], preview["given"]) == (8, 8)
        begun = await admin.post("/v1/reassignments", body | {"digest": preview["digest"]})
        assert (begun["state"], begun["total"]) == ("running", 8)

        def is_done(told: Any) -> bool:
            return bool(told.ok().json["state"] == "done")

        ended = await become(admin, f"/v1/reassignments/{begun['id']}", is_done)
        assert (ended["given"], ended["kept"]) == (8, [])
        owners = [(await admin.get(f"/v1/leads/{lead}"))["owner_id"] for lead in leads]
        names = {company.people[name]: name for name in ("Lin", "Wu", "Hu")}
        assert [names[owner] for owner in owners] == ["Wu", "Hu"] * 4 + ["Lin"] * 2
        told = await admin.get(f"/v1/leads/{leads[0]}/assignments")
        assert told["items"][-1]["reassignment_id"] == begun["id"]
