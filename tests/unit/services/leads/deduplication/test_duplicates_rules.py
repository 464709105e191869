from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.leads.deduplication.duplicates.rules import Claim, Key, duplicates, keys_of

phones = st.sampled_from([None, "+861", "+862", "+863"])
emails = st.sampled_from([None, "a@b.c", "d@e.f"])
batches = st.lists(st.tuples(phones, emails), max_size=12)


def claims_of(pairs: list[tuple[str | None, str | None]]) -> list[Claim]:
    return [
        Claim(UUID(int=at + 1), keys_of([phone] if phone else [], email))
        for at, (phone, email) in enumerate(pairs)
    ]


def holders_of(claims: list[Claim]) -> dict[Key, UUID]:
    """Who holds each key when they are claimed one lead after the other."""
    holders: dict[Key, UUID] = {}
    for claim in claims:
        for key in claim.keys:
            holders.setdefault(key, claim.lead_id)
    return holders


class TestClaims:
    @given(batches)
    def test_a_lead_repeats_an_earlier_one_when_they_share_a_key(
        self, pairs: list[tuple[str | None, str | None]]
    ) -> None:
        claims = claims_of(pairs)
        found = duplicates(claims, holders_of(claims))
        for at, claim in enumerate(claims):
            earlier = [other for other in claims[:at] if set(other.keys) & set(claim.keys)]
            assert (claim.lead_id in found) == bool(earlier)
            if earlier:
                assert found[claim.lead_id] in {other.lead_id for other in earlier}

    def test_the_phone_decides_when_phone_and_email_belong_to_two_leads(self) -> None:
        claim = Claim(UUID(int=9), keys_of(["+861"], "a@b.c"))
        holders = {Key("phone", "+861"): UUID(int=1), Key("email", "a@b.c"): UUID(int=2)}
        assert duplicates([claim], holders) == {UUID(int=9): UUID(int=1)}
