"""What was said of a person is readable with its key only, and by nobody in another's place."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from services.leads.privacy.sealing.rules import (
    IMPERSONAL,
    KEY_BYTES,
    NONCE_BYTES,
    divided,
    key_from,
    opened,
    sealed,
    stored_key,
)

LEAD, OTHER = UUID(int=1), UUID(int=2)
KEY, MASTER = b"k" * KEY_BYTES, b"m" * KEY_BYTES
NONCE = b"n" * NONCE_BYTES
SAID: dict[str, Any] = {"name": ["王伟", "王威"], "custom": [{"a": 1}, {"a": None}]}


class TestDivided:
    def test_a_field_is_personal_when_nobody_has_said_otherwise(self) -> None:
        plain, personal = divided({"source": (None, "fair"), "shoe_size": (43, 44), "name": ("A", "B")})
        assert plain == {"source": (None, "fair")}
        assert personal == {"shoe_size": (43, 44), "name": ("A", "B")}

    @pytest.mark.parametrize(
        "name",
        ["name", "phone", "email", "company", "tags", "custom", "credit_code", "wecom_id", "relatives"],
    )
    def test_what_says_who_somebody_is_is_personal(self, name: str) -> None:
        assert name not in IMPERSONAL


class TestSealed:
    def test_it_is_opened_with_the_key_it_was_sealed_with(self) -> None:
        box = sealed(KEY, NONCE, LEAD, SAID)
        assert "王伟".encode() not in box
        assert opened(KEY, LEAD, box) == SAID

    @pytest.mark.parametrize(
        ("key", "lead", "at"), [(MASTER, LEAD, None), (KEY, OTHER, None), (KEY, LEAD, -1), (KEY, LEAD, 0)]
    )
    def test_it_is_lost_when_key_lead_or_a_bit_is_another(
        self, key: bytes, lead: UUID, at: int | None
    ) -> None:
        box = bytearray(sealed(KEY, NONCE, LEAD, SAID))
        if at is not None:
            box[at] ^= 1
        assert opened(key, lead, bytes(box)) is None


class TestKeys:
    @pytest.mark.parametrize("master", [None, MASTER])
    def test_a_key_comes_back_as_it_was_stored(self, master: bytes | None) -> None:
        assert key_from(stored_key(KEY, NONCE, LEAD, master), LEAD, master) == KEY

    def test_it_stands_nowhere_in_plain_when_the_installation_has_a_key(self) -> None:
        assert KEY not in stored_key(KEY, NONCE, LEAD, MASTER)

    @pytest.mark.parametrize(("master", "lead"), [(None, LEAD), (KEY, LEAD), (MASTER, OTHER)])
    def test_it_does_not_come_back_when_the_installations_key_is_another(
        self, master: bytes | None, lead: UUID
    ) -> None:
        assert key_from(stored_key(KEY, NONCE, LEAD, MASTER), lead, master) is None

    def test_keys_from_before_stay_readable_when_the_installation_gets_one(self) -> None:
        assert key_from(stored_key(KEY, NONCE, LEAD, None), LEAD, MASTER) == KEY
