"""Live streams held open until they end by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import orjson

Opened = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a stream ended: the code that its last event names (None where it broke off without a word), and
    when by the wall clock.
    """

    code: str | None
    at: float


class NotOpened(Exception):
    """The stream was refused; the text is its status."""


async def held_open(url: str, token: str, opened: Opened | None = None, limit_s: float = 120.0) -> Ended:
    """Listen until the server ends it. `opened` is awaited once it is open.

    Raises NotOpened, or TimeoutError where it goes on beyond the limit.
    """
    headers = {"Authorization": f"Bearer {token}"}
    code = None
    async with (
        asyncio.timeout(limit_s),
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
        session.get(f"{url}/v1/events/stream", headers=headers) as answer,
    ):
        if answer.status != 200:
            raise NotOpened(str(answer.status))
        if opened is not None:
            await opened()
        ending = False
        async for line in answer.content:
            if line.startswith(b"event: "):
                ending = line == b"event: end\n"
            elif ending and line.startswith(b"data: "):
                code = orjson.loads(line[6:])["code"]
    return Ended(code, time.time())
