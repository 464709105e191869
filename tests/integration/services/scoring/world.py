"""A tenant with an org, and events about its leads, for tests of the KPI engine on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.scoring.kpis import translate
from shared.events.envelope import Received, timestamp
from shared.ids import new_id


@dataclass
class World:
    """Units: company > two regions with a team each; a rep or two per team. `Received` events as Kafka
    brings them.
    """

    tenant: UUID = field(default_factory=new_id)
    timezone: str = "Asia/Shanghai"
    currency: str = "CNY"
    company: UUID = field(default_factory=new_id)
    regions: dict[str, UUID] = field(default_factory=lambda: {"east": new_id(), "west": new_id()})
    teams: dict[str, UUID] = field(default_factory=lambda: {"east": new_id(), "west": new_id()})
    reps: dict[str, UUID] = field(default_factory=lambda: {name: new_id() for name in ("ann", "bob", "cat")})
    team_of: dict[str, str] = field(default_factory=lambda: {"ann": "east", "bob": "east", "cat": "west"})
    seqs: dict[UUID, int] = field(default_factory=dict)
    offsets: Any = field(default_factory=count)

    async def store_org(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """The org as the directory's projection stores it."""
        await connection.execute(
            "insert into org_tenants (tenant_id, name, timezone, currency) values ($1, 'Acme', $2, $3)",
            self.tenant, self.timezone, self.currency,
        )  # fmt: skip
        units: list[tuple[Any, ...]] = [(self.company, None, "company", "acme", "Acme", [self.company])]
        for region, unit in self.regions.items():
            units.append((unit, self.company, "region", region, region.title(), [self.company, unit]))
            team = self.teams[region]
            path = [self.company, unit, team]
            units.append((team, unit, "team", f"team-{region}", f"Team {region.title()}", path))
        for unit_id, parent, kind, code, name, path in units:
            await connection.execute(
                "insert into org_units (tenant_id, id, parent_id, kind, code, name, active, path)"
                " values ($1, $2, $3, $4, $5, $6, true, $7)",
                self.tenant, unit_id, parent, kind, code, name, path,
            )  # fmt: skip
            for depth, ancestor in enumerate(reversed(path)):
                await connection.execute(
                    "insert into org_closure values ($1, $2, $3, $4)", self.tenant, ancestor, unit_id, depth
                )
        for name, user_id in self.reps.items():
            await connection.execute(
                "insert into org_users values ($1, $2, $3, $4, $5, '{rep}', 'own', true, true)",
                self.tenant, user_id, name.title(), name, self.teams[self.team_of[name]],
            )  # fmt: skip

    def credit(self, rep: str | None, team: str | None = None) -> dict[str, Any]:
        """Credit of a rep with a team (their own by default), or of a team alone."""
        region = team or (self.team_of[rep] if rep else None)
        return {
            "rep_id": str(self.reps[rep]) if rep else None,
            "team_id": str(self.teams[region]) if region else None,
            "team_path": [],
            "team_region": region,
        }

    def event(
        self,
        event_type: str,
        aggregate: UUID,
        at: str | datetime,
        data: dict[str, Any],
        *,
        historic: bool = False,
    ) -> Received:
        """The next event of an aggregate."""
        seq = self.seqs[aggregate] = self.seqs.get(aggregate, 0) + 1
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        stream = event_type.rsplit(".", 2)[0]
        headers = {
            "ce_id": str(new_id()), "ce_type": event_type, "ce_tenantid": str(self.tenant),
            "ce_aggregatetype": "lead", "ce_sequence": str(seq), "ce_epoch": "1",
            "ce_time": timestamp(moment),
        }  # fmt: skip
        if historic:
            headers["ce_historic"] = "true"
        return Received(
            stream, 0, next(self.offsets), 1_767_225_600_000, str(aggregate).encode(), orjson.dumps(data),
            [(name, value.encode()) for name, value in headers.items()], stream=stream,
        )  # fmt: skip

    def created(self, lead: UUID, at: str, rep: str | None = None, **more: Any) -> Received:
        data = {
            "credit": self.credit(rep), "dimensions": self.dimensions(more), "pipeline_id": str(new_id()),
            "stage": "new", "start_known": more.pop("start_known", True),
        }  # fmt: skip
        return self.event(translate.LEAD_CREATED, lead, at, data, **more)

    def assigned(self, lead: UUID, at: str, rep: str, team: str | None = None, **more: Any) -> Received:
        data = {"credit": self.credit(rep, team), "dimensions": self.dimensions(more), "how": "rule"}
        return self.event(translate.LEAD_ASSIGNED, lead, at, data, **more)

    def pooled(self, lead: UUID, at: str, rep: str, **more: Any) -> Received:
        data = {
            "credit": self.credit(rep), "dimensions": self.dimensions(more), "pool_id": str(new_id()),
            "previous_owner_id": str(self.reps[rep]), "why": "released",
        }  # fmt: skip
        return self.event(translate.LEAD_POOLED, lead, at, data, **more)

    def responded(
        self, lead: UUID, at: str, rep: str, business_s: int, how: str = "follow_up", **more: Any
    ) -> Received:
        data = {
            "credit": self.credit(rep), "dimensions": self.dimensions(more), "how": how,
            "business_s": business_s,
        }  # fmt: skip
        return self.event(translate.RESPONSE_GIVEN, lead, at, data, **more)

    def moved(
        self,
        lead: UUID,
        at: str,
        rep: str,
        status: str = "open",
        minor: int | None = None,
        was: str = "open",
        **more: Any,
    ) -> Received:
        value = {
            "amount": "0",
            "currency": self.currency,
            "tenant_minor": minor,
            "tenant_currency": self.currency,
        }
        data = {
            "credit": self.credit(rep, more.pop("team", None)), "dimensions": self.dimensions(more),
            "from_stage": "new", "to_stage": status, "from_status": was, "to_status": status,
            "value": None if minor is None else value,
        }  # fmt: skip
        return self.event(translate.STAGE_CHANGED, lead, at, data, **more)

    def acted(self, lead: UUID | None, at: str, rep: str | None, kind: str = "call", **more: Any) -> Received:
        data = {
            "kind": kind, "lead_id": lead and str(lead), "owner_id": None,
            "credit": self.credit(rep, more.pop("team", None)), "dimensions": self.dimensions(more),
            "effective": more.pop("effective", True),
        }  # fmt: skip
        return self.event(translate.ACTIVITY_RECORDED, new_id(), at, data, **more)

    @staticmethod
    def dimensions(given: dict[str, Any]) -> dict[str, Any]:
        return {name: given.pop(name, None) for name in ("region", "product", "channel")}


def in_batches(events: Iterable[Received], size: int) -> list[Sequence[Received]]:
    """The events in their order, `size` at a time."""
    known = list(events)
    return [known[start : start + size] for start in range(0, len(known), size)]
