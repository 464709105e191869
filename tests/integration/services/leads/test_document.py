from __future__ import annotations

import asyncio

import pytest
from starlette.types import ASGIApp, Scope

from services.leads.bootstrap import build_app
from shared.access.bearer import bearer_of
from shared.access.principal import Principal
from shared.errors import Unauthenticated
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk
from tests.support.schemas import assert_conforms
from tests.support.serving import served


class TestDocument:
    @pytest.mark.timeout(1500)
    async def test_no_5xx_and_no_undocumented_answer_whatever_is_sent(
        self, desk: Desk, settings: Settings
    ) -> None:
        principal = desk.callers[str(desk.users["head"])]

        async def authenticate(scope: Scope) -> Principal:
            if bearer_of(scope) != "good":
                raise Unauthenticated("Not good")
            return principal

        async def build() -> ASGIApp:
            return build_app(settings, authenticate=authenticate)

        def ask() -> None:
            with served(build) as url:
                assert_conforms(url, "good", examples=2, phases="coverage,fuzzing")

        await asyncio.to_thread(ask)
