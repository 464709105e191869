"""Imports of leads that change leads, that go on after a break, and whose mappings are saved."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.gateway.upstream.services import Answer, NotNow, Services
from tests.e2e.support.house import House
from tests.e2e.support.imports import brought_in, errors_of, send_file
from tests.support.speaking import Person, Tenant

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
async def company(house: House) -> Tenant:
    return await house.new_tenant(timezone="Asia/Shanghai", currency="CNY")


def written(folder: Path, text: str, name: str = "leads.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


async def by_name(person: Person) -> dict[str, Any]:
    return {lead["name"]: lead for lead in (await person.get("/v1/leads", limit=100))["items"]}


class TestKeptOut:
    async def test_a_dry_run_names_the_same_rows_when_leads_that_repeat_others_are_kept_out(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        """The first row of a phone and its repetition are further apart than what is sent at once."""
        (await company.admin.ask("PUT", "/v1/duplicate-policy", {"phone": "block"})).ok()
        rows = [f"客户{number},138{number:08d}" for number in range(1, 1102)]
        rows[1099] = "又一个客户1,13800000001"
        file = written(tmp_path, "\n".join(["姓名,手机", *rows, "客户7,138-0000-0007"]))
        dry = await brought_in(company.admin, "leads", file, None, dry_run="true")
        done = await brought_in(company.admin, "leads", file, None)
        assert dry["counts"] == done["counts"] == {"leads_created": 1100, "leads_failed": 2}
        said = [(1101, "phone", "duplicate_lead"), (1103, "phone", "duplicate_lead")]
        assert await errors_of(company.admin, dry) == await errors_of(company.admin, done) == said


class TestConsent:
    async def test_what_people_agreed_to_comes_with_their_rows_and_what_cannot_be_read_is_named(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        text = (
            "姓名,手机,同意事项,同意方式,同意时间\n"
            "王,13800138001,联系、营销,纸质,2025-03-01\n"
            "李,13800138002,是,电话,2199-01-01\n"
            "赵,13800138003,也许,电话,\n"
            "钱,13800138004,否,,\n"
            "孙,13800138005,,,\n"
        )
        file = written(tmp_path, text)
        dry = await brought_in(company.admin, "leads", file, None, dry_run="true")
        done = await brought_in(company.admin, "leads", file, None)
        assert dry["counts"] == done["counts"] == {"leads_created": 3, "leads_failed": 1}
        said = [(3, "consent_at", "in_the_future"), (4, "consent", "bad_consent")]
        assert await errors_of(company.admin, dry) == await errors_of(company.admin, done) == said
        leads = await by_name(company.admin)
        found = {name: await company.admin.get(f"/v1/leads/{leads[name]['id']}/consents") for name in leads}
        agreed = {name: one["agreed"] for name, one in found.items()}
        assert agreed == {"王": ["contact", "marketing"], "钱": [], "孙": []}
        assert {(one["how"], one["at"]) for one in found["王"]["history"]} == {
            ("paper", "2025-03-01T04:00:00Z")
        }


class TestUpdate:
    @pytest.mark.parametrize("key", ["phone", "email"])
    async def test_changes_what_rows_say_and_leaves_what_they_do_not_when_a_key_finds_the_lead(
        self, company: Tenant, tmp_path: Path, key: str
    ) -> None:
        first = "姓名,手机,邮箱,公司,来源,金额\n王,13800138001,w@example.com,华东,展会,100\n"
        await brought_in(company.admin, "leads", written(tmp_path, first), None)
        second = (
            "姓名,手机,邮箱,公司,来源,金额\n"
            "王敏,138-0013-8001,W@example.com,,<清空>,2万\n"
            "无,13800138009,n@example.com,,,\n"
        )
        dry = await brought_in(
            company.admin, "leads", written(tmp_path, second), None, mode="update", key=key, dry_run="true"
        )
        done = await brought_in(
            company.admin, "leads", written(tmp_path, second), None, mode="update", key=key
        )
        assert done["counts"] == {"leads_failed": 1, "leads_updated": 1} == dry["counts"]
        assert await errors_of(company.admin, done) == [(3, key, "no_such_lead")]
        [lead] = (await by_name(company.admin)).values()
        assert (lead["name"], lead["company"], lead["source"]) == ("王敏", "华东", None)
        assert lead["value"] == {"amount": "20000.00", "currency": "CNY"}
        again = await brought_in(
            company.admin, "leads", written(tmp_path, second), None, mode="update", key=key
        )
        assert again["counts"] == {"leads_failed": 1, "leads_unchanged": 1}

    async def test_empties_what_can_be_empty_and_names_what_cannot_when_cells_say_so(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        field = {"key": "行业", "type": "text", "labels": {"zh": "行业"}}
        (await company.admin.ask("POST", "/v1/custom-fields", field)).ok()
        first = "姓名,手机,来源,负责人,行业\n王,13800138001,展会,,钢铁\n李,13800138002,展会,,食品\n"
        await brought_in(company.admin, "leads", written(tmp_path, first), None)
        second = "姓名,手机,来源,负责人,行业\n,13800138001,<empty>,,<清空>\n,13800138002,<empty>,<清空>,\n"
        for dry_run in ("true", "false"):
            done = await brought_in(
                company.admin, "leads", written(tmp_path, second), None, mode="update", key="phone",
                dry_run=dry_run,
            )  # fmt: skip
            assert done["counts"] == {"leads_updated": 1}
            assert await errors_of(company.admin, done) == [(3, "owner", "not_to_be_emptied")]
        leads = await by_name(company.admin)
        assert (leads["王"]["source"], leads["王"]["custom"]) == (None, {})
        assert (leads["李"]["source"], leads["李"]["custom"]) == ("展会", {"行业": "食品"})

    async def test_makes_the_rest_when_leads_are_changed_or_made(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        await company.admin.create_lead("旧", phone="13800138001")
        text = "姓名,手机\n新一,13800138001\n新二,13800138002\n新三,+8613800138002\n"
        asked = {"mode": "upsert", "key": "phone"}
        dry = await brought_in(company.admin, "leads", written(tmp_path, text), None, dry_run="true", **asked)
        done = await brought_in(company.admin, "leads", written(tmp_path, text), None, **asked)
        assert dry["counts"] == done["counts"] == {"leads_created": 1, "leads_updated": 2}
        assert set(await by_name(company.admin)) == {"新一", "新三"}

    async def test_finds_no_lead_when_it_is_not_the_callers_to_see(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        rep = await company.hire("rep")
        await company.admin.create_lead("别人的", phone="13800138001")
        text = "姓名,手机\n我的,13800138001\n"
        done = await brought_in(rep, "leads", written(tmp_path, text), None, mode="update", key="phone")
        assert await errors_of(rep, done) == [(2, "phone", "no_such_lead")]
        assert set(await by_name(company.admin)) == {"别人的"}

    async def test_is_refused_when_no_key_says_which_lead_is_meant(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        file = written(tmp_path, "姓名\n王\n")
        for fields in ({"mode": "update"}, {"key": "phone"}, {"mode": "update", "key": "name"}):
            with pytest.raises(AssertionError, match="invalid_request"):
                await send_file(company.admin, "leads", file, None, **fields)


class TestOwner:
    async def test_gives_leads_to_whom_the_file_names_when_they_may_be_given(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        rep = await company.hire("王敏")
        await company.hire("李雷")
        text = "姓名,手机,负责人\n一,13800138001,王敏\n二,13800138002,李雷\n三,13800138003,没有\n"
        mine = await brought_in(rep, "leads", written(tmp_path, text), None)
        assert [(row, code) for row, _, code in await errors_of(rep, mine)] == [
            (3, "assign_not_allowed"), (4, "unknown_rep"),
        ]  # fmt: skip
        await brought_in(company.admin, "leads", written(tmp_path, text, "same.csv"), None)
        found = await by_name(company.admin)
        assert {name: lead["owner_id"] for name, lead in found.items()} == {
            "一": company.people["王敏"], "二": company.people["李雷"],
        }  # fmt: skip


class TestBreaks:
    async def test_makes_each_lead_once_and_tells_so_when_every_answer_is_lost_once(
        self, company: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [f"客户{n},138{n:08d}" for n in range(2_300)]
        file = written(tmp_path, "姓名,手机\n" + "\n".join(rows) + "\n")
        sent, lost = Services.stream, set[bytes]()

        async def stream(
            self: Services, service: str, path: str, lines: AsyncIterator[bytes], **more: Any
        ) -> Answer:
            shared, rows = await anext(lines), await anext(lines)
            answer = await sent(self, service, path, _then(shared + rows, lines), **more)
            if rows not in lost:
                lost.add(rows)
                raise NotNow("the answer was lost on its way")
            return answer

        monkeypatch.setattr(Services, "stream", stream)
        done = await brought_in(company.admin, "leads", file, None)
        assert len(lost) == 3
        assert done["counts"] == {"leads_created": 2_300}
        assert done["notes"] == []
        rows_of_kpi = (await company.admin.kpis("leads_created", "tenant", grain="year")).values()
        assert sum(rows_of_kpi) == 2_300
        monkeypatch.undo()
        again = await brought_in(company.admin, "leads", file, None)
        assert again["counts"] == {"leads_unchanged": 2_300}

    async def test_parts_lie_there_together_and_are_taken_one_after_another_when_a_file_has_many(
        self, company: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Each phone stands in every part: whatever is taken out of turn is told of a later row.
        rows = [f"客户{n},138{n % 50:08d}" for n in range(3_500)]
        file = written(tmp_path, "姓名,手机\n" + "\n".join(rows) + "\n")
        sent, told, lie_there = Services.stream, list[tuple[str, int]](), [asyncio.Event() for _ in range(5)]
        parts = itertools.count(1)

        async def stream(
            self: Services, service: str, path: str, lines: AsyncIterator[bytes], **more: Any
        ) -> Answer:
            part = next(parts)
            answer = await sent(self, service, path, _watched(lines, part, told, lie_there[part]), **more)
            if part < 4:
                await asyncio.wait_for(lie_there[part + 1].wait(), 120)
            told.append(("answered", part))
            return answer

        monkeypatch.setattr(Services, "stream", stream)
        done = await brought_in(company.admin, "leads", file, None)
        assert done["counts"] == {"leads_created": 3_500}
        assert told == [(what, part) for part in (1, 2, 3, 4) for what in ("let go", "answered")]
        notes = {(note["detail"], note["count"], note["first_row"]) for note in done["notes"]}
        assert notes == {(f"same phone as row {row}", 69, row + 50) for row in range(2, 52)}

    async def test_nothing_is_taken_out_of_turn_when_the_rows_before_are_not_taken(
        self, company: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [f"客户{n},139{n % 1000:08d}" for n in range(2_000)]
        file = written(tmp_path, "姓名,手机\n" + "\n".join(rows) + "\n")
        sent, refused = Services.stream, list[bytes]()

        async def stream(
            self: Services, service: str, path: str, lines: AsyncIterator[bytes], **more: Any
        ) -> Answer:
            shared, rows = await anext(lines), await anext(lines)
            if not refused:
                # The part behind it has reached the service by now, or will: it waits in any case.
                refused.append(rows)
                raise NotNow("the service does not answer")
            return await sent(self, service, path, _then(shared + rows, lines), **more)

        monkeypatch.setattr(Services, "stream", stream)
        done = await brought_in(company.admin, "leads", file, None)
        assert done["counts"] == {"leads_created": 2_000}
        leads = (await company.admin.get("/v1/leads", limit=10, q="13900000007"))["items"]
        first, second = sorted(leads, key=lambda lead: int(lead["name"].removeprefix("客户")))
        assert (first["name"], second["name"]) == ("客户7", "客户1007")
        assert (first["duplicate_of"], second["duplicate_of"]) == (None, first["id"])


async def _then(begun: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield begun
    async for line in rest:
        yield line


async def _watched(
    lines: AsyncIterator[bytes], part: int, told: list[tuple[str, int]], lies_there: asyncio.Event
) -> AsyncIterator[bytes]:
    """Tells when its rows are on their way, and when they may be taken."""
    async for line in lines:
        if line == b"\n":
            told.append(("let go", part))
        yield line
        lies_there.set()


class TestSavedMappings:
    CONTENT = "columns: {name: kunde, phone: telefon}\nsource: berlin\n"

    async def test_is_used_by_name_and_known_by_the_header_when_a_source_sends_again(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        saved = await company.admin.post(
            "/v1/import-mappings", {"name": "Berlin", "kind": "leads", "content": self.CONTENT}
        )
        first = written(tmp_path, "Telefon;Kunde;sonst\n+49 30 1234567;Meier;x\n")
        asked = await brought_in(company.admin, "leads", first, written(tmp_path, "Berlin", "name"))
        assert (asked["mapping_name"], asked["counts"]) == ("Berlin", {"leads_created": 1})
        second = written(tmp_path, "Liste von heute\nKUNDE,Sonst,Telefon\nSchulz,y,+49 30 7654321\n")
        known = await brought_in(company.admin, "leads", second, None)
        assert (known["mapping_name"], known["counts"]) == ("Berlin", {"leads_created": 1})
        assert {column["heading"]: column["field"] for column in known["columns"]} == {
            "KUNDE": "name", "Sonst": None, "Telefon": "phone",
        }  # fmt: skip
        assert set(await by_name(company.admin)) == {"Meier", "Schulz"}
        path = f"/v1/import-mappings/{saved['id']}"
        assert (await company.admin.ask("DELETE", path)).status == 204
        refused = await company.admin.ask("GET", path)
        assert refused.status == 404

    async def test_is_refused_when_it_cannot_be_used_or_its_name_is_taken(self, company: Tenant) -> None:
        wanted = {"name": "Berlin", "kind": "leads", "content": self.CONTENT}
        made = await company.admin.ask("POST", "/v1/import-mappings", json=wanted)
        assert made.status == 201
        taken = await company.admin.ask("POST", "/v1/import-mappings", json=wanted)
        assert (taken.status, taken.code) == (409, "mapping_name_taken")
        path = f"/v1/import-mappings/{made.json['id']}"
        bad = await company.admin.ask("PATCH", path, json={"content": "colour: red"})
        assert (bad.status, bad.code) == (422, "bad_mapping")
        changed = await company.admin.ask("PATCH", path, json={"name": "Berlin Mitte"})
        assert (changed.status, changed.json["version"]) == (200, 2)
        rep = await company.hire("rep")
        assert (await rep.ask("POST", "/v1/import-mappings", json=wanted)).status == 403


class TestCustomFields:
    async def test_fills_the_fields_that_headings_name_when_the_tenant_has_such_fields(
        self, company: Tenant, tmp_path: Path
    ) -> None:
        await company.admin.post(
            "/v1/custom-fields", {"key": "staff", "labels": {"zh": "员工人数"}, "type": "integer"}
        )
        text = '姓名,手机,员工人数,无名\n王,13800138001,"1,200",x\n李,13800138002,很多,y\n'
        done = await brought_in(company.admin, "leads", written(tmp_path, text), None)
        assert [(row, field) for row, field, _ in await errors_of(company.admin, done)] == [(3, "staff")]
        [lead] = (await by_name(company.admin)).values()
        assert lead["custom"] == {"staff": 1200}
        fields = {column["heading"]: column["field"] for column in done["columns"]}
        assert (fields["员工人数"], fields["无名"]) == ("custom.staff", None)
