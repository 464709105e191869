"""Before leads forgets a person, the gateway forgets what it keeps of them itself: rows of files to correct.

What such a row says can only be found while somebody still knows whom to look for. So it goes first, and goes
again when the request is sent again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from services.gateway.imports.use_cases import forget
from services.gateway.upstream.services import Refused, Services
from shared.access.principal import Principal
from shared.database.transactions import Database

_ERASE = re.compile(r"/v1/leads/(?P<lead_id>[0-9a-f-]{36})/erase")
_OF_A_NUMBER = 8
"""Its last digits: however its country is written."""


class Forgetting:
    """For each request that passes; nearly all are about something else."""

    def __init__(self, services: Services, database: Database) -> None:
        self._services = services
        self._database = database

    async def before(self, method: str, path: str, who: Principal, address: str | None) -> None:
        """Forget here whom a request that is about to be passed on lets leads forget. Raises NotNow."""
        found = _ERASE.fullmatch(path) if method == "POST" else None
        if found is None or not who.may("admin"):
            return
        preview = f"/v1/leads/{found['lead_id']}/erase/preview"
        try:
            answer = await self._services.post("leads", preview, {}, principal=who, address=address)
        except Refused:
            # Leads says why, when the request comes to it.
            return
        async with self._database.transaction(who.access()) as tx:
            await forget(tx, who.tenant_id, sorted(said_by(answer.body["leads"])))


def said_by(leads: Iterable[Mapping[str, Any]]) -> set[str]:
    """What a row about this person says: numbers and addresses that they have or had; a name only where there
    is nothing else.
    """
    said: set[str] = set()
    for lead in leads:
        texts = [*(phone.split(";")[0] for phone in lead["phones"]), *lead["formerly"]]
        texts += [text for text in (lead["email"], lead["wecom_id"]) if text]
        # A whole cell, as it is kept: a namesake's longer name is another.
        said |= {_sought(text) for text in texts} or ({f'"{lead["name"]}"'} if lead["name"] else set())
    return said


def _sought(text: str) -> str:
    """Of a number its last digits; of all else the whole, as a cell of its own where it is short."""
    digits = "".join(c for c in text if c.isdigit())
    is_number = len(digits) >= _OF_A_NUMBER and not any(c.isalpha() for c in text)
    if is_number:
        return digits[-_OF_A_NUMBER:]
    return text if len(text) >= _OF_A_NUMBER else f'"{text}"'
