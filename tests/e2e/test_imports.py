"""Imports through the whole product: new leads, files that are not as they should be, services that
falter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.gateway.upstream.services import Answer, NotNow, Services
from tests.e2e.support.imports import all_kpis, brought_in
from tests.support.speaking import Tenant

pytestmark = pytest.mark.timeout(1200)

DEALS = """
shape: deals
source: other_crm
columns: {owner: owner, started: started, closed: closed, value: value, product: product}
"""
LOG = """
shape: event_log
source: other_log
pipeline: {key: desk, name: Desk, stages: [{key: new, name: New}, {key: offer, name: Offer}]}
columns: {person: person, outcome: outcome, duration_s: seconds}
people: {unknown: create_inactive}
events:
  - {activity: called, record: call}
  - {activity: offered, stage: offer}
  - {activity: won, outcome: won}
  - {activity: opened, ignore: true}
"""


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


async def errors_of(tenant: Tenant, done: Any) -> list[tuple[int, str]]:
    page = await tenant.admin.get(f"/v1/imports/{done['id']}/errors")
    return [(item["row"], item["code"]) for item in page["items"]]


async def total(tenant: Tenant, metric: str, by: str = "tenant") -> dict[str, Any]:
    rows = await all_kpis(tenant.admin, metric, by, "year", "2000-01-01", "2100-01-01")
    return {row["label"]: row["value"] for row in rows if row["value"] is not None}


class TestImportLeads:
    async def test_creates_good_rows_and_reports_bad_ones_when_a_file_has_both(
        self, tenant: Tenant, tmp_path: Path
    ) -> None:
        rows = [f"客户{n},+86 138 0000 {n:04d},k{n}@example.com,1000" for n in range(1200)]
        rows[3] = ",,,"
        rows[7] = "坏,not a phone,,"
        rows[900] = "贵,,,much"
        text = "name,phone,email,value\n" + "\n".join(rows) + "\n"
        file = written(tmp_path, "leads.csv", text.encode("gbk"))
        mapping = written(
            tmp_path, "map.yaml", "columns: {phone: phone, email: email, value: value}\nempty: {phone: ['-']}"
        )
        done = await brought_in(tenant.admin, "leads", file, mapping)
        assert done["encoding"] == "gb18030"
        problems = await errors_of(tenant, done)
        # A row of commas alone is no row.
        assert [line for line, _ in problems] == [9, 902]
        assert (done["rows_total"], done["rows_failed"]) == (1199, 2)
        assert done["counts"]["leads_created"] == 1197
        assert sum((await total(tenant, "leads_created")).values()) == 1197
        found = await tenant.admin.get("/v1/leads", q="客户1111")
        assert [lead["name"] for lead in found["items"]] == ["客户1111"]


class TestImportHistory:
    async def test_reports_rows_that_leads_refuses_when_others_are_good(
        self, tenant: Tenant, tmp_path: Path
    ) -> None:
        await tenant.hire("Ann")
        text = (
            "id,owner,stage,started,closed,value,product\n"
            "1,Ann,won,2020-01-01,2020-01-11,100,Phone\n"
            f"2,Ann,won,2020-01-01,2020-01-11,100,{'x' * 300}\n"
            "3,Ann,lost,2020-01-01,2020-01-05,,Phone\n"
            "4,Nobody,lost,2020-01-01,2020-01-05,,Phone\n"
        )
        file, mapping = written(tmp_path, "deals.csv", text), written(tmp_path, "map.yaml", DEALS)
        done = await brought_in(tenant.admin, "history", file, mapping)
        assert [line for line, _ in await errors_of(tenant, done)] == [3, 5]
        assert (done["rows_done"], done["rows_failed"]) == (4, 2)
        assert await total(tenant, "deals_won", "rep") == {"Ann": 1}
        assert await total(tenant, "deals_lost", "rep") == {"Ann": 1}

    async def test_reports_rows_without_a_rate_when_the_currency_is_foreign(
        self, tenant: Tenant, tmp_path: Path
    ) -> None:
        await tenant.hire("Ann")
        rate = {"currency": "EUR", "valid_on": "2020-01-11", "rate": "1.25"}
        await tenant.admin.post("/v1/org/rates", rate)
        text = (
            "id,owner,stage,started,closed,value,product\n"
            "1,Ann,won,2020-01-11,2020-01-11,100,Phone\n"
            "2,Ann,won,2020-01-11,2020-01-12,100,Phone\n"
        )
        file = written(tmp_path, "deals.csv", text)
        mapping = written(tmp_path, "map.yaml", DEALS + "currency: EUR\n")
        done = await brought_in(tenant.admin, "history", file, mapping)
        assert await errors_of(tenant, done) == [(3, "rate_missing")]
        assert list((await total(tenant, "won_revenue")).values()) == [
            {"amount": "125.00", "currency": "USD"}
        ]

    async def test_goes_on_with_the_case_when_the_log_has_grown(self, tenant: Tenant, tmp_path: Path) -> None:
        head = "case,activity,timestamp,person,outcome,seconds\n"
        first = head + "A,opened,2020-01-01T09:00:00,Li,,\nA,called,2020-01-01T10:00:00,Li,connected,60\n"
        more = first + "A,offered,2020-01-02T09:00:00,Wu,,\nA,won,2020-01-03T09:00:00,Wu,,\n"
        mapping = written(tmp_path, "map.yaml", LOG)
        await brought_in(tenant.admin, "history", written(tmp_path, "log.csv", first), mapping)
        done = await brought_in(tenant.admin, "history", written(tmp_path, "log.csv", more), mapping)
        assert done["counts"]["deals_extended"] == 1
        assert done["counts"]["activities_unchanged"] == 1
        assert await total(tenant, "leads_assigned", "rep") == {"Li": 1, "Wu": 1}
        assert await total(tenant, "deals_won", "rep") == {"Wu": 1}
        assert await total(tenant, "calls", "rep") == {"Li": 1}
        assert await total(tenant, "first_response_seconds", "rep") == {"Li": 3600}

    async def test_counts_each_thing_once_when_every_answer_of_a_service_is_lost_once(
        self, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = "case,activity,timestamp,person,outcome,seconds\n" + "".join(
            f"C{n},opened,2020-01-01T09:00:00,P{n % 5},,\nC{n},called,2020-01-01T10:00:00,,,\n"
            f"C{n},won,2020-02-01T10:00:00,P{n % 7},,\n"
            for n in range(1100)
        )
        sent, lost = Services.post, set[bytes]()

        async def post(self: Services, service: str, path: str, body: Any, **more: Any) -> Answer:
            answer = await sent(self, service, path, body, **more)
            key = f"{path}{body}".encode()
            if key not in lost:
                lost.add(key)
                raise NotNow("the answer was lost on its way")
            return answer

        monkeypatch.setattr(Services, "post", post)
        file, mapping = written(tmp_path, "log.csv", text), written(tmp_path, "map.yaml", LOG)
        done = await brought_in(tenant.admin, "history", file, mapping)
        # The pipeline, three batches of deals, and their activities.
        assert len(lost) == 7
        assert (done["rows_done"], done["rows_failed"]) == (3300, 0)
        assert done["counts"]["people_created"] == 7
        for metric in ("leads_created", "deals_won", "calls"):
            assert sum((await total(tenant, metric)).values()) == 1100, metric
