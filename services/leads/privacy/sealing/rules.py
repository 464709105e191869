"""Which values of a change may outlive the person, and how the others are encrypted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
KEY_BYTES = 32
_BARE, _WRAPPED = b"\0", b"\1"

IMPERSONAL = frozenset({
    "source", "channel", "campaign", "region", "product", "value", "do_not_contact", "label", "value_class",
    "intent", "score", "stage", "status", "pipeline_id", "owner_id", "team_id", "pool_id", "merged_into",
})  # fmt: skip
"""Fields that say nothing about a person once all others are gone. What is not named here is personal."""

Values = Mapping[str, Any]


def divided(values: Values) -> tuple[dict[str, Any], dict[str, Any]]:
    """What may be kept as it is, and what only for as long as the person is known."""
    plain = {name: value for name, value in values.items() if name in IMPERSONAL}
    return plain, {name: value for name, value in values.items() if name not in IMPERSONAL}


def sealed(key: bytes, nonce: bytes, lead_id: UUID, values: Values) -> bytes:
    """`values` as JSON, encrypted; bound to the lead, so that no row can be passed off as another's."""
    return nonce + AESGCM(key).encrypt(nonce, orjson.dumps(values, default=str), lead_id.bytes)


def opened(key: bytes, lead_id: UUID, box: bytes) -> dict[str, Any] | None:
    """What was sealed; None where the key is another."""
    try:
        text = AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], lead_id.bytes)
    except InvalidTag:
        return None
    found: dict[str, Any] = orjson.loads(text)
    return found


def stored_key(key: bytes, nonce: bytes, lead_id: UUID, master: bytes | None) -> bytes:
    """A key as it is kept: under the installation's own, where there is one."""
    if master is None:
        return _BARE + key
    return _WRAPPED + nonce + AESGCM(master).encrypt(nonce, key, lead_id.bytes)


def key_from(stored: bytes, lead_id: UUID, master: bytes | None) -> bytes | None:
    """The key again; None where the installation's is missing, or is another."""
    form, rest = stored[:1], stored[1:]
    if form == _BARE:
        return rest
    if master is None:
        return None
    try:
        return AESGCM(master).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], lead_id.bytes)
    except InvalidTag:
        return None
