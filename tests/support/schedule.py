"""Which tests go together to one of xdist's workers, and in which order: the longest first.

xdist's own `loadgroup` writes a group into a test's id, which pytest 9.2 no longer lets it do: it then
spreads the tests of a file over all workers without a word, and each makes the file's fixtures again.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import WorkerController

LONGEST = (
    "tests/chaos/test_short_forms.py",
    "tests/e2e/",
    "tests/contract/test_documents.py",
    "tests/bench/test_short_forms.py",
    "tests/integration/deploy/test_up_and_down.py",
    "tests/integration/deploy/test_run.py",
    "tests/integration/shared/web/test_schemas.py",
    "tests/chaos/mutants/test_relay_mutants.py",
    "tests/machines/test_mutants.py",
)
"""Begun in this order, before all others: one of them begun last would have a worker to itself at the end."""


def group_of(nodeid: str) -> str:
    """A file's tests share fixtures, hence a worker; so do all end-to-end tests: they share a product."""
    file = nodeid.partition("::")[0]
    return "tests/e2e/" if file.startswith("tests/e2e/") else file


def turn_of(group: str) -> int:
    """Groups begin in the order of this number."""
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)


class ByGroup(LoadScopeScheduling):
    """Hands whole groups to workers: first those of `LONGEST`, then those with the most tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=turn_of), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByGroup | None:
    """Our own for `--dist loadgroup`, xdist's for whatever else is asked for."""
    return ByGroup(config, log) if config.getoption("dist") == "loadgroup" else None
