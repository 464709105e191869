"""Rows of files as they arrive at the leads service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.leads.capture.intake import use_cases as intake
from services.leads.capture.intake.use_cases import store_new
from shared.ids import new_id
from tests.integration.services.leads.conftest import NOON, Desk
from tests.support.asgi import Answer, Chunk

HEAD = {"source": "crm", "mode": "create", "dry_run": False}


def row(name: str, **lead: Any) -> dict[str, Any]:
    return {"external_id": f"row:{name}", "digest": f"row:{name}", "lead": {"name": name} | lead}


def body(desk: Desk, *lines: Sequence[Any], run: UUID | None = None, **head: Any) -> bytes:
    """What all rows share, and lines of rows; without the empty line that lets them go."""
    asker = {"user_id": str(desk.users["head"]), "visibility": "tenant"}
    shared = HEAD | {"rows": sum(map(len, lines)), "asker": asker, "run": str(run or new_id())} | head
    return b"".join(
        orjson.dumps(line) + b"\n" for line in (shared, *({"items": list(line)} for line in lines))
    )


async def sent(desk: Desk, *chunks: Chunk) -> Answer:
    return await desk.streamed("/internal/leads/rows", *chunks)


async def names(desk: Desk) -> list[str]:
    items = (await desk("head", "GET", "/v1/leads?limit=500&sort=created_at")).json()["items"]
    return sorted(lead["name"] for lead in items)


class TestArriving:
    async def test_all_are_taken_when_they_come_in_small_pieces(self, desk: Desk) -> None:
        whole = body(desk, [row("甲"), row("乙")], [row("丙")]) + b"\n"
        answer = await sent(desk, *(whole[at : at + 7] for at in range(0, len(whole), 7)))
        assert [item["status"] for item in answer.json()["items"]] == ["created"] * 3
        assert await names(desk) == sorted("甲乙丙")

    @pytest.mark.parametrize("missing", [1, 2, 20])
    async def test_nothing_is_taken_when_the_end_does_not_come(self, desk: Desk, missing: int) -> None:
        run, rows = new_id(), [row("Anna"), row("Ben")]
        whole = body(desk, rows, run=run) + b"\n"
        answer = await sent(desk, whole[:-missing])
        assert (answer.status, answer.code) == (400, "not_whole")
        assert await names(desk) == []
        again = await sent(desk, whole)
        assert [item["status"] for item in again.json()["items"]] == ["created", "created"]

    async def test_nothing_is_taken_when_nothing_comes(self, desk: Desk) -> None:
        assert (await sent(desk, b"")).status == 400

    async def test_good_rows_are_taken_when_others_are_bad(self, desk: Desk) -> None:
        unknown = {"amount": "1", "currency": "?"}
        bad = [row("Bo", email="no address"), row("Cid", phone="12"), row("Dora", value=unknown)]
        answer = await sent(desk, body(desk, [row("Anna"), *bad], [row("Ben")]) + b"\n")
        told = [
            (item["status"], [each["pointer"] for each in item["errors"]]) for item in answer.json()["items"]
        ]
        assert [status for status, _ in told] == ["created", "failed", "failed", "failed", "created"]
        assert [pointers for _, pointers in told][1:4] == [["/email"], ["/phone"], ["/value/currency"]]
        assert await names(desk) == ["Anna", "Ben"]

    @pytest.mark.parametrize(
        ("line", "pointer"),
        [
            ({"digest": "d", "lead": {}}, "/items/0/external_id"),
            (row("A") | {"emptied": ["id"]}, "/items/0/emptied/0"),
        ],
    )
    async def test_none_is_taken_when_a_line_is_not_of_rows(
        self, desk: Desk, line: dict[str, Any], pointer: str
    ) -> None:
        answer = await sent(desk, body(desk, [row("Anna")], [line]) + b"\n")
        assert (answer.status, answer.pointers) == (422, [pointer])
        assert await names(desk) == []

    async def test_none_is_taken_when_there_are_more_than_a_thousand(self, desk: Desk) -> None:
        lines = [[row(f"Lead {line} {place}") for place in range(501)] for line in range(2)]
        answer = await sent(desk, body(desk, *lines) + b"\n")
        assert (answer.status, answer.pointers) == (422, ["/rows"])
        assert await names(desk) == []

    @pytest.mark.parametrize("announced", [1, 3])
    async def test_none_is_taken_when_they_are_not_as_many_as_announced(
        self, desk: Desk, announced: int
    ) -> None:
        answer = await sent(desk, body(desk, [row("Anna"), row("Ben")], rows=announced) + b"\n")
        assert (answer.status, answer.code) == (400, "not_whole")
        assert await names(desk) == []

    async def test_they_are_taken_by_what_holds_when_their_turn_comes(self, desk: Desk) -> None:
        async def defined_meanwhile() -> bytes:
            field = {"key": "staff", "labels": {"en": "Staff"}, "type": "integer"}
            assert (await desk("head", "POST", "/v1/custom-fields", field)).status == 201
            return b"\n"

        rows = [row("Anna", custom={"staff": "120"}), row("Ben", custom={"staff": "many"})]
        answer = await sent(desk, body(desk, rows), defined_meanwhile)
        told = [
            (one["status"], [each["pointer"] for each in one["errors"]]) for one in answer.json()["items"]
        ]
        assert told == [("created", []), ("failed", ["/custom/staff"])]
        made = await desk("head", "GET", f"/v1/leads/{answer.json()['items'][0]['lead_id']}")
        assert made.json()["custom"] == {"staff": 120}

    async def test_each_is_taken_once_when_they_come_again(self, desk: Desk) -> None:
        run, rows = new_id(), [row("Anna", phone="13800138000"), row("Ben")]
        first = (await sent(desk, body(desk, rows, run=run) + b"\n")).json()
        assert (await sent(desk, body(desk, rows, run=run) + b"\n")).json() == first
        other = (await sent(desk, body(desk, rows) + b"\n")).json()
        assert [item["status"] for item in other["items"]] == ["unchanged", "unchanged"]
        assert await names(desk) == ["Anna", "Ben"]


class HeldBack:
    """The empty line of a part, once it is let go."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    async def __call__(self) -> bytes:
        self.asked.set()
        await self.let_go.wait()
        return b"\n"


class TestTurns:
    async def test_a_part_follows_the_one_before_and_repeats_it_when_its_own_line_is_held_back(
        self, desk: Desk
    ) -> None:
        run, line = new_id(), HeldBack()
        behind = body(desk, [row("Ben", **ANNA)], run=run, after=1, last=2)
        second = asyncio.create_task(sent(desk, behind, line))
        await line.asked.wait()
        first = await sent(desk, body(desk, [row("Anna", **ANNA)], run=run, after=0, last=1) + b"\n")
        [made], [repeat] = first.json()["items"], (await second).json()["items"]
        assert (repeat["status"], repeat["duplicate_of"]) == ("created", made["lead_id"])
        assert not line.let_go.is_set()

    async def test_a_part_is_stored_beside_the_one_before_when_that_holds_its_keys(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        both, run, line = asyncio.Barrier(2), new_id(), HeldBack()

        async def beside(*given: Any) -> Any:
            await both.wait()
            return await store_new(*given)

        monkeypatch.setattr(intake, "store_new", beside)
        second = asyncio.create_task(sent(desk, body(desk, [row("Ben")], run=run, after=1, last=2), line))
        await line.asked.wait()
        first = await sent(desk, body(desk, [row("Anna", **ANNA)], run=run, after=0, last=1) + b"\n")
        assert [one["status"] for answer in (first, await second) for one in answer.json()["items"]] == (
            ["created"] * 2
        )

    @pytest.mark.parametrize(
        "head", [{"mode": "upsert", "key": "phone"}, {"mode": "update", "key": "phone"}, {"dry_run": True}]
    )
    async def test_a_part_waits_for_its_line_when_it_looks_up_what_earlier_rows_made(
        self, desk: Desk, head: dict[str, Any]
    ) -> None:
        run, line = new_id(), HeldBack()
        behind = body(desk, [row("Ben", **ANNA)], run=run, after=1, last=2, **head)
        second = asyncio.create_task(sent(desk, behind, line))
        await line.asked.wait()
        await sent(desk, body(desk, [row("Anna", **ANNA)], run=run, after=0, last=1, **head) + b"\n")
        assert not second.done()
        line.let_go.set()
        assert (await second).status == 200


def agreeing(*purposes: str, **more: Any) -> dict[str, Any]:
    return {"consent": {"purposes": list(purposes), "how": "paper"} | more}


YESTERDAY = (NOON - timedelta(days=1)).isoformat()
CHANGING: dict[str, Any] = {"mode": "update", "key": "phone"}
ANNA = {"phone": "13800000001"}


async def said(desk: Desk, lead: str) -> list[tuple[str, bool]]:
    history = (await desk("head", "GET", f"/v1/leads/{lead}/consents")).json()["history"]
    return [(one["purpose"], one["granted"]) for one in history]


class TestConsents:
    async def test_they_come_with_the_rows_and_bad_ones_keep_only_their_row_out(self, desk: Desk) -> None:
        ahead = (NOON + timedelta(days=1)).isoformat()
        rows = [
            row("Anna", **agreeing("contact", "marketing", at=YESTERDAY)),
            row("Ben", **agreeing("contact", at=ahead)),
            row("Cid", **agreeing("contact", notice_id=str(new_id()), notice_version=1)),
            row("Dora"),
        ]
        items = (await sent(desk, body(desk, rows) + b"\n")).json()["items"]
        assert [item["status"] for item in items] == ["created", "failed", "failed", "created"]
        pointers = [each["pointer"] for item in items for each in item["errors"]]
        assert pointers == ["/consent/at", "/consent/notice_id"]
        assert await said(desk, items[0]["lead_id"]) == [("contact", True), ("marketing", True)]
        assert await said(desk, items[3]["lead_id"]) == []

    async def test_nothing_is_kept_when_it_is_a_dry_run(self, desk: Desk) -> None:
        await desk("head", "POST", "/v1/do-not-contact", ANNA)
        rows = [row("Anna", **ANNA, **agreeing("contact"))]
        desk.clock.at += timedelta(days=1)
        answer = await sent(desk, body(desk, rows, dry_run=True) + b"\n")
        assert [item["status"] for item in answer.json()["items"]] == ["created"]
        assert len((await desk("head", "GET", "/v1/do-not-contact")).json()["items"]) == 1
        assert await names(desk) == []

    async def test_they_are_recorded_once_when_leads_are_changed_and_the_file_comes_again(
        self, desk: Desk
    ) -> None:
        lead = (await desk.lead(**ANNA))["id"]
        rows = [row("Anna", **ANNA, **agreeing("contact", at=YESTERDAY))]
        for status in ("updated", "unchanged"):
            answer = await sent(desk, body(desk, rows, **CHANGING) + b"\n")
            assert [item["status"] for item in answer.json()["items"]] == [status]
        assert await said(desk, lead) == [("contact", True)]

    async def test_an_old_file_does_not_undo_what_was_withdrawn_since(self, desk: Desk) -> None:
        lead = (await desk.lead(**ANNA))["id"]
        withdrawn = await desk("head", "POST", f"/v1/leads/{lead}/withdraw", {"how": "call"})
        assert withdrawn.status == 200
        desk.clock.at += timedelta(days=1)
        rows = [row("Anna", **ANNA, **agreeing("contact"))]
        [item] = (await sent(desk, body(desk, rows, **CHANGING) + b"\n")).json()["items"]
        told = [(each["pointer"], each["code"]) for each in item["errors"]]
        assert told == [("/consent/at", "moment_not_given")]
        dated = [row("Anna", **ANNA, **agreeing("contact", at=YESTERDAY))]
        [item] = (await sent(desk, body(desk, dated, **CHANGING) + b"\n")).json()["items"]
        assert item["status"] == "updated"
        shown = (await desk("head", "GET", f"/v1/leads/{lead}/consents")).json()
        assert (shown["agreed"], shown["do_not_contact"]) == ([], True)

    async def test_nothing_is_to_be_told_when_they_agree_to_it_anyway(self, desk: Desk) -> None:
        made = await desk("head", "POST", "/v1/leads", {"name": "Anna"} | ANNA | agreeing("contact"))
        rows = [row("Anna", **ANNA, **agreeing("contact"))]
        [item] = (await sent(desk, body(desk, rows, **CHANGING) + b"\n")).json()["items"]
        assert (item["status"], item["lead_id"]) == ("unchanged", made.json()["id"])
