"""`/openapi.json`, `/docs` and `/healthz` at the public address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from services.gateway.docs.merge import merge
from services.gateway.docs.page import render
from services.gateway.proxy.forward import Proxy
from services.gateway.proxy.rules import SERVICES
from shared.errors import Unavailable

Json = dict[str, Any]
_KEPT_S = 60.0


class Documents:
    """The merged document, asked of the services at most once a minute."""

    def __init__(self, own: Callable[[], Json], proxy: Proxy) -> None:
        self._own = own
        self._proxy = proxy
        self._merged: Json | None = None
        self._merged_at = float("-inf")
        self._merging = asyncio.Lock()

    async def merged(self) -> Json:
        """Raises ServiceUnavailable while a service is away and nothing was merged before."""
        async with self._merging:
            if self._merged is None or time.monotonic() - self._merged_at > _KEPT_S:
                try:
                    self._merged = await self._asked()
                    self._merged_at = time.monotonic()
                except Unavailable:
                    if self._merged is None:
                        raise
            return self._merged

    async def _asked(self) -> Json:
        bodies = await asyncio.gather(*(self._proxy.document(service) for service in SERVICES))
        parts = dict(zip(SERVICES, map(orjson.loads, bodies), strict=True))
        return merge({"gateway": self._own(), **parts})

    async def openapi(self, _: Scope) -> Response:
        return Response(orjson.dumps(await self.merged()), media_type="application/json")

    async def page(self, _: Scope) -> Response:
        # Nothing on the page may load or run anything, whatever a description says.
        headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return HTMLResponse(render(await self.merged()), headers=headers)

    async def health(self, _: Scope) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")
