"""Where a stream stands, as text that a client keeps."""

from __future__ import annotations

import base64
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.live.marks import PLACES, Mark, Proof, check_of, decode, encode

OFFSETS = st.lists(st.integers(0, 2**62), min_size=len(PLACES), max_size=len(PLACES))
PROOFS = st.none() | st.builds(
    Proof, st.integers(0, len(PLACES) - 1), st.integers(0, 2**62), st.integers(0, 2**32 - 1)
)


class TestDecode:
    @given(OFFSETS, PROOFS)
    def test_same_mark_when_decoded(self, offsets: list[int], proof: Proof | None) -> None:
        assert decode(encode(offsets, proof)) == Mark(tuple(offsets), proof)

    @given(st.text(max_size=200))
    def test_nothing_when_text_is_made_up(self, text: str) -> None:
        found = decode(text)
        assert found is None or len(found.offsets) == len(PLACES)

    @pytest.mark.parametrize("text", ["", "é", "A" * 5000, "AAAA", "====", "a b"])
    def test_nothing_when_text_is_no_mark(self, text: str) -> None:
        assert decode(text) is None

    def test_nothing_when_mark_is_of_other_topics(self) -> None:
        assert decode(encode([1] * (len(PLACES) - 1), None)) is None
        assert decode(encode([1] * len(PLACES), Proof(len(PLACES), 1, 1))) is None

    def test_nothing_when_a_number_is_cut_or_endless(self) -> None:
        raw = base64.urlsafe_b64decode(encode([1] * len(PLACES), None) + "==")
        assert decode(base64.urlsafe_b64encode(raw[:-1] + b"\x81").decode().rstrip("=")) is None
        assert decode(base64.urlsafe_b64encode(b"\xff" * 40).decode().rstrip("=")) is None


class TestCheck:
    def test_different_when_events_differ(self) -> None:
        one = uuid4()
        assert check_of(one) == check_of(one)
        assert check_of(one) != check_of(uuid4())
