"""A file of leads through the gateway, from the first byte sent until the import is done."""

from __future__ import annotations

import asyncio
import secrets
import time

import aiohttp

from tests.support.speaking import Person

_HEADER = "name,company,phone,email,source,region,channel,product,tags,value\n"
_POLL_S = 0.1
_LIMIT_S = 900.0


def csv_of(rows: int) -> bytes:
    """Rows as those of the batches; phones and addresses are nobody else's."""
    own = secrets.randbelow(90) + 10
    mark = secrets.token_hex(4)
    lines = [
        f"Lead number {row},Company {row % 500},+86139{own}{row:06d},lead.{mark}{row}@example.com,"
        "web,north,web,crm,a;hot,12000.50\n"
        for row in range(rows)
    ]
    return (_HEADER + "".join(lines)).encode()


async def import_csv(person: Person, content: bytes, rows: int) -> float:
    """Rows a second. All of them must come in."""
    form = aiohttp.FormData()
    form.add_field("kind", "leads")
    form.add_field("file", content, filename="leads.csv")
    headers = {"Authorization": f"Bearer {person.token}"}
    timeout = aiohttp.ClientTimeout(total=_LIMIT_S)
    begun = time.monotonic()
    async with aiohttp.ClientSession(person.url, timeout=timeout, headers=headers) as session:
        async with session.post("/v1/imports", data=form) as answer:
            told = await answer.json()
            assert answer.status == 202, told
        while told["state"] not in ("done", "failed"):
            await asyncio.sleep(_POLL_S)
            async with session.get(f"/v1/imports/{told['id']}") as answer:
                told = await answer.json()
    assert told["counts"] == {"leads_created": rows}, told
    return rows / (time.monotonic() - begun)
