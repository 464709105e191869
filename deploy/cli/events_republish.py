"""`./cox events republish`: Kafka's topics again from the journals."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import asyncpg

from deploy.cli import running
from deploy.cli.console import Steps
from deploy.cli.errors import CommandError
from deploy.local.topology import SERVICES
from shared.database.connections import Raw
from shared.database.engine import connect_raw
from shared.events.relaying import republish
from shared.settings import Settings

NAME = "events republish"
HELP = "rebuild Kafka's topics from the journals"

_PAUSE_S = 0.3
_TAKEN_UP_S = 60.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="only these (default: all four)")
    parser.add_argument(
        "--new-epoch",
        action="store_true",
        help="after a database was restored to an older state: consumers build anew what came from it",
    )


def run(arguments: argparse.Namespace) -> int:
    for service in arguments.services:
        if service not in SERVICES:
            raise CommandError(f"no service {service!r}; there are: {', '.join(SERVICES)}")
    settings = running.service_settings()
    try:
        asyncio.run(_republish(settings, arguments.services or SERVICES, new_epoch=arguments.new_epoch))
    except (OSError, asyncpg.PostgresError) as error:
        raise CommandError(f"the database does not answer: {error}") from error
    return 0


async def _republish(settings: Settings, services: Sequence[str], *, new_epoch: bool) -> None:
    with Steps() as steps:
        for service in services:
            with steps.counted(f"republishing {service}") as progress:
                connection = await connect_raw(settings, service, "worker")
                try:
                    asked = await republish.request(connection, new_epoch=new_epoch)
                    await _until_done(connection, service, asked, progress)
                finally:
                    await connection.close()


async def _until_done(
    connection: Raw, service: str, asked: UUID, progress: Callable[[int, int], None]
) -> None:
    """Wait for the leader. Raises CommandError where nobody takes it up, or somebody asked anew."""
    deadline = asyncio.get_running_loop().time() + _TAKEN_UP_S
    while True:
        now = await republish.status(connection)
        if now.id != asked:
            raise CommandError(f"{service}: another republish was asked for meanwhile; this one gave way")
        if now.state == "done":
            return
        if now.state == "running":
            progress(now.at_id, max(now.until_id, now.at_id))
        elif asyncio.get_running_loop().time() > deadline:
            raise CommandError(
                f"{service}: no worker has taken it up; it stays asked for (see ./cox logs {service})"
            )
        await asyncio.sleep(_PAUSE_S)
