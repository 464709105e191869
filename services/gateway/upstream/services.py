"""One HTTP client for the services behind the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from shared.access.keys import SigningKey
from shared.access.principal import Principal
from shared.access.tokens import sign_principal
from shared.errors import CoxError, FieldError, Unavailable
from shared.observability.traces import current_traceparent
from shared.web.disclosures import CLIENT_ADDRESS

LONGEST_WAIT_MS = 20_000
_TRY_AGAIN = frozenset({401, 408, 425, 429, 500, 502, 503, 504})
"""401 among them: a token may expire on its way, or the service learn of our key a moment later."""


class NotNow(Unavailable):
    code = "service_unavailable"
    title = "A service that this needs does not answer right now"


class Refused(CoxError):
    """The service will never take it: trying again cannot help."""

    code = "refused_by_service"
    title = "A service refused what the gateway sent"

    def __init__(
        self,
        detail: str = "",
        *,
        status: int = 0,
        said: str = "",
        said_code: str | None = None,
        fields: Sequence[FieldError] = (),
    ) -> None:
        """`status`, `said`, `said_code` and `fields`, each bad one, are what the service answered."""
        super().__init__(detail)
        self.status = status
        self.said = said
        self.said_code = said_code
        self.fields = tuple(fields)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered; `position` is the token of what it caused."""

    body: Any
    position: str | None


class Services:
    """One HTTP client for all of them; `start` before the first call, `stop` after the last."""

    def __init__(self, origins: Mapping[str, str], key: SigningKey) -> None:
        self._origins = dict(origins)
        self._key = key
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        timeout = aiohttp.ClientTimeout(total=120, sock_connect=3)
        self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(
        self,
        service: str,
        path: str,
        body: Mapping[str, Any],
        *,
        principal: Principal,
        wait_for: str | None = None,
        idempotency_key: str | None = None,
        address: str | None = None,
    ) -> Answer:
        """The answer to a POST; `address` is where it goes. Raises NotNow (try again) or Refused (never)."""
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": idempotency_key,
            CLIENT_ADDRESS: address,
        }
        content = orjson.dumps(body)
        return await self._ask("POST", service, path, content, headers, principal, wait_for)

    async def stream(
        self,
        service: str,
        path: str,
        lines: AsyncIterable[bytes],
        *,
        principal: Principal,
        wait_for: str | None = None,
    ) -> Answer:
        """The answer to a POST of lines of JSON, sent as they come. Raises as `post`, and NotNow where
        `lines` raise: the service does not see their end then.
        """
        headers = {"Content-Type": "application/x-ndjson"}
        return await self._ask("POST", service, path, lines, headers, principal, wait_for)

    async def put(
        self,
        service: str,
        path: str,
        body: Mapping[str, Any],
        *,
        principal: Principal,
        wait_for: str | None = None,
    ) -> Answer:
        """The answer to a PUT. Raises as `post`."""
        headers = {"Content-Type": "application/json"}
        return await self._ask("PUT", service, path, orjson.dumps(body), headers, principal, wait_for)

    async def get(
        self,
        service: str,
        path: str,
        *,
        principal: Principal,
        wait_for: str | None = None,
        address: str | None = None,
    ) -> Answer:
        """The answer to a GET; `address` is where it goes, if it shows contact data. Raises as `post`."""
        return await self._ask("GET", service, path, None, {CLIENT_ADDRESS: address}, principal, wait_for)

    async def _ask(
        self,
        method: str,
        service: str,
        path: str,
        body: bytes | AsyncIterable[bytes] | None,
        more: Mapping[str, str | None],
        principal: Principal,
        wait_for: str | None,
    ) -> Answer:
        headers = {
            "Authorization": f"Bearer {sign_principal(self._key, principal, service)}",
            "traceparent": current_traceparent(),
            "Cox-Wait-For": wait_for,
            "Cox-Wait-Ms": str(LONGEST_WAIT_MS) if wait_for else None,
            **more,
        }
        url = self._origins[service] + path
        sent = {name: value for name, value in headers.items() if value is not None}
        assert self._session is not None  # noqa: S101 - started by whoever made it
        try:
            async with self._session.request(method, url, data=body, headers=sent) as answer:
                content = await answer.read()
                if answer.status >= 400:
                    raise _problem(service, answer.status, content)
                return Answer(orjson.loads(content) if content else None, answer.headers.get("Cox-Position"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotNow(f"{service} does not answer: {type(error).__name__}") from error


def _problem(service: str, status: int, content: bytes) -> CoxError:
    code: str | None = None
    fields: list[FieldError] = []
    try:
        problem = orjson.loads(content)
        code = str(problem["code"])
        said = str(problem.get("detail") or problem["title"])
        fields = [
            FieldError(each["pointer"], each["code"], each["detail"]) for each in problem.get("errors", ())
        ]
        said += "".join(f"; {each.pointer}: {each.detail}" for each in fields[:3])
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        said = f"status {status}"
    if status in _TRY_AGAIN:
        return NotNow(f"{service}: {said}")
    return Refused(f"{service}: {said}", status=status, said=said, said_code=code, fields=fields)
