"""What people agreed to and withdrew; who withdraws is contacted no more. Scenario 12."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from shared.ids import new_id
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.pools.test_pool import claimed, make_pool, pooled
from tests.integration.services.leads.privacy.test_do_not_contact import (
    Later,
    entries,
    is_marked,
    later,
    listed,
)
from tests.support.asgi import Answer

__all__ = ["later"]
PHONE = "13800000001"
ALL = ["contact", "marketing", "profiling", "sharing"]


async def agree(desk: Desk, lead: str, *purposes: str, by: str = "head", **more: Any) -> Answer:
    body = {"purposes": list(purposes), "how": "form"} | more
    return await desk(by, "POST", f"/v1/leads/{lead}/consents", body)


async def withdraw(desk: Desk, lead: str, by: str = "head", **more: Any) -> Answer:
    return await desk(by, "POST", f"/v1/leads/{lead}/withdraw", {"how": "call"} | more)


async def told(desk: Desk, lead: str) -> dict[str, Any]:
    answer = await desk("head", "GET", f"/v1/leads/{lead}/consents")
    assert answer.status == 200, answer
    shown: dict[str, Any] = answer.json()
    return shown


async def notice(desk: Desk, source: str | None, basis: str, wording: str) -> dict[str, Any]:
    body = {"source": source, "basis": basis, "wording": wording}
    answer = await desk("head", "POST", "/v1/notices", body)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


class TestSaying:
    async def test_what_holds_is_the_last_word_and_all_words_are_kept(self, desk: Desk) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        assert (await agree(desk, lead, "contact", "marketing")).json()["agreed"] == ["contact", "marketing"]
        desk.clock.at += timedelta(hours=1)
        after = (await withdraw(desk, lead, purposes=["marketing"], evidence="mail of today")).json()
        assert (after["agreed"], after["do_not_contact"]) == (["contact"], False)
        shown = await told(desk, lead)
        assert [(one["purpose"], one["granted"], one["how"]) for one in shown["history"]] == [
            ("contact", True, "form"), ("marketing", True, "form"), ("marketing", False, "call"),
        ]  # fmt: skip
        assert shown["history"][2]["evidence"] == "mail of today"
        said = (await desk.events(lead))[1:]
        assert [(kind, data["purpose"], data["granted"]) for _, kind, data in said] == [
            ("consent_changed", "contact", True), ("consent_changed", "marketing", True),
            ("consent_changed", "marketing", False),
        ]  # fmt: skip
        assert shown["version"] == 4

    async def test_what_is_told_late_undoes_nothing_said_since(self, desk: Desk) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        assert (await withdraw(desk, lead)).status == 200
        earlier = (NOON - timedelta(days=3)).isoformat()
        shown = (await agree(desk, lead, *ALL, at=earlier)).json()
        assert (shown["agreed"], shown["do_not_contact"]) == ([], True)
        assert await entries(desk, f"?phone={PHONE}")

    async def test_it_is_refused_when_it_lies_ahead_or_names_no_such_notice(self, desk: Desk) -> None:
        lead = (await desk.lead())["id"]
        ahead = (NOON + timedelta(minutes=1)).isoformat()
        assert (await agree(desk, lead, "contact", at=ahead)).pointers == ["/at"]
        made = await notice(desk, "fair", "consent", "We call you.")
        refused = await agree(desk, lead, "contact", notice_id=made["id"], notice_version=2)
        assert (refused.code, refused.pointers) == ("unknown_notice_version", ["/notice_version"])
        assert (await agree(desk, lead, "contact", notice_version=1)).status == 422
        assert (await told(desk, lead))["history"] == []

    async def test_only_who_sees_the_lead_says_it(self, desk: Desk) -> None:
        lead = (await desk.lead())["id"]
        assert (await agree(desk, lead, "contact", by="south1")).code == "unknown_lead"
        assert (await withdraw(desk, lead, by="south1")).code == "unknown_lead"
        assert (await desk("south1", "GET", f"/v1/leads/{lead}/consents")).code == "unknown_lead"

    async def test_nothing_is_recorded_when_all_is_withdrawn_already(self, desk: Desk) -> None:
        lead = (await desk.lead())["id"]
        assert (await withdraw(desk, lead)).status == 200
        refused = await withdraw(desk, lead)
        assert (refused.status, refused.code) == (409, "nothing_to_withdraw")
        assert len((await told(desk, lead))["history"]) == len(ALL)

    async def test_it_is_refused_when_the_lead_has_changed_since(self, desk: Desk) -> None:
        lead = (await desk.lead())["id"]
        stale = await desk("head", "POST", f"/v1/leads/{lead}/withdraw", {"how": "call"}, if_match='"99"')
        assert stale.status == 412
        assert not await is_marked(desk, lead)


class TestContact:
    async def test_who_withdraws_is_claimed_by_nobody(self, desk: Desk) -> None:
        lead = await pooled(desk, await make_pool(desk), phone=PHONE)
        shown = (await withdraw(desk, lead)).json()
        assert (shown["agreed"], shown["do_not_contact"]) == ([], True)
        assert await claimed(desk, "north1", lead) == "do_not_contact"

    async def test_all_their_leads_are_marked_and_they_are_listed(self, desk: Desk, later: Later) -> None:
        lead, other = [(await desk.lead(phone=PHONE))["id"] for _ in range(2)]
        await withdraw(desk, lead, purposes=["contact"])
        [entry] = await entries(desk)
        assert (entry["reason"], entry["lead_id"], entry["shown"]) == ("withdrawn", lead, "138****0001")
        await later.fire()
        assert await is_marked(desk, other)

    async def test_who_agrees_again_comes_off_the_list(self, desk: Desk, later: Later) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        await withdraw(desk, lead)
        desk.clock.at += timedelta(days=1)
        shown = (await agree(desk, lead, "contact")).json()
        assert (shown["agreed"], shown["do_not_contact"]) == (["contact"], False)
        await later.fire()
        await later.heed(lead)
        assert not await is_marked(desk, lead)
        assert await entries(desk) == []

    async def test_they_stay_listed_when_another_lead_of_theirs_has_withdrawn_since(
        self, desk: Desk, later: Later
    ) -> None:
        lead, other = [(await desk.lead(phone=PHONE))["id"] for _ in range(2)]
        await listed(desk, phone=PHONE)
        desk.clock.at += timedelta(days=2)
        await withdraw(desk, other)
        await later.fire()
        between = (desk.clock.at - timedelta(days=1)).isoformat()
        shown = (await agree(desk, lead, "contact", at=between)).json()
        assert (shown["agreed"], shown["do_not_contact"]) == (["contact"], True)
        assert len(await entries(desk)) == 1
        await agree(desk, lead, "contact")
        assert await entries(desk) == []

    @pytest.mark.parametrize("purposes", [["marketing"], ["profiling", "sharing"]])
    async def test_they_may_still_be_called_when_they_withdraw_something_else(
        self, desk: Desk, purposes: list[str]
    ) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        assert (await withdraw(desk, lead, purposes=purposes)).json()["do_not_contact"] is False
        assert await entries(desk) == []

    async def test_who_is_listed_already_stays_as_they_are(self, desk: Desk) -> None:
        entry = await listed(desk, phone=PHONE, reason="authority")
        lead = (await desk.lead(phone=PHONE))["id"]
        await withdraw(desk, lead)
        [still] = await entries(desk)
        assert (still["id"], still["reason"]) == (entry["id"], "authority")


NEW = {"name": "Anna", "phone": PHONE}


async def came(desk: Desk, by: str = "head", **consent: Any) -> Answer:
    body = NEW | {"consent": {"purposes": ["contact"], "how": "form"} | consent}
    return await desk(by, "POST", "/v1/leads", body)


class TestWithANewLead:
    async def test_it_is_on_record_as_if_it_had_been_said_afterwards(self, desk: Desk) -> None:
        made = await notice(desk, None, "consent", "We call you.")
        said = {
            "purposes": ["marketing", "contact"], "how": "paper", "evidence": "folder 7",
            "at": (NOON - timedelta(days=1)).isoformat(), "notice_id": made["id"], "notice_version": 1,
        }  # fmt: skip
        answer = await came(desk, **said)
        assert answer.status == 201, answer
        at_once, later = answer.json(), await desk.lead()
        assert (await agree(desk, later["id"], **said)).status == 200
        shown = [await told(desk, lead["id"]) for lead in (at_once, later)]
        assert shown[0]["agreed"] == ["contact", "marketing"]
        assert at_once["version"] == shown[0]["version"] == shown[1]["version"]
        first, second = ([one | {"id": None} for one in each["history"]] for each in shown)
        assert first == second
        events = [await desk.events(lead["id"]) for lead in (at_once, later)]
        assert events[0][1:] == events[1][1:]
        assert [kind for _, kind, _ in events[0]] == ["lead_created", "consent_changed", "consent_changed"]

    async def test_its_position_covers_what_was_agreed_to(self, desk: Desk) -> None:
        answer = await came(desk)
        assert answer.headers["etag"] == '"2"'
        assert (await desk("head", "GET", f"/v1/leads/{answer.json()['id']}")).json()["version"] == 2

    @pytest.mark.parametrize(
        ("wrong", "pointer", "code"),
        [
            ({"at": (NOON + timedelta(minutes=1)).isoformat()}, "/consent/at", "in_the_future"),
            ({"notice_id": str(new_id()), "notice_version": 1}, "/consent/notice_id", "unknown_notice"),
            ({"notice_version": 1}, "/consent", "notice_and_version"),
            ({"purposes": ["contact", "contact"]}, "/consent/purposes", "doubled"),
            ({"purposes": []}, "/consent/purposes", "too_short"),
            ({"purposes": ["fun"]}, "/consent/purposes/0", "unknown_value"),
            ({"how": None}, "/consent/how", "unknown_value"),
        ],
    )
    async def test_the_lead_is_not_made_when_it_is_wrong(
        self, desk: Desk, wrong: dict[str, Any], pointer: str, code: str
    ) -> None:
        refused = await came(desk, **wrong)
        assert (refused.status, refused.pointers) == (422, [pointer])
        assert refused.json()["errors"][0]["code"] == code
        assert (await desk("head", "GET", "/v1/leads")).json()["items"] == []

    async def test_the_lead_is_not_made_when_the_notice_has_no_such_version(self, desk: Desk) -> None:
        made = await notice(desk, None, "consent", "We call you.")
        refused = await came(desk, notice_id=made["id"], notice_version=2)
        assert (refused.code, refused.pointers) == ("unknown_notice_version", ["/consent/notice_version"])

    async def test_each_of_a_batch_has_its_own(self, desk: Desk) -> None:
        ahead = (NOON + timedelta(days=1)).isoformat()
        items = [
            {"name": "A", "consent": {"purposes": ["contact"], "how": "form"}},
            {"name": "B", "consent": {"purposes": ["contact"], "how": "form", "at": ahead}},
            {"name": "C"},
            {"name": "D", "consent": {"purposes": ALL, "how": "call"}},
        ]
        made = (await desk("head", "POST", "/v1/leads/batch", {"items": items})).json()
        assert [(one["status"], one["version"]) for one in made["items"]] == [
            ("created", 2), ("failed", None), ("created", 1), ("created", 5),
        ]  # fmt: skip
        assert [each["pointer"] for each in made["items"][1]["errors"]] == ["/items/1/consent/at"]
        agreed = [(await told(desk, one["id"]))["agreed"] for one in made["items"] if one["id"]]
        assert agreed == [["contact"], [], ALL]

    async def test_who_is_listed_comes_off_when_they_agreed_later(self, desk: Desk, later: Later) -> None:
        await listed(desk, phone=PHONE)
        await listed(desk, phone="13800000002")
        desk.clock.at += timedelta(days=1)
        lead = (await came(desk)).json()["id"]
        await later.heed(lead)
        assert not await is_marked(desk, lead)
        assert [entry["shown"] for entry in await entries(desk)] == ["138****0002"]

    @pytest.mark.parametrize(
        "said", [{"at": (NOON - timedelta(days=1)).isoformat()}, {"purposes": ["marketing"]}]
    )
    async def test_who_is_listed_stays_when_they_agreed_before_or_to_something_else(
        self, desk: Desk, later: Later, said: dict[str, Any]
    ) -> None:
        await listed(desk, phone=PHONE)
        lead = (await came(desk, **said)).json()["id"]
        await later.heed(lead)
        assert await is_marked(desk, lead)
        assert len(await entries(desk)) == 1

    async def test_nothing_is_recorded_of_who_is_kept_out(self, desk: Desk) -> None:
        assert (await desk("head", "PUT", "/v1/duplicate-policy", {"phone": "block"})).status == 200
        await listed(desk, phone=PHONE)
        assert (await desk("head", "POST", "/v1/leads", NEW)).status == 201
        desk.clock.at += timedelta(days=1)
        assert (await came(desk)).code == "duplicate_lead"
        assert len(await entries(desk)) == 1

    async def test_statements_do_not_grow_with_the_number_of_leads(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await notice(desk, None, "consent", "We call you.")
        shown = {"notice_id": made["id"], "notice_version": 1}
        # A tenant's first lead finds it without a pipeline.
        await desk.lead()
        asked: list[str] = []
        for name in ("fetch", "fetchrow", "fetchval", "execute", "executemany"):
            plain = getattr(asyncpg.Connection, name)

            async def heard(self: Any, query: str, *rest: Any, _plain: Any = plain, **more: Any) -> Any:
                asked.append(query)
                return await _plain(self, query, *rest, **more)

            monkeypatch.setattr(asyncpg.Connection, name, heard)
        counted = []
        said = {"purposes": ALL, "how": "form"} | shown
        for number, more in ((30, {}), (2, {"consent": said}), (30, {"consent": said})):
            asked.clear()
            items = [{"name": "A", "phone": f"138000010{n:02}"} | more for n in range(number)]
            answer = await desk("head", "POST", "/v1/leads/batch", {"items": items})
            # Whoever waits for events is told by another connection, whenever it comes to it.
            counted.append(sum(not query.startswith("notify") for query in asked))
            assert answer.json()["created"] == number
        # The notices that were shown, what was said, and who comes off the list.
        assert counted[1] == counted[2] == counted[0] + 3


class TestOfAPart:
    async def test_what_was_said_of_a_part_is_shown_with_the_whole_until_it_goes(self, desk: Desk) -> None:
        whole, part = (await desk.lead(phone=PHONE))["id"], (await came(desk)).json()["id"]
        await agree(desk, whole, "marketing")
        assert (await desk("head", "POST", f"/v1/leads/{part}/merge", {"into": whole})).status == 200
        assert (await told(desk, whole))["agreed"] == ["contact", "marketing"]
        desk.clock.at += timedelta(hours=1)
        assert (await withdraw(desk, whole, purposes=["contact"])).json()["agreed"] == ["marketing"]
        assert (await desk("head", "POST", f"/v1/leads/{part}/unmerge", {})).status == 200
        assert (await told(desk, whole))["agreed"] == ["marketing"]
        assert (await told(desk, part))["agreed"] == ["contact"]


class TestNotices:
    async def test_a_lead_is_told_with_what_held_when_it_came(self, desk: Desk) -> None:
        await notice(desk, None, "legitimate_interest", "We found you.")
        fair = await notice(desk, "fair", "consent", "We call you.")
        desk.clock.at += timedelta(hours=1)
        lead, other = (await desk.lead(source="fair"))["id"], (await desk.lead(source="web"))["id"]
        desk.clock.at += timedelta(hours=1)
        changed = await desk("head", "PATCH", f"/v1/notices/{fair['id']}", {"wording": "We call you twice."})
        assert (changed.json()["version"], changed.json()["basis"]) == (2, "consent")
        held = (await told(desk, lead))["notice"]
        assert (held["version"], held["wording"], held["basis"]) == (1, "We call you.", "consent")
        assert (await told(desk, other))["notice"]["basis"] == "legitimate_interest"
        new = (await desk.lead(source="fair"))["id"]
        assert (await told(desk, new))["notice"]["version"] == 2
        versions = (await desk("north1", "GET", f"/v1/notices/{fair['id']}")).json()["versions"]
        assert [one["wording"] for one in versions] == ["We call you.", "We call you twice."]

    async def test_nothing_is_told_when_nothing_was_said(self, desk: Desk) -> None:
        assert (await told(desk, (await desk.lead(source="fair"))["id"]))["notice"] is None

    async def test_each_source_has_one(self, desk: Desk) -> None:
        for source in ("fair", None):
            made = await notice(desk, source, "consent", "We call you.")
            body = {"source": source, "basis": "contract", "wording": "Other."}
            refused = await desk("head", "POST", "/v1/notices", body)
            assert (refused.status, refused.code) == (409, "notice_there")
            same = await desk("head", "PATCH", f"/v1/notices/{made['id']}", {"basis": "consent"})
            assert same.json()["version"] == 1
        assert (await desk("boss", "POST", "/v1/notices", body)).code == "missing_scope"
        assert len((await desk("north1", "GET", "/v1/notices")).json()["items"]) == 2
