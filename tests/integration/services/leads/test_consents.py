"""What people agreed to and withdrew; who withdraws is contacted no more. Scenario 12."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.test_do_not_contact import (
    Later,
    entries,
    is_marked,
    later,
    listed,
)
from tests.integration.services.leads.test_pool import claimed, make_pool, pooled
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
