"""Calls that come at the same time go together, and each gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
import pytest

from shared.database.together import MOST, PATIENCE_S, Together
from shared.database.transactions import Access, Database, Tx
from shared.errors import CoxError, Invalid
from shared.ids import new_id

TENANT, OTHER = new_id(), new_id()


class _Transactions:
    """Stands in for a database: tells of each transaction who asked, and whether it was committed."""

    def __init__(self) -> None:
        self.began: list[Access] = []
        self.committed = 0

    @asynccontextmanager
    async def transaction(self, access: Access) -> AsyncIterator[Tx]:
        self.began.append(access)
        yield cast(Tx, object())
        self.committed += 1


class _Work:
    """Doubles numbers when the gate is open; refuses negative ones; `fail` may raise for a group."""

    def __init__(self, fail: Callable[[Sequence[int]], Exception | None] = lambda _: None) -> None:
        self.groups: list[list[int]] = []
        self.gate = asyncio.Event()
        self._fail = fail

    async def __call__(self, _tx: Tx, _tenant: Any, items: Sequence[int]) -> list[int | CoxError]:
        self.groups.append(list(items))
        await self.gate.wait()
        error = self._fail(items)
        if error is not None:
            raise error
        return [Invalid(f"{item}") if item < 0 else 2 * item for item in items]


def _made(work: _Work) -> tuple[Together[int, int], _Transactions]:
    transactions = _Transactions()
    return Together(cast(Database, transactions), work), transactions


async def _asked(together: Together[int, int], items: Sequence[int]) -> list[asyncio.Task[int]]:
    """The first one is under way when the others come."""
    tasks = []
    for few in (items[:1], items[1:]):
        tasks += [asyncio.create_task(together.do(TENANT, item)) for item in few]
        for _ in range(5):
            await asyncio.sleep(0)
    return tasks


class TestTogether:
    async def test_those_who_come_meanwhile_go_together_when_one_is_under_way(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # However long this process stands still, nobody has waited too long.
        monkeypatch.setattr("shared.database.together.PATIENCE_S", 3600.0)
        work = _Work()
        together, transactions = _made(work)
        tasks = await _asked(together, [1, 2, 3, 4])
        assert work.groups == [[1]]
        work.gate.set()
        assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
        assert work.groups == [[1], [2, 3, 4]]
        assert transactions.began == [Access(TENANT)] * 2
        assert transactions.committed == 2

    async def test_a_refusal_is_its_own_when_the_others_are_good(self) -> None:
        work = _Work()
        together, transactions = _made(work)
        tasks = await _asked(together, [1, 2, -3, 4])
        work.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers] == [int, int, Invalid, int]
        assert transactions.committed == 2

    async def test_tenants_do_not_share_when_they_ask_at_once(self) -> None:
        work = _Work()
        together, transactions = _made(work)
        tasks = [asyncio.create_task(together.do(tenant, 1)) for tenant in (TENANT, OTHER)]
        work.gate.set()
        assert await asyncio.gather(*tasks) == [2, 2]
        assert {access.tenant_id for access in transactions.began} == {TENANT, OTHER}

    async def test_a_transaction_holds_so_many_at_most_when_more_wait(self) -> None:
        work = _Work()
        together, _ = _made(work)
        tasks = await _asked(together, range(2 * MOST))
        work.gate.set()
        assert await asyncio.gather(*tasks) == [2 * n for n in range(2 * MOST)]
        assert [len(group) for group in work.groups] == [1, MOST, MOST - 1]

    async def test_others_go_on_when_one_stands_behind_a_lock(self) -> None:
        work = _Work()
        together, _ = _made(work)
        tasks = await _asked(together, [1, 2])
        async with asyncio.timeout(1000 * PATIENCE_S):
            while len(work.groups) < 2:  # noqa: ASYNC110 - the loop's clock is what is waited for
                await asyncio.sleep(PATIENCE_S / 10)
        assert not tasks[0].done()
        work.gate.set()
        assert await asyncio.gather(*tasks) == [2, 4]

    @pytest.mark.parametrize("error", [asyncpg.DataError("no"), KeyError("ours")])
    async def test_each_is_done_by_itself_when_they_fail_together(self, error: Exception) -> None:
        work = _Work(lambda items: error if 3 in items else None)
        together, transactions = _made(work)
        tasks = await _asked(together, [1, 2, 3])
        work.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert answers == [2, 4, error]
        assert sorted(work.groups) == [[1], [2], [2, 3], [3]]
        assert transactions.committed == 2

    async def test_nobody_is_done_again_when_the_outcome_is_unknown(self) -> None:
        lost = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        work = _Work(lambda items: lost if 3 in items else None)
        together, _ = _made(work)
        tasks = await _asked(together, [1, 2, 3])
        work.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert answers == [2, lost, lost]
        assert work.groups == [[1], [2, 3]]

    async def test_all_are_done_again_when_they_were_in_a_deadlock(self) -> None:
        errors = [asyncpg.DeadlockDetectedError("deadlock")]
        work = _Work(lambda items: errors.pop() if 3 in items and errors else None)
        together, _ = _made(work)
        tasks = await _asked(together, [1, 2, 3])
        work.gate.set()
        assert await asyncio.gather(*tasks) == [2, 4, 6]
        assert work.groups == [[1], [2, 3], [2, 3]]

    async def test_the_others_get_their_answers_when_one_has_left(self) -> None:
        work = _Work()
        together, _ = _made(work)
        tasks = await _asked(together, [1, 2, 3])
        tasks[1].cancel()
        work.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        assert [await tasks[0], await tasks[2]] == [2, 6]
        assert work.groups[1] == [2, 3]
