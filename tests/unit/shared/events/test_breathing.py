"""How long loops rest between rounds."""

from __future__ import annotations

from shared.events.breathing import REST_MOST_S, Rest


class TestRest:
    def test_lone_events_are_rested_after_as_long_as_their_round_took(self) -> None:
        rest = Rest()
        assert [rest.after(1, 0.002) for _ in range(3)] == [0.002, 0.002, 0.002]

    def test_rests_double_up_to_the_longest_while_rounds_carry_several(self) -> None:
        rest = Rest()
        assert [rest.after(2, 0.002) for _ in range(4)] == [0.004, 0.008, 0.016, REST_MOST_S]
        assert [rest.after(400, 0.0001) for _ in range(3)][-1] == 0.0016

    def test_rests_are_short_again_when_a_round_carried_one(self) -> None:
        rest = Rest()
        for _ in range(5):
            rest.after(9, 0.002)
        assert rest.after(1, 0.002) == 0.002
