"""S6: hostile values at every boundary: bodies, addresses, headers, raw connections, files, commands."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import time
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos.hostile import commands, rows
from tests.chaos.hostile.asking import Answer, Asker
from tests.chaos.hostile.bodies import Throwing
from tests.chaos.hostile.company import each
from tests.chaos.hostile.files import Upload, uploads
from tests.chaos.hostile.operations import Document, Operation
from tests.chaos.hostile.values import ADDRESS_NEVER, ADDRESS_ODD
from tests.chaos.hostile.wire import connected, heads
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack, until
from tests.support.speaking import Tenant

NAME = "S6"
CLAIM = "hostile values are refused in a sentence that names them; nothing is stored twice or half"

SHARE_SHORT = 0.015
UPLOADS_SHORT = 6
HALF_SENT = 200
HALF_SENT_SHORT = 10
FLOOD = 300
FLOOD_SHORT = 20
GROWTH_MIB = 300
"""What a process may be larger after the large files, which pass through it in pieces."""
MOST_SAID = 30
_FORMULAS = tuple("=+-@\t\r")
_NASTY = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|'/c calc'!A0", "=HYPERLINK(A1)")


@dataclass
class _Siege:
    run: Run
    stack: Stack
    asker: Asker
    tenant: Tenant
    key: str
    outcome: Outcome
    faults: list[str] = field(default_factory=list)

    async def values(self) -> None:
        """Every value at every place of every operation; then what is stored is counted."""
        document = Document((await self.asker.ask("GET", "/openapi.json")).json)
        operations = [each for each in document.operations() if not each.path.endswith("/stream")]
        throwing = Throwing(
            document, self.asker, self.key, self.run.rng(), 1.0 if self.run.full else SHARE_SHORT,
            ids=await self._ids(),
        )  # fmt: skip
        before = await self._counted()
        throws: list[tuple[Callable[[Operation], Awaitable[None]], Operation]] = [
            (throw, operation)
            for operation in operations
            for throw in (
                throwing.into_body, throwing.whole_bodies, throwing.into_address, throwing.into_headers
            )
        ]  # fmt: skip
        await each(throws, lambda pair: pair[0](pair[1]), 16)
        self.faults += throwing.faults
        after = await self._counted()
        for path, made in throwing.made.items():
            if path in before and after[path] - before[path] != made:
                self.outcome.mismatches += 1
                self.faults.append(f"{path}: {made} were said to be made, {after[path] - before[path]} are")
        self.outcome.figures |= {"values": throwing.thrown, "refused": throwing.refused}
        if not (throwing.refused and sum(throwing.made.values())):
            self.faults.append("nothing was refused, or nothing accepted: that proves nothing")

    async def _ids(self) -> dict[str, str]:
        """Ids that exist, by the names of the fields that want them."""
        unit = await self.tenant.team("hostile")
        rep = await self.tenant.hire("Hostile", "hostile")
        lead = (await rep.create_lead())["id"]
        user = self.tenant.people["Hostile"]
        pipeline = (await self.tenant.admin.get("/v1/pipelines"))["items"][0]["id"]
        users = dict.fromkeys(("user_id", "owner_id", "rep_id"), user)
        units = dict.fromkeys(("unit_id", "to_unit_id", "parent_id"), unit)
        return users | units | {"lead_id": lead, "pipeline_id": pipeline}

    async def _counted(self) -> dict[str, int]:
        return await rows.counted(self.stack, self.tenant.id)

    async def half_stored(self) -> None:
        """A row without its event would be half of a write."""
        for table, half in (await rows.half_stored(self.stack, self.tenant.id)).items():
            self.outcome.mismatches += half
            self.faults.append(f"{half} {table} have no event")

    async def connections(self) -> None:
        """What is no request, and too much of one; the gateway goes on."""
        for name, raw in heads(self.key).items():
            async with connected(self.stack.url) as wire:
                await wire.send(raw)
                answered = await wire.answer()
            self.outcome.requests += 1
            if answered is not None:
                self._check_raw(name, *answered)
        if (await self.asker.ask("GET", "/healthz")).status != 200:
            self.faults.append("the gateway is not healthy after hostile connections")
        for text in (*ADDRESS_NEVER, *ADDRESS_ODD)[: None if self.run.full else 4]:
            await self._at_the_stream(text)

    def _check_raw(self, name: str, status: int, raw: bytes) -> None:
        if status >= 500:
            self.faults.append(f"{name}: {raw[:300]!r}")
        elif status >= 400 and b"application/problem+json" not in raw:
            self.faults.append(f"{name}: {status} without a problem: {raw[:300]!r}")

    async def _at_the_stream(self, text: str) -> None:
        """A stream has no end, so only how it begins is looked at."""
        head = (
            f"GET /v1/events/stream?types={text} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
        )
        for last in ("", f"Last-Event-ID: {text}\r\n"):
            async with connected(self.stack.url) as wire:
                await wire.send((head + last + "\r\n").encode())
                status = await wire.status()
            self.outcome.requests += 1
            if not status or status >= 500:
                self.faults.append(f"stream with types={text[:40]!r} and {last[:40]!r}: {status}")

    async def halves(self) -> None:
        """Bodies that break off store nothing; sent again whole, under the same key, they store one."""
        number = HALF_SENT if self.run.full else HALF_SENT_SHORT
        before = (await self._counted())["/v1/leads"]
        await each(range(number), self._half_sent, 16)
        if (await self._counted())["/v1/leads"] != before:
            self.outcome.mismatches += 1
            self.faults.append("half a body was stored")
        again = await each(range(number), self._whole, 16)
        stored = (await self._counted())["/v1/leads"] - before
        if stored != number or {answer.status for answer in again} != {201}:
            self.outcome.mismatches += 1
            self.faults.append(f"{stored} leads of {number} that were sent again whole")

    async def _half_sent(self, number: int) -> None:
        async with connected(self.stack.url) as wire:
            await wire.send(
                f"POST /v1/leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
                f"Idempotency-Key: half-{number}\r\nContent-Type: application/json\r\n"
                'Content-Length: 40\r\n\r\n{"name": "half'.encode()
            )

    async def _whole(self, number: int) -> Answer:
        headers = {"Idempotency-Key": f"half-{number}"}
        return await self.asker.ask(
            "POST", "/v1/leads", token=self.key, json={"name": "half"}, headers=headers
        )

    async def flood(self) -> None:
        """Many connections whose heads never end: others are served, and each is hung up on in the end."""
        number = FLOOD if self.run.full else FLOOD_SHORT
        began = time.monotonic()

        async def never_ending(_: int) -> int:
            async with connected(self.stack.url) as wire:
                await wire.send(b"GET /v1/leads HTTP/1.1\r\nHost: x\r\nX: ")
                return await wire.status() if self.run.full else 408

        held = asyncio.gather(*(never_ending(each) for each in range(number)))
        if (await self.asker.ask("GET", "/v1/leads", token=self.key)).status != 200:
            self.faults.append("others are not served while connections are held")
        served = time.monotonic() - began
        ends = await held
        if set(ends) != {408}:
            self.faults.append(f"held connections ended with {sorted(set(ends))}")
        self.outcome.figures |= {"held_open": number, "served_meanwhile_s": round(served, 2)}

    async def files(self) -> None:
        """Imports of hostile files: refused at once, or done with each bad row named."""
        chosen = uploads(large=self.run.full)
        if not self.run.full:
            chosen = chosen[:4] + self.run.rng().sample(chosen[4:-1], UPLOADS_SHORT - 4)
        sizes = {name: _mib(self.stack, name) for name in ("gateway-app-1", "gateway-worker-1")}
        # One after the other: the size of a process is to be that of one file.
        for upload in chosen:
            await self._import(upload)
        for name, size in sizes.items():
            grown = _mib(self.stack, name) - size
            self.outcome.figures[f"{name} grew by MiB"] = grown
            if self.run.full and grown > GROWTH_MIB:
                self.faults.append(f"{name} grew by {grown} MiB")
        self.outcome.figures["files"] = len(chosen)

    async def _import(self, upload: Upload) -> None:
        form = aiohttp.FormData()
        form.add_field("kind", "leads")
        form.add_field("file", upload.content, filename=upload.file_name)
        if upload.mapping is not None:
            form.add_field("mapping", upload.mapping)
        answer = await self.asker.ask("POST", "/v1/imports", token=self.key, body=form)
        if answer.status >= 500 or (answer.status >= 400 and not answer.is_problem):
            self.faults.append(f"import of {upload.name}: {answer.status} {answer.body[:300]!r}")
        elif answer.status < 400 and not upload.taken:
            self.faults.append(f"import of {upload.name}: accepted")
        elif answer.status < 400:
            await self._followed(upload, answer.json["id"])

    async def _followed(self, upload: Upload, import_id: str) -> None:
        found: dict[str, Any] = {}

        async def ended() -> bool:
            told = (await self.asker.ask("GET", f"/v1/imports/{import_id}", token=self.key)).json
            found.update(told)
            return told["state"] in ("done", "failed")

        await until(ended, f"the import of {upload.name}", 300.0, pause_s=0.1)
        if found["state"] == "failed" and found["failure"]["code"] == "internal_error":
            self.faults.append(f"import of {upload.name}: {found['failure']}")
        answer = await self.asker.ask("GET", f"/v1/imports/{import_id}/errors?format=csv", token=self.key)
        for row in csv.reader(io.StringIO(answer.body.decode())):
            if any(cell.startswith(_FORMULAS) for cell in row):
                self.faults.append(f"import of {upload.name}: the exported errors hold a formula: {row}")

    async def exports(self) -> None:
        """What was stored of all that leaves in files, and nothing of it runs."""
        for name in _NASTY:
            await self.tenant.admin.create_lead(name, company=name, custom={"note": name})
        unlimited = {"free_rows": None, "daily_rows": None}
        (await self.tenant.admin.ask("PUT", "/v1/exports/terms", unlimited)).ok()
        columns = ["name", "company", "phone", "email", "source", "tags", "custom.note"]
        for kind in ("csv", "xlsx"):
            asked = {"columns": columns, "format": kind, "reason": _NASTY[0]}
            made = await self.asker.ask("POST", "/v1/exports", token=self.key, json=asked)
            path = f"/v1/exports/{made.json['id']}/file"
            file = await self.asker.ask("GET", path, token=self.key)
            ran = _runs_as_csv(file.body) if kind == "csv" else _runs_as_xlsx(file.body)
            self.faults += [f"the export as {kind} holds a formula: {each}" for each in ran]
            if file.status != 200 or not file.body:
                self.faults.append(f"the export as {kind}: {file.status} {file.body[:300]!r}")

    async def words(self) -> None:
        """Commands with hostile files and words."""
        asked = commands.calls(self.run.folder, full=self.run.full)
        said = await each(asked, lambda call: commands.refused(self.stack, call), 2)
        self.faults += [fault for fault in said if fault is not None]
        self.outcome.figures["commands"] = len(asked)


def _runs_as_csv(file: bytes) -> list[str]:
    rows_of_it = csv.reader(io.StringIO(file.decode("utf-8-sig"), newline=""))
    return [cell for row in rows_of_it for cell in row if cell.lstrip().startswith(_FORMULAS)]


def _runs_as_xlsx(file: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(file)) as opened:
        sheet = opened.read("xl/worksheets/sheet1.xml").decode()
    return re.findall(r"<f[ >].{0,80}", sheet)


def _mib(stack: Stack, name: str) -> int:
    return int(stack.process(name).memory_info().rss) >> 20


async def run(run: Run) -> Outcome:
    outcome = Outcome(NAME, run.seed, run.full)
    async with run.stack() as stack, Asker(stack.url) as asker:
        tenant = await stack.new_tenant()
        key = (await tenant.admin.post("/v1/api-keys", {"name": "hostile", "scopes": ["admin"]}))["key"]
        siege = _Siege(run, stack, asker, tenant, key, outcome)
        for part in (
            siege.values,
            siege.connections,
            siege.halves,
            siege.flood,
            siege.files,
            siege.exports,
            siege.words,
        ):
            await part()
            run.say(f"{part.__name__}: {len(siege.faults)} faults so far")
        await stack.quiet()
        await siege.half_stored()
        outcome.requests += asker.requests
        outcome.figures["faults_found"] = len(siege.faults)
        outcome.failures = siege.faults[:MOST_SAID]
    return outcome
