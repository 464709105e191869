"""Through the gateway: who withdraws is called no more, masses of contacts leave by approval. Scenario 12."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import Any

import aiohttp

from tests.e2e.support.house import House
from tests.support.speaking import Person, Tenant

MANY = 5000
_CONTACTS = ["name", "phone"]


async def leads(person: Person, count: int) -> None:
    for first in range(0, count, 1000):
        items = [{"name": f"客户 {n}", "phone": f"138{n:08}"} for n in range(first, first + 1000)]
        made = await person.post("/v1/leads/batch", {"items": items})
        assert made["failed"] == 0


async def ended(person: Person, export: dict[str, Any]) -> list[str | None]:
    """How the downloads of an export ended."""
    return [one["ended"] for one in (await person.get(f"/v1/exports/{export['id']}"))["downloads"]]


class TestConsent:
    async def test_who_withdraws_is_claimed_by_nobody_however_they_come_back(
        self, house: House, tenant: Tenant
    ) -> None:
        admin = tenant.admin
        await tenant.team("Shanghai")
        rep = await tenant.hire("Wang", "Shanghai")
        pool = {"name": "p", "is_default": True, "members": {"unit_ids": [tenant.units["Shanghai"]]}}
        await admin.post("/v1/pools", pool)
        first, other = [await admin.create_lead("李", phone="+8613800000001") for _ in range(2)]
        for lead in (first, other):
            await admin.lead_when(lead["id"], lambda one: one["pooled_at"] is not None)
        withdrawn = await admin.post(f"/v1/leads/{first['id']}/withdraw", {"how": "partner"})
        assert (withdrawn["do_not_contact"], withdrawn["agreed"]) == (True, [])
        await admin.lead_when(other["id"], lambda one: one["do_not_contact"])
        later = await admin.create_lead("李先生", phone="0086 138-0000-0001")
        await admin.lead_when(later["id"], lambda one: one["do_not_contact"] and one["pooled_at"] is not None)
        rep.position = admin.position
        for lead in (first, other, later):
            refused = await rep.ask("POST", f"/v1/leads/{lead['id']}/claim", {})
            assert (refused.status, refused.code) == (409, "do_not_contact")


class TestExports:
    async def test_five_thousand_contacts_leave_once_another_approves(
        self, house: House, tenant: Tenant
    ) -> None:
        admin = tenant.admin
        director = await tenant.hire("Chen", role="director")
        await leads(admin, MANY)
        asked = {"columns": _CONTACTS, "reason": "letters"}
        export = await admin.post("/v1/exports", asked)
        assert (export["state"], export["rows"]) == ("waiting_approval", MANY)
        path = f"/v1/exports/{export['id']}"
        assert (await admin.ask("GET", f"{path}/file")).code == "export_not_ready"
        assert (await admin.ask("POST", f"{path}/approve", {})).code == "decision_not_allowed"
        director.position = admin.position
        await director.post(f"{path}/approve", {"note": "once"})
        admin.position = director.position
        file = (await admin.ask("GET", f"{path}/file")).ok()
        rows = list(csv.DictReader(io.StringIO(file.body.decode("utf-8-sig"), newline="")))
        assert [row["phone"] for row in rows] == [f"'+86138{n:08}" for n in range(MANY)]
        [download] = (await admin.get(path))["downloads"]
        assert (download["rows"], download["sha256"]) == (MANY, hashlib.sha256(file.body).hexdigest())
        assert download["address"] == "127.0.0.1"

    async def test_a_client_that_goes_leaves_nothing_running(self, house: House, tenant: Tenant) -> None:
        admin = tenant.admin
        await leads(admin, MANY)
        export = await admin.post("/v1/exports", {"reason": "list"})
        address = f"{admin.url}/v1/exports/{export['id']}/file"
        headers = {"Authorization": f"Bearer {admin.token}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(address) as answer:
            assert answer.status == 200
            assert await answer.content.readany()
            answer.close()
        # Whether it was all on its way by then is the network's affair; it has ended in any case.
        while None in (how := await ended(admin, export)):
            pass
        assert len(how) == 1
        whole = (await admin.ask("GET", f"/v1/exports/{export['id']}/file")).ok()
        assert whole.body.count(b"\r\n") == MANY + 1
        assert (await ended(admin, export))[-1] == "whole"
