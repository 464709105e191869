"""People of whom the product comes to know much, by every way that there is."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from tests.chaos.hostile.asking import Answer, Asker
from tests.chaos.hostile.company import each
from tests.chaos.hostile.remains import Words
from tests.chaos.stack import until
from tests.support.speaking import Tenant

_AT_ONCE = 8
_BATCH = 50
_LIMIT_S = 300.0
_MOVED, _WED = 5000, 7000
"""A second number of somebody, and that of whom they married, end so much higher."""


class NotTold(Exception):
    """Something about somebody was refused that should have been taken."""


@dataclass
class Crowd:
    """So many people, known to a tenant; `leads` are theirs, by number."""

    asker: Asker
    tenant: Tenant
    token: str
    reps: Sequence[str]
    size: int
    words: Words = field(
        default_factory=lambda: Words(f"zq{secrets.token_hex(6)}", f"158{secrets.randbelow(10**4):04d}")
    )
    leads: dict[int, str] = field(default_factory=dict)

    def name(self, number: int) -> str:
        return f"{self.words.mark} {number}"

    def phone(self, number: int) -> str:
        return f"{self.words.numbers}{number:04d}"

    def fields(self, number: int) -> dict[str, Any]:
        """What a form would say of them. A company that may be kept is not theirs."""
        mark = self.words.mark
        return {
            "name": self.name(number), "phone": self.phone(number), "email": f"{mark}.{number}@example.com",
            "company": "Example Ltd" if self._wins(number) else f"{mark} Ltd", "tags": [f"{mark}-friend"],
            "custom": {"remark": f"{mark} likes tea"}, "source": "web",
            "value": {"amount": "10.00", "currency": "USD"},
        }  # fmt: skip

    @staticmethod
    def _wins(number: int) -> bool:
        return number % 5 == 0

    async def come(self) -> None:
        """A third of them one by one, in batches, from a file; under keys that keep the answers."""
        one_by_one = range(0, self.size, 3)
        together = list(range(1, self.size, 3))
        await each(one_by_one, self._alone, _AT_ONCE)
        for start in range(0, len(together), _BATCH):
            await self._batch(together[start : start + _BATCH])
        await self._file(range(2, self.size, 3))

    async def _file(self, numbers: Sequence[int]) -> None:
        """Each has a good row and one that is kept to be corrected."""
        lines = ["name,phone,email,value"]
        for number in numbers:
            name, phone = self.name(number), self.phone(number)
            lines.append(f"{name},{phone},{self.words.mark}.{number}@example.com,10")
            lines.append(f"{name} again,{phone[:3]}-{phone[3:7]}-{phone[7:]},,much {self.words.mark}")
        form = aiohttp.FormData()
        form.add_field("kind", "leads")
        form.add_field("file", "\n".join(lines).encode(), filename="people.csv")
        made = await self.asker.ask("POST", "/v1/imports", token=self.token, body=form)
        if made.status >= 300:
            raise NotTold(f"import: {made.status} {made.body[:500]!r}")
        done = await self._imported(made.json["id"])
        if (done["counts"], done["rows_failed"]) != ({"leads_created": len(numbers)}, len(numbers)):
            raise NotTold(f"imported otherwise than written: {done}")
        await each(numbers, self._found, _AT_ONCE)

    async def _imported(self, import_id: str) -> Any:
        found: dict[str, Any] = {}

        async def ended() -> bool:
            found.update(await self._done("GET", f"/v1/imports/{import_id}"))
            return found["state"] in ("done", "failed")

        await until(ended, "the import of people", _LIMIT_S, pause_s=0.1)
        return found

    async def _found(self, number: int) -> None:
        page = await self._done("GET", f"/v1/leads?q={self.phone(number)}")
        [self.leads[number]] = [lead["id"] for lead in page["items"]]

    async def _alone(self, number: int) -> None:
        made = await self._done("POST", "/v1/leads", self.fields(number), key=True)
        self.leads[number] = made["id"]

    async def _batch(self, numbers: Sequence[int]) -> None:
        body = {"items": [self.fields(number) for number in numbers]}
        made = await self._done("POST", "/v1/leads/batch", body, key=True)
        self.leads |= {number: item["id"] for number, item in zip(numbers, made["items"], strict=True)}

    async def live(self) -> None:
        """All that may happen to a lead in words."""
        await each(self.leads.items(), self._live, _AT_ONCE)

    async def _live(self, who: tuple[int, str]) -> None:
        number, lead = who
        mark, path = self.words.mark, f"/v1/leads/{lead}"
        rep = self.reps[number % len(self.reps)]
        renamed = {"name": f"{mark} II {number}", "phone": self.phone(number + _MOVED)}
        await self._done("PATCH", path, renamed, key=False)
        agreed = {"purposes": ["contact"], "how": "call", "evidence": f"{mark} said yes"}
        await self._done("POST", f"{path}/consents", agreed)
        wife = {"relation": "spouse", "name": f"{mark} Wang", "phone": self.phone(number + _WED)}
        await self._done("POST", f"{path}/relatives", wife)
        needs = {"need": {"answer": "yes", "evidence": f"{mark} has none yet"}}
        await self._done("PUT", f"{path}/qualification", needs)
        await self._done("POST", f"{path}/assign", {"owner_id": rep, "reason": f"{mark} asked for her"})
        call = {"kind": "call", "lead_id": lead, "outcome": "connected", "duration_s": 60,
                "note": f"{mark} wants to be called at {self.phone(number)}"}  # fmt: skip
        await self._done("POST", "/v1/activities", call, key=True)
        if self._wins(number):
            await self._done("POST", f"{path}/move", {"to": "won"})
        elif number % 3 == 0:
            await self._done("POST", f"{path}/move", {"to": "lost", "reason": f"{mark} went elsewhere"})
        await self._refused(number, path)

    async def _refused(self, number: int, path: str) -> None:
        """What is wrong is refused in sentences, and found in no log."""
        mark, phone = self.words.mark, self.phone(number)
        wrong: list[tuple[str, str, Any]] = [
            ("PATCH", path, {"phone": f"{phone}{phone}"}),
            ("PATCH", path, {"email": f"{mark} at home"}),
            ("PATCH", path, {mark: phone}),
            ("POST", "/v1/leads", {"name": [mark]}),
            ("GET", f"/v1/leads?sort={mark}", None),
            ("GET", f"/v1/leads/{mark}", None),
            ("GET", f"/v1/{mark}/{phone}", None),
            ("POST", f"/v1/leads?{mark}={phone}", {}),
        ]
        for method, target, body in wrong:
            answer = await self.asker.ask(method, target, token=self.token, json=body)
            if not 400 <= answer.status < 500:
                raise NotTold(f"{method} {target}: {answer.status}")
        broken = f'{{"name": "{mark} {phone}'.encode()
        await self.asker.ask("POST", "/v1/leads", token=self.token, body=broken)
        for sought in (phone, mark):
            await self._done("GET", f"/v1/leads?q={sought}&limit=1")

    async def erased(self) -> None:
        """Every one of them, by their admin."""
        await each(self.leads.values(), self._erase, _AT_ONCE)

    async def _erase(self, lead: str) -> None:
        told = await self._done("POST", f"/v1/leads/{lead}/erase", {"reason": "they asked for it"}, key=True)
        if lead not in {one["lead_id"] for one in told["erased"]}:
            raise NotTold(f"{lead} was not erased: {told}")

    async def _done(self, method: str, target: str, body: Any = None, *, key: bool = False) -> Any:
        headers = {"Idempotency-Key": secrets.token_hex(16)} if key else {}
        answer = await self._asked(method, target, body, headers)
        if answer.status >= 300:
            raise NotTold(f"{method} {target}: {answer.status} {answer.body[:500]!r}")
        return answer.json

    async def _asked(self, method: str, target: str, body: Any, headers: dict[str, str]) -> Answer:
        sent = None if body is None else orjson.dumps(body)
        if sent is not None:
            headers = headers | {"Content-Type": "application/json"}
        return await self.asker.ask(method, target, token=self.token, body=sent, headers=headers)
