"""A publisher's new epoch: its past was rewritten, so projections of it are built anew."""

from __future__ import annotations

from collections.abc import Mapping

from shared.database.connections import Raw
from shared.events.backbone import Backbone
from shared.events.consuming.handlers import HandlerSet, Projection, Run, enter_run
from shared.events.consuming.registry import forget_letters, generation_of
from shared.observability.logs import get_logger

log = get_logger(__name__)


async def epochs_of(raw: Raw, consumer: str) -> dict[str, int]:
    """The epoch of each stream that a projection is built from; a stream that is not named has 1."""
    rows = await raw.fetch("select stream, epoch from epochs where consumer = $1", consumer)
    return {row["stream"]: row["epoch"] for row in rows}


async def rebuild_for(
    backbone: Backbone, handlers: HandlerSet, consumer: str, found: Mapping[str, int]
) -> None:
    """Empty a projection and let it read every stream from the beginning, unless somebody did so already.

    All in one transaction with the offsets, so that every other reader of this projection is fenced off.
    """
    assert isinstance(handlers, Projection)  # noqa: S101 - reactions never ask for this
    async with backbone.worker.transaction() as tx:
        raw = tx.connection
        await raw.execute(
            "select 1 from offsets where consumer = $1 order by stream, partition for update", consumer
        )
        known = await epochs_of(raw, consumer)
        if all(known.get(stream, 1) >= epoch for stream, epoch in found.items()):
            return
        log.warning("projection_rebuilds", consumer=consumer, epochs=dict(found))
        enter_run(Run(consumer, generation_of(consumer), rebuilding=False))
        await handlers.reset(tx)
        for table in ("positions", "parked"):
            await raw.execute(f"delete from {table} where consumer = $1", consumer)  # noqa: S608
        await forget_letters(raw, consumer)
        await raw.executemany(
            "insert into epochs (consumer, stream, epoch) values ($1, $2, $3)"
            " on conflict (consumer, stream) do update set epoch = greatest(epochs.epoch, excluded.epoch)",
            [(consumer, stream, epoch) for stream, epoch in found.items()],
        )
        await raw.execute("update offsets set next = 0, before_id = null where consumer = $1", consumer)
