"""All wiring of scoring; tests come in by this door."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

from services.scoring.kpis import api as kpis
from services.scoring.kpis.freshness import LogEnds
from services.scoring.kpis.notices import Announcer
from services.scoring.kpis.reactions import kpi_projection
from services.scoring.kpis.rebuilding import Rebuilt, Told, rebuild
from shared.access.projection import directory_projection
from shared.clock import Clock
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.events.appside import AppSide
from shared.events.backbone import Backbone
from shared.events.worker import Worker
from shared.settings import Settings
from shared.web.app import make_app
from shared.web.context import Authenticate

SERVICE = "scoring"
ROUTERS = (kpis.router,)


def build_app(
    settings: Settings, *, clock: Clock | None = None, authenticate: Authenticate | None = None
) -> FastAPI:
    """The HTTP side. `authenticate` replaces the gateway's tokens, for tests."""
    numbers = kpi_projection()
    side = AppSide(settings, SERVICE, (directory_projection(SERVICE), numbers))
    ends = LogEnds(settings.kafka_bootstrap, settings.topic_prefix, numbers.streams)
    app = make_app(
        settings,
        SERVICE,
        routers=ROUTERS,
        database=side.database,
        applied=side.applied,
        changes=side.changes,
        authenticate=authenticate,
        clock=clock,
        lifespans=[side.running, ends.running],
    )
    app.state.log_ends = ends
    return app


def build_worker(settings: Settings) -> Worker:
    """The worker: the org's copy, the numbers, their notices, and the relay of those."""
    changed = asyncio.Event()

    async def announce(backbone: Backbone) -> None:
        await Announcer(backbone.worker, backbone.clock, changed).run()

    return Worker(
        settings,
        SERVICE,
        consumers=(directory_projection(SERVICE), kpi_projection(changed.set)),
        extra=(announce,),
    )


async def run_rebuild(settings: Settings, told: Told) -> Rebuilt:
    """Rebuild the KPIs of the running copy. Raises RebuildError."""
    worker = Database(make_engine(settings, SERVICE, "worker", pool_size=4))
    backbone = Backbone(settings, SERVICE, worker=worker, app=worker)
    try:
        return await rebuild(backbone, kpi_projection(), told)
    finally:
        await worker.dispose()
