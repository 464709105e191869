"""Where a request goes: to the service behind its path, to the documents, or to the gateway's own rooms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.door.authenticator import KNOWN, Authenticator
from services.gateway.door.freshness import Freshness
from services.gateway.door.grants import Known
from services.gateway.persons.forgetting import Forgetting
from services.gateway.proxy.forward import Proxy, RightsJustChanged
from services.gateway.proxy.rules import PREFIXES, Service, service_for
from shared.access.principal import Principal
from shared.errors import NotFound

OWN_PREFIXES = frozenset({
    "auth", "me", "org", "api-keys", "events", "imports", "import-mappings", "presets", "forms", "codes",
    "public",
})  # fmt: skip
"""The first parts of paths after `/v1/` that are the gateway's own rooms."""

OPEN_BELOW = ("/v1/public/", "/f/", "/c/")
"""What everybody may ask without signing in, and what changes nobody's rights."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Answerer = Callable[[Scope], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Passed:
    """A path that is passed on, by its first part only: metrics have few labels."""

    path: str


class KnownPathsOnly:
    """Says 404 of what nobody owns before anybody is asked who they are."""

    def __init__(self, authenticate: Authenticator) -> None:
        self._authenticate = authenticate

    async def __call__(self, scope: Scope) -> Principal:
        parts = scope["path"].split("/", 3)
        if len(parts) < 3 or parts[1] != "v1" or parts[2] not in PREFIXES.keys() | OWN_PREFIXES:
            raise NotFound("There is nothing at this path")
        return await self._authenticate(scope)


class Dispatcher:
    """ASGI, inside the edge: whoever comes here is known, unless the path is open to all."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        proxy: Proxy,
        authenticator: Authenticator,
        freshness: Freshness,
        documents: dict[str, Answerer],
        forgetting: Forgetting,
    ) -> None:
        self._forgetting = forgetting
        self._app = app
        self._proxy = proxy
        self._authenticator = authenticator
        self._freshness = freshness
        self._documents = documents

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        service = service_for(path)
        if service is not None:
            scope["route"] = Passed(f"/v1/{path.split('/', 3)[2]}/*")
            await self._forward(service, scope, receive, send)
        elif path in self._documents and scope["method"] == "GET":
            scope["route"] = Passed(path)
            await (await self._documents[path](scope))(scope, receive, send)
        elif scope["method"] in _SAFE or path.startswith(OPEN_BELOW):
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, self._fresh(send))

    async def _forward(self, service: Service, scope: Scope, receive: Receive, send: Send) -> None:
        known: Known = scope[KNOWN]
        address = scope["client"][0] if scope.get("client") else None
        await self._forgetting.before(scope["method"], scope["path"], known.principal, address)
        token = self._authenticator.service_token(known, service)
        try:
            await self._proxy.forward(service, token, scope, receive, send)
        except RightsJustChanged:
            # The service knew of the change before this process did.
            await self._freshness.ask()
            if scope["method"] not in _SAFE:
                raise
            known = await self._authenticator.current(known.grant)
            token = self._authenticator.service_token(known, service)
            await self._proxy.forward(service, token, scope, receive, send)

    def _fresh(self, send: Send) -> Send:
        """Whoever changes rights here finds them changed with the answer."""

        async def fresh_send(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 500:
                await self._freshness.ask()
            await send(message)

        return fresh_send
