"""Faults, and how long the copy takes to work again after each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import aiohttp
import psutil

from shared.events.relaying.leader import LOCK
from tests.chaos.company import Company
from tests.chaos.stack import Connection, Stack, until

_PROBE_WAIT_MS = 2000
_LIMIT_S = 300.0


async def kill_and_wait(stack: Stack, name: str) -> float:
    """kill -9 (PostgreSQL: immediate stop), and the seconds until the launcher has started it again."""
    former = stack.kill(name)
    return await stack.replaced(name, former)


@asynccontextmanager
async def paused(stack: Stack, name: str) -> AsyncIterator[psutil.Process]:
    """SIGSTOP while the block runs."""
    process = stack.pause(name)
    try:
        yield process
    finally:
        stack.resume(process)


async def works_again(company: Company, session: aiohttp.ClientSession, limit_s: float = _LIMIT_S) -> float:
    """Seconds until a new lead shows in the KPIs, which takes every service, the relay and Kafka."""
    began, position = time.monotonic(), ""

    async def so() -> bool:
        nonlocal position
        if not position:
            lead = {"name": "Probe", "channel": "referral"}
            made = await company.admin.ask(session, "POST", "/v1/leads", lead)
            position = made.headers.get("Cox-Position", "") if made.status == 201 else ""
        if not position:
            return False
        seen = await company.admin.ask(
            session, "GET", "/v1/kpis?metric=leads_created", Cox_Wait_For=position,
            Cox_Wait_Ms=str(_PROBE_WAIT_MS),
        )  # fmt: skip
        return seen.status == 200

    await until(so, "a new lead shows in the KPIs", limit_s, pause_s=0.1)
    return time.monotonic() - began


async def leader_of(stack: Stack, service: str) -> str | None:
    """The name of the worker process that holds a service's relay; None while nobody does."""
    async with stack.database(service) as connection:
        port = await _leaders_port(connection)
    return None if port is None else _owner_of(stack, service, port)


async def _leaders_port(connection: Connection) -> int | None:
    """The client's port of the session with the leader's advisory lock."""
    port = await connection.fetchval(
        "select a.client_port from pg_locks l join pg_stat_activity a using (pid)"
        " where l.locktype = 'advisory' and l.granted and l.objid = $1"
        " and l.database = (select oid from pg_database where datname = current_database())",
        LOCK,
    )
    return None if port is None else int(port)


def _owner_of(stack: Stack, service: str, port: int) -> str | None:
    for name, process in stack.processes().items():
        if name.startswith(f"{service}-worker-"):
            try:
                if any(c.laddr[1:2] == (port,) for c in process.net_connections("tcp")):
                    return name
            except psutil.NoSuchProcess:
                continue
    return None


async def pause_for(chance: Random, least_s: float, most_s: float) -> None:
    """A time by chance: the distance between faults."""
    await asyncio.sleep(chance.uniform(least_s, most_s))


async def grown(stack: Stack, chance: Random, role: str, least_s: float) -> tuple[str, psutil.Process]:
    """A process of that role (`worker`, `app`) by chance, that has been up for so many seconds; its name."""
    found: list[tuple[str, psutil.Process]] = []

    async def so() -> bool:
        nonlocal found
        grown_ups = {
            name: process
            for name, process in stack.processes().items()
            if f"-{role}-" in name and _age_s(process) >= least_s
        }
        found = sorted(grown_ups.items(), key=lambda each: each[0])
        return bool(found)

    await until(so, f"a {role} is up for {least_s:.0f} s", _LIMIT_S)
    return chance.choice(found)


def _age_s(process: psutil.Process) -> float:
    """Seconds since it was started; below 0 where it has ended, though nobody may have noticed yet."""
    try:
        ended = process.status() == psutil.STATUS_ZOMBIE
        return -1.0 if ended else max(time.time() - process.create_time(), 0.0)
    except psutil.NoSuchProcess:
        return -1.0
