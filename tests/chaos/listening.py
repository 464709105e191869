"""Somebody who listens to live events, and comes back by Last-Event-ID whenever they are cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import aiohttp
import orjson

from tests.chaos.checks import Heard
from tests.chaos.company import User

_TYPES = "cox.leads.lead_*,cox.leads.stage_changed.v1,cox.leads.response_given.v1,cox.activities.*"
_SILENT_S = 40.0


class Listener:
    """`heard` is what came so far, `resumed` how often the stream was taken up again, `cut` how often it
    broke instead of ending, `refused` how often it was not given.
    """

    def __init__(self, user: User) -> None:
        self.ids: list[UUID] = []
        self.resets = 0
        self.resumed = -1
        self.cut = self.refused = 0
        self._user = user
        self._mark: str | None = None
        self._begun = asyncio.Event()

    @property
    def heard(self) -> Heard:
        return Heard(self.ids, self.resets)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Connected when the block begins."""
        task = asyncio.create_task(self._keep_listening(), name="listener")
        try:
            await asyncio.wait_for(self._begun.wait(), 180)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def caught_up(self, wanted: set[UUID], limit_s: float) -> None:
        """Until all of these were heard, or a reset excused it, or the limit: then the check says more."""
        deadline = asyncio.get_running_loop().time() + limit_s
        while asyncio.get_running_loop().time() < deadline:
            if self.resets or wanted.issubset(self.ids):
                return
            await asyncio.sleep(0.2)

    async def _keep_listening(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=_SILENT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                try:
                    await self._once(session)
                except (aiohttp.ClientError, OSError, TimeoutError):
                    self.cut += 1
                await asyncio.sleep(0.5)

    async def _once(self, session: aiohttp.ClientSession) -> None:
        await self._user.stay_signed_in(session)
        headers = {"Authorization": f"Bearer {self._user.token}"}
        if self._mark is not None:
            headers["Last-Event-ID"] = self._mark
        url = f"{self._user.url}/v1/events/stream?types={_TYPES}"
        async with session.get(url, headers=headers) as answer:
            if answer.status != 200:
                self.refused += 1
                return
            self.resumed += 1
            event: dict[str, str] = {}
            async for raw in answer.content:
                line = raw.decode().rstrip("\n")
                name, _, value = line.partition(": ")
                if line:
                    event[name] = value
                    continue
                self._take(event)
                event = {}

    def _take(self, event: dict[str, str]) -> None:
        self._begun.set()
        # The mark and what it stands behind are taken together: a block that was cut counts for nothing.
        self._mark = event.get("id", self._mark)
        match event.get("event"):
            case None | "end":
                pass
            case "reset":
                self.resets += 1
            case _:
                self.ids.append(UUID(orjson.loads(event["data"])["id"]))
