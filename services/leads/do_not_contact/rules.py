"""How the list knows a phone or an e-mail address that it does not hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Literal
from uuid import UUID

from services.leads.duplicates.rules import Key
from services.leads.intake.masking import masked_email, masked_phone

Kind = Literal["phone", "email"]
Reason = Literal["asked", "complaint", "authority", "withdrawn"]
"""They asked, complained, an authority ordered it, or they withdrew their consent to be contacted."""
_PERSONAL = ("phone", "email")
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody on the list. `shown` is masked, None once erased; `lead_id`: where they withdrew."""

    id: UUID
    kind: Kind
    shown: str | None
    reason: Reason
    lead_id: UUID | None
    at: datetime
    by_id: UUID | None


def personal(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Those keys by which somebody is contacted."""
    return tuple(key for key in keys if key.kind in _PERSONAL)


def digest_of(tenant_id: UUID, key: Key) -> bytes:
    """16 bytes that say in one tenant only whether another key is the same."""
    said = f"{key.kind}\x1f{key.value}".encode()
    return blake2b(said, key=tenant_id.bytes, digest_size=_DIGEST_BYTES).digest()


def shown(key: Key) -> str:
    """The key with its middle hidden."""
    return masked_email(key.value) if key.kind == "email" else masked_phone(key.value.partition(";")[0])
