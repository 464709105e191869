from __future__ import annotations

import base64
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from shared.web.cursors import BadCursor, Cursors, fingerprint, parameters_of

CURSORS = Cursors("a secret of sixteen")
MINE = fingerprint("tenant", "/v1/leads", [("stage", "new")])
VALUES = (
    UUID(int=7),
    datetime(2026, 3, 1, tzinfo=UTC),
    date(2026, 3, 1),
    Decimal("1.50"),
    "华为",
    5,
    None,
    True,
)


class TestCursors:
    def test_values_come_back_with_their_types(self) -> None:
        back = CURSORS.decode(CURSORS.encode(VALUES, MINE), MINE)
        assert back == VALUES
        assert [type(value) for value in back] == [type(value) for value in VALUES]

    @pytest.mark.parametrize(
        "other",
        [
            fingerprint("other tenant", "/v1/leads", [("stage", "new")]),
            fingerprint("tenant", "/v1/activities", [("stage", "new")]),
            fingerprint("tenant", "/v1/leads", [("stage", "won")]),
            fingerprint("tenant", "/v1/leads", []),
        ],
    )
    def test_refused_when_from_another_tenant_list_or_question(self, other: bytes) -> None:
        with pytest.raises(BadCursor):
            CURSORS.decode(CURSORS.encode(VALUES, MINE), other)

    def test_refused_when_any_byte_is_changed(self) -> None:
        raw = base64.urlsafe_b64decode(CURSORS.encode((5,), MINE) + "==")
        for at in range(len(raw)):
            broken = bytearray(raw)
            broken[at] ^= 1
            with pytest.raises(BadCursor):
                CURSORS.decode(base64.urlsafe_b64encode(broken).decode().rstrip("="), MINE)

    @pytest.mark.parametrize("text", ["", "x", "====", "a" * 3000, "é", "a b", "\0", "____"])
    def test_refused_when_no_cursor_at_all(self, text: str) -> None:
        with pytest.raises(BadCursor):
            CURSORS.decode(text, MINE)

    def test_refused_when_made_with_another_secret(self) -> None:
        with pytest.raises(BadCursor):
            CURSORS.decode(Cursors("another secret entirely").encode((5,), MINE), MINE)

    def test_page_and_limit_are_no_part_of_the_question(self) -> None:
        one = parameters_of([("stage", "new"), ("limit", "5"), ("owner", "x")])
        two = parameters_of([("owner", "x"), ("cursor", "c"), ("stage", "new")])
        assert one == two
