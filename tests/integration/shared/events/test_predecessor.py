"""A worker that was killed is still a member of its groups; whoever takes its seat lets it leave."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

from shared.events.kafka import Admin
from shared.events.worker import seat_of
from tests.integration.shared.events.conftest import STREAM, House, started
from tests.integration.shared.events.working import Notes, working

ROOT = Path(__file__).resolve().parents[4]
# Its session outlasts every hang guard: what joins after it either lets it leave, or waits in vain.
_MEMBER = """
import asyncio, sys
from shared.events import kafka
kafka.SESSION_TIMEOUT_MS = kafka.REBALANCE_TIMEOUT_MS = 900_000
async def main():
    bootstrap, client_id, group, topic = sys.argv[1:]
    reader = kafka.Reader(bootstrap, client_id, group=group)
    await reader.start()
    reader.subscribe([topic])
    while not reader.assignment():
        await reader.poll(100, 1)
    print("joined", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def killed_member(house: House, client_id: str, group: str) -> None:
    """A member of the group that was killed once it had its partitions."""
    topic = house.settings.topic_prefix + STREAM
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _MEMBER, house.settings.kafka_bootstrap, client_id, group, topic,
        cwd=ROOT, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline() == b"joined\n"
    process.kill()
    await process.wait()


class TestPredecessor:
    async def test_events_are_applied_at_once_when_the_seats_former_worker_was_killed(
        self, house: House
    ) -> None:
        notes = Notes("gateway.notes")
        async with working(house, notes.handlers):
            # The topics are there, and the consumer is known.
            pass
        with socket.create_server(("127.0.0.1", 0)) as sock:
            group = f"{house.settings.topic_prefix}{notes.name}"
            await killed_member(house, f"cox-{notes.name}@{seat_of(sock)}", group)
            async with working(house, notes.handlers, sock=sock):
                thing = await house.created(started())
                await notes.reaches(house, thing, 1)
        assert await notes.of(house, thing) == [1]

    async def test_another_seats_member_stays_when_one_is_expelled(self, house: House) -> None:
        async with working(house, Notes("gateway.notes").handlers):
            pass
        group = f"{house.settings.topic_prefix}some.group"
        await killed_member(house, "cox-some@here:1", group)
        async with Admin(house.settings.kafka_bootstrap) as admin:
            assert await admin.expel(group, "cox-some@here:2") == 0
            assert await admin.expel(group, "cox-some@here:1") == 1
            assert await admin.expel(group, "cox-some@here:1") == 0
