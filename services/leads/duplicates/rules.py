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


def keys_of(
    phones: Iterable[str], email: str | None, credit_code: str | None = None, wecom_id: str | None = None
) -> tuple[Key, ...]:
    """Keys of normalised values; phones are E.164 with extension, as in `+8613800138000;ext=802`."""
    pairs = (("credit_code", credit_code), ("email", email), ("wecom_id", wecom_id))
    single = [Key(kind, value) for kind, value in pairs if value]
    return (*single, *(Key("phone", phone) for phone in phones))


def duplicates(claims: Iterable[Claim], holders: Mapping[Key, UUID]) -> dict[UUID, UUID]:
    """For each lead that repeats another: that other lead.

    The holder of its WeCom id before the phones', these before the e-mail's, and the credit code's last.
    """
    found: dict[UUID, UUID] = {}
    for claim in claims:
        others = [holders[key] for key in sorted(claim.keys, reverse=True) if holders[key] != claim.lead_id]
        if others:
            found[claim.lead_id] = others[0]
    return found
