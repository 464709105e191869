"""What is sent to PostgreSQL as text: only plain names and UUIDs may become part of it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from shared.database import rls
from shared.database.transactions import Access, begin_statement

HOSTILE = "x'; drop table leads; --"


class TestBegin:
    def test_refuses_when_an_id_is_no_uuid(self) -> None:
        with pytest.raises(ValueError, match="UUID"):
            begin_statement(Access(HOSTILE))  # type: ignore[arg-type]

    def test_refuses_when_the_visibility_is_unknown(self) -> None:
        with pytest.raises(ValueError, match="visibility"):
            begin_statement(Access(uuid4(), None, HOSTILE))  # type: ignore[arg-type]

    def test_names_no_tenant_when_nobody_asks(self) -> None:
        assert "cox." not in begin_statement(None)


class TestPolicies:
    @pytest.mark.parametrize(
        "build", [rls.tenant_policy, rls.visibility_policy, rls.search_policy, rls.append_only]
    )
    def test_refuses_when_the_table_is_no_plain_name(self, build: object) -> None:
        with pytest.raises(ValueError, match="plain SQL name"):
            build(HOSTILE)  # type: ignore[operator]
