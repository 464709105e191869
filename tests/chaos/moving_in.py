"""A company moves in with a file while everything else goes on: afterwards each row is looked for."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from random import Random
from typing import Any

import aiohttp
import asyncpg

from tests.chaos.company import CHANNELS
from tests.chaos.ledger import Entry, Ledger, Verdict
from tests.chaos.siege import Siege
from tests.chaos.stack import until

HALF_WAY = ("gateway-worker-1", "leads-app-1", "postgres", "leads-worker-1")
"""Who takes part in an import, each ended while it is under way; the last one last: it goes on without."""

_HEADER = ("客户名称", "手机", "邮箱", "渠道", "负责人", "标记")
_MAPPING = "shape: leads\nsource: chaos\ncustom: {mark: 标记}\n"
_BAD_SHARE = 0.05
_BAD = {"bad_phone": (1, "1380013800912"), "bad_email": (2, "not an address"), "unknown_rep": (4, "nobody")}
_STATE = "select state, rows_done from imports where tenant_id = $1 and id = $2"
_DOWN = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_LIMIT_S = 900.0
_CLOSELY_S = 0.02


class MovingIn:
    """A file of so many rows, some of them bad. Every row carries a mark of its own, known to the ledger."""

    def __init__(self, ledger: Ledger, chance: Random, rows: int) -> None:
        self.bad: list[tuple[int, str]] = []
        """(line, code) of each row that must be named."""
        self._rows: list[list[str]] = []
        self._entries: list[tuple[Entry, Verdict]] = []
        name = f"file-{chance.getrandbits(40):010x}"
        for line in range(2, rows + 2):
            cells = self._cells(f"{name}-{line}", chance)
            spoilt = chance.choice([*_BAD]) if chance.random() < _BAD_SHARE else None
            if spoilt is not None:
                at, text = _BAD[spoilt]
                cells[at] = text
                self.bad.append((line, spoilt))
            self._rows.append(cells)
            entry = ledger.open("create", cells[-1])
            self._entries.append((entry, Verdict.REFUSED if spoilt else Verdict.OK))

    @staticmethod
    def _cells(mark: str, chance: Random) -> list[str]:
        phone = f"138{chance.randrange(10**8):08d}"
        return [f"Customer {mark}", phone, f"{mark}@example.com", chance.choice(CHANNELS), "", mark]

    @property
    def content(self) -> bytes:
        """The file."""
        text = io.StringIO()
        csv.writer(text).writerows([_HEADER, *self._rows])
        return text.getvalue().encode("gb18030")

    def accepted(self) -> None:
        """It was answered with 2xx: each good row is promised from now on, and no bad one."""
        for entry, verdict in self._entries:
            entry.verdicts.append(verdict)

    def wrong(self, report: Any, problems: Sequence[Any]) -> list[str]:
        """What an import's report says that is not so, a sentence each."""
        total, failed = len(self._rows), len(self.bad)
        told = [report[name] for name in ("state", "rows_total", "rows_done", "rows_failed")]
        wrong = []
        if told != ["done", total, total, failed]:
            wrong.append(f"an import of {total} rows, {failed} of them bad, says {told}: {report['failure']}")
        named = sorted((each["row"], each["code"]) for each in problems)
        if named != sorted(self.bad):
            off = sorted(set(named) ^ set(self.bad))[:5]
            wrong.append(f"{len(named)} rows of {failed} are named as bad; not alike: {off}")
        return wrong


async def move_in(siege: Siege, rows: int, half_way: Sequence[str] = ()) -> None:
    """Bring a file in, to its end, and hold its report against it; `half_way`: who is ended meanwhile."""
    file = MovingIn(siege.traffic.ledger, siege.chance, rows)
    import_id = await _sent(siege, file.content)
    file.accepted()
    for name in half_way:
        await _ended_half_way(siege, import_id, name)
    report = await _finished(siege, import_id)
    siege.outcome.failures += file.wrong(report, await _problems(siege, import_id))
    figures = siege.outcome.figures
    figures["rows_moved_in"] = int(figures.get("rows_moved_in", 0)) + rows


async def _sent(siege: Siege, content: bytes) -> str:
    """The import's id, once the gateway has answered; what it did not answer is sent again."""
    admin, made = siege.company.admin, ""

    async def so() -> bool:
        nonlocal made
        await admin.stay_signed_in(siege.session)
        form = aiohttp.FormData({"kind": "leads", "mapping": _MAPPING})
        form.add_field("file", content, filename="客户.csv")
        headers = {"Authorization": f"Bearer {admin.token}"}
        try:
            async with siege.session.post(f"{admin.url}/v1/imports", data=form, headers=headers) as answer:
                made = (await answer.json())["id"] if answer.status == 202 else ""
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return False
        return bool(made)

    await until(so, "a file is taken", _LIMIT_S, pause_s=0.2)
    return made


async def _ended_half_way(siege: Siege, import_id: str, name: str) -> None:
    """Wait until the import has got on, and kill somebody while it is under way."""
    before: int | None = None
    state = ""

    async def got_on() -> bool:
        nonlocal before, state
        try:
            async with siege.stack.database("gateway") as connection:
                ((state, done),) = await connection.fetch(_STATE, siege.company.tenant.id, import_id)
        except _DOWN:
            return False
        before = done if before is None else before
        return state in ("done", "failed") or done > before

    await until(got_on, f"the import gets on before {name} is killed", _LIMIT_S, pause_s=_CLOSELY_S)
    if state != "running":
        siege.outcome.failures.append(f"the import was {state} before {name} could be killed: too few rows")
        return
    siege.stack.kill(name)
    siege.struck(f"kill -9 {name} while a file is imported")


async def _finished(siege: Siege, import_id: str) -> Any:
    report: Any = None

    async def so() -> bool:
        nonlocal report
        answer = await siege.company.admin.ask(siege.session, "GET", f"/v1/imports/{import_id}")
        report = answer.json
        return answer.status == 200 and report["state"] in ("done", "failed")

    await until(so, "a file is imported", _LIMIT_S, pause_s=0.2)
    return report


async def _problems(siege: Siege, import_id: str) -> list[Any]:
    """Every row that the import names, of all pages."""
    found: list[Any] = []
    path: str | None = f"/v1/imports/{import_id}/errors?limit=500"

    async def next_page() -> bool:
        nonlocal path
        answer = await siege.company.admin.ask(siege.session, "GET", path or "")
        if answer.status != 200:
            return False
        found.extend(answer.json["items"])
        cursor = answer.json["next_cursor"]
        path = f"/v1/imports/{import_id}/errors?limit=500&cursor={cursor}" if cursor else None
        return path is None

    await until(next_page, "the bad rows are told", _LIMIT_S)
    return found
