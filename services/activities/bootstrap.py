"""All wiring of activities; tests come in by this door."""

from __future__ import annotations

from fastapi import FastAPI

from services.activities.leads_known.reactions import leads_known_projection
from services.activities.recording import api as recording
from services.activities.recording import past_api
from services.activities.recording.use_cases import forget
from shared.access.projection import directory_projection
from shared.clock import Clock
from shared.events.appside import AppSide
from shared.events.worker import Worker
from shared.settings import Settings
from shared.web.app import make_app
from shared.web.context import Authenticate
from shared.web.idempotency import keep_purged

SERVICE = "activities"
ROUTERS = (recording.router, past_api.router)
PROJECTIONS = (directory_projection(SERVICE), leads_known_projection(forget))


def build_app(
    settings: Settings, *, clock: Clock | None = None, authenticate: Authenticate | None = None
) -> FastAPI:
    """The HTTP side. `authenticate` replaces the gateway's tokens, for tests."""
    side = AppSide(settings, SERVICE, PROJECTIONS)
    return make_app(
        settings,
        SERVICE,
        routers=ROUTERS,
        database=side.database,
        applied=side.applied,
        changes=side.changes,
        authenticate=authenticate,
        clock=clock,
        lifespans=[side.running],
    )


def build_worker(settings: Settings) -> Worker:
    """The worker: the org's copy, the leads that activities may be about, and the relay of activities."""
    return Worker(settings, SERVICE, consumers=PROJECTIONS, extra=(keep_purged,))
