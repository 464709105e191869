"""Today: leads come in live, rules assign them, reps call, visit, move, win and lose."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from deploy.cli._demo_company import Customer, customer
from deploy.cli._demo_past import LOST_REASONS
from deploy.cli._demo_rules import custom_of
from deploy.cli.client import Client, Refused
from deploy.cli.errors import CommandError

LEADS_PER_REP = 3
_WAIT_MS = "10000"
_PATIENCE = 6


class Today:
    """Live work through the public API, by chance that a seed decides. Run again, it goes on with the same
    leads.
    """

    def __init__(self, client: Client, name: str, currency: str, stages: Sequence[str], seed: int) -> None:
        self._client = client
        self._name = name
        self._currency = currency
        self._stages = stages
        self._seed = seed
        self._chance = random.Random()  # noqa: S311 - a story, no secret

    def live(self, leads: int, progress: Callable[[int, int], None]) -> None:
        """So many leads, each a little on its way."""
        for number in range(leads):
            # Each lead has a chance of its own: whatever was done before, its story is the same.
            self._chance.seed(f"{self._seed}-{number}")
            lead = self._create(customer(self._chance, 5000 + number), number)
            steps = self._chance.randint(0, len(self._stages) + 1)
            if lead["status"] == "open" and lead["stage"] == self._stages[0]:
                self._work(self._assigned(lead["id"]), steps, number)
            progress(number + 1, leads)

    def _create(self, who: Customer, number: int) -> Any:
        body = {
            "name": who.name, "company": who.company, "phone": who.phone, "email": who.email,
            "source": who.source, "channel": who.channel, "region": who.region, "product": who.product,
            "campaign": who.campaign, "tags": ["demo"],
            "value": {"amount": str(who.amount), "currency": self._currency},
            "custom": custom_of(self._chance),
        }  # fmt: skip
        made = self._client.post("/v1/leads", body, {"Idempotency-Key": f"{self._name}-{number}"})
        return self._client.get(f"/v1/leads/{made['id']}")

    def _assigned(self, lead_id: str) -> Any:
        """The lead as soon as a rule has given it to somebody."""
        headers: dict[str, str] = {}
        for _ in range(_PATIENCE):
            try:
                lead = self._client.get(f"/v1/leads/{lead_id}", headers=headers)
            except Refused as error:
                if error.status != 304:
                    raise
                continue
            if lead["owner_id"] is not None:
                return lead
            headers = {"If-None-Match": f'"{lead["version"]}"', "Cox-Wait-Ms": _WAIT_MS}
        raise CommandError(f"no rule assigned the lead {lead_id} within a minute; see ./cox status")

    def _work(self, lead: Any, steps: int, number: int) -> None:
        connected = self._chance.random() < 0.8
        outcome, seconds = ("connected", self._chance.randint(35, 600)) if connected else ("no_answer", 0)
        self._record(lead, "call", f"{number}-call", outcome=outcome, duration_s=seconds)
        for stage in self._stages[1 : steps + 1]:
            self._move(lead, stage)
            if self._chance.random() < 0.4:
                kind = self._chance.choice(("visit", "demo", "message", "task"))
                self._record(
                    lead, kind, f"{number}-{stage}", outcome="replied" if kind == "message" else "done"
                )
        if steps >= len(self._stages):
            won = self._chance.random() < 0.6
            self._move(lead, "won" if won else "lost", None if won else self._chance.choice(LOST_REASONS))

    def _record(self, lead: Any, kind: str, name: str, **more: Any) -> None:
        body = {"kind": kind, "lead_id": lead["id"], "rep_id": lead["owner_id"], **more}
        self._client.post("/v1/activities", body | {"client_id": f"{self._name}-{name}"})

    def _move(self, lead: Any, to: str, reason: str | None = None) -> None:
        self._client.post(f"/v1/leads/{lead['id']}/move", {"to": to, "reason": reason})
