"""Campaigns: what leads carry, what it cost, what came of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import moved
from tests.support.asgi import Answer

SPRING = {
    "name": "spring", "channel": "fair", "starts_on": "2026-03-01", "ends_on": "2026-03-31",
    "budget": {"amount": "5000.00", "currency": "CNY"},
}  # fmt: skip
YES = {
    name: {"answer": "yes", "evidence": "said so"} for name in ("need", "money", "authority", "eligibility")
}


def cny(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


async def made(desk: Desk, **fields: Any) -> dict[str, Any]:
    answer = await desk("head", "POST", "/v1/campaigns", SPRING | fields)
    assert answer.status == 201, answer
    told: dict[str, Any] = answer.json()
    return told


async def spend(desk: Desk, campaign: dict[str, Any], amount: dict[str, str], **more: Any) -> Answer:
    body = {"on": "2026-03-02", "amount": amount} | more
    return await desk("head", "POST", f"/v1/campaigns/{campaign['id']}/costs", body)


async def results(desk: Desk, campaign: dict[str, Any], by: str = "head") -> dict[str, Any]:
    answer = await desk(by, "GET", f"/v1/campaigns/{campaign['id']}/results")
    assert answer.status == 200, answer
    told: dict[str, Any] = answer.json()
    return told


async def came(desk: Desk, by: str = "head", **fields: Any) -> str:
    answer = await desk(by, "POST", "/v1/leads", {"name": "Anna", "campaign": "spring"} | fields)
    assert answer.status == 201, answer
    return str(answer.json()["id"])


class TestOfALead:
    async def test_it_is_kept_changed_and_told_with_the_start(self, desk: Desk) -> None:
        lead = await came(desk, "north1")
        assert (await desk.events(lead))[0][2]["campaign"] == "spring"
        changed = (await desk("head", "PATCH", f"/v1/leads/{lead}", {"campaign": "autumn"})).json()
        assert changed["campaign"] == "autumn"
        assert (await desk.events(lead))[1][2]["changed"] == ["campaign"]
        emptied = (await desk("head", "PATCH", f"/v1/leads/{lead}", {"campaign": None})).json()
        assert emptied["campaign"] is None

    async def test_leads_of_a_batch_have_each_their_own(self, desk: Desk) -> None:
        items = [{"name": "A", "campaign": "spring"}, {"name": "B"}, {"name": "C", "campaign": "autumn"}]
        made = (await desk("head", "POST", "/v1/leads/batch", {"items": items})).json()["items"]
        shown = [(await desk("head", "GET", f"/v1/leads/{one['id']}")).json()["campaign"] for one in made]
        assert shown == ["spring", None, "autumn"]

    async def test_rules_ask_for_it(self, desk: Desk) -> None:
        rule = {
            "name": "r", "strategy": "round_robin", "conditions": {"campaign": ["spring"]},
            "candidates": {"user_ids": [str(desk.users["north1"])]},
        }  # fmt: skip
        stored = (await desk("head", "POST", "/v1/assignment-rules", rule)).json()
        assert stored["conditions"]["campaign"] == ["spring"]
        for lead, owner in (({"campaign": "spring"}, str(desk.users["north1"])), ({}, None)):
            asked = await desk("head", "POST", "/v1/assignment-rules/explain", {"lead": lead})
            assert asked.json()["owner_id"] == owner

    async def test_what_it_is_merged_into_takes_it_over_where_it_has_none(self, desk: Desk) -> None:
        whole, part = (await desk.lead())["id"], await came(desk)
        assert (await desk("head", "POST", f"/v1/leads/{part}/merge", {"into": whole})).status == 200
        assert (await desk("head", "GET", f"/v1/leads/{whole}")).json()["campaign"] == "spring"


class TestDefining:
    async def test_it_is_answered_as_given_and_told(self, desk: Desk) -> None:
        campaign = await made(desk)
        same = {name: campaign[name] for name in SPRING}
        assert (same, campaign["version"]) == (SPRING, 1)
        read = await desk("north1", "GET", f"/v1/campaigns/{campaign['id']}")
        assert (read.json(), read.headers["etag"]) == (campaign, '"1"')
        [(_, kind, said)] = await desk.events(campaign["id"])
        assert (kind, said["name"], said["starts_on"]) == ("campaign_defined", "spring", "2026-03-01")

    async def test_the_latest_comes_first_and_pages_go_on(self, desk: Desk) -> None:
        names = [(await made(desk, name=f"c{number}"))["name"] for number in range(5)]
        found, more = [], "?limit=2"
        while more:
            page = (await desk("north1", "GET", "/v1/campaigns" + more)).json()
            found += [one["name"] for one in page["items"]]
            more = page["next_cursor"] and f"?limit=2&cursor={page['next_cursor']}"
        assert found == names[::-1]

    async def test_it_is_refused_when_it_is_there_or_ends_before_it_starts(self, desk: Desk) -> None:
        await made(desk)
        again = await desk("head", "POST", "/v1/campaigns", SPRING)
        assert (again.status, again.code, again.pointers) == (409, "campaign_there", ["/name"])
        backward = await desk("head", "POST", "/v1/campaigns", SPRING | {"ends_on": "2026-02-28"})
        assert (backward.status, backward.pointers) == (422, ["/ends_on"])
        refused = await desk("boss", "POST", "/v1/campaigns", SPRING | {"name": "other"})
        assert refused.code == "missing_scope"

    async def test_all_but_its_name_can_be_changed(self, desk: Desk) -> None:
        campaign = await made(desk)
        path = f"/v1/campaigns/{campaign['id']}"
        changed = (await desk("head", "PATCH", path, {"ends_on": "2026-04-30", "budget": None})).json()
        assert changed == campaign | {"version": 2, "ends_on": "2026-04-30", "budget": None}
        assert (await desk("head", "PATCH", path, {"channel": "fair"})).json()["version"] == 2
        assert (await desk("head", "PATCH", path, {"name": "other"})).pointers == ["/name"]
        assert (await desk("head", "PATCH", path, {"starts_on": "2026-05-01"})).pointers == ["/ends_on"]
        stale = await desk("head", "PATCH", path, {"channel": None}, if_match='"1"')
        assert stale.status == 412

    async def test_another_tenants_is_unknown(self, desk: Desk) -> None:
        nowhere = "/v1/campaigns/01890a5d-ac96-774b-bcce-b302099a8057"
        for path in ("", "/costs", "/results"):
            assert (await desk("head", "GET", nowhere + path)).code == "unknown_campaign"


class TestCosts:
    async def test_they_are_converted_at_the_rate_of_their_day(self, desk: Desk) -> None:
        rate = "insert into org_rates values ($1, 'USD', '2026-03-02', 7.1)"
        await desk.admin.execute(rate, desk.tenant_id)
        campaign = await made(desk)
        cost = (await spend(desk, campaign, {"amount": "100.00", "currency": "USD"}, note="stand")).json()
        assert cost["amount"] == {"amount": "100.00", "currency": "USD"}
        await spend(desk, campaign, cny("90.00"))
        assert (await results(desk, campaign))["cost"] == cny("800.00")
        shown = (await desk("north1", "GET", f"/v1/campaigns/{campaign['id']}/costs")).json()["items"]
        assert [(one["amount"]["amount"], one["note"]) for one in shown] == [
            ("90.00", None),
            ("100.00", "stand"),
        ]
        assert [kind for _, kind, _ in await desk.events(campaign["id"])] == [
            "campaign_defined", "campaign_cost_recorded", "campaign_cost_recorded",
        ]  # fmt: skip

    async def test_it_is_refused_when_its_day_has_no_rate(self, desk: Desk) -> None:
        campaign = await made(desk)
        refused = await spend(desk, campaign, {"amount": "1.00", "currency": "CHF"}, on="1990-01-01")
        assert (refused.status, refused.code, refused.pointers) == (422, "rate_missing", ["/amount"])
        assert (await results(desk, campaign))["cost"] == cny("0.00")

    async def test_a_mistake_is_taken_back(self, desk: Desk) -> None:
        campaign = await made(desk)
        cost = (await spend(desk, campaign, cny("10.00"))).json()["id"]
        path = f"/v1/campaigns/{campaign['id']}/costs/{cost}"
        assert (await desk("boss", "DELETE", path)).code == "missing_scope"
        assert (await desk("head", "DELETE", path)).status == 204
        assert (await desk("head", "DELETE", path)).code == "unknown_cost"
        assert (await results(desk, campaign))["cost"] == cny("0.00")


class TestResults:
    async def test_they_are_of_its_leads_and_its_costs(self, desk: Desk) -> None:
        campaign = await made(desk)
        won = await came(desk, value=cny("900.00"))
        await moved(desk, {"id": won}, "won")
        await moved(desk, {"id": await came(desk, value=cny("50.00"))}, "lost")
        qualified = await came(desk)
        answers = await desk("head", "PUT", f"/v1/leads/{qualified}/qualification", YES)
        assert answers.status == 200, answers
        part = await came(desk)
        assert (await desk("head", "POST", f"/v1/leads/{part}/merge", {"into": qualified})).status == 200
        await came(desk, campaign="autumn")
        await spend(desk, campaign, cny("400.00"))
        assert await results(desk, campaign) == {
            "campaign_id": campaign["id"], "name": "spring", "whole": True, "leads": 3, "qualified": 1,
            "open": 1, "won": 1, "lost": 1, "won_value": cny("900.00"), "cost": cny("400.00"),
            "cost_per_lead": cny("133.33"), "cost_per_won_lead": cny("400.00"), "roi": 1.25,
        }  # fmt: skip

    async def test_nothing_is_divided_by_nothing(self, desk: Desk) -> None:
        shown = await results(desk, await made(desk))
        assert (shown["leads"], shown["cost_per_lead"], shown["roi"]) == (0, None, None)

    async def test_who_sees_some_leads_is_told_of_those_and_shares_no_costs(self, desk: Desk) -> None:
        campaign = await made(desk)
        await came(desk)
        await came(desk, "north1")
        await spend(desk, campaign, cny("400.00"))
        shown = await results(desk, campaign, "north1")
        assert (shown["whole"], shown["leads"], shown["cost"]) == (False, 1, cny("400.00"))
        assert (shown["cost_per_lead"], shown["cost_per_won_lead"], shown["roi"]) == (None, None, None)

    async def test_leads_that_came_before_it_was_defined_are_of_it(self, desk: Desk) -> None:
        await came(desk)
        assert (await results(desk, await made(desk)))["leads"] == 1


class TestErasing:
    @pytest.mark.parametrize("campaign", ["spring", None])
    async def test_it_stays_when_the_person_is_forgotten(self, desk: Desk, campaign: str | None) -> None:
        lead = await came(desk, campaign=campaign)
        erased = await desk("head", "POST", f"/v1/leads/{lead}/erase", {"reason": "asked"})
        assert erased.status == 200, erased
        assert (await desk("head", "GET", f"/v1/leads/{lead}")).json()["campaign"] == campaign
