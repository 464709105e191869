"""Files that nobody prepared: each bad row named, every other one in, the dry run no different."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support.house import House
from tests.e2e.support.imports import all_pages, brought_in
from tests.support.dirty_leads import OWNERS, Dirty
from tests.support.speaking import Tenant

pytestmark = pytest.mark.timeout(1200)

TOLD = ("state", "rows_total", "rows_done", "rows_failed", "counts", "notes", "columns", "encoding")


@pytest.fixture
async def company(house: House) -> Tenant:
    tenant = await house.new_tenant(timezone="Asia/Shanghai", currency="CNY")
    for name in OWNERS:
        await tenant.hire(name)
    return tenant


async def check(company: Tenant, dirty: Dirty, file: Path) -> Any:
    dry = await brought_in(company.admin, "leads", file, None, dry_run="true")
    assert await all_pages(company.admin, "/v1/leads") == []
    done = await brought_in(company.admin, "leads", file, None)
    assert {name: dry[name] for name in TOLD} == {name: done[name] for name in TOLD}
    problems = await all_pages(company.admin, f"/v1/imports/{done['id']}/errors")
    assert problems == await all_pages(company.admin, f"/v1/imports/{dry['id']}/errors")
    assert Counter((each["row"], each["code"]) for each in problems) == Counter(dirty.bad)
    assert (done["rows_total"], done["rows_failed"]) == (len(dirty.good) + len(dirty.bad), len(dirty.bad))
    leads = {lead["company"]: lead for lead in await all_pages(company.admin, "/v1/leads")}
    assert len(leads) == len(dirty.good)
    for row in dirty.good:
        lead = leads[row.cells[0].strip()]
        value = lead["value"] and lead["value"]["amount"]
        assert (lead["phone"], value) == (row.phone, row.amount), row
        assert (lead["owner_id"] is None) == (row.cells[5] == "")
    return done


class TestDirtyFiles:
    async def test_brings_all_but_the_bad_rows_in_when_a_file_of_nine_thousand_has_every_sort_of_dirt(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        dirty = Dirty(seed=20250203, count=9_000)
        file = tmp_path / "客户.csv"
        file.write_bytes(dirty.as_csv("utf-8-sig"))
        done = await check(company, dirty, file)
        columns = {column["heading"]: column["field"] for column in done["columns"]}
        assert columns == {
            "客户名称 (必填)": "company", "聯繫人": "name", "手 机 号 码*": "phone", "E-Mail": "email",
            "预计金额（元）": "value", "负责人": "owner", "线索来源：": "source", "省份": "region",
            "标签": "tags", "备 注": None,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("encoding", "delimiter", "end"),
        [
            ("gb18030", ";", "\n"),
            ("utf-16", "\t", "\r\n"),
            ("utf-16-be", ",", "\r\n"),
            ("gb18030", ",", "\r"),
        ],
    )
    async def test_is_the_same_when_the_file_is_written_otherwise(
        self, company: Tenant, tmp_path: Path, encoding: str, delimiter: str, end: str
    ) -> None:
        dirty = Dirty(seed=len(encoding + delimiter), count=400, spoilt_text=end != "\r")
        file = tmp_path / "leads.txt"
        file.write_bytes(dirty.as_csv(encoding, delimiter=delimiter, end=end))
        await check(company, dirty, file)

    async def test_is_the_same_when_it_is_a_spreadsheet(self, company: Tenant, tmp_path: Path) -> None:
        dirty = Dirty(seed=5, count=400, spoilt_text=False)
        file = tmp_path / "leads.xlsx"
        file.write_bytes(dirty.as_xlsx())
        done = await check(company, dirty, file)
        assert done["encoding"] == "xlsx"
