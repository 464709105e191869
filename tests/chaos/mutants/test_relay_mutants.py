"""The relay without one of its safeguards is reported."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events.consuming import decide
from shared.events.consuming.decide import Mark, Place, Policy, Verdict
from shared.events.relaying import relay
from shared.events.relaying.publishing import COLUMNS, Publisher
from shared.events.relaying.rules import Scan
from tests.chaos.mutants.scene import NOTHING_PENDING, Killed, Scene
from tests.support.backbone import started

_BY_CURSOR = f"select {COLUMNS} from events e where e.id > $1 order by e.id limit 4000"  # noqa: S608
_SENT = "select not exists (select from outbox_pending join events using (id) where aggregate_id = $1)"


def _with_a_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the journal above the last id sent, as if ids committed in their order."""
    monkeypatch.setattr(relay, "PENDING", _BY_CURSOR)
    monkeypatch.setattr(Scan, "above", lambda self, _now: self.last_id)


def _without_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply whatever comes."""

    def judge(_policy: Policy, place: Place | None, mark: Mark) -> tuple[Verdict, Place]:
        return Verdict.APPLY, place or Place(mark.epoch, 0)

    monkeypatch.setattr(decide, "judge", judge)


def _killed_after_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first relay that sends ends before it can note what it sent."""
    send, kills = Publisher.send, iter([True])

    async def send_and_die(self: Publisher, rows: Any, **options: Any) -> None:
        await send(self, rows, **options)
        if next(kills, False):
            raise Killed

    monkeypatch.setattr(Publisher, "send", send_and_die)


class TestPendingRows:
    @pytest.mark.parametrize("removed", [False, True], ids=["in place", "removed"])
    async def test_a_lost_event_is_reported_when_a_cursor_passes_a_late_commit(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch, removed: bool
    ) -> None:
        house = scene.house
        if removed:
            _with_a_cursor(monkeypatch)
        await scene.begin()
        async with scene.relaying():
            async with house.transaction() as tx:
                late = await house.create(tx, started())
                await scene.until(_SENT, await house.created())
            await scene.until(_SENT, await house.created())
            if not removed:
                await scene.until(NOTHING_PENDING)
        found = await scene.findings()
        assert [str(late) in each and "never published" in each for each in found] == [True] * removed


class TestPositions:
    @pytest.mark.parametrize("removed", [False, True], ids=["in place", "removed"])
    async def test_a_doubled_effect_is_reported_when_a_relay_dies_after_sending(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch, removed: bool
    ) -> None:
        if removed:
            _without_positions(monkeypatch)
        _killed_after_send(monkeypatch)
        await scene.begin()
        thing = await scene.house.created()
        async with scene.relaying() as killed:
            await killed
        async with scene.relaying(), scene.consuming():
            await scene.until(NOTHING_PENDING)
            await scene.until_read()
        found = await scene.findings()
        assert found == [f"seq 1 of {thing} twice"] * removed
