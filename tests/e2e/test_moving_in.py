"""Scenario 10: a company moves in with a file of its old CRM, through the whole product."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support.house import House
from tests.e2e.support.imports import brought_in, errors_file, errors_of, month_values
from tests.support.speaking import Tenant

pytestmark = pytest.mark.timeout(1200)

HEADER = "客户名称,手机,金额,负责人,状态,创建时间,成交时间"
ROWS = [
    "华东机械,13800138001,50000,王敏,赢单,2025-01-06,2025-01-20",
    "南方电子,138 0013 8002,80000.50,李雷,赢单,2025-01-10,2025-02-18",
    "北京科技,13800138003,,王敏,输单,2025-02-03,2025-02-27",
    "西部能源,13800138004,12000,李雷,赢单,2025-02-30,2025-03-01",
    "中原食品,13800138005,30000,李雷,赢单,2025年3月3日,2025/3/20",
    "长江物流,13800138006,9000,赵六,赢单,2025-03-05,2025-03-25",
    "黄河建材,13800138007,,王敏,跟进中,2025-03-09,",
    "东海渔业,13800138008,1.2万,王敏,赢单,2025-04-01,2025-04-15",
    "泰山茶叶,138001380091,7000,李雷,赢单,2025-04-02,2025-04-20",
    "华东机械二期,+86 138-0013-8001,20000,王敏,赢单,2025-05-06,2025-05-30",
]
"""Line 2 is the first of them. Bad ones are in lines 5, 7 and 10; the last is the first one's second deal."""
CORRECTED = {
    "13800138004": ("2025-02-30", "2025-02-28"),
    "13800138006": ("赵六", "李雷"),
    "138001380091": ("138001380091", "13800138009"),
}


def moving(tmp_path: Path, rows: list[str] = ROWS) -> Path:
    path = tmp_path / "纷享销客.csv"
    path.write_bytes(("\r\n".join([HEADER, *rows]) + "\r\n").encode("gbk"))
    return path


@pytest.fixture
async def company(house: House) -> Tenant:
    """In Shanghai, with the two who sold; what leads are given to live would be told by rules and clocks."""
    tenant = await house.new_tenant(timezone="Asia/Shanghai", currency="CNY")
    east = await tenant.team("华东")
    for name in ("王敏", "李雷"):
        await tenant.hire(name, "华东")
    await tenant.admin.post(
        "/v1/assignment-rules",
        {"name": "everyone", "strategy": "round_robin", "candidates": {"unit_id": east}},
    )
    return tenant


def told(report: Any) -> dict[str, Any]:
    """What a dry run and the run itself must say alike."""
    names = ("state", "rows_total", "rows_done", "rows_failed", "counts", "notes", "columns", "unmapped")
    return {name: report[name] for name in names}


class TestMovingIn:
    async def test_stands_in_its_past_months_when_it_is_imported(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        file = moving(tmp_path)
        dry = await brought_in(company.admin, "history", file, None, dry_run="true")
        assert (await company.admin.get("/v1/leads"))["items"] == []
        done = await brought_in(company.admin, "history", file, None)
        assert told(dry) == told(done)
        assert await errors_of(company.admin, dry) == await errors_of(company.admin, done)
        assert (done["rows_total"], done["rows_failed"], done["counts"]["deals_created"]) == (10, 3, 7)
        assert [(row, field, code) for row, field, code in await errors_of(company.admin, done)] == [
            (5, "started", "bad_date"), (7, "owner", "unknown_rep"), (10, "phone", "bad_phone"),
        ]  # fmt: skip
        notes = {(note["code"], note["detail"], note["first_row"]) for note in done["notes"]}
        assert ("amount_read", "'1.2万' read as 12000.00", 9) in notes
        same = [row for code, detail, row in notes if code == "same_customer" and "phone as row 2" in detail]
        assert same == [11]
        revenue = await month_values(company.admin, "won_revenue", "王敏")
        assert revenue == {"2025-01": "50000.00", "2025-04": "12000.00", "2025-05": "20000.00"}
        assert await month_values(company.admin, "deals_lost", "王敏") == {"2025-02": 1}

    async def test_changes_nothing_when_it_comes_again(self, company: Tenant, tmp_path: Path) -> None:
        file = moving(tmp_path)
        await brought_in(company.admin, "history", file, None)
        again = await brought_in(company.admin, "history", file, None)
        assert (again["counts"]["deals_unchanged"], again["rows_failed"], again["positions"]) == (7, 3, [])
        assert "deals_created" not in again["counts"]

    @pytest.mark.parametrize("form", ["csv", "xlsx"])
    async def test_adds_the_rest_when_the_rows_to_correct_come_back(
        self, company: Tenant, tmp_path: Path, form: str
    ) -> None:
        done = await brought_in(company.admin, "history", moving(tmp_path), None)
        file = await errors_file(company.admin, done["id"], form, tmp_path)
        corrected = correct(file, CORRECTED)
        added = await brought_in(company.admin, "history", corrected, None)
        assert (added["corrects"], added["rows_total"], added["rows_failed"]) == (done["id"], 3, 0)
        assert added["counts"] == {"deals_created": 3}
        assert len((await company.admin.get("/v1/leads", limit=100))["items"]) == 10

    async def test_takes_only_what_was_refused_when_the_whole_file_comes_back(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        done = await brought_in(company.admin, "history", moving(tmp_path), None)
        rows = [swapped(row, CORRECTED) for row in ROWS]
        rows[0] = rows[0].replace("50000", "60000")
        added = await brought_in(company.admin, "history", moving(tmp_path, rows), None, corrects=done["id"])
        assert added["counts"] == {"deals_created": 3, "rows_skipped": 7}

    async def test_sets_nothing_off_when_it_is_history(self, company: Tenant, tmp_path: Path) -> None:
        await brought_in(company.admin, "history", moving(tmp_path), None)
        await company.admin.lead_when(
            (await company.admin.create_lead("今天来的"))["id"], lambda lead: lead["owner_id"] is not None
        )
        # What reads new leads has passed all of the history by now.
        for lead in (await company.admin.get("/v1/leads", limit=100))["items"]:
            if lead["name"] == "今天来的":
                continue
            assert lead["pooled_at"] is None
            assignments = (await company.admin.get(f"/v1/leads/{lead['id']}/assignments"))["items"]
            assert [each["how"] for each in assignments] == ["import"]

    async def test_names_the_row_when_a_check_digit_is_wrong_and_defuses_what_a_spreadsheet_would_run(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        file = tmp_path / "codes.csv"
        file.write_text(
            "客户名称,统一社会信用代码,手机,状态,成交时间\n"
            "好公司,91350100M000100Y43,13800138001,赢单,2025-01-20\n"
            "=cmd|' /C calc'!A0,91350100M000100Y44,13800138002,赢单,2025-01-20\n",
            "utf-8",
        )
        done = await brought_in(company.admin, "history", file, None)
        assert await errors_of(company.admin, done) == [(3, "credit_code", "bad_credit_code")]
        to_correct = await errors_file(company.admin, done["id"], "csv", tmp_path)
        assert to_correct.read_bytes().startswith(b"\xef\xbb\xbf")
        [_, row] = csv.reader(io.StringIO(to_correct.read_text("utf-8-sig")))
        assert row[0] == "3"
        assert row[2] == "'=cmd|' /C calc'!A0"
        mended = correct(to_correct, {"91350100M000100Y44": ("91350100M000100Y44", "91350100M000100Y43")})
        added = await brought_in(company.admin, "history", mended, None)
        assert added["counts"] == {"deals_created": 1}
        found = await company.admin.get("/v1/leads", q="calc")
        assert [lead["name"] for lead in found["items"]] == ["=cmd|' /C calc'!A0"]


def swapped(text: str, corrections: dict[str, tuple[str, str]]) -> str:
    for mark, (wrong, right) in corrections.items():
        if mark in text.replace(" ", "").split(","):
            text = text.replace(wrong, right)
    return text


def correct(path: Path, corrections: dict[str, tuple[str, str]]) -> Path:
    """The file as somebody saves it who has corrected some of its cells."""
    if path.suffix == ".xlsx":
        from openpyxl import load_workbook

        book = load_workbook(path)
        for cells in book["rows"].iter_rows():
            row = [str(cell.value or "") for cell in cells]
            for mark, (wrong, right) in corrections.items():
                for cell in cells:
                    if mark in row and cell.value == wrong:
                        cell.value = right
        book.save(path)
        return path
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    for row in rows:
        for mark, (wrong, right) in corrections.items():
            if mark in row:
                row[:] = [right if cell == wrong else cell for cell in row]
    made = io.StringIO()
    csv.writer(made).writerows(rows)
    path.write_text(made.getvalue(), "utf-8")
    return path
