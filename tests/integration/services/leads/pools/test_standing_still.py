"""Terms that stand still: while a contract is open, while a superior has locked them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.passing import Time, at, in_hand, story, time
from tests.integration.services.leads.pools.test_pool import make_pool

__all__ = ["time"]


class TestStandingStill:
    async def test_nothing_comes_while_a_contract_is_open_and_the_rest_of_the_term_after_it(
        self, desk: Desk, time: Time
    ) -> None:
        desk.clock.at = at(3, 2)
        await desk.lead()  # and with it the default pipeline
        keeping = {"deal_days": 10, "warn_days": [3], "paused_stages": ["contract"]}
        lead = await in_hand(desk, time, await make_pool(desk, keeping=keeping))
        await time.pass_to(at(3, 6))
        await time.move(lead, "contract")
        assert (await kept(desk, lead))["ends_at"] is None
        await time.pass_to(at(3, 26))
        assert len(await story(desk, lead)) == 1
        await time.move(lead, "negotiation")
        assert datetime.fromisoformat((await kept(desk, lead))["ends_at"]) == at(4, 1)
        await time.pass_to(at(4, 2))
        assert (await story(desk, lead))[1:] == [("recycle_warned", at(3, 29)), ("lead_pooled", at(4, 1))]

    async def test_a_superior_lets_it_stand_still_and_go_on_before_that(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(3, 2)
        lead = await in_hand(desk, time, await make_pool(desk, keeping={"follow_up_days": 7}))
        path = f"/v1/leads/{lead}/lock"
        until = {"until": at(3, 12).isoformat(), "reason": "the customer's board decides"}
        await time.pass_to(at(3, 4))
        assert (await desk("north1", "POST", path, until)).json()["code"] == "lock_not_allowed"
        locked = await desk("boss", "POST", path, until)
        assert datetime.fromisoformat(locked.json()["ends_at"]) == at(3, 17)
        await time.pass_to(at(3, 6))
        opened = await desk("boss", "DELETE", path)
        assert datetime.fromisoformat(opened.json()["ends_at"]) == at(3, 11)
        assert (await desk("boss", "DELETE", path)).json()["code"] == "nothing_to_lock"
        await time.pass_to(at(3, 12))
        assert (await story(desk, lead))[1:] == [("lead_pooled", at(3, 11))]

    async def test_it_is_refused_with_the_field_when_it_cannot_work(self, desk: Desk, time: Time) -> None:
        lead = await in_hand(desk, time, await make_pool(desk, keeping={"follow_up_days": 7}))
        for until in (desk.clock.at, desk.clock.at + timedelta(days=400)):
            body = {"until": until.isoformat()}
            answer = await desk("boss", "POST", f"/v1/leads/{lead}/lock", body)
            assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "/until")
        keeping = {"follow_up_days": 7, "paused_stages": ["contract", "signing"]}
        members = {"unit_ids": [str(desk.units["company"])]}
        answer = await desk(
            "head", "POST", "/v1/pools", {"name": "p", "members": members, "keeping": keeping}
        )
        assert (answer.status, [one["pointer"] for one in answer.json()["errors"]]) == (
            422, ["/keeping/paused_stages/1"],
        )  # fmt: skip


async def kept(desk: Desk, lead: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await desk("north1", "GET", f"/v1/leads/{lead}/keeping")).json()
    return shown
