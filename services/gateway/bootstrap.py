"""All wiring of the gateway; tests come in by this door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import orjson
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.calendars import api as calendars_api
from services.gateway.codes import api as codes_api
from services.gateway.codes import pages as code_pages
from services.gateway.codes.use_cases import Codes
from services.gateway.departures import api as departures_api
from services.gateway.departures.reactions import leave_by
from services.gateway.docs.documents import Documents
from services.gateway.door.authenticator import Authenticator
from services.gateway.door.dispatcher import OPEN_BELOW, Dispatcher, KnownPathsOnly
from services.gateway.door.freshness import Freshness
from services.gateway.forms import api as forms_api
from services.gateway.forms import pages as form_pages
from services.gateway.forms import public_api as public_forms_api
from services.gateway.forms.submitting import Counter
from services.gateway.identity import api as identity_api
from services.gateway.identity.access_tokens import AccessTokens
from services.gateway.identity.passwords import Passwords
from services.gateway.imports import api as imports_api
from services.gateway.imports.reactions import forget_by
from services.gateway.imports.runner import Runner
from services.gateway.imports.saved import api as mappings_api
from services.gateway.limits.limiter import Limiter, storage_at
from services.gateway.live import api as live_api
from services.gateway.live.older import Older
from services.gateway.live.sights import Sights
from services.gateway.live.stream import Live
from services.gateway.live.tail import Tail
from services.gateway.org import api as org_api
from services.gateway.org.reactions import transfer_by
from services.gateway.partners import api as partners_api
from services.gateway.persons import api as persons_api
from services.gateway.persons.forgetting import Forgetting
from services.gateway.presets import api as presets_api
from services.gateway.proxy.forward import Proxy
from services.gateway.proxy.rules import Service
from services.gateway.settings import GatewaySettings
from services.gateway.upstream.services import Services
from services.gateway.working import api as working_api
from services.gateway.working.use_cases import calendar_in_use
from shared.access.keys import JWKS_PATH, SigningKey, load_or_make
from shared.clock import Clock, SystemClock
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.events.appside import AppSide
from shared.events.backbone import Backbone
from shared.events.timing.timers import Timers
from shared.events.worker import Worker
from shared.settings import Settings
from shared.web.app import make_app
from shared.web.idempotency import keep_purged
from shared.web.probes import database_ready, probes

PUBLIC = ("/healthz", "/docs", "/v1/auth/token", "/v1/auth/revoke", *OPEN_BELOW)
"""Paths open to all, some with all below them; `/openapi.json` is so in every service."""

ROUTERS = (
    identity_api.router,
    org_api.router,
    calendars_api.router,
    calendars_api.patching(calendar_in_use),
    working_api.router,
    departures_api.router,
    partners_api.router,
    imports_api.router,
    mappings_api.router,
    forms_api.router,
    public_forms_api.router,
    codes_api.router,
    presets_api.router,
    persons_api.router,
    live_api.router,
)


def settings_of(settings: Settings) -> GatewaySettings:
    """The gateway's own settings, taken from the environment where only common ones are given."""
    if isinstance(settings, GatewaySettings):
        return settings
    return GatewaySettings.load(**settings.model_dump(exclude_unset=True))


def signing_key(settings: Settings) -> SigningKey:
    """The installation's key, made at first use."""
    return load_or_make(settings.signing_key_file or settings.home / "signing.pem")


def origins(settings: Settings) -> dict[Service, str]:
    """Where the services are."""
    return {
        "leads": settings.service_leads_url,
        "activities": settings.service_activities_url,
        "scoring": settings.service_scoring_url,
    }


def asking(settings: Settings, key: SigningKey) -> Services:
    """How the gateway asks them itself."""
    return Services({str(name): origin for name, origin in origins(settings).items()}, key)


class Cors(CORSMiddleware):
    """For the origins of the API; of a public form, it names those itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(OPEN_BELOW):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


@dataclass(frozen=True)
class Parts:
    """What a gateway process is made of."""

    settings: GatewaySettings
    key: SigningKey
    clock: Clock
    side: AppSide
    database: Database
    freshness: Freshness
    limiter: Limiter
    tokens: AccessTokens
    authenticator: Authenticator
    proxy: Proxy
    services: Services
    live: Live


def _parts(settings: GatewaySettings, key: SigningKey, clock: Clock) -> Parts:
    side = AppSide(settings, "gateway")
    database = side.database
    freshness = Freshness(Database(make_engine(settings, "gateway", "worker", pool_size=1)))
    valkey = settings.valkey_url.get_secret_value() if settings.valkey_url else None
    limiter = Limiter(storage_at(valkey), per_s=settings.rate_limit_per_s, burst=settings.rate_limit_burst)
    tokens = AccessTokens(key, settings.public_url)
    authenticator = Authenticator(database, tokens, freshness, limiter, key, clock)
    proxy = Proxy(origins(settings), timeout_s=settings.upstream_timeout_s)
    services = asking(settings, key)
    live = Live(Tail(settings), Older(settings), Sights(database), clock)
    # Streams look at their callers' rights whenever any rights change.
    freshness.on_change.append(live.tail.wake)
    return Parts(
        settings, key, clock, side, database, freshness, limiter, tokens, authenticator, proxy, services, live
    )


@asynccontextmanager
async def _running(parts: Parts) -> AsyncIterator[None]:
    await parts.proxy.start()
    await parts.services.start()
    watching = asyncio.create_task(parts.freshness.run(), name="freshness")
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await parts.live.tail.stop()
        await parts.services.stop()
        await parts.proxy.stop()
        await parts.freshness.dispose()


def build_app(settings: Settings, *, clock: Clock | None = None, key: SigningKey | None = None) -> FastAPI:
    """The public app: own rooms, and the way to the services. `app.state.parts` is what it is made of."""
    own = settings_of(settings)
    parts = _parts(own, key or signing_key(own), clock or SystemClock())
    app = make_app(
        own,
        "gateway",
        routers=ROUTERS,
        database=parts.database,
        authenticate=KnownPathsOnly(parts.authenticator),
        public=PUBLIC,
        clock=parts.clock,
        lifespans=[parts.side.running, lambda: _running(parts)],
        applied=parts.side.applied,
        changes=parts.side.changes,
    )
    app.state.parts = parts
    app.state.passwords = Passwords()
    app.state.door = identity_api.Door(app.state.passwords, parts.tokens, parts.limiter, parts.authenticator)
    app.state.live = parts.live
    app.state.services = parts.services
    app.state.callers = parts.authenticator
    app.state.counter = Counter(parts.database, parts.services, parts.limiter, Codes(parts.database))
    app.router.routes.extend([*form_pages.ROUTES, *code_pages.ROUTES])
    _add_dispatcher(app, parts)
    return app


def _add_dispatcher(app: FastAPI, parts: Parts) -> None:
    documents = Documents(app.openapi, parts.proxy)
    dispatcher = Middleware(
        Dispatcher,
        proxy=parts.proxy,
        authenticator=parts.authenticator,
        freshness=parts.freshness,
        documents={
            "/openapi.json": documents.openapi,
            "/docs": documents.page,
            "/healthz": documents.health,
        },
        forgetting=Forgetting(parts.services, parts.database),
    )
    # Within the edge, which says who is asking and makes every error a problem.
    app.user_middleware.append(dispatcher)
    if parts.settings.cors_origins:
        app.add_middleware(
            Cors,
            allow_origins=parts.settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Cox-Position", "ETag", "Location", "Retry-After"],
        )


def build_internal(app: FastAPI) -> ASGIApp:
    """What the services and ops ask on the internal socket: keys, health, metrics."""
    parts: Parts = app.state.parts
    rest = probes(database_ready(parts.database))
    keys = orjson.dumps({"keys": [parts.key.jwk()]})

    async def internal(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == JWKS_PATH:
            await Response(keys, media_type="application/json")(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return internal


def org_timers(clock: Clock) -> Timers:
    """What becomes due in the organisation, and of imports."""
    timers = Timers()
    transfer_by(timers)
    leave_by(timers, clock)
    forget_by(timers)
    return timers


def build_worker(settings: Settings, *, clock: Clock | None = None, key: SigningKey | None = None) -> Worker:
    """The worker: what becomes due in the organisation, imports, and the relay of what is published."""
    time = clock or SystemClock()
    services = asking(settings, key or signing_key(settings))

    async def run_imports(backbone: Backbone) -> None:
        await Runner(settings, backbone.worker, services).run()

    return Worker(settings, "gateway", timers=org_timers(time), clock=time, extra=(run_imports, keep_purged))
