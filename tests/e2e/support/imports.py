"""Imports as a client does them: send a file, follow it, wait until the numbers are in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.speaking import Person

_POLL_S = 0.1
_LIMIT_S = 1000.0


async def send_file(person: Person, kind: str, file: Path, mapping: Path | None, **fields: str) -> Any:
    """The answer to `POST /v1/imports`."""
    form = aiohttp.FormData()
    for name, value in {"kind": kind, **fields}.items():
        form.add_field(name, value)
    if mapping is not None:
        form.add_field("mapping", await asyncio.to_thread(mapping.read_text, "utf-8"))
    form.add_field("file", await asyncio.to_thread(file.read_bytes), filename=file.name)
    headers = {"Authorization": f"Bearer {person.token}"}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_LIMIT_S)) as session,
        session.post(f"{person.url}/v1/imports", data=form, headers=headers) as answer,
    ):
        told = await answer.json()
    assert answer.status == 202, told
    return told


async def followed(person: Person, import_id: str) -> Any:
    """The import once it is finished."""
    async with asyncio.timeout(_LIMIT_S):
        while True:
            now = await person.get(f"/v1/imports/{import_id}")
            if now["state"] in ("done", "failed"):
                return now
            await asyncio.sleep(_POLL_S)


async def brought_in(person: Person, kind: str, file: Path, mapping: Path | None, **fields: str) -> Any:
    """The finished import, its effect applied by scoring."""
    asked = await send_file(person, kind, file, mapping, **fields)
    done = await followed(person, asked["id"])
    assert done["state"] == "done", done
    for token in done["positions"]:
        await applied(person, token)
    return done


async def applied(person: Person, token: str) -> None:
    """Until scoring has applied what the token names; asks again after each 504."""
    query = {"metric": "deals_won", "by": "tenant", "grain": "year", "from": "2000-01-01", "to": "2000-01-01"}
    async with asyncio.timeout(_LIMIT_S):
        while (await person.ask("GET", "/v1/kpis", query=query, wait_for=token)).status != 200:
            pass


async def all_pages(person: Person, path: str) -> list[Any]:
    """Every item of a list."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = await person.get(path, limit=500, **({"cursor": cursor} if cursor else {}))
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def all_kpis(person: Person, metric: str, by: str, grain: str, first: str, last: str) -> list[Any]:
    """Every row of all pages."""
    rows: list[Any] = []
    cursor: str | None = None
    while True:
        query: dict[str, str | int] = {"metric": metric, "by": by, "grain": grain, "from": first, "to": last}
        query |= {"limit": 500} | ({"cursor": cursor} if cursor else {})
        told = await person.ask("GET", "/v1/kpis", query=query)
        page = told.ok().json
        rows += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows


async def errors_of(person: Person, done: Any) -> list[tuple[int, str | None, str]]:
    """(row, field, code) of the rows that an import refused."""
    page = await person.get(f"/v1/imports/{done['id'] if isinstance(done, dict) else done}/errors", limit=500)
    return [(item["row"], item["field"], item["code"]) for item in page["items"]]


async def errors_file(person: Person, import_id: str, form: str, folder: Path) -> Path:
    """The rows to correct, as a file in the folder."""
    headers = {"Authorization": f"Bearer {person.token}"}
    url = f"{person.url}/v1/imports/{import_id}/errors/file?format={form}"
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_LIMIT_S)) as session,
        session.get(url, headers=headers) as answer,
    ):
        content = await answer.read()
        assert answer.status == 200, content
    path = folder / f"to-correct.{form}"
    await asyncio.to_thread(path.write_bytes, content)
    return path


async def month_values(person: Person, metric: str, rep: str) -> dict[str, Any]:
    """A rep's values by month; amounts without their currency."""
    rows = await all_kpis(person, metric, "rep", "month", "2024-01-01", "2026-12-31")
    found = {row["period_start"][:7]: row["value"] for row in rows if row["label"] == rep and row["value"]}
    return {month: value["amount"] if isinstance(value, dict) else value for month, value in found.items()}
