"""Saved views: kept, shared, asked by, and honest about what is gone."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.integration.services.leads.capture.test_custom_fields import faults
from tests.integration.services.leads.capture.test_refitting import Looking, looking  # noqa: F401 - a fixture
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.pools.test_pool import make_pool
from tests.support.asgi import Answer


async def keep(desk: Desk, by: str, **more: Any) -> dict[str, Any]:
    answer = await desk(by, "POST", "/v1/views", {"name": "Mine"} | more)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


async def names(desk: Desk, by: str, **query: Any) -> list[str]:
    answer = await desk(by, "GET", "/v1/leads?" + urlencode(query, doseq=True))
    assert answer.status == 200, answer
    return [row["name"] for row in answer.json()["items"]]


async def seen(desk: Desk, by: str) -> list[str]:
    return [one["name"] for one in (await desk(by, "GET", "/v1/views")).json()["items"]]


async def patch(desk: Desk, by: str, view: dict[str, Any], **changes: Any) -> Answer:
    return await desk(by, "PATCH", f"/v1/views/{view['id']}", changes)


class TestKeeping:
    async def test_it_is_told_as_it_was_kept(self, desk: Desk) -> None:
        told = {
            "name": "大单", "filters": {"source": ["web", "fair"], "value_from": "1000", "owner": ["me"]},
            "sort": "-value", "columns": ["name", "value", "custom.industry"],
        }  # fmt: skip
        view = await keep(desk, "north1", **told)
        assert {key: view[key] for key in told} == told
        assert (view["shared_with"], view["problems"], view["version"]) == ("nobody", [], 1)
        one = await desk("north1", "GET", f"/v1/views/{view['id']}")
        assert one.json() == view
        assert [(name, data["shared_with"]) for _, name, data in await desk.events(view["id"])] == [
            ("view_defined", "nobody")
        ]

    async def test_what_it_cannot_say_is_named(self, desk: Desk) -> None:
        for filters, pointer in (
            ({"colour": ["red"]}, "/filters/colour"), ({"stage": ["nowhere"]}, "/filters/stage/0"),
            ({"custom": ["x=1"]}, "/filters/custom/0"), ({"created_from": "soon"}, "/filters/created_from"),
            ({"team": ["01890a5d-ac96-774b-bcce-b302099a8057"]}, "/filters/team/0"),
        ):  # fmt: skip
            answer = await desk("north1", "POST", "/v1/views", {"name": "V", "filters": filters})
            assert [pointer_ for pointer_, _ in faults(answer)] == [pointer]

    async def test_it_is_changed_and_removed_by_its_owner_alone(self, desk: Desk) -> None:
        view = await keep(desk, "north1", shared_with="unit")
        assert (await patch(desk, "north2", view, name="Ours")).status == 403
        assert (await patch(desk, "south1", view, name="Ours")).status == 404
        assert (await patch(desk, "head", view, name="Everybody's")).status == 404
        changed = await patch(desk, "north1", view, filters={"stage": ["won"]}, sort="score")
        assert (changed.json()["version"], changed.json()["filters"]) == (2, {"stage": ["won"]})
        assert (await desk("north2", "DELETE", f"/v1/views/{view['id']}")).status == 403
        assert (await desk("north1", "DELETE", f"/v1/views/{view['id']}")).status == 204
        assert await seen(desk, "north2") == []


class TestSharing:
    async def test_each_sees_their_own_and_what_is_shared_with_them(self, desk: Desk) -> None:
        await keep(desk, "north1", name="private")
        await keep(desk, "north1", name="team", shared_with="unit")
        await keep(desk, "head", name="region", shared_with="unit", unit_id=str(desk.units["north"]))
        await keep(desk, "head", name="all", shared_with="tenant")
        assert await seen(desk, "north1") == ["private", "team", "region", "all"]
        assert await seen(desk, "north2") == ["team", "region", "all"]
        assert await seen(desk, "boss") == ["team", "region", "all"]
        assert await seen(desk, "south1") == ["all"]

    async def test_it_is_refused_with_whom_one_does_not_see(self, desk: Desk) -> None:
        for by, more in (
            ("north1", {"shared_with": "tenant"}),
            ("north1", {"shared_with": "unit", "unit_id": str(desk.units["south-team"])}),
            ("boss", {"shared_with": "unit", "unit_id": str(desk.units["company"])}),
        ):
            answer = await desk(by, "POST", "/v1/views", {"name": "V"} | more)
            assert (answer.status, answer.json()["code"]) == (403, "sharing_not_allowed")

    async def test_everybody_finds_by_it_what_they_may_see(self, desk: Desk) -> None:
        for by in ("north1", "north2", "south1"):
            await desk.lead(by, name=by, source="web")
            await desk.lead(by, name=f"{by} else", source="fair")
        view = await keep(desk, "head", shared_with="tenant", filters={"source": ["web"]}, sort="created_at")
        assert await names(desk, "head", view=view["id"]) == ["north1", "north2", "south1"]
        assert await names(desk, "north2", view=view["id"]) == ["north2"]
        mine = await keep(desk, "head", shared_with="tenant", filters={"created_by": ["me"]})
        assert await names(desk, "north1", view=mine["id"]) == ["north1 else", "north1"]


class TestAsking:
    async def test_further_filters_hold_besides_and_another_order_goes_before(self, desk: Desk) -> None:
        for number in range(4):
            await desk.lead(
                name=f"L{number}", source=("web", "fair")[number % 2], region="n",
                value={"amount": f"{number}.00", "currency": "CNY"},
            )  # fmt: skip
        view = await keep(desk, "head", filters={"source": ["web", "fair"]}, sort="-value")
        assert await names(desk, "head", view=view["id"]) == ["L3", "L2", "L1", "L0"]
        assert await names(desk, "head", view=view["id"], source="web") == ["L2", "L0"]
        assert await names(desk, "head", view=view["id"], source="else") == []
        assert await names(desk, "head", view=view["id"], value_to="1", sort="value") == ["L0", "L1"]

    async def test_it_says_what_is_gone(self, desk: Desk, looking: Looking) -> None:  # noqa: F811
        field = await looking.ready("size", "integer")
        pool = await make_pool(desk)
        view = await keep(
            desk, "head", filters={"custom": ["size>=1"], "pool": pool["id"]}, shared_with="tenant"
        )
        await desk("head", "DELETE", f"/v1/custom-fields/{field['id']}")
        [problem] = (await desk("head", "GET", f"/v1/views/{view['id']}")).json()["problems"]
        assert (problem["pointer"], problem["code"]) == ("/filters/custom/0", "unknown_custom_field")
        asked = await desk("head", "GET", f"/v1/leads?view={view['id']}")
        assert (asked.status, asked.json()["code"]) == (409, "view_outdated")
        assert [one["pointer"] for one in asked.json()["errors"]] == ["/query/view/filters/custom/0"]
        assert (await patch(desk, "head", view, filters={})).json()["problems"] == []

    async def test_a_page_is_not_continued_when_the_view_says_something_else(self, desk: Desk) -> None:
        for _ in range(3):
            await desk.lead()
        view = await keep(desk, "head", sort="created_at")
        path = f"/v1/leads?view={view['id']}&limit=2"
        cursor = (await desk("head", "GET", path)).json()["next_cursor"]
        assert (await desk("head", "GET", f"{path}&cursor={cursor}")).status == 200
        await patch(desk, "head", view, sort="-value")
        again = await desk("head", "GET", f"{path}&cursor={cursor}")
        assert (again.status, again.json()["code"]) == (400, "bad_cursor")

    async def test_nobody_asks_by_what_is_not_shared_with_them(self, desk: Desk) -> None:
        view = await keep(desk, "north1")
        asked = await desk("north2", "GET", f"/v1/leads?view={view['id']}")
        assert (asked.status, asked.json()["code"]) == (404, "unknown_view")
