"""What rows of files are recognised by when a person is forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.persons.forgetting import said_by


def lead(**known: Any) -> dict[str, Any]:
    return {"name": "王伟", "phones": [], "email": None, "wecom_id": None, "formerly": []} | known


class TestSaidBy:
    @pytest.mark.parametrize(
        ("known", "said"),
        [
            ({"phones": ["+8613800138000"]}, {"00138000"}),
            ({"phones": ["+8613800138000;ext=802", "4008001234"]}, {"00138000", "08001234"}),
            ({"phones": ["95588"], "email": "w@example.com"}, {'"95588"', "w@example.com"}),
            ({"formerly": ["138-0013 8000", "w2@example.com"]}, {"00138000", "w2@example.com"}),
            ({"wecom_id": "wmABC12345"}, {"wmABC12345"}),
            ({}, {'"王伟"'}),
            ({"name": None}, set()),
        ],
    )
    def test_numbers_and_addresses_count_and_names_only_where_there_is_nothing_else(
        self, known: dict[str, Any], said: set[str]
    ) -> None:
        assert said_by([lead(**known)]) == said
