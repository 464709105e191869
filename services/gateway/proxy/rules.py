"""Which path belongs to whom, and which headers may pass."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Service = Literal["leads", "activities", "scoring"]
SERVICES: tuple[Service, ...] = ("leads", "activities", "scoring")
Header = tuple[bytes, bytes]

PREFIXES: dict[str, Service] = {
    "leads": "leads",
    "lead-returns": "leads",
    "handovers": "leads",
    "reassignments": "leads",
    "assignment-rules": "leads",
    "response-rules": "leads",
    "automation-rules": "leads",
    "classification-rules": "leads",
    "score-definition": "leads",
    "pipelines": "leads",
    "pools": "leads",
    "duplicate-policy": "leads",
    "duplicate-suspects": "leads",
    "custom-fields": "leads",
    "views": "leads",
    "audit": "leads",
    "do-not-contact": "leads",
    "notices": "leads",
    "campaigns": "leads",
    "exports": "leads",
    "retention": "leads",
    "activities": "activities",
    "kpis": "scoring",
    "leaderboards": "scoring",
}
"""The first part of a path after `/v1/`; every other one is the gateway's own."""

COMPOSED = ("/personal-data",)
"""Ends of paths of services that the gateway puts together itself."""

MIB = 1024 * 1024
BODY_LIMIT = 2 * MIB
BATCH_LIMIT = 16 * MIB
"""Beyond this nothing is even passed on; a service's own limit for a batch may be lower."""

_HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade",
})  # fmt: skip
_NEVER_IN = frozenset(
    {b"host", b"authorization", b"cookie", b"forwarded", b"expect", b"traceparent", b"tracestate"}
)
_IDENTITY_PREFIXES = (
    b"x-forwarded-",
    b"x-real-",
    b"x-auth",
    b"x-user",
    b"x-tenant",
    b"x-principal",
    b"x-remote",
)
_COX_MAY_PASS = frozenset({b"cox-wait-for", b"cox-wait-ms"})
_NEVER_OUT = frozenset({b"server", b"date", b"set-cookie"})


def service_for(path: str) -> Service | None:
    """The service behind a path, None for the gateway's own."""
    if path.endswith(COMPOSED):
        return None
    parts = path.split("/", 3)
    if len(parts) < 3 or parts[0] or parts[1] != "v1":
        return None
    return PREFIXES.get(parts[2])


def body_limit(path: str) -> int:
    """The largest body in bytes that is passed on."""
    return BATCH_LIMIT if path.endswith("/batch") else BODY_LIMIT


def _named_by_connection(headers: Iterable[Header]) -> set[bytes]:
    return {
        name.strip().lower() for key, value in headers if key == b"connection" for name in value.split(b",")
    }


def request_headers(headers: list[Header]) -> list[Header]:
    """What of a client's headers goes on: nothing about the connection, nothing that claims who is asking."""
    dropped = _named_by_connection(headers) | _HOP_BY_HOP | _NEVER_IN
    return [(name, value) for name, value in headers if name not in dropped and not _claims_identity(name)]


def _claims_identity(name: bytes) -> bool:
    if name.startswith((b"cox-", b"x-cox-")):
        return name not in _COX_MAY_PASS
    return name.startswith(_IDENTITY_PREFIXES)


def response_headers(headers: Iterable[Header]) -> list[Header]:
    """What of a service's headers goes back."""
    lower = [(name.lower(), value) for name, value in headers]
    dropped = _named_by_connection(lower) | _HOP_BY_HOP | _NEVER_OUT
    return [(name, value) for name, value in lower if name not in dropped]
