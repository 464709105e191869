"""Public forms and codes to scan, before real leads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.support.house import House
from tests.support.calls import calls_of
from tests.support.speaking import Answer, Person, Tenant

PAGE = Path(__file__).resolve().parents[2] / "docs" / "forms.md"
FORM = {
    "name": "Fair",
    "title": {"zh": "预约演示", "en": "Book a demo"},
    "fields": [
        {"field": "name", "required": True},
        {"field": "phone"},
        {"field": "email"},
        {"field": "company"},
        {"field": "value"},
    ],
    "fixed": {"source": "fair", "channel": "offline", "tags": ["suzhou"]},
}


async def opened(house: House, **more: str) -> Tenant:
    """A tenant that leads knows of already: a visitor does not wait for that."""
    tenant = await house.new_tenant(**more)
    await tenant.admin.get("/v1/leads")
    return tenant


async def leave(tenant: Tenant, form: Any, **values: Any) -> Answer:
    """As somebody who has no account."""
    visitor = Person(tenant.admin.url)
    return await visitor.ask("POST", f"/v1/public/forms/{form['key']}", values)


async def found(tenant: Tenant) -> list[Any]:
    items: list[Any] = (await tenant.admin.get("/v1/leads"))["items"]
    return items


class TestPage:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, house: House) -> None:
        tenant = await opened(house, timezone="Asia/Shanghai", currency="CNY")
        visitor = Person(house.url)
        ids: dict[str, str] = {}
        for call in calls_of(PAGE):
            target, body = call.ready(ids)
            asking = visitor if target.startswith("/v1/public/") else tenant.admin
            answer = await asking.ask(call.method, target, body)
            call.check(answer.status, answer.body, ids)
        assert {"form_key", "code_key"} <= ids.keys()
        leads = {lead["name"]: lead for lead in await found(tenant)}
        wang, anna = leads["王伟"], leads["Anna Schmidt"]
        assert (wang["source"], wang["channel"], wang["product"]) == ("fair", "offline", "crm")
        assert {lead["campaign"] for lead in leads.values()} == {"Autumn fair"}
        assert (anna["channel"], anna["tags"]) == ("poster", ["suzhou", "stand-12"])
        consents = await tenant.admin.get(f"/v1/leads/{wang['id']}/consents")
        assert consents["agreed"] == ["contact"]
        [said] = consents["history"]
        assert (said["how"], said["by_id"], said["notice_id"]) == ("form", None, ids["notice_id"])
        assert said["evidence"] == f"form {ids['form_id']}"


class TestTaking:
    async def test_one_lead_stands_when_the_same_is_sent_twice_under_one_key(self, house: House) -> None:
        tenant = await opened(house, currency="CNY")
        form = await tenant.admin.post("/v1/forms", FORM)
        visitor = Person(house.url, headers={"Idempotency-Key": "once"})
        path = f"/v1/public/forms/{form['key']}"
        body = {"name": "Li Wei", "value": "12,000.50"}
        told = [await visitor.ask("POST", path, body) for _ in range(2)]
        assert [each.status for each in told] == [201, 201]
        [lead] = await found(tenant)
        assert lead["value"] == {"amount": "12000.50", "currency": "CNY"}
        assert (lead["created_by"], lead["owner_id"]) == (None, None)
        other = await visitor.ask("POST", path, {"name": "Somebody else"})
        assert (other.status, other.code) == (422, "idempotency_key_reused")

    async def test_one_lead_stands_when_the_page_is_pressed_twice_and_two_when_it_was_corrected(
        self, house: House
    ) -> None:
        tenant = await opened(house)
        form = await tenant.admin.post("/v1/forms", FORM)
        visitor = Person(house.url, headers={"Accept": "text/html"})
        for name in ("Li Wei", "Li Wei", "Li Weiwei"):
            left = {"submission": "one-filling-in", "homepage": "", "name": name, "phone": ""}
            told = await visitor.ask("POST", f"/f/{form['key']}", form=left)
            assert (told.status, told.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert sorted(lead["name"] for lead in await found(tenant)) == ["Li Wei", "Li Weiwei"]

    async def test_the_answer_is_the_same_when_the_person_is_known_and_kept_out(self, house: House) -> None:
        tenant = await opened(house)
        form = await tenant.admin.post("/v1/forms", FORM)
        told = [await leave(tenant, form, name="First", phone="+8613800138000")]
        (await tenant.admin.ask("PUT", "/v1/duplicate-policy", {"phone": "block"})).ok()
        told.append(await leave(tenant, form, name="Second", phone="+8613800138000"))
        assert [(each.status, each.json) for each in told] == [(201, told[0].json)] * 2
        assert [lead["name"] for lead in await found(tenant)] == ["First"]
        assert (await found(tenant))[0]["id"] not in str(told[0])

    async def test_fields_are_named_as_the_form_has_them_when_leads_refuses_them(self, house: House) -> None:
        tenant = await opened(house)
        labels = {"zh": "预算", "en": "Budget"}
        budget = {"key": "budget", "labels": labels, "type": "integer"}
        await tenant.admin.post("/v1/custom-fields", budget)
        asked = FORM | {"fields": [*FORM["fields"], {"field": "custom.budget"}]}
        form = await tenant.admin.post("/v1/forms", asked)
        shown = form["fields"][-1]
        assert (shown["kind"], shown["label"]) == ("integer", labels)
        left = {"name": "Li Wei", "phone": "12", "email": "nobody", "custom.budget": "many"}
        first = await leave(tenant, form, **left)
        assert [each["pointer"] for each in first.json["errors"]] == ["/custom.budget"]
        second = await leave(tenant, form, **left | {"custom.budget": "30000"})
        assert second.status == 422
        assert [each["pointer"] for each in second.json["errors"]] == ["/phone", "/email"]
        assert await found(tenant) == []
        right = {"name": "Li Wei", "custom.budget": "30000"}
        assert (await leave(tenant, form, **right)).status == 201
        assert [lead["custom"] for lead in await found(tenant)] == [{"budget": 30000}]


class TestMaking:
    async def test_what_leads_does_not_know_is_named_when_a_form_asks_for_it(self, house: House) -> None:
        tenant = await opened(house)
        choice = {
            "key": "size", "labels": {"en": "Size"}, "type": "choice",
            "options": [{"key": "s", "labels": {"en": "Small"}}, {"key": "l", "labels": {"en": "Large"}}],
        }  # fmt: skip
        await tenant.admin.post("/v1/custom-fields", choice)
        asked = [
            {"field": "name"},
            {"field": "custom.nothing"},
            {"field": "custom.size", "options": [{"value": "xl"}]},
        ]
        refused = await tenant.admin.ask("POST", "/v1/forms", FORM | {"fields": asked})
        assert refused.code == "bad_form"
        assert [(each["pointer"], each["code"]) for each in refused.json["errors"]] == [
            ("/fields/1/field", "unknown_custom_field"),
            ("/fields/2/options/0/value", "unknown_value"),
        ]
        good = FORM | {"fields": [{"field": "name"}, {"field": "custom.size"}]}
        form = await tenant.admin.post("/v1/forms", good)
        assert [option["value"] for option in form["fields"][1]["options"]] == ["s", "l"]
        purposes = [{"purpose": "contact"}]
        notice = {"notice_id": form["id"], "notice_version": 1, "purposes": purposes}
        unknown = await tenant.admin.ask("PATCH", f"/v1/forms/{form['id']}", {"consent": notice})
        assert [each["pointer"] for each in unknown.json["errors"]] == ["/consent/notice_id"]
        stated = await tenant.admin.post("/v1/notices", {"basis": "consent", "wording": "We call you."})
        later = {"notice_id": stated["id"], "notice_version": 2, "purposes": purposes}
        newer = await tenant.admin.ask("PATCH", f"/v1/forms/{form['id']}", {"consent": later})
        assert [each["pointer"] for each in newer.json["errors"]] == ["/consent/notice_version"]


class TestScanning:
    async def test_scans_and_leads_are_counted_when_people_come_by_a_code(self, house: House) -> None:
        tenant = await opened(house, timezone="Pacific/Kiritimati")
        form = await tenant.admin.post("/v1/forms", FORM)
        poster = {"name": "Poster", "form_id": form["id"], "fixed": {"channel": "poster"}}
        code = await tenant.admin.post("/v1/codes", poster)
        visitor = Person(house.url, headers={"Accept": "text/html", "Accept-Language": "zh-CN,zh;q=0.9"})
        for _ in range(3):
            page = await visitor.ask("GET", f"/c/{code['key']}")
            assert (page.status, b"\xe9\xa2\x84\xe7\xba\xa6\xe6\xbc\x94\xe7\xa4\xba" in page.body) == (
                200,
                True,
            )
            assert f'name="via" value="{code["key"]}"'.encode() in page.body
        await visitor.ask("HEAD", f"/c/{code['key']}")
        for _ in range(2):
            left = {"submission": "one", "via": code["key"], "name": "Li Wei"}
            assert (await visitor.ask("POST", f"/f/{form['key']}", form=left)).status == 200
        assert (await leave(tenant, form, name="Nobody's", via="AAAAAAAAAAAA")).status == 201
        counted = await tenant.admin.get(f"/v1/codes/{code['id']}/scans")
        assert (counted["scans"], counted["leads"], len(counted["days"])) == (3, 1, 1)
        channels = {lead["name"]: lead["channel"] for lead in await found(tenant)}
        assert channels == {"Li Wei": "poster", "Nobody's": "offline"}

    async def test_nothing_of_another_tenant_is_taken_when_a_code_of_theirs_is_named(
        self, house: House
    ) -> None:
        tenant, stranger = await opened(house), await opened(house)
        form = await tenant.admin.post("/v1/forms", FORM)
        theirs = {"name": "Theirs", "url": "https://www.example.com/", "fixed": {"channel": "stolen"}}
        code = await stranger.admin.post("/v1/codes", theirs)
        assert (await leave(tenant, form, name="Li Wei", via=code["key"])).status == 201
        assert [lead["channel"] for lead in await found(tenant)] == ["offline"]
        assert (await stranger.admin.get(f"/v1/codes/{code['id']}/scans"))["leads"] == 0
        lead_to = await tenant.admin.ask("PATCH", f"/v1/codes/{code['id']}", {"name": "Mine"})
        assert (lead_to.status, lead_to.code) == (404, "unknown_code")
        led = {"name": "Led astray", "form_id": form["id"]}
        refused = await stranger.admin.ask("POST", "/v1/codes", led)
        assert [each["pointer"] for each in refused.json["errors"]] == ["/form_id"]
