"""What is spoilt, and what must come of it, as values."""

from __future__ import annotations

from random import Random

import orjson
import pytest

from shared.events.envelope import Received, Undecodable
from tests.chaos.poison import STAGE_CHANGED, passed, spoil
from tests.integration.services.scoring.histories import past_of
from tests.integration.services.scoring.world import World


@pytest.fixture(scope="module")
def events() -> list[Received]:
    return past_of(World(), 200, Random(4))


def read(event: Received, payload: str) -> object:
    return Received(
        event.topic, 0, 0, 0, event.key, payload.encode(), list(event.headers.items()), stream=event.stream
    ).event


class TestSpoil:
    def test_so_large_a_share_cannot_be_read_and_no_aggregate_has_two(self, events: list[Received]) -> None:
        spoilt = spoil(events, 0.1, Random(1))
        assert len(spoilt.payloads) == round(0.1 * len(events))
        assert len({event.aggregate_id for event in spoilt.events.values()}) == len(spoilt.payloads)
        for event_id, payload in spoilt.payloads.items():
            with pytest.raises(Undecodable):
                read(spoilt.events[event_id], payload)

    def test_one_letter_is_due_from_each_consumer_that_cannot_take_the_event(
        self, events: list[Received]
    ) -> None:
        spoilt = spoil(events, 0.3, Random(1))
        due = spoilt.letters()
        assert spoilt.misshapen
        for event_id, event in spoilt.events.items():
            consumers = {consumer for consumer, other in due if other == event_id}
            other = "activities.leads" if event.stream == "cox.leads" else "leads.touches"
            expected = {"scoring.kpis"} if event_id in spoilt.misshapen else {"scoring.kpis", other}
            assert consumers == expected

    def test_what_is_misshapen_is_still_json_that_another_consumer_can_take(
        self, events: list[Received]
    ) -> None:
        spoilt = spoil(events, 0.3, Random(1))
        for event_id in spoilt.misshapen:
            assert spoilt.events[event_id].type == STAGE_CHANGED
            assert "to_status" not in orjson.loads(spoilt.payloads[event_id])


class TestPassed:
    def test_what_follows_a_spoilt_event_of_its_aggregate_waits(self, events: list[Received]) -> None:
        stopped = next(event for event in events if event.seq == 2)
        left = passed(events, [stopped])
        mine = [event.seq for event in left if event.aggregate_id == stopped.aggregate_id]
        assert mine == [1]
        assert len(left) < len(events)
        assert passed(events, []) == events
