"""What is kept of somebody, for how long, and what a reason may say."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.naming import without_person
from services.leads.deduplication.duplicates.rules import Key
from services.leads.privacy.erasure.rules import (
    NamesThePerson,
    check_reason,
    keep_until,
    personal_keys,
    to_keep,
)

AT = datetime(2026, 3, 27, 10, tzinfo=UTC)


def lead(**fields: Any) -> Lead:
    plain: dict[str, Any] = dict.fromkeys(
        ("name", "phone", "phone_extension", "phone_text", "email", "email_text", "company", "source",
         "channel", "region", "product", "value_minor", "value_currency", "value_tenant_minor", "owner_id",
         "team_id", "created_by", "duplicate_of", "lost_reason")
    )  # fmt: skip
    made = Lead(
        **plain, tenant_id=UUID(int=1), id=UUID(int=2), seq=1, tags=(), custom={}, pipeline_id=UUID(int=3),
        stage="won", status="won", stage_entered_at=AT, started_at=AT, start_known=True, created_at=AT,
        updated_at=AT, closed_at=AT,
    )  # fmt: skip
    return made._replace(**fields)


class TestToKeep:
    @pytest.mark.parametrize(
        ("fields", "kept"),
        [
            ({"company": "启帆集团", "name": "王伟"}, {"company": "启帆集团"}),
            ({"company": "王伟小吃店", "name": "王伟"}, {}),
            ({"company": "ANNA LI Ltd", "name": "Anna Li"}, {}),
            ({"company": "Acme", "credit_code": "91350100M000100Y43"},
             {"company": "Acme", "credit_code": "91350100M000100Y43"}),
            ({"company": "Acme", "status": "lost"}, {}),
            ({"company": "Acme", "status": "open", "closed_at": None}, {}),
            ({}, {}),
        ],
    )  # fmt: skip
    def test_only_what_the_law_wants_of_a_won_deal(
        self, fields: dict[str, Any], kept: dict[str, str]
    ) -> None:
        assert to_keep(lead(**fields)) == kept

    @pytest.mark.parametrize(
        ("closed", "until"),
        [
            (datetime(2026, 3, 27, tzinfo=UTC), date(2036, 3, 27)),
            (datetime(2024, 2, 29, tzinfo=UTC), date(2034, 2, 28)),
        ],
    )
    def test_for_ten_years(self, closed: datetime, until: date) -> None:
        assert keep_until(lead(closed_at=closed)) == until


class TestPerson:
    def test_a_companys_code_is_nobodys_own(self) -> None:
        own = {Key("phone", "+8613800138000"), Key("email", "a@example.com"), Key("wecom_id", "wm1")}
        assert personal_keys([*own, Key("credit_code", "91350100M000100Y43")]) == own


class TestReason:
    @pytest.mark.parametrize(
        "reason",
        [
            "王伟要求删除",
            "letter of Anna Li",
            "called from 138-0013-8000",
            "mail of A.Li@Example.com",
            "wmX12345",
        ],
    )
    def test_it_is_refused_when_it_says_who_it_is(self, reason: str) -> None:
        known = [
            lead(name="王伟", phone="+8613800138000"),
            lead(name="Anna Li", email="a.li@example.com", wecom_id="wmX12345"),
        ]
        with pytest.raises(NamesThePerson):
            check_reason(reason, known)

    @pytest.mark.parametrize("reason", ["asked for", "Danna Lister retired", "ticket 4711", "客户要求"])
    def test_it_passes_when_it_does_not(self, reason: str) -> None:
        check_reason(reason, [lead(name="Anna Li", phone="+8613800138000"), lead(name="王")])


class TestWithoutPerson:
    def test_texts_that_name_them_are_replaced_at_any_depth_and_no_others(self) -> None:
        said = {
            "q": "anna li",
            "stage": ["a", "call 138 0013 8000"],
            "custom": [{"is": "li"}, "site~anna li", "size>=7"],
            "n": 1,
            "no": None,
        }
        anna = [(lead(name="Anna Wang", phone="+8613800138001"), ["Anna Li", "138-0013-8000"])]
        assert without_person(said, anna) == {
            "q": "(erased)", "stage": ["a", "(erased)"], "n": 1, "no": None,
            "custom": [{"is": "li"}, "site~(erased)", "size>=7"],
        }  # fmt: skip
