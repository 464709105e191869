"""Contact data is masked for whoever may see a lead but not contact it, and what is hidden finds nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from shared.ids import new_id
from tests.integration.services.leads.conftest import Desk

ANNA: dict[str, Any] = {"name": "Anna Li", "phone": "13800000001", "email": "anna@example.com"}
HIDDEN = ("138****0001", "138****0001", "a****@example.com", "a****@example.com")
IN_FULL = ("+8613800000001", "13800000001", "anna@example.com", "anna@example.com")


@pytest.fixture
async def lead(desk: Desk) -> str:
    """One of north1's."""
    for name, unit, role in (
        ("chief", "north", "manager"), ("top", "company", "director"), ("money", "company", "finance"),
        ("auditor", "company", "inspector"),
    ):  # fmt: skip
        await desk.user(name, unit, role=role, is_rep=False)
    made: str = (await desk.lead(**ANNA))["id"]
    owner = {"owner_id": str(desk.users["north1"])}
    assert (await desk("head", "POST", f"/v1/leads/{made}/assign", owner)).status == 200
    return made


def a_key(desk: Desk, *scopes: str) -> str:
    """An API key of the head's with these scopes."""
    head = desk.callers[str(desk.users["head"])]
    key = replace(head, id=new_id(), kind="api_key", roles=frozenset(), scopes=frozenset(scopes))
    desk.users["key"] = key.id
    desk.callers[str(key.id)] = key
    return "key"


def contact(shown: dict[str, Any]) -> tuple[str, ...]:
    return tuple(shown[name] for name in ("phone", "phone_text", "email", "email_text"))


async def found(desk: Desk, by: str, words: str) -> list[str]:
    answer = await desk(by, "GET", f"/v1/leads?q={quote(words)}")
    assert answer.status == 200, answer
    return [one["id"] for one in answer.json()["items"]]


class TestWhoMayContact:
    async def test_it_is_the_owner_and_their_superiors(self, desk: Desk, lead: str) -> None:
        seen = {}
        for name in ("north1", "boss", "chief", "top", "head", "money", "auditor"):
            one = (await desk(name, "GET", f"/v1/leads/{lead}")).json()
            [listed] = (await desk(name, "GET", "/v1/leads")).json()["items"]
            assert contact(one) == contact(listed)
            seen[name] = contact(one)
        assert seen == dict.fromkeys(("north1", "boss", "chief", "top", "head"), IN_FULL) | dict.fromkeys(
            ("money", "auditor"), HIDDEN
        )

    async def test_who_only_sees_it_leaves_no_reading(self, desk: Desk, lead: str) -> None:
        path = f"/v1/leads/{lead}/contact-reads"
        before = (await desk("head", "GET", path)).json()["items"]
        for target in (f"/v1/leads/{lead}", "/v1/leads"):
            assert (await desk("auditor", "GET", target)).status == 200
        assert (await desk("head", "GET", path)).json()["items"] == before

    async def test_a_key_needs_the_scope_for_every_answer(self, desk: Desk, lead: str) -> None:
        key = a_key(desk, "leads:read", "leads:write")
        for method, more, body in (
            ("GET", "", None), ("PATCH", "", {"company": "Acme"}), ("POST", "/move", {"to": "won"}),
            ("POST", "/assign", {"owner_id": str(desk.users["north2"])}),
        ):  # fmt: skip
            answer = await desk(key, method, f"/v1/leads/{lead}{more}", body)
            assert (answer.status, contact(answer.json())) == (200, HIDDEN), (method, more)
        key = a_key(desk, "leads:read", "contact:read")
        assert contact((await desk(key, "GET", f"/v1/leads/{lead}")).json()) == IN_FULL

    async def test_what_is_brought_is_answered_as_it_is_when_a_key_creates(
        self, desk: Desk, lead: str
    ) -> None:
        made = await desk(a_key(desk, "leads:write"), "POST", "/v1/leads", ANNA)
        assert (made.status, contact(made.json()), made.json()["duplicate_of"]) == (201, IN_FULL, lead)


class TestFinding:
    @pytest.mark.parametrize("words", ["13800000001", "138 0000 0001", "0001", "anna@example.com", "anna@"])
    async def test_what_is_hidden_finds_nothing(self, desk: Desk, lead: str, words: str) -> None:
        assert await found(desk, "top", words) == [lead]
        assert await found(desk, "auditor", words) == []

    async def test_what_is_shown_finds_the_lead(self, desk: Desk, lead: str) -> None:
        assert await found(desk, "auditor", "anna li") == [lead]
