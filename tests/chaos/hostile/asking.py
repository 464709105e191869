"""One HTTP client for many callers: bytes as given, answers whole, refusals checked for their form."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from yarl import URL

from tests.support import speaking

TIMEOUT_S = 90.0
PATIENCE_S = 240.0
PROBLEM = "application/problem+json"
_PROBLEM_FIELDS = {"type", "title", "status", "detail", "instance", "trace_id", "code", "errors"}


class Answer(speaking.Answer):
    """What came back, read as a refusal."""

    __slots__ = ()

    @property
    def is_problem(self) -> bool:
        """Whether it is a whole problem document of its own status."""
        if self.headers.get("Content-Type") != PROBLEM:
            return False
        told = self.json
        return set(told) == _PROBLEM_FIELDS and told["status"] == self.status

    @property
    def is_behind(self) -> bool:
        """Whether nothing was done: the service has yet to learn of the organisation's last change."""
        return self.status == 503 and self.is_problem and self.json["code"] == "directory_behind"

    @property
    def pointers(self) -> list[str]:
        """Where a refusal says that the fault lies."""
        return [error["pointer"] for error in self.json["errors"]]


class Asker:
    """Speaks to one address, under `async with`. `requests` counts.

    Waited out is what says nothing of the request: a slow-down (429), and a service that has not heard yet of
    the organisation's last change.
    """

    def __init__(self, url: str, connections: int = 24) -> None:
        self._url = url
        self._turn = asyncio.Semaphore(connections)
        self._session: aiohttp.ClientSession | None = None
        self.requests = 0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def ask(
        self,
        method: str,
        target: str,
        *,
        token: str | None = None,
        json: Any = None,
        body: bytes | aiohttp.FormData | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; `target` is path and query as on the wire, escapes included."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        data = body
        if json is not None:
            data = orjson.dumps(json)
            sent.setdefault("Content-Type", "application/json")
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_S
        while True:
            answer = await self._once(method, target, data, sent)
            if answer.status != 429 and not (answer.is_behind and loop.time() < until):
                self.requests += 1
                return answer
            await asyncio.sleep(min(5.0, float(answer.headers.get("Retry-After", "1"))))

    async def _once(self, method: str, target: str, data: Any, headers: dict[str, str]) -> Answer:
        assert self._session is not None
        url = URL(self._url + target, encoded=True)
        if isinstance(data, bytes):
            # aiohttp warns of large bytes, not of large files.
            data = io.BytesIO(data)
        async with (
            self._turn,
            self._session.request(method, url, data=data, headers=headers, allow_redirects=False) as answer,
        ):
            return Answer(answer.status, answer.headers.copy(), await answer.read())
