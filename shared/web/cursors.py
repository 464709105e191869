"""Where a list goes on: the last row's sort values, authenticated and bound to tenant and question."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from shared.errors import Malformed

MAC_BYTES = 16
MAX_LENGTH = 2048

Value = str | int | float | bool | None | UUID | datetime | date | Decimal


class BadCursor(Malformed):
    code = "bad_cursor"
    title = "Not a cursor of this list"


def fingerprint(*parts: object) -> bytes:
    """What a cursor is bound to: tenant, path, and every parameter but `cursor` and `limit`."""
    return hashlib.sha256(orjson.dumps([str(part) for part in parts])).digest()


def parameters_of(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The question's own parameters, whatever their order in the address."""
    return sorted((name, value) for name, value in pairs if name not in ("cursor", "limit"))


class Cursors:
    """Makes and reads cursors under one secret; the same for all processes of a service."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"cox cursor\0" + secret.encode()).digest()

    def encode(self, values: Sequence[Value], bound_to: bytes) -> str:
        payload = orjson.dumps([_pack(value) for value in values])
        return base64.urlsafe_b64encode(self._mac(payload, bound_to) + payload).rstrip(b"=").decode()

    def decode(self, text: str, bound_to: bytes) -> tuple[Any, ...]:
        """The values of `encode`. Raises BadCursor where it is damaged, or of another tenant or question."""
        if not text.isascii() or len(text) > MAX_LENGTH:
            raise BadCursor("The cursor is damaged")
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadCursor("The cursor is damaged") from None
        mac, payload = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(payload, bound_to)):
            raise BadCursor("The cursor is damaged, or belongs to another list or other filters")
        return tuple(_unpack(kind, value) for kind, value in orjson.loads(payload))

    def _mac(self, payload: bytes, bound_to: bytes) -> bytes:
        return hmac.digest(self._key, bound_to + payload, "sha256")[:MAC_BYTES]


def _pack(value: Value) -> tuple[str, Any]:
    match value:
        case UUID():
            return "u", str(value)
        case datetime():
            return "t", value.isoformat()
        case date():
            return "d", value.isoformat()
        case Decimal():
            return "n", str(value)
    return "", value


_UNPACK: dict[str, Any] = {
    "u": UUID,
    "t": datetime.fromisoformat,
    "d": date.fromisoformat,
    "n": Decimal,
}


def _unpack(kind: str, value: Any) -> Any:
    return _UNPACK[kind](value) if kind else value
