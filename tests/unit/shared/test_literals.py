"""What may be written into a statement, and how."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from shared.database.literals import json_literal, literal

ID = UUID("0199a1b2-0000-7000-8000-000000000001")


class TestLiteral:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "null"),
            (ID, f"'{ID}'::uuid"),
            (datetime(2026, 3, 1, 9, 30, 0, 5, UTC), "'2026-03-01T09:30:00.000005+00:00'::timestamptz"),
            ("GET /v1/leads/{lead_id}", "'GET /v1/leads/{lead_id}'::text"),
            ("fe80::1%eth0", "'fe80::1%eth0'::text"),
            ((), "'{}'::uuid[]"),
            ((ID, ID), f"'{{{ID},{ID}}}'::uuid[]"),
        ],
    )
    def test_it_is_quoted_with_its_type_when_it_is_harmless(self, value: Any, text: str) -> None:
        assert literal(value) == text

    @pytest.mark.parametrize("value", ["it's", "a\\b", "a\nb", 'a"', "a;b", "ü", (ID, "x"), 1, b"x"])
    def test_it_is_refused_when_it_could_be_more_than_a_value(self, value: Any) -> None:
        with pytest.raises(ValueError, match="not to be written"):
            literal(value)


class TestJsonLiteral:
    @pytest.mark.parametrize(
        "text", ["it's", "a\\'b", "$json$; drop table leads; --", "ü$", 'a"b\n', "\\u0000"]
    )
    def test_nothing_in_it_ends_the_quote(self, text: str) -> None:
        made = json_literal({"a": text})
        assert made.startswith("$json$")
        assert made.endswith("$json$::jsonb")
        inside = made.removeprefix("$json$").removesuffix("$json$::jsonb")
        assert "$" not in inside
        assert orjson.loads(inside) == {"a": text}
