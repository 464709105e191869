"""What identifies somebody is read from real spellings, kept as given, found, hidden and known again."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.pools.test_pool import make_pool, pooled

CODE = "91110108551385082Q"
WECOM = "wmqfasd1e1927831123109rBAAAA"
TWO = "138 0000 0101 / 021-62345678转802"


async def found(desk: Desk, words: str, more: str = "") -> list[str]:
    answer = await desk("head", "GET", f"/v1/leads?q={quote(words)}{more}")
    assert answer.status == 200, answer
    return [item["id"] for item in answer.json()["items"]]


async def patched(desk: Desk, lead: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = await desk("head", "PATCH", f"/v1/leads/{lead['id']}", fields)
    assert answer.status == 200, answer
    changed: dict[str, Any] = answer.json()
    return changed


class TestSeveralNumbers:
    async def test_all_are_kept_and_found_when_one_cell_holds_them(self, desk: Desk) -> None:
        lead = await desk.lead(phone=TWO)
        assert (lead["phone"], lead["phone_text"]) == ("+8613800000101", TWO)
        assert lead["other_phones"] == ["+862162345678;ext=802"]
        for words in ("13800000101", "138-0000-0101", "62345678", "021-62345678"):
            assert await found(desk, words) == [lead["id"]]

    async def test_lines_of_the_text_are_read_when_a_cell_has_several(self, desk: Desk) -> None:
        lead = await desk.lead(phone="13800000102\n13900000102")
        assert (lead["phone"], lead["other_phones"]) == ("+8613800000102", ["+8613900000102"])
        assert lead["phone_text"] == "13800000102\n13900000102"

    async def test_each_is_known_again_when_another_lead_has_it(self, desk: Desk) -> None:
        first = await desk.lead(phone="13800000103、13900000103")
        assert (await desk.lead(phone="13900000103"))["duplicate_of"] == first["id"]
        third = await desk.lead(phone="13700000103/+86 138 0000 0103")
        assert third["duplicate_of"] == first["id"]
        assert (await desk.lead(phone="13700000103"))["duplicate_of"] == third["id"]

    async def test_it_passes_to_the_next_when_the_first_gives_it_up(self, desk: Desk) -> None:
        first = await desk.lead(phone="13800000104、13900000104")
        second = await desk.lead(phone="13600000104；13900000104")
        changed = await patched(desk, first, phone="13800000104")
        assert (changed["other_phones"], changed["phone_text"]) == ([], "13800000104")
        assert (await desk.lead(phone="13900000104"))["duplicate_of"] == second["id"]
        assert await found(desk, "13900000104 Anna") != []
        (_, kind, data) = (await desk.events(first["id"]))[-1]
        assert (kind, data["changed"]) == ("lead_updated", ["phone"])

    async def test_all_are_hidden_when_the_lead_lies_in_a_pool(self, desk: Desk) -> None:
        pool = await make_pool(desk, members={"unit_ids": [str(desk.units["north-team"])]})
        lead = await pooled(desk, pool, name="王伟", phone="13800000105、13900000105", wecom_id=WECOM)
        shown = (await desk("north1", "GET", f"/v1/leads/{lead}")).json()
        assert (shown["phone"], shown["phone_text"]) == ("138****0105", "138****0105")
        assert (shown["other_phones"], shown["wecom_id"]) == (["139****0105"], "****")
        words = f"/v1/leads?pool={pool['id']}&q="
        for hidden in ("13800000105", "13900000105", "0105"):
            assert (await desk("north1", "GET", words + hidden)).json()["items"] == []

    @pytest.mark.parametrize(
        ("phone", "reason"),
        [
            ("13800000106、1390000010", "number 2 of 2 has 10 digits; a mobile number has 11"),
            ("138000001061", "12 digits"),
            ("1.38001E+10", "rounded number"),
        ],
    )
    async def test_it_is_refused_naming_number_and_reason_when_one_cannot_be_read(
        self, desk: Desk, phone: str, reason: str
    ) -> None:
        answer = await desk("head", "POST", "/v1/leads", {"name": "A", "phone": phone})
        [error] = answer.json()["errors"]
        assert (answer.status, error["pointer"], error["code"]) == (422, "/phone", "bad_phone")
        assert reason in error["detail"]
        assert "1380000" not in answer.body.decode()


class TestCreditCodes:
    async def test_it_is_known_again_when_spelled_otherwise(self, desk: Desk) -> None:
        first = await desk.lead(company="百度", credit_code=CODE)
        second = await desk.lead(company="Baidu", credit_code="９１１１０１０８ 551385082q")
        assert (first["credit_code"], first["credit_code_text"]) == (CODE, CODE)
        assert (second["credit_code"], second["duplicate_of"]) == (CODE, first["id"])
        assert second["credit_code_text"] == "９１１１０１０８ 551385082q"
        assert await found(desk, CODE) == [second["id"], first["id"]]

    async def test_it_passes_to_the_next_when_the_first_gives_it_up(self, desk: Desk) -> None:
        first = await desk.lead(credit_code=CODE)
        second = await desk.lead(credit_code=CODE)
        changed = await patched(desk, first, credit_code=None)
        assert (changed["credit_code"], changed["credit_code_text"]) == (None, None)
        assert (await desk.lead(credit_code=CODE))["duplicate_of"] == second["id"]
        assert (await desk.events(first["id"]))[-1][2]["changed"] == ["credit_code"]

    @pytest.mark.parametrize("code", ["91110108551385082P", "9111O108551385082Q", "9111010855138508"])
    async def test_it_is_refused_when_it_does_not_match(self, desk: Desk, code: str) -> None:
        answer = await desk("head", "POST", "/v1/leads", {"name": "A", "credit_code": code})
        [error] = answer.json()["errors"]
        assert (answer.status, error["pointer"], error["code"]) == (422, "/credit_code", "bad_credit_code")


class TestWecomIds:
    async def test_it_is_known_before_the_phone_when_both_are(self, desk: Desk) -> None:
        by_phone = await desk.lead(phone="13800000107")
        by_wecom = await desk.lead(wecom_id=WECOM)
        assert by_phone["duplicate_of"] is None
        both = await desk.lead(phone="13800000107", wecom_id=WECOM)
        assert both["duplicate_of"] == by_wecom["id"]
        await patched(desk, by_wecom, wecom_id=None)
        assert (await desk.lead(wecom_id=WECOM))["duplicate_of"] == both["id"]

    async def test_it_is_refused_when_it_is_an_employees_account(self, desk: Desk) -> None:
        answer = await desk("head", "POST", "/v1/leads", {"name": "A", "wecom_id": "zhangsan"})
        assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "/wecom_id")


class TestSeveralFields:
    async def test_each_bad_one_is_named_when_they_come_together(self, desk: Desk) -> None:
        bad = {"name": "A", "phone": "12", "email": "x", "credit_code": "1", "wecom_id": "me"}
        answer = await desk("head", "POST", "/v1/leads", bad)
        assert answer.pointers == ["/phone", "/email", "/credit_code", "/wecom_id"]

    async def test_a_unit_is_refused_with_what_would_be_right_when_in_an_amount(self, desk: Desk) -> None:
        body = {"name": "A", "value": {"amount": "1.2万", "currency": "CNY"}}
        [error] = (await desk("head", "POST", "/v1/leads", body)).json()["errors"]
        assert (error["pointer"], error["code"]) == ("/value/amount", "bad_format")
        assert "12000" in error["detail"]
