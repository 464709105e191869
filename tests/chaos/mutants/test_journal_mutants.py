"""The journal without the row lock of its seqs is reported."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from shared.events import journal
from tests.chaos.mutants.scene import Scene
from tests.integration.shared.events.working import WAITS_FOR_A_LOCK, comes_true

_INDEXES = """select indexrelid::regclass::text from pg_index join pg_class c on c.oid = indexrelid
    where indisunique and pg_get_indexdef(indexrelid) like '%(aggregate_id, seq)'"""


def _read_then_written(table: str, _several: bool) -> str:
    """The next seq is worked out from what was read, not from the row as it is once it is locked."""
    return f"""update {table} a set seq = read.seq from (
        select t.id, t.seq + u.n as seq from unnest($12::uuid[], $13::bigint[]) u(id, n)
        join {table} t on t.tenant_id = $1 and t.id = u.id) read
    where a.tenant_id = $1 and a.id = read.id returning a.id, a.seq"""  # noqa: S608 - our own table


async def _without_the_index(scene: Scene) -> None:
    for (index,) in await scene.house.rows(_INDEXES):
        await scene.house.admin.execute(f"drop index {index}")


async def _two_writers(scene: Scene, thing: UUID) -> BaseException | None:
    """Both change the thing at once; what became of the second."""
    house = scene.house
    async with house.transaction() as tx:
        await house.change(tx, thing)
        second = asyncio.create_task(house.changed(thing))

        async def waits() -> bool:
            return second.done() or bool(await house.value(WAITS_FOR_A_LOCK))

        await comes_true(waits)
    (outcome,) = await asyncio.gather(second, return_exceptions=True)
    return outcome if isinstance(outcome, BaseException) else None


class TestRowLock:
    async def test_nothing_is_reported_when_it_is_in_place(self, scene: Scene) -> None:
        thing = await scene.house.created()
        assert await _two_writers(scene, thing) is None
        assert await scene.findings(ends={}) == []

    async def test_the_second_writer_is_refused_when_only_the_index_is_left(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        thing = await scene.house.created()
        monkeypatch.setattr(journal, "_bump_table", _read_then_written)
        assert isinstance(await _two_writers(scene, thing), asyncpg.UniqueViolationError)
        assert await scene.findings(ends={}) == []

    async def test_a_doubled_seq_is_reported_when_the_index_is_gone_too(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        thing = await scene.house.created()
        monkeypatch.setattr(journal, "_bump_table", _read_then_written)
        await _without_the_index(scene)
        assert await _two_writers(scene, thing) is None
        assert await scene.findings(ends={}) == [f"journal: {thing} has 2 where 3 belongs"]
