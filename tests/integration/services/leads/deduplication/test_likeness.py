from __future__ import annotations

from typing import Any
from uuid import UUID

from services.leads.deduplication.likeness.use_cases import AT_ONCE, compare, compare_next
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.deduplication.test_duplicate_policy import policy
from tests.integration.services.leads.deduplication.test_merging import MOBILE, merged, owned, seen, unmerged
from tests.support.asgi import Answer
from tests.support.companies import labelled, quality

TENCENT = "深圳市腾讯计算机系统有限公司"


async def compared(desk: Desk, settings: Settings, *leads: str) -> None:
    """What the reaction does."""
    database = Database(make_engine(settings, "leads", "app", pool_size=1))
    try:
        async with database.transaction(Access(desk.tenant_id)) as tx:
            if leads:
                await compare(tx, desk.tenant_id, [UUID(lead) for lead in leads], desk.clock.at)
            else:
                await compare_next(tx, desk.tenant_id, {}, desk.clock.at)
    finally:
        await database.dispose()


async def pair(desk: Desk, settings: Settings, one: str, other: str) -> tuple[str, str]:
    await policy(desk, company="flag")
    leads = [(await owned(desk, company=name))["id"] for name in (one, other)]
    await compared(desk, settings, *leads)
    return leads[0], leads[1]


async def suspects(desk: Desk, by: str = "head") -> list[dict[str, Any]]:
    answer = await desk(by, "GET", "/v1/duplicate-suspects")
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def decide(desk: Desk, suspect: str, how: str, by: str = "head", **body: Any) -> Answer:
    return await desk(by, "POST", f"/v1/duplicate-suspects/{suspect}/{how}", body or None)


async def duplicates(desk: Desk, lead: str, by: str = "head") -> dict[str, list[dict[str, Any]]]:
    answer = await desk(by, "GET", f"/v1/leads/{lead}/duplicates")
    assert answer.status == 200, answer
    return {one["id"]: one["why"] for one in answer.json()["items"]}


class TestComparing:
    async def test_two_are_suspected_when_their_names_are_alike(self, desk: Desk, settings: Settings) -> None:
        first, second = await pair(desk, settings, TENCENT, "腾讯计算机系统(深圳)")
        [told] = await suspects(desk)
        assert (told["lead_id"], told["other_id"], told["state"]) == (second, first, "open")
        assert told["likeness"] >= 80

    async def test_nothing_is_compared_when_nobody_asked(self, desk: Desk, settings: Settings) -> None:
        for _ in range(2):
            lead = await owned(desk, company=TENCENT)
            await compared(desk, settings, lead["id"])
        assert await suspects(desk) == []

    async def test_what_is_stored_is_compared_when_it_is_asked_for(
        self, desk: Desk, settings: Settings
    ) -> None:
        first, second = [(await owned(desk, company=TENCENT))["id"] for _ in range(2)]
        await policy(desk, company="flag")
        due = "select count(*) from timers where tenant_id = $1 and kind = 'leads.compare_companies'"
        assert await desk.admin.fetchval(due, desk.tenant_id) == 1
        await compared(desk, settings)
        assert [(one["lead_id"], one["other_id"]) for one in await suspects(desk)] == [(second, first)]

    async def test_it_goes_on_behind_when_there_are_more(self, desk: Desk, settings: Settings) -> None:
        items = [{"company": f"公司{at:04}"} for at in range(AT_ONCE + 1)]
        await desk("head", "POST", "/v1/leads/batch", {"items": items})
        await policy(desk, company="flag")
        await compared(desk, settings)
        last = "select payload from timers where tenant_id = $1 and kind = 'leads.compare_companies'"
        payloads = {row["payload"] for row in await desk.admin.fetch(last, desk.tenant_id)}
        assert any("after" in payload for payload in payloads)

    async def test_another_name_is_compared_anew_when_it_changes(
        self, desk: Desk, settings: Settings
    ) -> None:
        _, second = await pair(desk, settings, TENCENT, TENCENT)
        await desk("head", "PATCH", f"/v1/leads/{second}", {"company": "华为技术有限公司"})
        await compared(desk, settings, second)
        assert await suspects(desk) == []

    async def test_a_branch_is_another_company(self, desk: Desk, settings: Settings) -> None:
        await pair(desk, settings, TENCENT, f"{TENCENT}北京分公司")
        assert await suspects(desk) == []


class TestDeciding:
    async def test_the_later_goes_into_the_earlier_when_confirmed(
        self, desk: Desk, settings: Settings
    ) -> None:
        first, second = await pair(desk, settings, TENCENT, TENCENT)
        [told] = await suspects(desk)
        answer = await decide(desk, told["id"], "merge")
        assert (answer.status, answer.json()["state"]) == (200, "merged")
        assert (await seen(desk, second))["merged_into"] == first
        assert await suspects(desk) == []
        await unmerged(desk, second)
        await compared(desk, settings, second)
        assert await suspects(desk) == []
        assert (await decide(desk, told["id"], "merge")).code == "decided_before"

    async def test_the_other_way_round_when_asked(self, desk: Desk, settings: Settings) -> None:
        first, second = await pair(desk, settings, TENCENT, TENCENT)
        [told] = await suspects(desk)
        assert (await decide(desk, told["id"], "merge", into=second)).status == 200
        assert (await seen(desk, first))["merged_into"] == second

    async def test_they_stay_two_when_dismissed(self, desk: Desk, settings: Settings) -> None:
        _, second = await pair(desk, settings, TENCENT, TENCENT)
        [told] = await suspects(desk)
        assert (await decide(desk, told["id"], "dismiss")).json()["state"] == "dismissed"
        for name in ("华为技术有限公司", TENCENT):
            await desk("head", "PATCH", f"/v1/leads/{second}", {"company": name})
            await compared(desk, settings, second)
        assert await suspects(desk) == []

    async def test_nobody_is_told_who_does_not_see_both(self, desk: Desk, settings: Settings) -> None:
        await policy(desk, company="flag")
        for owner in ("north1", "south1"):
            lead = await owned(desk, owner, company=TENCENT)
            await compared(desk, settings, lead["id"])
        [told] = await suspects(desk)
        for by in ("north1", "south1", "boss"):
            assert await suspects(desk, by) == []
            assert (await decide(desk, told["id"], "dismiss", by)).code == "unknown_suspect"


class TestDuplicates:
    async def test_each_tells_why_when_asked_of_a_lead(self, desk: Desk, settings: Settings) -> None:
        await policy(desk, company="flag", family="flag")
        lead = await owned(desk, phone=MOBILE, email="a@example.com", company=TENCENT)
        both = await owned(desk, phone=MOBILE, email="a@example.com")
        alike = await owned(desk, company=TENCENT)
        spouse = await owned(desk, phone="13900139000")
        body = {"relation": "spouse", "phone": "13900139000"}
        assert (await desk("head", "POST", f"/v1/leads/{lead['id']}/relatives", body)).status == 201
        await owned(desk, company="别的公司")
        await compared(desk, settings, lead["id"], alike["id"])
        told = await duplicates(desk, lead["id"])
        whys = {other: [why["kind"] for why in whys] for other, whys in told.items()}
        assert whys == {
            both["id"]: ["email", "phone"], alike["id"]: ["company"], spouse["id"]: ["family"],
        }  # fmt: skip
        assert [why["kind"] for why in (await duplicates(desk, spouse["id"]))[lead["id"]]] == ["family"]
        assert told[alike["id"]][0]["suspect_id"] == (await suspects(desk))[0]["id"]

    async def test_the_lead_that_stands_is_told_when_one_was_merged(self, desk: Desk) -> None:
        lead, same, other = [await owned(desk, phone=each) for each in (MOBILE, MOBILE, None)]
        await merged(desk, same["id"], other["id"])
        assert list(await duplicates(desk, lead["id"])) == [other["id"]]
        await merged(desk, lead["id"], other["id"])
        assert await duplicates(desk, other["id"]) == {}

    async def test_others_leads_are_not_told(self, desk: Desk) -> None:
        mine, _ = await owned(desk, "north1", phone=MOBILE), await owned(desk, "south1", phone=MOBILE)
        assert await duplicates(desk, mine["id"], "north1") == {}
        assert (await desk("south1", "GET", f"/v1/leads/{mine['id']}/duplicates")).code == "unknown_lead"


class TestQuality:
    async def test_most_are_told_and_few_wrongly_on_names_never_seen(
        self, desk: Desk, settings: Settings
    ) -> None:
        """Through the database's index; `./cox bench DUPLICATES` measures more of them."""
        await policy(desk, company="flag")
        names = labelled("held_out", 250)
        items = [{"company": each.name} for each in names]
        made = (await desk("head", "POST", "/v1/leads/batch", {"items": items})).json()["items"]
        place = {UUID(one["id"]): at for at, one in enumerate(made)}
        await compared(desk, settings, *map(str, place))
        rows = await desk.admin.fetch(
            "select lead_id, other_id from duplicate_suspects where tenant_id = $1", desk.tenant_id
        )
        pairs = (sorted((place[row["lead_id"]], place[row["other_id"]])) for row in rows)
        found = quality(names, {(one, other) for one, other in pairs})
        assert found.precision >= 0.92, found
        assert found.recall >= 0.87, found
