"""Each promise's short form: a fixed seed, small numbers, no time asserted. All share one copy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.chaos.promise import DEFAULT_SEED, Promise, Run, StackMaker, registry
from tests.chaos.stack import Stack, running_stack

# Two workers where a promise needs a second one; more would only cost memory.
SCALE = "leads=2,scoring=2"
PROMISES = registry()

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path_factory.mktemp("chaos"), SCALE) as stack:
        yield stack


def maker_of(shared: Stack, folder: Path) -> StackMaker:
    """Gives the shared copy, ready again after the last promise; one of its own to whoever asks for that."""

    @asynccontextmanager
    async def lent() -> AsyncIterator[Stack]:
        await shared.ready()
        yield shared

    def make(
        *,
        scale: str | None = None,
        settings: dict[str, str] | None = None,
        own: bool = False,
        slow_wires: bool = False,
    ) -> AbstractAsyncContextManager[Stack]:
        return running_stack(folder, scale, settings, slow_wires=slow_wires) if own else lent()

    return make


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
class TestShortForms:
    async def test_promise_holds_when_what_it_speaks_of_happens(
        self, promise: Promise, shared: Stack, tmp_path: Path
    ) -> None:
        maker = maker_of(shared, tmp_path / "own")
        run = Run(DEFAULT_SEED, full=False, minutes=None, folder=tmp_path, stack=maker, name=promise.NAME)
        outcome = await promise.run(run)
        assert outcome.held, outcome.line()
