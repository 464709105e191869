"""A database with a directory and one table of owned things."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.access import migrations
from shared.database.rls import visibility_policy
from shared.settings import Settings
from tests.support.bed import Bed, made_bed
from tests.support.pair import Pair

THINGS = """create table things (
  tenant_id uuid not null, id uuid not null, owner_id uuid, team_id uuid, created_by uuid,
  primary key (tenant_id, id))"""


@pytest.fixture(scope="module")
async def bed(pair: Pair, settings: Settings) -> AsyncIterator[Bed]:
    statements = [*migrations.V1, *migrations.V2, THINGS, *visibility_policy("things")]
    async with made_bed(pair, settings, statements) as made:
        yield made
