from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.errors import NotYet
from shared.events.positions import Position, decode_token, encode_token
from shared.ids import new_id
from tests.integration.shared.web.conftest import Desk, a_principal

PATH = "/v1/notes"


async def made(desk: Desk, text: str = "n") -> str:
    answer = await desk.ask("POST", PATH, json={"text": text})
    return answer.headers["Location"]


def token(desk: Desk, *positions: Position) -> str:
    secret = desk.bed.settings.position_secret.get_secret_value()
    return encode_token(positions, desk.principal.tenant_id, secret)


class TestOne:
    async def test_tag_and_position_of_the_newest_event_when_read(self, desk: Desk) -> None:
        target = await made(desk)
        answer = await desk.ask("GET", target)
        secret = desk.bed.settings.position_secret.get_secret_value()
        [position] = decode_token(answer.headers["Cox-Position"], desk.principal.tenant_id, secret)
        assert (answer.status, answer.headers["ETag"], position.seq) == (200, '"1"', 1)

    @pytest.mark.parametrize(
        ("tag", "status"),
        [('"1"', 304), ('W/"1"', 304), ("*", 304), ('"2", "1"', 304), ('"2"', 200), ('"x"', 200), ("1", 400)],
    )
    async def test_tag_decides_when_if_none_match_is_given(self, desk: Desk, tag: str, status: int) -> None:
        answer = await desk.ask("GET", await made(desk), headers={"If-None-Match": tag})
        assert answer.status == status
        if status == 304:
            assert answer.body == b""
            assert answer.headers["ETag"] == '"1"'
            assert "Cox-Position" in answer.headers
        assert desk.changes.asked == []

    async def test_next_version_when_it_comes_while_waiting(self, desk: Desk) -> None:
        target = await made(desk)

        class Changing(type(desk.changes)):  # type: ignore[misc]
            async def wait(self, access: Any, position: Position, timeout: float) -> int | None:
                self.asked.append(position)
                if len(self.asked) == 2:
                    await desk.ask("PATCH", target, json={"text": "changed"})
                return position.seq + 1

        desk.changes.__class__ = Changing
        headers = {"If-None-Match": '"1"', "Cox-Wait-Ms": "20000"}
        answer = await desk.ask("GET", target, headers=headers)
        assert (answer.status, answer.headers["ETag"], answer.json()["text"]) == (200, '"2"', "changed")
        # News that left the resource as it was is waited past, not asked for again and again.
        assert [position.seq for position in desk.changes.asked] == [1, 2]

    async def test_not_modified_when_nothing_came_in_time(self, desk: Desk) -> None:
        headers = {"If-None-Match": '"1"', "Cox-Wait-Ms": "20000"}
        answer = await desk.ask("GET", await made(desk), headers=headers)
        assert answer.status == 304
        assert len(desk.changes.asked) == 1

    async def test_given_up_when_the_client_leaves_before_the_next_version(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def for_ever(access: Any, position: Position, timeout: float) -> int | None:
            await asyncio.Event().wait()
            return None

        target = await made(desk)
        monkeypatch.setattr(desk.changes, "wait", for_ever)
        headers = {"If-None-Match": '"1"', "Cox-Wait-Ms": "20000"}
        assert (await desk.ask("GET", target, headers=headers, leaves=True)).status == 0

    async def test_unknown_when_absent(self, desk: Desk) -> None:
        answer = await desk.ask("GET", f"{PATH}/{new_id()}")
        assert (answer.status, answer.code) == (404, "not_found")


class TestWaitFor:
    async def test_answered_when_applied(self, desk: Desk) -> None:
        wanted = Position("cox.leads", new_id(), 3)
        headers = {"Cox-Wait-For": token(desk, wanted), "Cox-Wait-Ms": "1500"}
        assert (await desk.ask("GET", PATH, headers=headers)).status == 200
        assert desk.applied.asked == [([wanted], 1.5)]

    async def test_two_seconds_when_no_time_is_said_and_writes_wait_too(self, desk: Desk) -> None:
        headers = {"Cox-Wait-For": token(desk, Position("cox.leads", new_id(), 3))}
        assert (await desk.ask("POST", PATH, json={"text": "w"}, headers=headers)).status == 201
        assert [timeout for _, timeout in desk.applied.asked] == [2.0]

    async def test_504_and_no_effect_when_not_applied_in_time(self, desk: Desk) -> None:
        desk.applied.error = NotYet("leads.directory is at 2 of 3")
        headers = {"Cox-Wait-For": token(desk, Position("cox.leads", new_id(), 3))}
        answer = await desk.ask("POST", PATH, json={"text": "w"}, headers=headers)
        assert (answer.status, answer.code) == (504, "not_yet_applied")
        assert "2 of 3" in answer.json()["detail"]
        assert await desk.count("notes") == 0

    async def test_given_up_without_effect_when_the_client_leaves(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cancelled: list[Position] = []

        async def for_ever(positions: list[Position], timeout: float) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.extend(positions)

        monkeypatch.setattr(desk.applied, "wait", for_ever)
        wanted = Position("cox.leads", new_id(), 3)
        headers = {"Cox-Wait-For": token(desk, wanted)}
        assert (await desk.ask("GET", PATH, headers=headers, leaves=True)).status == 0
        assert (await desk.ask("POST", PATH, json={"text": "w"}, headers=headers, leaves=True)).status == 0
        assert cancelled == [wanted, wanted]
        assert await desk.count("notes") == 0

    @pytest.mark.parametrize("value", ["", "x", "é", "A" * 5000, "AAAA-AAAA_AAAA"])
    async def test_refused_when_damaged(self, desk: Desk, value: str) -> None:
        answer = await desk.ask("GET", PATH, headers={"Cox-Wait-For": value})
        assert (answer.status, answer.code) == (400, "bad_position")

    async def test_refused_when_of_another_tenant(self, desk: Desk) -> None:
        foreign = token(desk, Position("cox.leads", new_id(), 3))
        desk.principal = a_principal()
        answer = await desk.ask("GET", PATH, headers={"Cox-Wait-For": foreign})
        assert (answer.status, answer.code) == (400, "bad_position")

    @pytest.mark.parametrize("value", ["", "-1", "30001", "1.5", "x", "9" * 400, "１"])
    async def test_refused_when_the_time_is_none(self, desk: Desk, value: str) -> None:
        wanted = token(desk, Position("cox.leads", new_id(), 3))
        headers = [("Cox-Wait-For", wanted), ("Cox-Wait-Ms", value.encode().decode("latin-1"))]
        answer = await desk.ask("GET", PATH, headers=headers)
        assert (answer.status, answer.pointers) == (422, ["/header/Cox-Wait-Ms"])


class TestPages:
    async def test_every_item_once_when_pages_are_followed(self, desk: Desk) -> None:
        texts = {f"t{number}" for number in range(7)}
        for text in texts:
            await made(desk, text)
        seen: list[str] = []
        target = f"{PATH}?limit=3"
        while True:
            page = (await desk.ask("GET", target)).json()
            assert set(page) == {"items", "next_cursor"}
            seen += [item["text"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            target = f"{PATH}?limit=2&cursor={page['next_cursor']}"
        assert sorted(seen) == sorted(texts)

    @pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "", "1e2", "9" * 30])
    async def test_422_when_the_limit_is_out_of_range(self, desk: Desk, limit: str) -> None:
        answer = await desk.ask("GET", f"{PATH}?limit={limit}")
        assert (answer.status, answer.pointers) == (422, ["/query/limit"])

    async def test_refused_when_the_cursor_is_of_another_question_or_tenant(self, desk: Desk) -> None:
        for number in range(3):
            await made(desk, f"t{number}")
        cursor = (await desk.ask("GET", f"{PATH}?limit=1")).json()["next_cursor"]
        answer = await desk.ask("GET", f"{PATH}?limit=1&text=a&cursor={cursor}")
        assert (answer.status, answer.code) == (400, "bad_cursor")
        desk.principal = a_principal()
        answer = await desk.ask("GET", f"{PATH}?limit=1&cursor={cursor}")
        assert (answer.status, answer.code) == (400, "bad_cursor")
