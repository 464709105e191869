"""`events dead` and `events republish` on a running worker: what was set aside or lost comes back."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import pytest

from deploy.cli import events_dead, events_republish, running
from deploy.cli.commands import main
from tests.integration.shared.events.conftest import House, finished, started
from tests.integration.shared.events.working import TIMEOUT_S, Notes, comes_true, eventually, working


@pytest.fixture(autouse=True)
def _running_copy(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    monkeypatch.setattr(running, "service_settings", lambda: house.settings)
    for module in (events_dead, events_republish):
        monkeypatch.setattr(module, "SERVICES", ("gateway",))
    # People are not kept waiting for ever; a test's machine may take its time.
    monkeypatch.setattr(events_dead, "_WAIT_S", float(TIMEOUT_S))
    monkeypatch.setattr(events_republish, "_TAKEN_UP_S", float(TIMEOUT_S))


@pytest.fixture
def seen() -> Notes:
    notes = Notes("gateway.seen")
    notes.poison = {13}
    return notes


async def command(*words: str) -> int:
    # A command runs an event loop of its own.
    return await asyncio.to_thread(main, ["events", *words])


async def set_aside(house: House) -> tuple[UUID, str]:
    """A thing whose first event is a dead letter and whose second waits behind it; the letter's id."""
    thing = await house.created(started(13), finished())
    letter = await eventually(house, "select id from dead_letters where resolved_at is null")
    return thing, f"gateway-{letter}"


class TestDead:
    async def test_the_letter_is_listed_and_shown_with_its_reason_when_an_event_fails(
        self,
        house: House,
        seen: Notes,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        async with working(house, seen.handlers):
            assert await command("dead") == 0
            assert capsys.readouterr().out.splitlines()[-1] == "no dead letters"
            thing, letter = await set_aside(house)
            assert await command("dead", "list") == 0
            line = capsys.readouterr().out.splitlines()[-1]
            assert await command("dead", "show", letter) == 0
        shown = json.loads(capsys.readouterr().out)
        assert line.startswith(f"{letter} waiting ")
        assert "cannot take 13" in line
        assert (shown["id"], shown["aggregate_id"], shown["attempts"]) == (letter, str(thing), 3)
        assert json.loads(shown["value"])["rows_total"] == 13

    async def test_it_and_what_waited_is_applied_when_it_is_replayed_after_the_repair(
        self,
        house: House,
        seen: Notes,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        async with working(house, seen.handlers):
            thing, letter = await set_aside(house)
            assert await command("dead", "replay", letter) == 1
            assert f"{letter}: failed again: " in capsys.readouterr().out
            seen.poison.clear()
            assert await command("dead", "replay", letter) == 0
            await seen.reaches(house, thing, 2)
            assert await command("dead", "replay", letter) == 1
        assert await seen.of(house, thing) == [1, 2]
        assert "is replayed since" in capsys.readouterr().err

    async def test_it_is_passed_over_when_it_is_discarded_for_a_reason(
        self,
        house: House,
        seen: Notes,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        async with working(house, seen.handlers):
            thing, letter = await set_aside(house)
            assert await command("dead", "discard", letter) == 1
            assert "for a reason" in capsys.readouterr().err
            assert await command("dead", "discard", letter, "--reason", "a mistake of ours") == 0
            await seen.reaches(house, thing, 2)
            assert await command("dead", "list", "--all", "--json") == 0
        assert await seen.of(house, thing) == [2]
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (told["state"], told["resolution"]) == ("discarded", "a mistake of ours")

    async def test_it_stays_passed_over_when_the_projection_is_built_anew(
        self, house: House, seen: Notes
    ) -> None:
        async with working(house, seen.handlers) as worker:
            thing, letter = await set_aside(house)
            assert await command("dead", "discard", letter, "--reason", "a mistake of ours") == 0
            await seen.reaches(house, thing, 2)
            assert await command("republish", "--new-epoch") == 0
            await eventually(
                house,
                "select exists (select from positions where aggregate_id = $1 and epoch = 2 and seq = 2)",
                thing,
            )
            await comes_true(worker.ready)
        assert await house.value("select count(*) from dead_letters where resolved_at is null") == 0
        assert await seen.of(house, thing) == [2, 2]

    @pytest.mark.parametrize(
        "words", [("show",), ("show", "12"), ("replay", "nowhere-1"), ("show", "gateway-x")]
    )
    async def test_the_id_is_asked_for_when_it_is_missing_or_wrong(
        self, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert await command("dead", *words) == 1
        assert "see: list" in capsys.readouterr().err

    async def test_it_is_not_found_when_there_is_no_such_letter(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert await command("dead", "show", "gateway-999") == 1
        assert "no dead letter 999" in capsys.readouterr().err


class TestRepublish:
    async def test_a_consumer_added_later_gets_everything_when_it_was_republished(
        self,
        house: House,
        seen: Notes,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        later = Notes("gateway.later")
        async with working(house, seen.handlers):
            thing = await house.created(started(1), finished(1))
            await seen.reaches(house, thing, 2)
            assert await command("republish", "gateway") == 0
        async with working(house, seen.handlers, later.handlers):
            await later.reaches(house, thing, 2)
            await house.changed(thing)
            await seen.reaches(house, thing, 3)
        assert await seen.of(house, thing) == [1, 2, 3]

    async def test_a_projection_is_built_anew_when_the_epoch_is_new(self, house: House) -> None:
        seen = Notes("gateway.seen")
        async with working(house, seen.handlers):
            thing = await house.created(started(1), finished(1))
            await seen.reaches(house, thing, 2)
            assert await command("republish", "--new-epoch") == 0
            await eventually(
                house,
                "select exists (select from positions where aggregate_id = $1 and epoch = 2 and seq = 2)",
                thing,
            )
        assert await seen.of(house, thing) == [1, 2, 1, 2]

    async def test_the_service_is_named_when_there_is_none_of_that_name(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert await command("republish", "billing") == 1
        assert "no service 'billing'" in capsys.readouterr().err
