"""EXPORT: a million leads leave as a file, in memory that does not grow with them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import aiohttp
import psutil

from tests.bench.mark import Bench
from tests.bench.measure import Costs, middle, pss_mib
from tests.bench.result import Asked, Result
from tests.bench.scaled import Scaled
from tests.chaos.stack import Connection

NAME = "EXPORT"
WHAT = "files of all leads, CSV and XLSX, with contact data and every reading written down; memory meanwhile"

_COLUMNS = ("id", "name", "phone", "email", "company", "source", "stage", "status", "created_at")
_APPS = ("gateway-app-1", "leads-app-1")
_LIMIT_S = 1800.0
_SAMPLE_S = 0.5


async def run(bench: Bench) -> Result:
    """A file of each format through the gateway; then the same columns by COPY, without anything else."""
    scaled = await bench.scaled(bench.pick(max(bench.scale), 2), numbers=False)
    site = scaled.site
    await scaled.crew.sign_in()
    no_limits = {"free_rows": None, "daily_rows": None}
    (await scaled.crew.tenant.admin.ask("PUT", "/v1/exports/terms", no_limits)).ok()
    apps = {name: process for name, process in site.processes().items() if name in _APPS}
    rates, costs, grown = dict[str, list[float]](), list[Costs](), dict[str, float]()
    rows = 0
    for _ in range(bench.rounds):
        for kind in ("csv", "xlsx"):
            meter = site.meter()
            meter.begin()
            before = pss_mib(apps)
            watching = asyncio.create_task(_watched(apps, grown, before))
            began = time.monotonic()
            rows = await _fetched(scaled, kind)
            rates.setdefault(kind, []).append(rows / (time.monotonic() - began))
            watching.cancel()
            bench.say(f"{kind}: {rates[kind][-1]:.0f} rows/s, {grown} MiB more at most")
            if kind == "csv":
                costs.append(meter.per_1000(rows))
    async with site.stack.database("leads") as connection:
        limit = [await _copied(connection, scaled, rows) for _ in range(bench.rounds)]
    result = Result(
        NAME, WHAT, "rows/s (csv)", rates["csv"], "COPY of the same columns to nowhere", limit,
        cpu_s_per_1000=middle(costs), memory_mib=site.memory(),
    )  # fmt: skip
    most = max(0.1, *grown.values())
    result.asked = [Asked("MiB more in an app while the file goes out", most, 64.0, 16.0, most=True)]
    result.figures = {"leads": rows, "xlsx_rows_per_s": rates["xlsx"], "grown_mib": grown}
    return result


async def _fetched(scaled: Scaled, kind: str) -> int:
    """How many rows came, by the register."""
    token = await scaled.director()
    headers = {"Authorization": f"Bearer {token}"}
    address = f"http://127.0.0.1:{scaled.site.port}/v1/exports"
    wanted = {"columns": list(_COLUMNS), "format": kind, "reason": "bench"}
    timeout = aiohttp.ClientTimeout(total=_LIMIT_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        async with session.post(address, json=wanted) as asked:
            export = await asked.json()
        async with session.get(f"{address}/{export['id']}/file") as file:
            assert file.status == 200, await file.text()
            async for _ in file.content.iter_chunked(1 << 16):
                pass
        async with session.get(f"{address}/{export['id']}") as told:
            [download] = (await told.json())["downloads"]
    assert download["ended"] == "whole"
    return int(download["rows"])


async def _watched(apps: Mapping[str, psutil.Process], grown: dict[str, float], before: Costs) -> None:
    while True:
        now = await asyncio.to_thread(pss_mib, apps)
        for name in now:
            grown[name] = max(grown.get(name, 0.0), round(now[name] - before[name], 1))
        await asyncio.sleep(_SAMPLE_S)


async def _copied(connection: Connection, scaled: Scaled, rows: int) -> float:
    """Rows per second."""
    query = f"select {', '.join(_COLUMNS)} from leads where tenant_id = $1 order by id"  # noqa: S608 - own names

    async def nowhere(_: bytes) -> None:
        return

    began = time.monotonic()
    await connection.copy_from_query(query, scaled.crew.tenant.id, output=nowhere, format="csv")
    return rows / (time.monotonic() - began)
