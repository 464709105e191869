"""All wiring of activities; tests come in by this door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.activities.history import api as history
from services.activities.leads_known.reactions import leads_known
from services.activities.recording import api as recording
from shared.access.projection import directory_projection
from shared.clock import Clock
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.events.hints import RECORDED, Hints, connector
from shared.events.worker import Worker
from shared.settings import Settings
from shared.web.app import make_app
from shared.web.context import Authenticate

SERVICE = "activities"
ROUTERS = (recording.router, history.router)


def build_app(
    settings: Settings, *, clock: Clock | None = None, authenticate: Authenticate | None = None
) -> FastAPI:
    """The HTTP side. `authenticate` replaces the gateway's tokens, for tests."""
    hints = Hints(connector(settings, SERVICE), RECORDED)
    return make_app(
        settings,
        SERVICE,
        routers=ROUTERS,
        database=Database(make_engine(settings, SERVICE, "app"), hint=hints.poke),
        authenticate=authenticate,
        clock=clock,
        lifespans=[lambda: _started(hints)],
    )


@asynccontextmanager
async def _started(hints: Hints) -> AsyncIterator[None]:
    await hints.start()
    try:
        yield
    finally:
        await hints.stop()


def build_worker(settings: Settings) -> Worker:
    """The worker: the org's copy, the leads that activities may be about, and the relay of activities."""
    return Worker(settings, SERVICE, consumers=(directory_projection(SERVICE), leads_known))
