"""The ring of the last minutes."""

from __future__ import annotations

from uuid import UUID, uuid4

from services.gateway.live.marks import PLACES, Proof
from services.gateway.live.ring import Item, Ring
from services.gateway.live.rules import Audience

ENDS = [10] * len(PLACES)
LEAD = uuid4()


def item(
    offset: int, at_ms: int, place: int = 5, audience: Audience | None = None, lead: UUID = LEAD
) -> Item:
    return Item(
        place,
        offset,
        at_ms,
        uuid4(),
        1,
        uuid4(),
        lead,
        "cox.leads.lead_updated.v1",
        "cox.leads",
        audience,
        b"",
    )


class TestRing:
    def test_items_keep_their_numbers_when_old_ones_go(self) -> None:
        ring = Ring(ENDS, keep_ms=1000)
        for offset, at_ms in ((10, 0), (11, 500), (12, 1200)):
            ring.add(item(offset, at_ms))
        assert (ring.first, ring.end) == (1, 3)
        assert [(number, each.offset) for number, each in ring.items(0)] == [(1, 11), (2, 12)]
        assert [number for number, _ in ring.items(2)] == [2]

    def test_floor_rises_to_what_is_wholly_kept_when_old_ones_go(self) -> None:
        ring = Ring(ENDS, keep_ms=1000)
        ring.add(item(14, 0))
        ring.add(item(15, 5000))
        assert ring.floor[5] == 15
        offsets = list(ENDS)
        assert not ring.covers(offsets)
        offsets[5] = 15
        assert ring.covers(offsets)

    def test_repeated_is_not_new_when_it_was_read_before(self) -> None:
        ring = Ring(ENDS, keep_ms=1000)
        event_id = uuid4()
        assert ring.is_new(event_id)
        assert not ring.is_new(event_id)

    def test_next_and_proof_follow_when_a_record_passed(self) -> None:
        ring = Ring(ENDS, keep_ms=1000)
        ring.passed(3, 17, 99)
        ring.passed(3, 16, 98)
        assert ring.next[3] == 18
        assert ring.proof == Proof(3, 16, 98)
        assert (ring.check_at(3, 17), ring.check_at(3, 18)) == (99, None)

    def test_owner_is_the_last_one_told_when_asked_whose_a_lead_is(self) -> None:
        ring = Ring(ENDS, keep_ms=1000)
        one, two = Audience(uuid4()), Audience(uuid4())
        ring.add(item(10, 0, audience=one))
        ring.add(item(11, 0, audience=two))
        ring.add(item(12, 0))
        assert ring.owner_of(LEAD) == two
        assert ring.owner_of(uuid4()) is None
