"""Files of real companies, under other headings and in other encodings: each row is a lead or is named."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from tests.e2e.support.house import House
from tests.e2e.support.imports import all_pages, brought_in
from tests.support.shared_data import EXAMPLES, shared_data
from tests.support.speaking import Tenant

pytestmark = pytest.mark.timeout(1200)

Rows = list[dict[str, str]]

PIPELINE = {
    "opportunity_id": ("商机编号", "Opportunity ID"), "sales_agent": ("负责人", "Sales Rep"),
    "product": ("意向产品", "Product Name"), "account": ("客户名称", "Account"),
    "deal_stage": ("商机阶段", "Deal Stage"), "close_value": ("成交金额（美元）", "Close Value (USD)"),
}  # fmt: skip
ACCOUNTS = {
    "account": ("公 司 名 称*", "Company"), "revenue": ("预计金额（百万美元）", "Revenue (USD, million)"),
    "office_location": ("所在地区", "Territory"), "sector": ("行业", "Sector"),
}  # fmt: skip
APPLICATIONS = {"case_id": ("客户编号", "Record ID"), "amount_req": ("預算金額", "Estimated Value")}
CHINESE, ENGLISH = 0, 1
FORMS = ("gb18030", "utf-16", "utf-8-sig", "xlsx")
EVERY = 8
"""Of a large file one row in so many."""


def read(path: Path) -> Rows:
    """By the standard library alone."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def renamed(rows: Rows, names: Mapping[str, Sequence[str]], language: int) -> Rows:
    """With these columns only, under the headings of a language."""
    return [{heads[language]: row[name] for name, heads in names.items()} for row in rows]


def written(rows: Rows, form: str, folder: Path) -> Path:
    """The rows as a file of that form."""
    table = [[*rows[0]], *([*row.values()] for row in rows)]
    if form == "xlsx":
        book = Workbook(write_only=True)
        sheet = book.create_sheet("Sheet1")
        for cells in table:
            sheet.append(cells)
        book.save(folder / "real.xlsx")
        return folder / "real.xlsx"
    text = io.StringIO()
    csv.writer(text, delimiter="\t" if form == "utf-16" else ",").writerows(table)
    path = folder / f"real-{form}.csv"
    path.write_bytes(text.getvalue().encode(form))
    return path


async def leads_and_named(company: Tenant, file: Path) -> tuple[Any, list[Any], dict[int, str]]:
    """The finished import, every lead, and the code by row of those that were refused."""
    done = await brought_in(company.admin, "leads", file, None)
    leads = await all_pages(company.admin, "/v1/leads")
    problems = await all_pages(company.admin, f"/v1/imports/{done['id']}/errors")
    named = {each["row"]: each["code"] for each in problems}
    assert len(named) == len(problems)
    assert (done["rows_total"], done["rows_failed"]) == (done["rows_done"], len(named))
    return done, leads, named


@pytest.fixture
async def company(house: House) -> Tenant:
    return await house.new_tenant(timezone="America/New_York", currency="USD")


async def hired(company: Tenant, folder: Path) -> str:
    """The sales teams join, all but one agent: that one."""
    teams = read(shared_data("crm_sales/sales_teams.csv"))
    mapping = EXAMPLES / "crm_sales/org.yaml"
    await brought_in(company.admin, "org", written(teams[1:], "utf-8", folder), mapping)
    return teams[0]["sales_agent"]


class TestPipeline:
    """A row per deal: no account in many, the owner by name, the value empty or 0."""

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
    async def test_every_row_is_a_lead_or_named_when_headings_and_encoding_are_others(
        self, company: Tenant, tmp_path: Path, form: str, language: int
    ) -> None:
        rows = read(shared_data("crm_sales/sales_pipeline.csv"))[::EVERY]
        stranger = await hired(company, tmp_path)
        file = written(renamed(rows, PIPELINE, language), form, tmp_path)
        done, leads, named = await leads_and_named(company, file)
        assert done["rows_total"] == len(rows)
        due = {
            line: "missing_value" if not row["account"] else "unknown_rep"
            for line, row in enumerate(rows, 2)
            if not row["account"] or row["sales_agent"] == stranger
        }
        assert named == due
        good = [row for line, row in enumerate(rows, 2) if line not in due]
        amounts = Counter((row["account"], row["product"], float(row["close_value"] or 0)) for row in good)
        told = Counter((lead["name"], lead["product"], worth(lead)) for lead in leads)
        assert told == amounts
        people = await all_pages(company.admin, "/v1/org/users")
        names = {user["id"]: user["display_name"] for user in people}
        owners = Counter(names[lead["owner_id"]] for lead in leads)
        assert owners == Counter(row["sales_agent"] for row in good)


class TestAccounts:
    """Customers with their revenue in millions."""

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
    async def test_every_row_is_a_lead_when_amounts_stand_under_a_unit(
        self, company: Tenant, tmp_path: Path, form: str, language: int
    ) -> None:
        rows = read(shared_data("crm_sales/accounts.csv"))
        file = written(renamed(rows, ACCOUNTS, language), form, tmp_path)
        done, leads, named = await leads_and_named(company, file)
        assert (named, done["rows_total"]) == ({}, len(rows))
        due = {row["account"]: round(float(row["revenue"]) * 1_000_000, 2) for row in rows}
        assert {lead["company"]: worth(lead) for lead in leads} == due
        heading = ACCOUNTS["sector"][language]
        assert {"heading": heading, "field": None} in done["columns"]


class TestApplications:
    """Loans asked for: nothing but a number and an amount, so nothing says who it is."""

    @pytest.mark.parametrize("form", FORMS)
    async def test_every_row_is_named_when_nothing_says_who_it_is(
        self, company: Tenant, tmp_path: Path, form: str
    ) -> None:
        cases = {row["case_id"]: row for row in read(shared_data("bpi2012/bpi2012_events.csv.gz"))}
        rows = [row | {"name": ""} for row in [*cases.values()][::EVERY]]
        names = APPLICATIONS | {"name": ("联系人", "Contact")}
        file = written(renamed(rows, names, CHINESE), form, tmp_path)
        done, leads, named = await leads_and_named(company, file)
        assert (leads, done["rows_total"]) == ([], len(rows))
        assert named == dict.fromkeys(range(2, len(rows) + 2), "missing_value")


def worth(lead: Any) -> float:
    return float(lead["value"]["amount"]) if lead["value"] else 0.0
