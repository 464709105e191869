"""What an app process needs of the backbone, in one piece for `bootstrap.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from shared.database.engine import make_engine
from shared.database.transactions import Database, Ledger
from shared.events.hints import APPLIED, RECORDED, Ears, Hints, connector
from shared.events.waiting import Applied, Changes, Reads
from shared.settings import Settings


class AppSide:
    """The app's database, whose commits hint to the relay, and the waits of Cox-Wait-For and If-None-Match.

    side = AppSide(settings, SERVICE, projections)
    make_app(settings, SERVICE, routers=…, database=side.database, applied=side.applied,
             changes=side.changes, lifespans=[side.running])
    """

    def __init__(
        self,
        settings: Settings,
        service: str,
        projections: Iterable[Reads] = (),
        *,
        ledger: Ledger | None = None,
    ) -> None:
        connect = connector(settings, service)
        self._hints = Hints(connect, RECORDED)
        self._ears = Ears(connect, RECORDED, APPLIED)
        self.database = Database(
            make_engine(settings, service, "app"),
            hint=self._hints.poke,
            ledger=ledger,
            master_key=settings.master_key,
        )
        self.applied = Applied(self.database, self._ears, APPLIED, service, projections)
        self.changes = Changes(self.database, self._ears, RECORDED)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hints flow while the block runs. The database is the app's to dispose of."""
        await self._hints.start()
        await self._ears.start()
        try:
            yield
        finally:
            await self.applied.stop()
            await self.changes.stop()
            await self._ears.stop()
            await self._hints.stop()
