"""Tokens of positions: bound to the tenant, at most twelve entries, refused when damaged."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.positions import MAX_ENTRIES, BadPosition, Position, compact, decode_token, encode_token
from shared.events.streams import PARTITIONS, STREAMS, key_of, partition_of, stream_of_type

TENANT, OTHER = UUID(int=1), UUID(int=2)
SECRET = "a secret of the tests"
NAMESPACE = UUID(int=77)

entries = st.lists(
    st.builds(Position, st.sampled_from(STREAMS), st.uuids(), st.integers(1, 2**63 - 1)),
    max_size=MAX_ENTRIES,
    unique_by=lambda entry: (entry.stream, entry.aggregate_id),
)


class TestToken:
    @given(entries)
    def test_it_says_what_went_in_when_the_tenant_is_the_same(self, positions: list[Position]) -> None:
        assert decode_token(encode_token(positions, TENANT, SECRET), TENANT, SECRET) == positions

    def test_it_is_refused_when_another_tenant_brings_it(self) -> None:
        token = encode_token([Position("cox.leads", UUID(int=5), 3)], TENANT, SECRET)
        with pytest.raises(BadPosition):
            decode_token(token, OTHER, SECRET)
        with pytest.raises(BadPosition):
            decode_token(token, TENANT, "another secret")

    @given(st.integers(0, 60), st.integers(1, 255))
    def test_it_is_refused_when_a_byte_was_changed(self, place: int, flip: int) -> None:
        token = encode_token([Position("cox.leads", UUID(int=5), 3)], TENANT, SECRET)
        damaged = bytearray(token.encode())
        damaged[place % len(damaged)] ^= flip
        if bytes(damaged).rstrip(b"=") != token.encode():
            with pytest.raises(BadPosition):
                decode_token(damaged.decode("latin-1"), TENANT, SECRET)

    @pytest.mark.parametrize("token", ["", "x", "华", "=", "AAAA", "a" * 5000])
    def test_it_is_refused_when_it_is_none(self, token: str) -> None:
        with pytest.raises(BadPosition):
            decode_token(token, TENANT, SECRET)


class TestCompact:
    def test_the_last_of_each_aggregate_stays_when_there_are_few(self) -> None:
        one, two = UUID(int=1), UUID(int=2)
        positions = [
            Position("cox.leads", one, 1),
            Position("cox.leads", two, 1),
            Position("cox.leads", one, 2),
        ]

        assert compact(positions) == [Position("cox.leads", two, 1), Position("cox.leads", one, 2)]

    def test_the_last_of_each_partition_stays_when_there_are_many(self) -> None:
        positions = [Position("cox.leads", uuid5(NAMESPACE, str(n)), 1) for n in range(1000)]

        kept = compact(positions)

        by_partition = {partition_of(key_of(p.aggregate_id), PARTITIONS[p.stream]): p for p in positions}
        assert len(kept) == 12
        assert set(kept) == set(by_partition.values())


class TestStreams:
    def test_the_stream_is_in_the_type(self) -> None:
        assert stream_of_type("cox.leads.lead_created.v1") == "cox.leads"

    def test_partitions_never_change_when_the_code_does(self) -> None:
        # A moved aggregate would be read by two consumers at once.
        assert [partition_of(key_of(UUID(int=n)), 12) for n in range(8)] == [1, 3, 9, 11, 8, 10, 4, 10]
