"""What a tenant is."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Tenant:
    """`timezone` is an IANA name, `currency` an ISO 4217 code; `version` is the org version."""

    id: UUID
    name: str
    timezone: str
    currency: str
    version: int
