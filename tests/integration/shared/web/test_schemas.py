from __future__ import annotations

import asyncio

import pytest
from starlette.types import ASGIApp, Scope

from shared.access.bearer import bearer_of
from shared.access.principal import Principal
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.errors import Unauthenticated
from shared.web.app import make_app
from tests.integration.shared.web.conftest import a_principal, sound_router
from tests.support.bed import Bed
from tests.support.schemas import assert_conforms
from tests.support.serving import served


class TestDocument:
    @pytest.mark.timeout(1500)
    async def test_no_5xx_and_no_undocumented_answer_whatever_is_sent(self, bed: Bed) -> None:
        principal = a_principal()

        async def authenticate(scope: Scope) -> Principal:
            if bearer_of(scope) != "good":
                raise Unauthenticated("Not good")
            return principal

        async def build() -> ASGIApp:
            database = Database(make_engine(bed.settings, "gateway", "app"))
            return make_app(
                bed.settings, "leads", routers=[sound_router], database=database, authenticate=authenticate
            )

        def ask() -> None:
            with served(build) as url:
                assert_conforms(url, "good")

        await asyncio.to_thread(ask)
