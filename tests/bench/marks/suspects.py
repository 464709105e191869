"""DUPLICATES: how well companies are recognised whose names are written in many ways."""

from __future__ import annotations

import time
from uuid import UUID

from tests.bench.mark import Bench
from tests.bench.measure import Costs, middle
from tests.bench.result import Asked, Result
from tests.bench.site import Site
from tests.chaos.stack import Connection, until
from tests.support.companies import Labelled, Part, Quality, labelled, quality

NAME = "DUPLICATES"
WHAT = "pairs of leads told as suspects by their companies' names, on the held-out part of a labelled set"

COMPANIES = 2_000
_BATCH = 500
_LIMIT_S = 600.0
_COMPARED = "select count(*) from lead_companies where tenant_id = $1"
_TOLD = "select lead_id, other_id from duplicate_suspects where tenant_id = $1"


async def run(bench: Bench) -> Result:
    """Leads of each part come in through the API in a tenant of its own, and are compared by the worker."""
    companies = bench.pick(COMPANIES, 40)
    async with bench.own_site("duplicates") as site, site.stack.database("leads") as connection:
        train, _, _ = await _measured(bench, site, connection, "train", companies, 0)
        seen = [
            await _measured(bench, site, connection, "held_out", companies, number)
            for number in range(bench.rounds)
        ]
    found, names = seen[0][0], len(labelled("held_out", companies))
    result = Result(
        NAME, WHAT, "names/s", [rate for _, rate, _ in seen],
        cpu_s_per_1000=middle([cost for *_, cost in seen]),
        figures={
            "names": names, "pairs": found.all, "told": found.told, "f1": round(found.f1, 3),
            "train": {"precision": round(train.precision, 3), "recall": round(train.recall, 3)},
        },
    )  # fmt: skip
    result.asked = [
        Asked("precision", found.precision, 0.93, 0.97), Asked("recall", found.recall, 0.88, 0.95),
    ]  # fmt: skip
    return result


async def _measured(
    bench: Bench, site: Site, connection: Connection, part: Part, companies: int, number: int
) -> tuple[Quality, float, Costs]:
    crew = await site.crew(f"{part} {number}", 1)
    admin, tenant_id = crew.tenant.admin, UUID(str(crew.tenant.id))
    (await admin.ask("PUT", "/v1/duplicate-policy", {"company": "flag"})).ok()
    names = labelled(part, companies)
    meter, began = site.meter(), time.monotonic()
    meter.begin()
    ids: list[UUID] = []
    for first in range(0, len(names), _BATCH):
        items = [{"company": each.name} for each in names[first : first + _BATCH]]
        told = await admin.post("/v1/leads/batch", {"items": items})
        ids += [UUID(one["id"]) for one in told["items"]]

    async def compared() -> bool:
        return int(await connection.fetchval(_COMPARED, tenant_id)) >= len(names)

    await until(compared, "every name is compared", _LIMIT_S)
    rate = len(names) / (time.monotonic() - began)
    found = await _quality(connection, tenant_id, names, ids)
    bench.say(f"{part}: precision {found.precision:.3f}, recall {found.recall:.3f}, {rate:.0f} names/s")
    return found, rate, meter.per_1000(len(names))


async def _quality(
    connection: Connection, tenant_id: UUID, names: list[Labelled], ids: list[UUID]
) -> Quality:
    place = {lead_id: at for at, lead_id in enumerate(ids)}
    rows = await connection.fetch(_TOLD, tenant_id)
    pairs = (sorted((place[row["lead_id"]], place[row["other_id"]])) for row in rows)
    return quality(names, {(one, other) for one, other in pairs})
