"""An app of ours: FastAPI for routes and documents, everything around it by the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from shared.access.bearer import ServiceTokens
from shared.access.freshness import Freshness
from shared.access.keys import KeySource, RemoteKeys
from shared.access.tokens import TokenVerifier
from shared.clock import Clock, SystemClock
from shared.database.transactions import Database
from shared.errors import CoxError
from shared.settings import Settings
from shared.web import openapi
from shared.web.context import Applied, Authenticate, Changes, Context, Witness
from shared.web.cursors import Cursors
from shared.web.edge import Edge
from shared.web.problems import MethodNotAllowed, answer
from shared.web.routing import Route

OPENAPI_PATH = "/openapi.json"

Lifespan = Callable[[], AbstractAsyncContextManager[object]]
"""Opened before the first request, closed after the last."""


def make_app(
    settings: Settings,
    service: str,
    *,
    routers: Sequence[APIRouter],
    database: Database,
    applied: Applied | None = None,
    changes: Changes | None = None,
    witness: Witness | None = None,
    authenticate: Authenticate | None = None,
    keys: KeySource | None = None,
    public: Sequence[str] = (),
    clock: Clock | None = None,
    lifespans: Sequence[Lifespan] = (),
    title: str | None = None,
    description: str = "",
    version: str = "1",
) -> FastAPI:
    """A service's app with these routers.

    By default it accepts the gateway's service tokens (keys fetched from it, unless `keys` are given);
    `authenticate` replaces that, `public` names paths open to all (`…/`: all below). `applied` and `changes`
    serve the waits of Cox-Wait-For and of If-None-Match; `witness` is told who is shown contact data. The app
    closes the database at its end.
    """
    app = FastAPI(
        title=title or f"Coxswain {service}",
        description=description,
        version=version,
        openapi_url=OPENAPI_PATH,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Our own edge traces and counts; FastAPI would look for providers of its own at each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=_lifespan(database, lifespans),
        exception_handlers=dict.fromkeys((CoxError, RequestValidationError, HTTPException), _problem),
        middleware=[
            Middleware(
                Edge,
                service=service,
                authenticate=authenticate or _service_tokens(settings, service, database, keys),
                public=(*public, OPENAPI_PATH),
            )
        ],
    )
    _add_routes(app, routers)
    cursors = Cursors(settings.cursor_secret.get_secret_value())
    app.state.context = Context(
        settings, service, database, clock or SystemClock(), cursors, applied, changes, witness
    )
    openapi.install(app)
    return app


def _service_tokens(
    settings: Settings, service: str, database: Database, keys: KeySource | None
) -> Authenticate:
    verifier = TokenVerifier(service, keys or RemoteKeys(settings.gateway_internal_url))
    return ServiceTokens(verifier, Freshness(database))


def _add_routes(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    # The routes themselves, not `include_router`: that would match every request twice.
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and not isinstance(route, Route):
                raise TypeError(f"{route.path}: its router is not a shared.web.routing.Router")
            app.router.routes.append(route)


def _lifespan(
    database: Database, lifespans: Sequence[Lifespan]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.dispose)
            for each in lifespans:
                await stack.enter_async_context(each())
            yield

    return lifespan


async def _problem(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        error = MethodNotAllowed(f"Possible here: {allowed}", headers={"Allow": allowed})
    return answer(error, request.scope)


def _methods(request: Request) -> set[str]:
    """The methods of all routes with this path: Starlette names those of the first only."""
    routes: Sequence[BaseRoute] = request.app.router.routes
    found: set[str] = set()
    for route in routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return found
