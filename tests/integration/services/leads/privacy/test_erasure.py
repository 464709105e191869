"""A person is forgotten: nothing of them is left, numbers stay, and nobody can bring anything back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.leads.capture.intake.emptying import STAYS
from services.leads.capture.intake.tables import leads
from services.leads.privacy.erasure.use_cases import let_go
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.pools.test_pool import make_pool, pooled

PHONE = "13812340001"
MARK = "Zhuge Quanming"
PERSON: dict[str, Any] = {
    "name": MARK, "phone": PHONE, "email": "quanming@shu.example.com", "company": f"{MARK} Tea",
    "tags": ["friend of quanming"], "custom": {"hobby": "quanming sails"},
    "wecom_id": "wmQuanmingQuanming1234",
    "source": "fair", "region": "north", "value": {"amount": "120.00", "currency": "CNY"},
}  # fmt: skip
SPOUSE = {"relation": "spouse", "name": f"{MARK} Li", "phone": "13812340008"}
REASON = {"reason": "asked for by letter of 2 March"}


async def erase(desk: Desk, lead: str, by: str = "head", **body: Any) -> Any:
    return await desk(by, "POST", f"/v1/leads/{lead}/erase", REASON | body)


async def shown(desk: Desk, lead: str) -> dict[str, Any]:
    answer = await desk("head", "GET", f"/v1/leads/{lead}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


async def left(desk: Desk, *words: str) -> list[str]:
    """In which tables of the whole database one of these words stands, as far as it is this tenant's."""
    found = []
    tables = await desk.admin.fetch(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = 'public' and c.relkind = 'r'"
    )
    pattern = "|".join(words)
    for (table,) in tables:
        count = await desk.admin.fetchval(
            f'select count(*) from "{table}" t where t::text ~* $1 and t::text ~ $2',  # noqa: S608
            pattern,
            str(desk.tenant_id),
        )
        found += [table] if count else []
    return found


class TestEmptied:
    async def test_nothing_of_the_person_is_left_when_they_were_everywhere(self, desk: Desk) -> None:
        pool = await make_pool(desk, cooling_days=0)
        lead = await pooled(desk, pool, **PERSON)
        path = f"/v1/leads/{lead}"
        for number, (by, method, more, body) in enumerate(
            [
                ("north1", "POST", "/claim", None),
                (
                    "north1",
                    "PATCH",
                    "",
                    {"name": f"{MARK} II", "phone": "13812340009", "custom": {"x": MARK}},
                ),
                (
                    "north1",
                    "POST",
                    "/consents",
                    {"purposes": ["contact"], "how": "call", "evidence": f"{MARK} yes"},
                ),
                (
                    "north1",
                    "POST",
                    "/relatives",
                    SPOUSE,
                ),
                (
                    "north1",
                    "PUT",
                    "/qualification",
                    {"need": {"answer": "yes", "evidence": f"{MARK} has none"}},
                ),
                ("north1", "POST", "/invalid", {"reason": "empty_number", "note": f"{MARK} moved"}),
                (
                    "head",
                    "POST",
                    "/assign",
                    {"owner_id": str(desk.users["north2"]), "reason": f"knows {MARK}"},
                ),
                ("north2", "POST", "/release", {"reason": f"{MARK} is rude"}),
                ("head", "POST", "/assign", {"owner_id": str(desk.users["north2"])}),
                ("north2", "POST", "/move", {"to": "lost", "reason": f"{MARK} went elsewhere"}),
            ]
        ):
            answer = await desk(by, method, path + more, body, idempotency_key=f"k{number}")
            assert answer.status < 300, answer
        for path, body in (
            ("/v1/views", {"name": "mine", "filters": {"q": MARK}}),
            ("/v1/exports", {"columns": ["name"], "format": "csv", "reason": "test", "filters": {"q": MARK}}),
        ):
            made = await desk("north1", "POST", path, body)
            assert made.status == 201, made
        words = ("quanming", "1381234000", "wmQuanming")
        assert "leads" in await left(desk, *words)
        assert (await erase(desk, lead)).status == 200
        assert await left(desk, *words) == []
        assert await left(desk, "7175616e6d696e67") == [], "in no bytea either"

    async def test_what_numbers_stand_on_stays_when_the_rest_goes(self, desk: Desk) -> None:
        lead = (await desk.lead(**PERSON))["id"]
        await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": str(desk.users["north1"])})
        before = await shown(desk, lead)
        assert await loads(desk) == {"north1": 1}
        [done] = (await erase(desk, lead)).json()["erased"]
        assert (done["lead_id"], done["kept"], done["reason"]) == (lead, None, REASON["reason"])
        now = await shown(desk, lead)
        for name in ("source", "region", "value", "stage", "status", "started_at", "created_at"):
            assert now[name] == before[name], name
        for name in ("name", "phone", "phone_text", "email", "email_text", "company", "owner_id", "wecom_id"):
            assert now[name] is None, name
        assert (now["tags"], now["custom"], now["do_not_contact"]) == ([], {}, True)
        assert now["erased_at"] == done["erased_at"]
        assert await loads(desk) == {"north1": 0}
        kinds = [kind for _, kind, _ in await desk.events(lead)]
        assert kinds == ["lead_created", "lead_assigned", "person_erased"]

    def test_each_column_is_named_that_outlives_the_person(self) -> None:
        """A new column is emptied unless somebody has thought about it."""
        assert {column.name for column in leads.columns} >= STAYS

    async def test_it_is_found_by_nothing_any_more(self, desk: Desk) -> None:
        lead = (await desk.lead(**PERSON))["id"]
        await erase(desk, lead)
        for query in (PHONE, "quanming", "tea"):
            assert (await desk("head", "GET", f"/v1/leads?q={query}")).json()["items"] == []
        again = await desk.lead(**PERSON)
        assert again["duplicate_of"] is None

    async def test_the_trail_tells_who_erased_it_and_that_values_are_lost(self, desk: Desk) -> None:
        lead = (await desk.lead(**PERSON))["id"]
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"name": "Other", "source": "web"})
        await erase(desk, lead)
        answer = await desk("head", "GET", f"/v1/leads/{lead}/audit?kind=change")
        erased, changed, _ = answer.json()["items"]
        assert (erased["event"], erased["user_id"]) == (
            "cox.leads.person_erased.v1", str(desk.users["head"]),
        )  # fmt: skip
        told = {one["field"]: (one["before"], one["lost"]) for one in changed["changes"]}
        assert told == {"name": (None, True), "source": ("fair", False)}


class TestKept:
    async def test_the_company_of_a_won_deal_is_kept_for_its_time_and_shown_to_admins_only(
        self, desk: Desk, settings: Settings
    ) -> None:
        lead = (await desk.lead(**PERSON | {"company": "Shu Trading"}))["id"]
        await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": str(desk.users["north1"])})
        await desk("head", "POST", f"/v1/leads/{lead}/move", {"to": "won"})
        [done] = (await erase(desk, lead)).json()["erased"]
        assert (done["kept"], done["kept_until"]) == ({"company": "Shu Trading"}, "2036-03-02")
        now = await shown(desk, lead)
        assert (now["company"], now["value"]["amount"], now["status"]) == (None, "120.00", "won")
        assert now["owner_id"] == str(desk.users["north1"])
        assert (await desk("head", "GET", f"/v1/leads/{lead}/erasure")).json()["kept"] == done["kept"]
        assert (await desk("north1", "GET", f"/v1/leads/{lead}/erasure")).status == 403
        due = await desk.admin.fetchval(
            "select due_at from timers where aggregate_id = $1 and kind = 'leads.kept_until'", UUID(lead)
        )
        assert due.date().isoformat() == "2036-03-03"
        database = Database(make_engine(settings, "leads", "app", pool_size=1))
        async with database.transaction(Access(desk.tenant_id)) as tx:
            await let_go(tx, desk.tenant_id, UUID(lead))
        await database.dispose()
        assert (await desk("head", "GET", f"/v1/leads/{lead}/erasure")).json()["kept"] is None

    @pytest.mark.parametrize(
        ("company", "status"), [(f"{MARK} Tea", "won"), ("Shu Trading", "lost"), (None, "won")]
    )
    async def test_nothing_is_kept_when_it_is_the_persons_own_or_nothing_was_signed(
        self, desk: Desk, company: str | None, status: str
    ) -> None:
        lead = (await desk.lead(**PERSON | {"company": company}))["id"]
        await desk("head", "POST", f"/v1/leads/{lead}/move", {"to": status, "reason": "price"})
        [done] = (await erase(desk, lead)).json()["erased"]
        assert (done["kept"], done["kept_until"]) == (None, None)


class TestPerson:
    async def test_all_leads_of_the_person_are_shown_and_then_erased(self, desk: Desk) -> None:
        first = await desk.lead(name="A", phone=PHONE)
        by_mail = await desk.lead(name="A", phone="13812340002", email="a@example.com")
        link = await desk.lead(name="A", phone=PHONE, email="a@example.com")
        stranger = await desk.lead(name="A", phone="13812340003")
        theirs = [first["id"], by_mail["id"], link["id"]]
        answer = await desk("head", "POST", f"/v1/leads/{first['id']}/erase/preview", {})
        assert answer.status == 200, answer
        found = {one["id"]: one["shares"] for one in answer.json()["leads"]}
        assert found == {theirs[0]: [], theirs[1]: ["email"], theirs[2]: ["phone"]}
        done = (await erase(desk, first["id"])).json()["erased"]
        assert done[0]["lead_id"] == first["id"]
        assert {one["lead_id"] for one in done} == set(theirs)
        assert (await shown(desk, stranger["id"]))["erased_at"] is None

    async def test_what_was_merged_goes_along_and_is_not_taken_apart_any_more(self, desk: Desk) -> None:
        one, other = [(await desk.lead(**PERSON | {"phone": f"1381234{n}"}))["id"] for n in ("0001", "7777")]
        stranger = (await desk.lead(name="B", company="B"))["id"]
        for lead in (other, stranger):
            answer = await desk("head", "POST", f"/v1/leads/{lead}/merge", {"into": one})
            assert answer.status == 200, answer
        found = (await desk("head", "POST", f"/v1/leads/{one}/erase/preview", {})).json()["leads"]
        assert {each["id"]: each["shares"] for each in found} == {
            one: [], other: ["email", "phone", "wecom_id"], stranger: ["merged"],
        }  # fmt: skip
        assert len((await erase(desk, other)).json()["erased"]) == 3
        assert await left(desk, "quanming", "1381234") == []
        refused = await desk("head", "POST", f"/v1/leads/{other}/unmerge", {})
        assert (refused.status, refused.code) == (409, "lead_erased")

    async def test_a_company_is_no_person_when_only_its_code_is_shared(self, desk: Desk) -> None:
        code = "91350100M000100Y43"
        one, other = [await desk.lead(name=name, credit_code=code) for name in "AB"]
        answer = await desk("head", "POST", f"/v1/leads/{one['id']}/erase/preview", {})
        assert [each["id"] for each in answer.json()["leads"]] == [one["id"]]
        assert other["id"] != one["id"]

    async def test_only_those_named_are_erased_when_some_are(self, desk: Desk) -> None:
        one, two, three = [(await desk.lead(name=name, phone=PHONE))["id"] for name in "ABC"]
        assert (await erase(desk, one, lead_ids=[two])).status == 200
        states = [(await shown(desk, each))["erased_at"] is not None for each in (one, two, three)]
        assert states == [True, True, False]
        # The number is known by the one that still has it.
        assert (await desk.lead(phone=PHONE))["duplicate_of"] == three

    async def test_a_stranger_is_not_erased_with_them(self, desk: Desk) -> None:
        one, stranger = [(await desk.lead(phone=f"1381234000{n}"))["id"] for n in (1, 2)]
        refused = await erase(desk, one, lead_ids=[stranger])
        assert (refused.status, refused.code) == (422, "not_the_same_person")
        assert (await shown(desk, one))["erased_at"] is None

    async def test_other_tenants_are_not_looked_at(self, desk: Desk, databases: Any) -> None:
        lead = (await desk.lead(name="A", phone=PHONE))["id"]
        other = Desk(desk.app, desk.admin, desk.clock, desk.callers)
        await other.open()
        theirs = (await other.lead(name="B", phone=PHONE))["id"]
        await erase(desk, lead)
        assert (await shown(other, theirs))["phone"] == f"+86{PHONE}"
        assert (await erase(other, lead)).status == 404


class TestRefused:
    @pytest.mark.parametrize("by", ["north1", "boss"])
    async def test_nobody_but_an_admin_erases(self, desk: Desk, by: str) -> None:
        lead = (await desk.lead(**PERSON))["id"]
        await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": str(desk.users["north1"])})
        for path, body in (("erase", REASON), ("erase/preview", {})):
            refused = await desk(by, "POST", f"/v1/leads/{lead}/{path}", body)
            assert (refused.status, refused.code) == (403, "missing_scope")
        assert (await shown(desk, lead))["name"] == MARK

    @pytest.mark.parametrize(
        "reason", [f"{MARK} asked", "of 138-1234-0001", "mail by QUANMING@shu.example.com"]
    )
    async def test_the_reason_does_not_name_the_person(self, desk: Desk, reason: str) -> None:
        lead = (await desk.lead(**PERSON))["id"]
        refused = await erase(desk, lead, reason=reason)
        assert (refused.status, refused.code) == (422, "reason_names_person")

    async def test_it_answers_as_before_when_asked_again(self, desk: Desk) -> None:
        lead = (await desk.lead(**PERSON))["id"]
        first = await erase(desk, lead)
        desk.clock.at += timedelta(days=1)
        again = await erase(desk, lead, reason="once more")
        assert (again.status, again.json()) == (200, first.json())
        assert len(await desk.events(lead)) == 2

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PATCH", "", {"name": MARK}),
            ("POST", "/assign", {"owner_id": "north1"}),
            ("POST", "/claim", None),
            ("POST", "/release", {}),
            ("POST", "/move", {"to": "lost", "reason": "price"}),
            ("POST", "/move", {"to": "won"}),
        ],
    )
    async def test_nothing_is_done_with_it_any_more(
        self, desk: Desk, method: str, path: str, body: dict[str, Any] | None
    ) -> None:
        lead = (await desk.lead(**PERSON))["id"]
        await erase(desk, lead)
        if body and "owner_id" in body:
            body = {"owner_id": str(desk.users[body["owner_id"]])}
        refused = await desk("head", method, f"/v1/leads/{lead}{path}", body)
        assert (refused.status, refused.code) == (409, "lead_erased"), refused
        assert len(await desk.events(lead)) == 2

    async def test_it_is_not_made_again_when_its_creation_is_repeated_by_key(self, desk: Desk) -> None:
        made = await desk("head", "POST", "/v1/leads", PERSON, idempotency_key="once")
        lead = made.json()["id"]
        await erase(desk, lead)
        again = await desk("head", "POST", "/v1/leads", PERSON, idempotency_key="once")
        assert (again.status, again.code) == (409, "answer_not_kept")
        assert await left(desk, "quanming") == []


class TestAtOnce:
    async def test_no_change_survives_when_it_comes_at_the_same_moment(self, desk: Desk) -> None:
        made = [(await desk.lead(**PERSON | {"phone": f"138123401{n:02}"}))["id"] for n in range(12)]

        async def change(lead: str, number: int) -> int:
            body = {"name": f"{MARK} {number}", "custom": {"n": MARK}}
            return (await desk("head", "PATCH", f"/v1/leads/{lead}", body)).status

        async def forgotten(lead: str) -> int:
            for _ in range(50):
                status: int = (await erase(desk, lead, lead_ids=[])).status
                if status != 409:
                    return status
            raise AssertionError("never erased")

        for lead in made:
            results = await asyncio.gather(
                *(change(lead, number) for number in range(4)), forgotten(lead), change(lead, 9)
            )
            assert results[4] == 200
            assert set(results) <= {200, 409}
        assert await left(desk, "quanming") == []

    async def test_it_is_erased_once_when_two_do_it(self, desk: Desk) -> None:
        lead = (await desk.lead(**PERSON))["id"]
        answers = await asyncio.gather(*(erase(desk, lead) for _ in range(6)))
        assert {answer.status for answer in answers} <= {200, 409}
        assert (await erase(desk, lead)).status == 200
        assert [kind for _, kind, _ in await desk.events(lead)] == ["lead_created", "person_erased"]
