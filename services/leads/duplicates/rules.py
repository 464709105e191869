"""Which keys a lead has, and which lead came first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID


class Key(NamedTuple):
    """One exact key; tuples, so that sorting gives the one order in which all writers take their locks."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A new lead and the keys it has."""

    lead_id: UUID
    keys: tuple[Key, ...]


def keys_of(phone: str | None, email: str | None) -> tuple[Key, ...]:
    """Keys of normalised values; `phone` is E.164 with extension, as in `+8613800138000;ext=802`."""
    pairs = (("email", email), ("phone", phone))
    return tuple(Key(kind, value) for kind, value in pairs if value)


def duplicates(claims: Iterable[Claim], holders: Mapping[Key, UUID]) -> dict[UUID, UUID]:
    """For each lead that repeats another: that other lead, the phone's holder before the e-mail's."""
    found: dict[UUID, UUID] = {}
    for claim in claims:
        others = [holders[key] for key in sorted(claim.keys, reverse=True) if holders[key] != claim.lead_id]
        if others:
            found[claim.lead_id] = others[0]
    return found
