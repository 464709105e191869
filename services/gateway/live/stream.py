"""One client's stream: what they may see, from where they were, until their token ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.gateway.live import marks
from services.gateway.live.marks import Mark
from services.gateway.live.older import Older
from services.gateway.live.ring import Item, Ring
from services.gateway.live.rules import NOBODY, SCOPES, Sight, sees
from services.gateway.live.sights import Sights
from services.gateway.live.tail import LiveUnavailable, Tail
from shared.access.principal import Principal
from shared.access.tokens import BadToken
from shared.clock import Clock
from shared.observability.metrics import LIVE_EVENTS

HEARTBEAT_S = 15.0
_CATCH_UPS = 5
_RETRY_MS = (500, 1500)


class Caller(Protocol):
    """Whose stream it is."""

    async def principal(self) -> Principal:
        """As they are now. Raises BadToken where they are no more."""
        ...


@dataclass(frozen=True, slots=True)
class Live:
    """What all streams of a process share."""

    tail: Tail
    older: Older
    sights: Sights
    clock: Clock


class Stream:
    """`types` None: all. `until`: when the caller's token ends."""

    def __init__(
        self, live: Live, caller: Caller, *, types: frozenset[str] | None, until: datetime | None
    ) -> None:
        self._live = live
        self._caller = caller
        self._types = types
        self._until = until
        self._ring: Ring
        self._number = 0
        self._offsets: list[int] = []
        self._joined: list[int] = []

    async def chunks(self, last_event_id: str | None) -> AsyncIterator[bytes]:
        """Server-sent events. The first is sent at once; raises LiveUnavailable before it, never later."""
        async with self._live.tail as tail:
            self._ring = _ring_of(tail)
            self._go_to_end()
            before: list[Item] | None = []
            if last_event_id is not None:
                before = await self._resumed(last_event_id)
            # Not all at the same moment, when a process ends that many listened to.
            yield b"retry: %d\n\n" % random.randint(*_RETRY_MS)  # noqa: S311 - no secret
            if before is None:
                yield self._reset()
            try:
                async for chunk in self._told(before or []):
                    yield chunk
                self._offsets = [max(each) for each in zip(self._offsets, self._joined, strict=True)]
                async for chunk in self._following(tail):
                    yield chunk
            except BadToken as ended:
                yield _event("end", f'{{"code":"{ended.problem_code}"}}'.encode())

    def _go_to_end(self) -> None:
        self._number = self._ring.end
        self._offsets, self._joined = list(self._ring.next), list(self._ring.next)

    async def _resumed(self, last_event_id: str) -> list[Item] | None:
        """Go to where the client was; what came before the ring is returned. None: they must begin anew."""
        mark = marks.decode(last_event_id)
        if mark is None:
            return None
        ring, found = self._ring, list[Item]()
        offsets = mark.offsets
        if not self._is_proven(mark) or not ring.covers(offsets):
            # Meanwhile the ring moves on; what it lost since is read as well.
            for _ in range(_CATCH_UPS):
                floor = list(ring.floor)
                older = await self._live.older.between(Mark(offsets, mark.proof), ring)
                if older is None:
                    return None
                found += older
                offsets = tuple(max(each) for each in zip(offsets, floor, strict=True))
                if ring.covers(offsets):
                    break
            else:
                return None
        if any(at > end for at, end in zip(offsets, ring.next, strict=True)):
            return None
        self._number, self._offsets, self._joined = ring.first, list(mark.offsets), list(offsets)
        return found

    def _is_proven(self, mark: Mark) -> bool:
        proof = mark.proof
        return proof is not None and self._ring.check_at(proof.place, proof.offset) == proof.check

    def _reset(self) -> bytes:
        """What the client has may be incomplete: load it again, then go on from here."""
        self._go_to_end()
        return _event("reset", b"{}", self._mark())

    async def _following(self, tail: Tail) -> AsyncIterator[bytes]:
        while not tail.closing:
            grown = tail.grown
            if tail.ring is not self._ring and tail.ring is not None:
                self._ring = tail.ring
                yield self._reset()
            if self._number < self._ring.first:
                yield self._reset()
            items = [item for _, item in self._ring.items(self._number)]
            self._number += len(items)
            async for chunk in self._told(items):
                yield chunk
            if self._number == self._ring.end:
                # What nobody is told of is behind too: a mark need not go back to it.
                self._offsets = list(self._ring.next)
                if not await self._grows(grown):
                    yield b": alive\nid: " + self._mark() + b"\n\n"

    async def _grows(self, grown: asyncio.Event) -> bool:
        timeout = HEARTBEAT_S
        if self._until is not None:
            left = (self._until - self._live.clock.now()).total_seconds()
            timeout = max(0.0, min(timeout, left))
        try:
            async with asyncio.timeout(timeout):
                await grown.wait()
        except TimeoutError:
            await self._present()
            return False
        return True

    async def _told(self, items: list[Item]) -> AsyncIterator[bytes]:
        """Those that the caller has not had and may see as things are now."""
        principal, sight = await self._present()
        for item in items:
            if item.offset < self._offsets[item.place]:
                continue
            self._offsets[item.place] = item.offset + 1
            if self._may_see(principal, sight, item):
                proof = marks.Proof(item.place, item.offset, item.check)
                mark = marks.encode(self._offsets, proof).encode()
                LIVE_EVENTS.inc()
                yield _event(item.type, item.data, mark)

    async def _present(self) -> tuple[Principal, Sight]:
        """The caller and the organisation of now. Raises BadToken."""
        if self._until is not None and self._live.clock.now() >= self._until:
            raise BadToken(code="token_expired")
        principal = await self._caller.principal()
        return principal, await self._live.sights.of(principal.tenant_id, principal.org_version)

    def _may_see(self, principal: Principal, sight: Sight, item: Item) -> bool:
        if item.tenant_id != principal.tenant_id or not principal.may(SCOPES[item.stream]):
            return False
        if self._types is not None and item.type not in self._types:
            return False
        # A lead is seen by whom it belongs to now, whoever had it when the event happened.
        owner = self._ring.owner_of(item.aggregate_id) if item.stream == "cox.leads" else None
        return sees(principal, owner or item.audience or NOBODY, sight)

    def _mark(self) -> bytes:
        return marks.encode(self._offsets, self._ring.proof).encode()


def _ring_of(tail: Tail) -> Ring:
    if tail.ring is None:
        raise LiveUnavailable
    return tail.ring


def _event(name: str, data: bytes, mark: bytes | None = None) -> bytes:
    head = b"" if mark is None else b"id: " + mark + b"\n"
    return head + b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
