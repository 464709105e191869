"""Opaque secrets: refresh tokens and API keys. They name their tenant, so that a look-up never leaves it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass
from uuid import UUID

REFRESH_PREFIX = "coxr_"
API_KEY_PREFIX = "cox_"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's public half, and the hash of all of it. 256 random bits need no slow hash."""

    tenant_id: UUID
    id: UUID
    hash: bytes


def make_secret(prefix: str, tenant_id: UUID, secret_id: UUID) -> tuple[str, Secret]:
    """A new secret as its holder gets it, and as it is stored."""
    packed = tenant_id.bytes + secret_id.bytes + secrets.token_bytes(_SECRET_BYTES)
    text = prefix + base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return text, Secret(tenant_id, secret_id, hashlib.sha256(text.encode()).digest())


def read_secret(prefix: str, text: str) -> Secret | None:
    """What a presented secret claims to be; None where it cannot be one."""
    body = text.removeprefix(prefix)
    if body == text or not body.isascii():
        return None
    try:
        packed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(packed) != 32 + _SECRET_BYTES:
        return None
    return Secret(UUID(bytes=packed[:16]), UUID(bytes=packed[16:32]), hashlib.sha256(text.encode()).digest())
